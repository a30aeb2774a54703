"""How the losses of single samples become one number.

Enters: a loss for each sample, perhaps weights, perhaps a mask. Leaves: a rank-0 tensor.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.methods import Mask
from symdl.express.operators import elementwise, reduce
from symdl.express.statistics import reduction
from symdl.express.tensors import Tensor
from symdl.nn.activations import literal

ClassWeights = Sequence[float] | Tensor | None
"""A weight for each class: numbers, or a tensor of shape ``(classes,)``."""


def averaged(each: Tensor, *, weights: Tensor | None = None, mask: Mask = None, name: str | None) -> Tensor:
    """``sum(weights*each)/sum(weights)`` over the samples where `mask` holds; a plain mean without both."""
    if weights is None and mask is None:
        return reduce("mean", each, name=name)
    if weights is None:
        return reduction("mean", each, where=mask, name=name)
    top = reduction("sum", elementwise(lambda w, x: w * x, weights, each), where=mask)
    bottom = reduction("sum", weights, where=mask)
    return elementwise(lambda a, b: a / b, top, bottom, name=name, rule="weighted mean")


def class_weight(weights: ClassWeights, label: sp.Expr, classes: object) -> sp.Expr:
    """Return the weight of the class `label`, an index or an element of an integer tensor.

    Raises:
        ShapeError: the number of weights is not the number of classes.
    """
    if weights is None:
        return sp.Integer(1)
    count = weights.shape if isinstance(weights, Tensor) else (len(weights),)
    if count != (classes,):
        raise ShapeError(f"{count} class weights for {classes} classes")
    if isinstance(weights, Tensor):
        return weights.at(label)
    pieces = [(literal(weight), sp.Eq(label, place)) for place, weight in enumerate(weights)]
    return sp.Piecewise(*pieces, (0, True))


def same_shape(prediction: Tensor, target: Tensor) -> None:
    """Refuse a target of another shape than the prediction's.

    Raises:
        ShapeError: the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ShapeError(
            "prediction and target have different shapes, and a loss does not broadcast",
            shapes={"prediction": prediction.shape, "target": target.shape},
        )


def checked_labels(logits: Tensor, target: Tensor, what: str) -> None:
    """Refuse labels that are no integers, or not one for each row of `logits`.

    Raises:
        ShapeError: the target fits neither way.
    """
    if not logits.rank or target.dtype != "int64" or target.shape != logits.shape[:-1]:
        raise ShapeError(
            f"{what}: the target does not fit as labels",
            shapes={"logits": logits.shape, "target": target.shape},
            cure="pass int64 labels without the class axis",
        )


def at_least(name: str, value: float, low: float) -> sp.Expr:
    """Return a setting as an exact number.

    Raises:
        ExpressionError: it is no number or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= low:
        raise ExpressionError(f"{name} = {value!r}", cure=f"{name} must be a number, at least {low}")
    return literal(value)
