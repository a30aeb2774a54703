"""Losses that compare embeddings.

Enters: rows of numbers. Leaves: a rank-0 tensor, the mean over the rows, or over those where `mask` holds.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise
from symdl.express.options import Mask
from symdl.express.surface import LogSumExp, Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.averages import Averaging, at_least, averaged, same_shape


@takes_tensors
def triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """``mean(max(0, |a - p| - |a - n| + margin))`` with Euclidean lengths of the rows.

    Args:
        anchor: shape ``(..., features)``; the others have the same.
        positive: what the anchor should be near to.
        negative: what it should be far from.
        margin: by how much.
        mask: which rows count.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.

    A small number, 1e-6, is added to each difference, so that a length of 0 has a slope.
    """
    m = at_least("margin", margin, 0)
    near, far = (_distance(anchor, other) for other in (positive, negative))

    def formula(a: sp.Expr, b: sp.Expr) -> sp.Expr:
        return sp.Max(a - b + m, 0)

    each = elementwise(formula, near, far, rule="triplet")
    return averaged(each, mask=mask, reduction=reduction, name=name)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    same_shape(a, b)
    if not a.rank:
        raise ShapeError("a distance needs an axis of features")
    *rows, d = axis_indices(a.rank)
    square = (a.at(*rows, d) - b.at(*rows, d) + sp.Rational(1, 10**6)) ** 2
    body = sp.sqrt(Sum(square, (d, a.shape[-1])))
    return define(None, rows, body, shape=a.shape[:-1], origin=Origin("distance"))


@takes_tensors
def normalized(x: Tensor, *, epsilon: float = 1e-12, name: str | None = None) -> Tensor:
    """The rows (last axis) of `x` divided by their Euclidean lengths."""
    if not x.rank:
        raise ShapeError("a length needs an axis of features")
    *rows, d = axis_indices(x.rank)
    square = define(None, rows, Sum(x.at(*rows, d) ** 2, (d, x.shape[-1])), shape=x.shape[:-1])
    body = x.at(*rows, d) / sp.sqrt(square.at(*rows) + at_least("epsilon", epsilon, 0))
    return define(name, (*rows, d), body, shape=x.shape, origin=Origin("normalize"))


@takes_tensors
def info_nce(
    queries: Tensor,
    keys: Tensor,
    *,
    temperature: float = 0.1,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``-log softmax(q_i . k_j / temperature)`` at ``j = i`` (van den Oord et al., 2018).

    Args:
        queries: shape ``(n, features)``; use `normalized` for cosine similarities.
        keys: the same shape; row i belongs to query i, all other rows are its negatives.
        temperature: positive.
        mask: which queries count; the keys of the others remain negatives.
        reduction: of the queries' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.
    """
    same_shape(queries, keys)
    if queries.rank != 2:
        raise ShapeError("InfoNCE compares two matrices", shapes={"queries": queries.shape})
    t = at_least("temperature", temperature, 1e-12)
    i, j, d = axis_indices(3)
    n, features = queries.shape
    dot = define(None, (i, j), Sum(queries.at(i, d) * keys.at(j, d), (d, features)), shape=(n, n))
    total = define(None, (i,), LogSumExp(dot.at(i, j) / t, (j, n)), shape=(n,))
    own = Sum(queries.at(i, d) * keys.at(i, d), (d, features))
    each = define(None, (i,), total.at(i) - own / t, shape=(n,), origin=Origin("InfoNCE"))
    return averaged(each, mask=mask, reduction=reduction, name=name)
