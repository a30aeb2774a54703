"""Lengths of vectors, and how far apart or how alike two are.

Enters: tensors with an axis of features. Leaves: one number for each vector, or for each pair. Where two
points are one, a distance has a corner: its slope is 0 there.
"""

from __future__ import annotations

import math

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import is_number
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import (
    absolute,
    as_real,
    axis_indices,
    broadcast_shapes,
    elementwise,
    number,
    one_axis,
    reduce,
)
from symdl.express.options import Axes
from symdl.express.shaping import broadcast_to
from symdl.express.surface import Max, Sum, define
from symdl.express.tensors import Tensor


@takes_tensors
def norm(
    x: Tensor, axis: Axes = None, *, order: float = 2, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The norm over `axis` (all axes by default): the Euclidean (of a matrix: Frobenius) one by default.

    Args:
        x: any shape with at least one axis.
        axis: one axis or several, whose entries count as one vector.
        order: any number: 0 counts the entries that are not 0, ``math.inf`` is the largest and ``-math.inf``
            the smallest absolute value. Of a matrix the norm of its entries.
        keepdims: keep the reduced axes with size 1.
        name: of the result.

    Raises:
        ExpressionError: `order` is no number.
        ShapeError: an axis that is not there.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> print(sd.formula(sd.grad(sd.norm(x), x)))
        x/‖x‖
    """
    exponent = _order(order)
    x = as_real(x)
    if exponent in (sp.oo, -sp.oo):
        op = "max" if exponent == sp.oo else "min"
        return reduce(op, absolute(x), axis, keepdims=keepdims, name=name)
    if exponent == 0:
        return reduce("sum", elementwise(_there, x, rule="not 0"), axis, keepdims=keepdims, name=name)
    if exponent == 1:
        return reduce("sum", absolute(x), axis, keepdims=keepdims, name=name)
    if exponent == 2:
        powers = elementwise(lambda v: v**2, x, rule="square")
    else:
        powers = elementwise(lambda v: v**exponent, absolute(x), rule="power")
    total = reduce("sum", powers, axis, keepdims=keepdims)
    return elementwise(lambda s: s ** (1 / exponent), total, name=name, rule="norm")


@takes_tensors
def cdist(x: Tensor, y: Tensor, *, order: float = 2, name: str | None = None) -> Tensor:
    """The distances of all pairs of rows: ``(..., m, d)`` and ``(..., n, d)`` give ``(..., m, n)``.

    Args:
        x: points, a row each.
        y: other points, or the same.
        order: at least 0, as in `norm`. The slope is 0 where two points are one.
        name: of the result.

    Raises:
        ExpressionError: `order` is no number, or below 0.
        ShapeError: the shapes do not fit; batch axes must be equal.

    Example:
        >>> sd.cdist(sd.tensor("X", (5, 3)), sd.tensor("Y", (4, 3))).shape
        (5, 4)
    """
    if x.rank < 2 or y.rank != x.rank or x.shape[:-2] != y.shape[:-2] or x.shape[-1] != y.shape[-1]:
        raise ShapeError("distances need rows of equal length", shapes={"x": x.shape, "y": y.shape})
    exponent = _order(order, least=0)
    *batch, i, j, d = axis_indices(x.rank + 1)
    gap, run = x.at(*batch, i, d) - y.at(*batch, j, d), (d, x.shape[-1])
    shape, origin = (*x.shape[:-1], y.shape[-2]), Origin("distance")
    if exponent in (1, sp.oo):
        body = Sum(sp.Abs(gap), run) if exponent == 1 else Max(sp.Abs(gap), run)
        return define(name, (*batch, i, j), body, shape=shape, origin=origin)
    if exponent == 0:
        return define(name, (*batch, i, j), Sum(_there(gap), run), shape=shape, origin=origin)
    power = gap**2 if exponent == 2 else sp.Abs(gap) ** exponent
    total = define(None, (*batch, i, j), Sum(power, run), shape=shape, origin=Origin("sum of powers"))
    return elementwise(
        lambda s: sp.Piecewise((0, s <= 0), (s ** (1 / exponent), True)), total, name=name, rule="distance"
    )


@takes_tensors
def cosine_similarity(
    x: Tensor, y: Tensor, axis: int = -1, *, epsilon: float = 1e-8, name: str | None = None
) -> Tensor:
    """``x . y / (|x| |y|)`` along `axis`: the cosine of the angle between vectors; other axes broadcast.

    Args:
        x: any shape with at least one axis.
        y: a shape that broadcasts with that of `x`.
        axis: of the features, counted in the joint shape.
        epsilon: what a length is at least.
        name: of the result.

    Raises:
        ExpressionError: `epsilon` is no positive number.
        ShapeError: the shapes do not fit.
    """
    if not is_number(epsilon) or not epsilon > 0:
        raise ExpressionError(f"epsilon = {epsilon!r}", cure="pass a positive number")
    least = number(epsilon) ** 2
    x, y = _of_one_length(as_real(x), as_real(y), axis)
    dot, left, right = (
        reduce("sum", elementwise(lambda a, b: a * b, *pair, rule="product"), axis)
        for pair in ((x, y), (x, x), (y, y))
    )

    def formula(d: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        return d / (sp.sqrt(sp.Max(a, least)) * sp.sqrt(sp.Max(b, least)))

    return elementwise(formula, dot, left, right, name=name, rule="cosine similarity")


def _of_one_length(x: Tensor, y: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return two tensors with the features of both: an axis of size 1 is as long as the other's."""
    shape = broadcast_shapes(x.shape, y.shape)
    along = one_axis(axis, len(shape)) - len(shape)
    if all(t.rank == len(shape) and t.shape[along] == shape[along] for t in (x, y)):
        return x, y
    return broadcast_to(x, shape), broadcast_to(y, shape)


def _there(v: sp.Expr) -> sp.Expr:
    return sp.Piecewise((0, sp.Eq(v, 0)), (1, True))


def _order(order: float, *, least: float = -math.inf) -> sp.Expr:
    """Return the order of a norm as an exact number."""
    if not is_number(order) or not order >= least:
        bound = "" if least == -math.inf else f", at least {least}"
        raise ExpressionError(f"there is no norm of order {order!r}", cure=f"order must be a number{bound}")
    if math.isinf(order):
        return sp.oo if order > 0 else -sp.oo
    return sp.nsimplify(order, rational=True)
