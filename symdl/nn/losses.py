"""Losses and penalties.

Enters: predictions and targets. Leaves: a rank-0 tensor, the mean over all samples. The losses take logits,
not probabilities, and stay finite for logits of ±1000 and beyond.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise, reduce
from symdl.express.surface import LogSumExp, Sum, define
from symdl.express.tensors import Tensor


def mean_squared_error(prediction: Tensor, target: Tensor, *, name: str | None = "L") -> Tensor:
    """``mean((prediction - target)**2)`` over all elements; the shapes must be equal."""
    _same_shape(prediction, target)
    square = elementwise(lambda a, y: (a - y) ** 2, prediction, target)
    return reduce("mean", square, name=name)


def cross_entropy(logits: Tensor, target: Tensor, *, name: str | None = "L") -> Tensor:
    """The mean of ``-log softmax(logits)`` at the target class.

    Args:
        logits: shape ``(..., classes)``.
        target: integer labels of shape ``(...)``, or probabilities of the shape of `logits`. That the
            probabilities sum to one is used only where it is declared: ``facts=[sd.sums_to_one(target)]``.
        name: the loss's name.

    Raises:
        ShapeError: the target has neither shape.
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
    if target.dtype == "int64":
        body = total.at(*rows) - logits.at(*rows, target.at(*rows))
    else:
        log_p = logits.at(*rows, j) - total.at(*rows)
        body = Sum(-target.at(*rows, j) * log_p, (j, classes))
    each = define(None, where, body, shape=shape, origin=Origin("cross entropy"))
    return reduce("mean", each, name=name)


def binary_cross_entropy(logits: Tensor, target: Tensor, *, name: str | None = "L") -> Tensor:
    """The mean of ``-y log s - (1 - y) log(1 - s)`` with ``s = sigmoid(logits)``, as ``softplus(z) - y z``.

    `target` has the shape of `logits`: labels 0 and 1 (int64), or probabilities.
    """
    _same_shape(logits, target)
    each = elementwise(lambda z, y: sp.log(1 + sp.exp(z)) - y * z, logits, target)
    return reduce("mean", each, name=name)


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


def _same_shape(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise ShapeError(
            "prediction and target have different shapes, and a loss does not broadcast",
            shapes={"prediction": prediction.shape, "target": target.shape},
        )
