"""Losses of masks of images, where few pixels belong to what is looked for.

Enters: logits, or probabilities, and targets of one shape. Leaves: a rank-0 tensor, the mean over all samples
(with ``reduction="sum"`` their sum, with ``"none"`` a tensor of all losses).
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.doors import takes_tensors
from symdl.express.operators import elementwise, reduce
from symdl.express.options import Axes, Mask
from symdl.express.tensors import Tensor
from symdl.nn.activations import literal, sigmoid
from symdl.nn.averages import Averaging, at_least, averaged, same_shape


@takes_tensors
def dice(
    logits: Tensor,
    target: Tensor,
    *,
    axis: Axes = None,
    smooth: float = 1.0,
    from_logits: bool = True,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``1 - (2*sum(p*y) + smooth)/(sum(p) + sum(y) + smooth)`` (Milletari et al., 2016).

    Args:
        logits: shape ``(batch, ...)``; `p` is their sigmoid.
        target: the same shape: labels 0 and 1, or probabilities; the `y` of the formula.
        axis: the axes that are summed, all after the first by default; for several classes those of height
            and width, with ``from_logits=False`` and the softmax.
        smooth: added above and below, at least 0; with 0 the loss of an empty mask is NaN.
        from_logits: whether `logits` are logits; with False they are the probabilities `p`.
        reduction: of the losses of all that is not summed: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: the shapes differ.
    """
    same_shape(logits, target)
    s = at_least("smooth", smooth, 0)
    axes = tuple(range(1, logits.rank)) if axis is None else axis
    p = sigmoid(logits) if from_logits else logits
    common = elementwise(lambda a, y: a * y, p, target, rule="both")
    both, *sizes = (reduce("sum", part, axes) for part in (common, p, target))

    def formula(c: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        return 1 - (2 * c + s) / (a + b + s)

    each = elementwise(formula, both, *sizes, rule="dice")
    return averaged(each, reduction=reduction, name=name)


@takes_tensors
def binary_focal(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    balance: float | None = 0.25,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``-w*(1 - p)**gamma*log(p)``, `p` the share of the target's side (Lin et al., 2017).

    With ``s = sigmoid(logits)`` and a target `y` of 0 or 1, `p` is `s` or ``1 - s``.

    Args:
        logits: any shape.
        target: the same shape: labels 0 and 1, or probabilities, in which `p` and `w` are linear.
        gamma: 0 (cross entropy) or at least 1; between them the slope at ``p = 1`` is not finite.
        balance: the `w` of the class 1, that of the class 0 is one less it; None: both are 1.
        mask: which elements count.
        reduction: of the elements' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: the shapes differ.
        ExpressionError: another gamma.
    """
    same_shape(logits, target)
    g = at_least("gamma", gamma, 0)
    if g.is_number and 0 < g < 1:
        raise ExpressionError(f"gamma = {gamma}", cure="gamma must be 0 or at least 1")
    share = None if balance is None else literal(balance, "balance")

    def formula(z: sp.Expr, y: sp.Expr) -> sp.Expr:
        s = 1 / (1 + sp.exp(-z))
        weight = 1 if share is None else share * y + (1 - share) * (1 - y)
        loss = sp.log(1 + sp.exp(z)) - y * z
        return weight * (s + y - 2 * s * y) ** g * loss

    each = elementwise(formula, logits, target, rule="focal loss")
    return averaged(each, mask=mask, reduction=reduction, name=name)
