"""How the losses of single samples become one number.

Enters: a loss for each sample, perhaps weights, perhaps a mask. Leaves: a rank-0 tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.conditions import as_condition, not_equal, where
from symdl.express.constants import constant
from symdl.express.dims import Extent, is_number
from symdl.express.operators import axis_indices, elementwise, reduce
from symdl.express.options import Mask
from symdl.express.statistics import reduction as reduced
from symdl.express.surface import LogSumExp, define
from symdl.express.tensors import Tensor
from symdl.express.values import numbers
from symdl.nn.activations import literal

ClassWeights = Sequence[float] | Tensor | None
"""A weight for each class: numbers, or a tensor of shape ``(classes,)``."""


Averaging = Literal["mean", "sum", "none"]
"""What becomes of the losses of the samples: their mean, their sum, or nothing, so that they stay apart."""


def averaged(
    each: Tensor,
    *,
    weights: Tensor | None = None,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None,
) -> Tensor:
    """``sum(weights*each)/sum(weights)`` over the samples where `mask` holds; a plain mean without both.

    With ``reduction="sum"`` the numerator alone, with ``"none"`` its terms, 0 where `mask` does not hold.

    Raises:
        ExpressionError: another `reduction`.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ExpressionError(f"reduction = {reduction!r}", cure="use 'mean', 'sum' or 'none'")
    if weights is None and mask is None and reduction != "none":
        return reduce(reduction, each, name=name)
    if weights is None and reduction == "mean":
        return reduced("mean", each, where=mask, name=name)
    if weights is not None:
        each = elementwise(lambda w, x: w * x, weights, each)
    if reduction == "none":
        return where(as_condition(sp.true if mask is None else mask), each, 0, name=name)
    if weights is None or reduction == "sum":
        return reduced("sum", each, where=mask, name=name)
    return weighted_mean(each, weights, mask, name)


def weighted_mean(weighted: Tensor, weights: Tensor, mask: Mask, name: str | None) -> Tensor:
    """``sum(weighted)/sum(weights)`` over the samples where `mask` holds; the losses have their weights."""
    top, bottom = (reduced("sum", part, where=mask) for part in (weighted, weights))
    return elementwise(lambda a, b: a / b, top, bottom, name=name, rule="weighted mean")


def log_total(logits: Tensor) -> Tensor:
    """Return the logarithm of each row's sum of exponentials: ``logits - log_total`` is the log softmax.

    Shapes are passed along: a gather does not show the range of its index.
    """
    *rows, j = axis_indices(logits.rank)
    body = LogSumExp(logits.at(*rows, j), (j, logits.shape[-1]))
    return define(None, rows, body, shape=logits.shape[:-1])


def without(ignored: int | None, labels: Tensor, mask: Mask) -> Mask:
    """Return the mask that also leaves out the rows with the label `ignored`."""
    if ignored is None:
        return mask
    counts = not_equal(labels, ignored)
    return counts if mask is None else as_condition(mask) & counts


def unless(ignored: int | None, label: sp.Expr, value: sp.Expr) -> sp.Expr:
    """Return `value`, which is not evaluated where the label is `ignored`."""
    return value if ignored is None else sp.Piecewise((value, sp.Ne(label, ignored)), (0, True))


def class_weight(weights: Tensor | None, label: sp.Expr) -> sp.Expr:
    """Return the weight of the class `label`, an index or an element of an integer tensor."""
    return sp.Integer(1) if weights is None else weights.at(label)


def weight_tensor(weights: ClassWeights, classes: Extent) -> Tensor | None:
    """Return the class weights as a tensor, so that a formula reads them by position: ``w[t[i]]``.

    Raises:
        ShapeError: the number of weights is not the number of classes.
    """
    if weights is None:
        return None
    if not isinstance(weights, Tensor):
        array = numbers(weights, "class_weights", error=ExpressionError)
        weights = constant(array.astype("float64"), name="class_weight")
    count = weights.shape
    if count != (classes,):
        raise ShapeError(
            "the class weights do not fit the classes",
            shapes={"class weights": count, "classes": classes},
            cure="give one weight for each class",
        )
    return weights


def same_shape(prediction: Tensor, target: Tensor) -> None:
    """Refuse a target of another shape than the prediction's.

    Raises:
        ShapeError: the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ShapeError(
            "prediction and target have different shapes, and a loss does not broadcast",
            shapes={"prediction": prediction.shape, "target": target.shape},
            cure="add or drop an axis: x[:, None], x[:, 0]; class labels belong to sd.nn.cross_entropy",
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


def at_least(name: str, value: Any, low: float) -> sp.Expr:
    """Return a setting as an exact number, or as the element of a rank-0 tensor, whose value is not known.

    Raises:
        ExpressionError: it is no number or too small.
    """
    cure = f"{name} must be a number, at least {low}, or a rank-0 tensor"
    if isinstance(value, bool | str) or (is_number(value) and not value >= low):
        raise ExpressionError(f"{name} = {value!r}", cure=cure)
    return literal(value, name)
