"""Losses that are 0 beyond a margin, and their smooth relative.

Enters: scores, distances or rows of numbers, and targets. Leaves: a rank-0 tensor, the mean over all samples,
or over those where `mask` holds; with ``reduction="sum"`` their sum, with ``"none"`` a tensor of all losses.
At a corner the slope is 0.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import is_whole
from symdl.express.distances import cosine_similarity
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise
from symdl.express.options import Mask
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.activations import literal
from symdl.nn.averages import (
    Averaging,
    ClassWeights,
    averaged,
    checked_labels,
    class_weight,
    same_shape,
    weight_tensor,
)


@takes_tensors
def soft_margin(
    scores: Tensor,
    target: Tensor,
    *,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The logistic loss ``mean(log(1 + exp(-target*scores)))`` with targets -1 and 1, without overflow."""
    same_shape(scores, target)
    each = elementwise(lambda z, y: sp.log(1 + sp.exp(-y * z)), scores, target, rule="soft margin")
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def margin_ranking(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    *,
    margin: float = 0.0,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """``mean(max(0, margin - target*(first - second)))``: where the target is 1, `first` should be larger.

    Args:
        first: scores of any shape.
        second: scores of the same shape.
        target: -1 and 1, of the same shape.
        margin: by how much the scores should differ.
        mask: which pairs count.
        reduction: of the pairs' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: the shapes differ.
    """
    same_shape(first, second)
    same_shape(first, target)
    m = literal(margin, "margin")

    def formula(a: sp.Expr, b: sp.Expr, y: sp.Expr) -> sp.Expr:
        return sp.Max(m - y * (a - b), 0)

    each = elementwise(formula, first, second, target, rule="margin ranking")
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def multi_margin(
    scores: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    power: int = 1,
    class_weights: ClassWeights = None,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The hinge loss of several classes: ``max(0, margin - s_t + s_j)**power``, the mean over all classes.

    Each class `j` but the target `t` adds its term (Weston and Watkins, 1999); all classes count.

    Args:
        scores: shape ``(..., classes)``.
        target: int64 labels of shape ``(...)``.
        margin: by how much the target's score should be above the others.
        power: 1, or 2 for a smooth corner.
        class_weights: a weight for each class, by which the rows of its label are multiplied.
        mask: which rows count.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: labels or weights that do not fit.
        ExpressionError: a power below 1.
    """
    checked_labels(scores, target, "multi-margin loss")
    if not is_whole(power) or power < 1:
        raise ExpressionError(f"power = {power!r}", cure="the power must be a positive integer")
    m, classes = literal(margin, "margin"), scores.shape[-1]
    *rows, j = axis_indices(scores.rank)
    label = target.at(*rows)
    gap = m - scores.at(*rows, label) + scores.at(*rows, j)
    weight = class_weight(weight_tensor(class_weights, classes), label)
    term = sp.Piecewise((0, sp.Eq(label, j)), (weight * sp.Max(gap, 0) ** power / classes, True))
    body, origin = Sum(term, (j, classes)), Origin("multi-margin loss")
    each = define(None, rows, body, shape=target.shape, origin=origin)
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def multi_label_margin(
    scores: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The hinge loss of several labels a row: ``sum over j, i of max(0, margin - s_j + s_i)/classes``.

    The sum is over all classes `j` that are labels of the row and all classes `i` that are none.

    Args:
        scores: shape ``(..., classes)``.
        target: 1 where a class is a label of the row, else 0; int64 of the shape of `scores`.
        margin: by how much the scores of labels should be above the others.
        mask: which rows count.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: the shapes differ, or there is no axis of classes.
        ExpressionError: a target that is not int64.
    """
    same_shape(scores, target)
    if not scores.rank:
        raise ShapeError("multi-label margin loss: the scores have no axis of classes")
    if target.dtype != "int64":
        raise ExpressionError(f"{target} holds no labels", cure="declare it with dtype='int64'")
    m, classes = literal(margin, "margin"), scores.shape[-1]
    *rows, i, j = axis_indices(scores.rank + 1)
    gap = sp.Max(m - scores.at(*rows, j) + scores.at(*rows, i), 0) / classes
    apart = sp.And(sp.Eq(target.at(*rows, j), 1), sp.Ne(target.at(*rows, i), 1))
    body = Sum(sp.Piecewise((gap, apart), (0, True)), (i, classes), (j, classes))
    each = define(None, rows, body, shape=scores.shape[:-1], origin=Origin("multi-label margin loss"))
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def hinge_embedding(
    distance: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of the distance where the target is 1, and of ``max(0, margin - distance)`` where it is -1.

    Args:
        distance: any shape.
        target: -1 and 1, of the same shape.
        margin: how far apart those with target -1 should be.
        mask: which elements count.
        reduction: of the elements' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: the shapes differ.
    """
    same_shape(distance, target)
    m = literal(margin, "margin")

    def formula(d: sp.Expr, y: sp.Expr) -> sp.Expr:
        return sp.Piecewise((d, y > 0), (sp.Max(m - d, 0), True))

    each = elementwise(formula, distance, target, rule="hinge embedding")
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def cosine_embedding(
    x: Tensor,
    y: Tensor,
    target: Tensor,
    *,
    margin: float = 0.0,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``1 - c`` where the target is 1, of ``max(0, c - margin)`` where it is -1; `c` the cosine.

    Args:
        x: shape ``(..., features)``.
        y: the same shape; `c` is the cosine of the angle between its rows and those of `x`.
        target: -1 and 1, of shape ``(...)``.
        margin: the cosine that those with target -1 may have.
        mask: which rows count.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    Raises:
        ShapeError: shapes that do not fit.
    """
    same_shape(x, y)
    cosine = cosine_similarity(x, y)
    same_shape(cosine, target)
    m = literal(margin, "margin")

    def formula(c: sp.Expr, t: sp.Expr) -> sp.Expr:
        return sp.Piecewise((1 - c, t > 0), (sp.Max(c - m, 0), True))

    each = elementwise(formula, cosine, target, rule="cosine embedding")
    return averaged(each, mask=mask, reduction=reduction, name=name)
