"""Losses that compare embeddings.

Enters: rows of numbers. Leaves: a rank-0 tensor, the mean over the rows, or over those where `mask` holds.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import is_whole
from symdl.express.distances import norm
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise, minimum, one_axis
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
    order: float = 2,
    swap: bool = False,
    epsilon: float = 1e-6,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """``mean(max(0, |a - p| - |a - n| + margin))`` with the lengths of the rows, Euclidean by default.

    Args:
        anchor: shape ``(..., features)``; the others have the same.
        positive: what the anchor should be near to.
        negative: what it should be far from.
        margin: by how much.
        order: of the lengths, above 0; see `symdl.norm`.
        swap: whether ``|p - n|`` counts where it is less than ``|a - n|`` (Balntas et al., 2016).
        epsilon: added to each difference, so that a length of 0 has a slope.
        mask: which rows count.
        reduction: of the rows' losses: ``"mean"``, ``"sum"`` or ``"none"``.
        name: of the loss.
    """
    m, small = at_least("margin", margin, 0), at_least("epsilon", epsilon, 0)
    if not order > 0:  # a count of what is not 0 has no slope
        raise ExpressionError(
            f"there is no length of order {order!r}", cure="the order must be a positive number"
        )

    def distance(a: Tensor, b: Tensor) -> Tensor:
        same_shape(a, b)
        if not a.rank:
            raise ShapeError("a distance needs an axis of features")
        gap = elementwise(lambda u, v: u - v + small, a, b, rule="difference")
        return norm(gap, -1, order=order)

    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))

    def formula(a: sp.Expr, b: sp.Expr) -> sp.Expr:
        return sp.Max(a - b + m, 0)

    each = elementwise(formula, near, far, rule="triplet")
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def normalized(
    x: Tensor, axis: int = -1, *, order: int = 2, epsilon: float = 1e-12, name: str | None = None
) -> Tensor:
    """The vectors along `axis` divided by their lengths ``(sum |x|**order + epsilon)**(1/order)``.

    Args:
        x: any shape with at least one axis.
        axis: of the features, the last one by default.
        order: a positive integer, 2 for Euclidean lengths.
        epsilon: what keeps a vector of zeros finite.
        name: of the result.

    Raises:
        ShapeError: an axis that is not there.
        ExpressionError: another order.

    Example:
        >>> x = sd.tensor("x", (2,))
        >>> sd.compile(sd.nn.normalized(x), target="python")(x=[3, 4])
        array([0.6, 0.8])
    """
    if not is_whole(order) or order < 1:
        raise ExpressionError(f"order = {order!r}", cure="the order must be a positive integer")
    along, where = one_axis(axis, x.rank), axis_indices(x.rank)
    small, value = at_least("epsilon", epsilon, 0), x.at(*where)
    d, rows = where[along], (*where[:along], *where[along + 1 :])
    power = Sum(value**order if order % 2 == 0 else sp.Abs(value) ** order, (d, x.shape[along]))
    total = define(None, rows, power, shape=(*x.shape[:along], *x.shape[along + 1 :]))
    body = value / (total.at(*rows) + small) ** sp.Rational(1, order)
    return define(name, where, body, shape=x.shape, origin=Origin("normalize"))


@takes_tensors
def info_nce(
    queries: Tensor,
    keys: Tensor,
    *,
    temperature: float | Tensor = 0.1,
    symmetric: bool = False,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``-log softmax(q_i . k_j / temperature)`` at ``j = i`` (van den Oord et al., 2018).

    Args:
        queries: shape ``(n, features)``; use `normalized` for cosine similarities.
        keys: the same shape; row i belongs to query i, all other rows are its negatives.
        temperature: positive; a parameter of rank 0 is learned, best as the exponential of one.
        symmetric: whether the keys look for their queries, too, and the mean of both counts (CLIP; Radford
            et al., 2021).
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
    scores = [dot.at(i, j), *([dot.at(j, i)] if symmetric else [])]
    totals = [define(None, (i,), LogSumExp(score / t, (j, n)), shape=(n,)).at(i) for score in scores]
    own = Sum(queries.at(i, d) * keys.at(i, d), (d, features))
    body = sp.Add(*totals) / len(totals) - own / t
    each = define(None, (i,), body, shape=(n,), origin=Origin("InfoNCE"))
    return averaged(each, mask=mask, reduction=reduction, name=name)
