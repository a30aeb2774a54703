"""Losses of classes, and penalties; losses of real numbers stand in `symdl.nn.regression`.

Enters: predictions and targets. Leaves: a rank-0 tensor, the mean over all samples (with ``reduction="sum"``
their sum, with ``"none"`` the losses of all samples). The losses take logits,
not probabilities, and stay finite for logits of ±1000 and beyond.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import is_number
from symdl.express.doors import as_tensor, takes_tensors
from symdl.express.elementary import xlogy
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, broadcast_shapes, elementwise, number, reduce
from symdl.express.options import Mask
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.averages import (
    Averaging,
    ClassWeights,
    at_least,
    averaged,
    class_weight,
    log_total,
    same_shape,
    unless,
    weight_tensor,
    weighted_mean,
    without,
)


@takes_tensors
def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    class_weights: ClassWeights = None,
    ignore_label: int | None = None,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``-log softmax(logits)`` at the target class.

    Args:
        logits: shape ``(..., classes)``.
        target: integer labels of shape ``(...)``, or probabilities of the shape of `logits`. That the
            probabilities sum to one is used only where it is declared: ``facts=[sd.sums_to_one(target)]``.
        label_smoothing: the share of each target that is spread over all classes, from 0 to 1.
        class_weights: a weight for each class; with labels, the mean is divided by the weights' sum.
        ignore_label: rows with this label, which need not be a class, do not count. Only of labels.
        mask: which rows count: a condition, or an int64 tensor of zeros and ones, of shape ``(...)``.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: the loss's name.

    Raises:
        ShapeError: the target has neither shape, or the weights do not fit.
        ExpressionError: a smoothing outside 0 to 1, or a label to ignore among probabilities.

    Example:
        >>> z, t = sd.tensor("z", (sd.Dim("n"), 3)), sd.tensor("t", (sd.Dim("n"),), dtype="int64")
        >>> print(sd.formula(sd.grad(sd.nn.cross_entropy(z, t), z)))
        J[i,p] = 1/n·((softmax(z))[i,p] - [p = t[i]])
    """
    where, shape, classes = axis_indices(logits.rank)[:-1], logits.shape[:-1], logits.shape[-1]
    smooth = at_least("label_smoothing", label_smoothing, 0)
    _check_target(logits, target, smooth)
    labels = target.dtype == "int64"
    if ignore_label is not None and not labels:
        raise ExpressionError(
            "probabilities hold no label that could be ignored",
            shapes={"target": target.shape},
            cure="leave ignore_label out, and say by mask=... which rows count",
        )
    weights = weight_tensor(class_weights, classes)
    body = _row_loss(logits, target, smooth, weights, ignore_label)
    each = define(None, where, body, shape=shape, origin=Origin("cross entropy"))
    mask = without(ignore_label, target, mask)
    if weights is None or not labels or reduction != "mean":
        return averaged(each, mask=mask, reduction=reduction, name=name)
    label = target.at(*where)
    one = unless(ignore_label, label, class_weight(weights, label))
    counts = define(None, where, one, shape=shape)
    return weighted_mean(each, counts, mask, name)


def _check_target(logits: Tensor, target: Tensor, smooth: sp.Expr) -> None:
    expected = logits.shape[:-1] if target.dtype == "int64" else logits.shape
    if target.shape != expected:
        raise ShapeError(
            "cross entropy: the target fits neither as labels nor as probabilities",
            shapes={"logits": logits.shape, "target": target.shape},
            cure="pass int64 labels without the class axis, or probabilities with it",
        )
    if smooth.is_number and smooth > 1:
        raise ExpressionError(f"label_smoothing = {smooth}", cure="label_smoothing must be from 0 to 1")


def _row_loss(
    logits: Tensor, target: Tensor, smooth: sp.Expr, weights: Tensor | None, ignored: int | None
) -> sp.Expr:
    *rows, j = axis_indices(logits.rank)
    classes, total = logits.shape[-1], log_total(logits)
    log_p = logits.at(*rows, j) - total.at(*rows)
    if target.dtype == "int64":
        label = target.at(*rows)
        body = class_weight(weights, label) * (total.at(*rows) - logits.at(*rows, label))
        body = unless(ignored, label, body)
    else:
        body = Sum(class_weight(weights, j) * -target.at(*rows, j) * log_p, (j, classes))
    if smooth:
        spread = Sum(class_weight(weights, j) * -log_p, (j, classes))
        body = (1 - smooth) * body + smooth / classes * spread
    return body


@takes_tensors
def binary_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    positive_weight: float | Sequence[float] | Tensor = 1.0,
    from_logits: bool = True,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``-y log s - (1 - y) log(1 - s)`` with ``s = sigmoid(logits)``, as ``softplus(z) - y z``.

    Args:
        logits: any shape.
        target: the same shape: labels 0 and 1 (int64), or probabilities.
        positive_weight: what the first term, that of the class 1, is multiplied by: a number, or one an entry
            of the last axes, which broadcasts to the shape of `logits`.
        from_logits: whether `logits` are logits; with False they are the probabilities `s`, and the loss is
            infinite where one is 0 or 1 and the target is not.
        mask: which elements count.
        reduction: of the elements' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: the shapes differ, or the weights do not fit.
        ExpressionError: a negative weight.

    Example:
        >>> p, y = sd.tensor("p", (sd.Dim("n"),)), sd.tensor("y", (sd.Dim("n"),))
        >>> print(sd.formula(sd.grad(sd.nn.binary_cross_entropy(p, y), p)))
        1/n·(σ(p) - y)
    """
    same_shape(logits, target)
    weight = _positive_weight(positive_weight, logits)
    weights = () if weight == 1 else (weight,)

    def formula(z: sp.Expr, y: sp.Expr, w: sp.Expr = sp.S.One) -> sp.Expr:
        if not from_logits:
            return -(w * xlogy(y, z) + xlogy(1 - y, 1 - z))
        plain = sp.log(1 + sp.exp(z)) - y * z
        return plain if w == 1 else plain + (w - 1) * y * sp.log(1 + sp.exp(-z))

    each = elementwise(formula, logits, target, *weights)
    return averaged(each, mask=mask, reduction=reduction, name=name)


def _positive_weight(given: Any, logits: Tensor) -> Tensor | sp.Expr:
    if is_number(given):
        return at_least("positive_weight", given, 0)
    weight = as_tensor(given, "positive_weight")
    if broadcast_shapes(weight.shape, logits.shape) != logits.shape:
        raise ShapeError(
            "the weights of the class 1 do not fit the logits",
            shapes={"positive_weight": weight.shape, "logits": logits.shape},
            cure="give one number, or one for each entry of the last axes",
        )
    if weight.value is not None and not (weight.value >= 0).all():
        raise ExpressionError("a negative positive_weight", cure="weights must be at least 0")
    return weight


@takes_tensors
def l2_penalty(parameters: Iterable[Tensor], weight: float) -> Any:
    """``weight * sum(w**2)`` over all entries of all `parameters`; add it to a loss.

    >>> W = sd.parameter("W", (3, 2))
    >>> print(sd.formula(sd.grad(sd.nn.l2_penalty([W], 0.1), W)))
    0.2·W
    """
    return _penalty(parameters, weight, lambda w: w**2)


@takes_tensors
def l1_penalty(parameters: Iterable[Tensor], weight: float) -> Any:
    """``weight * sum(|w|)`` over all entries of all `parameters`; add it to a loss. Slope 0 at 0.

    >>> W = sd.parameter("W", (3, 2))
    >>> print(sd.formula(sd.grad(sd.nn.l1_penalty([W], 0.1), W)))
    0.1·sgn(W)
    """
    return _penalty(parameters, weight, sp.Abs)


def _penalty(parameters: Iterable[Tensor], weight: float, formula: Any) -> Any:
    factor = number(weight, "weight")
    scaled = (elementwise(lambda w: factor * formula(w), p) for p in parameters)
    parts = [reduce("sum", part) for part in scaled]
    if not parts:
        raise ShapeError("a penalty needs at least one parameter")
    return elementwise(lambda *values: sp.Add(*values), *parts)
