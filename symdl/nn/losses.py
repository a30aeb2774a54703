"""Losses and penalties.

Enters: predictions and targets. Leaves: a rank-0 tensor, the mean over all samples. The losses take logits,
not probabilities, and stay finite for logits of ±1000 and beyond.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.equations import Origin
from symdl.express.methods import Mask
from symdl.express.operators import axis_indices, elementwise, reduce
from symdl.express.statistics import reduction
from symdl.express.surface import LogSumExp, Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.averages import ClassWeights, at_least, averaged, class_weight, same_shape


def mean_squared_error(
    prediction: Tensor, target: Tensor, *, mask: Mask = None, name: str | None = "L"
) -> Tensor:
    """``mean((prediction - target)**2)`` over all elements where `mask` holds; the shapes must be equal."""
    same_shape(prediction, target)
    square = elementwise(lambda a, y: (a - y) ** 2, prediction, target)
    return averaged(square, mask=mask, name=name)


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    class_weights: ClassWeights = None,
    mask: Mask = None,
    name: str | None = "L",
) -> Tensor:
    """The mean of ``-log softmax(logits)`` at the target class.

    Args:
        logits: shape ``(..., classes)``.
        target: integer labels of shape ``(...)``, or probabilities of the shape of `logits`. That the
            probabilities sum to one is used only where it is declared: ``facts=[sd.sums_to_one(target)]``.
        label_smoothing: the share of each target that is spread over all classes, from 0 to 1.
        class_weights: a weight for each class; with labels, the mean is divided by the weights' sum.
        mask: which rows count: a condition, or an int64 tensor of zeros and ones, of shape ``(...)``.
        name: the loss's name.

    Raises:
        ShapeError: the target has neither shape, or the weights do not fit.
        ExpressionError: a smoothing outside 0 to 1.
    """
    *rows, j = axis_indices(logits.rank)
    where = tuple(rows)
    # Shapes are passed along: a gather does not show the range of its index.
    shape, classes = logits.shape[:-1], logits.shape[-1]
    if (target.dtype == "int64" and target.shape != shape) or (
        target.dtype == "real" and target.shape != logits.shape
    ):
        raise ShapeError(
            "cross entropy: the target fits neither as labels nor as probabilities",
            shapes={"logits": logits.shape, "target": target.shape},
            cure="pass int64 labels without the class axis, or probabilities with it",
        )
    total = define(None, where, LogSumExp(logits.at(*rows, j), (j, classes)), shape=shape)
    smooth = at_least("label_smoothing", label_smoothing, 0)
    if smooth > 1:
        raise ExpressionError(f"label_smoothing = {label_smoothing}", cure="it must be from 0 to 1")
    log_p = logits.at(*rows, j) - total.at(*rows)
    if target.dtype == "int64":
        label = target.at(*rows)
        body = class_weight(class_weights, label, classes) * (total.at(*rows) - logits.at(*rows, label))
    else:
        body = Sum(class_weight(class_weights, j, classes) * -target.at(*rows, j) * log_p, (j, classes))
    if smooth:
        spread = Sum(class_weight(class_weights, j, classes) * -log_p, (j, classes))
        body = (1 - smooth) * body + smooth / classes * spread
    each = define(None, where, body, shape=shape, origin=Origin("cross entropy"))
    if class_weights is None or target.dtype == "real":
        return averaged(each, mask=mask, name=name)
    one = define(None, where, class_weight(class_weights, target.at(*rows), classes), shape=shape)
    top, bottom = reduction("sum", each, where=mask), reduction("sum", one, where=mask)
    return elementwise(lambda a, b: a / b, top, bottom, name=name, rule="weighted mean")


def binary_cross_entropy(
    logits: Tensor, target: Tensor, *, mask: Mask = None, name: str | None = "L"
) -> Tensor:
    """The mean of ``-y log s - (1 - y) log(1 - s)`` with ``s = sigmoid(logits)``, as ``softplus(z) - y z``.

    `target` has the shape of `logits`: labels 0 and 1 (int64), or probabilities.
    """
    same_shape(logits, target)
    each = elementwise(lambda z, y: sp.log(1 + sp.exp(z)) - y * z, logits, target)
    return averaged(each, mask=mask, name=name)


def l2_penalty(parameters: Iterable[Tensor], weight: float) -> Any:
    """``weight * sum(w**2)`` over all entries of all `parameters`; add it to a loss."""
    return _penalty(parameters, weight, lambda w: w**2)


def l1_penalty(parameters: Iterable[Tensor], weight: float) -> Any:
    """``weight * sum(|w|)`` over all entries of all `parameters`; add it to a loss. Slope 0 at 0."""
    return _penalty(parameters, weight, sp.Abs)


def _penalty(parameters: Iterable[Tensor], weight: float, formula: Any) -> Any:
    scaled = (elementwise(lambda w: weight * formula(w), p) for p in parameters)
    parts = [reduce("sum", part) for part in scaled]
    if not parts:
        raise ShapeError("a penalty needs at least one parameter")
    return elementwise(lambda *values: sp.Add(*values), *parts)
