"""More losses of classes and distributions; cross entropy stands in `symdl.nn.losses`.

Enters: logits of shape ``(..., classes)`` and targets. Leaves: a rank-0 tensor, the mean over all rows, or
over those where `mask` holds. All stay finite for logits of ±1000.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise
from symdl.express.options import Mask
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.averages import (
    Averaging,
    ClassWeights,
    at_least,
    averaged,
    checked_labels,
    class_weight,
    log_total,
    same_shape,
    unless,
    weight_tensor,
    without,
)


@takes_tensors
def nll(
    log_probabilities: Tensor,
    target: Tensor,
    *,
    class_weights: ClassWeights = None,
    ignore_label: int | None = None,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The negative log-likelihood: the mean of ``-log_probabilities`` at the target class.

    Args:
        log_probabilities: shape ``(..., classes)``, such as the result of `log_softmax`.
        target: int64 labels of shape ``(...)``.
        class_weights: a weight for each class; the mean is then divided by the sum of the weights.
        ignore_label: rows with this label, which need not be a class, do not count.
        mask: which rows count.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: labels or weights that do not fit.

    Example:
        >>> z, t = sd.tensor("z", (sd.Dim("n"), 3)), sd.tensor("t", (sd.Dim("n"),), dtype="int64")
        >>> print(sd.formula(sd.nn.nll(sd.log_softmax(z), t)))
        1/n·∑ᵢ ((log ∑ⱼ e^z[i,j]) - z[i,t[i]])
    """
    checked_labels(log_probabilities, target, "nll")
    rows = axis_indices(target.rank)
    label, shape = target.at(*rows), target.shape
    value = unless(ignore_label, label, -log_probabilities.at(*rows, label))
    each = define(None, rows, value, shape=shape, origin=Origin("nll"))
    mask = without(ignore_label, target, mask)
    if class_weights is None:
        return averaged(each, mask=mask, reduction=reduction, name=name)
    weight = weight_tensor(class_weights, log_probabilities.shape[-1])
    body = unless(ignore_label, label, class_weight(weight, label))
    weights = define(None, rows, body, shape=shape, origin=Origin("class weight"))
    return averaged(each, weights=weights, mask=mask, reduction=reduction, name=name)


@takes_tensors
def focal(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    class_weights: ClassWeights = None,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The focal loss (Lin et al., 2017): the mean of ``-w*(1 - p)**gamma*log(p)``, `p` the target's share.

    Args:
        logits: shape ``(..., classes)``.
        target: int64 labels of shape ``(...)``.
        gamma: 0 (cross entropy) or at least 1; between them the slope at ``p = 1`` is not finite.
        class_weights: the `w` of each class, 1 by default; the mean is over rows all the same.
        mask: which rows count.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Example:
        >>> z, t = sd.tensor("z", (sd.Dim("n"), 3)), sd.tensor("t", (sd.Dim("n"),), dtype="int64")
        >>> sd.nn.focal(z, t).shape
        ()
    """
    checked_labels(logits, target, "focal loss")
    g = at_least("gamma", gamma, 0)
    if g.is_number and 0 < g < 1:
        raise ExpressionError(f"gamma = {gamma}", cure="gamma must be 0 or at least 1")
    rows = axis_indices(target.rank)
    label, shape, classes = target.at(*rows), target.shape, logits.shape[-1]
    total = log_total(logits)
    log_p = define(
        None, rows, logits.at(*rows, label) - total.at(*rows), shape=shape, origin=Origin("log p")
    ).at(*rows)
    weight = weight_tensor(class_weights, classes)
    body = -((1 - sp.exp(log_p)) ** g) * log_p * class_weight(weight, label)
    each = define(None, rows, body, shape=shape, origin=Origin("focal loss"))
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def kl_divergence(
    logits: Tensor,
    target: Tensor,
    *,
    from_logits: bool = True,
    log_target: bool = False,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean over rows of ``sum(p*(log p - log softmax(logits)))``; a `p` of 0 adds nothing.

    Args:
        logits: shape ``(..., classes)``.
        target: the probabilities `p`, of the same shape; that they sum to one is not assumed.
        from_logits: whether `logits` are logits; with False they are logarithms of probabilities, such as
            the result of `log_softmax`.
        log_target: whether `target` holds the logarithms of `p`.
        mask: which rows count.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: the shapes differ, or have no axis of classes.
    """
    same_shape(logits, target)
    if not logits.rank:
        raise ShapeError("the divergence of distributions needs an axis of classes")
    *rows, j = axis_indices(logits.rank)
    shape, classes = logits.shape[:-1], logits.shape[-1]
    given, log_q = target.at(*rows, j), logits.at(*rows, j)
    if from_logits:
        log_q = log_q - log_total(logits).at(*rows)
    if log_target:
        term = sp.exp(given) * (given - log_q)
    else:
        term = sp.Piecewise((0, given <= 0), (given * (sp.log(given) - log_q), True))
    each = define(None, rows, Sum(term, (j, classes)), shape=shape, origin=Origin("kl divergence"))
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def hinge(
    scores: Tensor,
    target: Tensor,
    *,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """``mean(max(0, 1 - target*scores))`` with targets -1 and 1; the slope at the corner is 0.

    >>> p, y = sd.tensor("p", (sd.Dim("n"),)), sd.tensor("y", (sd.Dim("n"),))
    >>> print(sd.formula(sd.nn.hinge(p, y)))
    1/n·max(1 - (p ⊙ y)ᵀ, 0) 𝟏
    """
    same_shape(scores, target)

    def formula(z: sp.Expr, y: sp.Expr) -> sp.Expr:
        return sp.Max(1 - y * z, 0)

    return averaged(elementwise(formula, scores, target), mask=mask, reduction=reduction, name=name)
