"""Elements chosen by position, and values kept within limits.

Enters: a tensor, and positions held in integer tensors or limits. Leaves: a tensor. The gradient of a gather
is a scatter-add; positions themselves have no gradient.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, as_extent, at_most
from symdl.express.doors import as_tensor, known, takes_tensors
from symdl.express.equations import Equal, Equation, Origin, check
from symdl.express.operators import (
    axis_indices,
    broadcast_shapes,
    elementwise,
    joint,
    one_axis,
    operands,
    read,
)
from symdl.express.surface import define
from symdl.express.tensors import Tensor

Bounds = Literal["raise", "wrap"]
"""What a position outside the axis means: an error, or counted on from the other end (-1 is the last)."""


@takes_tensors
def take(
    x: Tensor, positions: Tensor | int, axis: int = 0, *, mode: Bounds = "raise", name: str | None = None
) -> Tensor:
    """Read `x` along `axis` at positions: ``take(E, ids)[n, d] = E[ids[n], d]``.

    Args:
        x: any shape with that axis.
        positions: an int64 tensor; its axes take the place of `axis`.
        axis: along which to read.
        mode: ``"raise"``: positions count from 0, which is checked when values are known. ``"wrap"``: they
            are taken modulo the size, so that -1 is the last element.
        name: of the result.

    Raises:
        ExpressionError: the positions are no integers.

    Example:
        >>> E, ids = sd.parameter("E", (5, 2)), sd.tensor("ids", (sd.Dim("n"),), dtype="int64")
        >>> sd.take(E, ids).shape
        (n, 2)
    """
    along = one_axis(axis, x.rank)
    if isinstance(positions, int):
        return _taken(x, positions, along, mode, name)
    ids = positions_within(positions, mode, x.shape[along])
    where = axis_indices(x.rank - 1 + ids.rank)
    middle = where[along : along + ids.rank]
    reads = (*where[:along], ids.at(*middle), *where[along + ids.rank :])
    shape = (*x.shape[:along], *ids.shape, *x.shape[along + 1 :])
    return define(name, where, x.at(*reads), shape=shape, dtype=x.dtype, origin=Origin("take"))


def _taken(x: Tensor, position: int, along: int, mode: Bounds, name: str | None) -> Tensor:
    """Read one position of an axis, counted from the end if it is negative."""
    _check_mode(mode)
    size = x.shape[along]
    if mode == "wrap" and isinstance(size, int) and size:
        position %= size
    view = x[(*(slice(None),) * along, position)]
    return elementwise(lambda v: v, view, name=name, rule="take", dtype=x.dtype) if name else view


@takes_tensors
def take_along_axis(
    x: Tensor, positions: Tensor, axis: int = -1, *, mode: Bounds = "raise", name: str | None = None
) -> Tensor:
    """Read one position an element: ``y[n, j] = x[n, positions[n, j]]`` along the last axis.

    Arguments as in `take`; off `axis` the two broadcast, as in NumPy: sizes are equal, or one of them is 1.

    Raises:
        ShapeError: `positions` has another number of axes, or a size off `axis` that does not broadcast.

    Example:
        >>> x, t = sd.tensor("x", (2, 3)), sd.tensor("t", (2, 1), dtype="int64")
        >>> sd.compile(sd.take_along_axis(x, t), target="python")(x=[[1, 2, 3], [4, 5, 6]], t=[[2], [0]])
        array([[3.],
               [4.]])
    """
    along = one_axis(axis, x.rank)
    ids = positions_within(positions, mode, x.shape[along])
    if ids.rank != x.rank:
        raise ShapeError(
            "positions along an axis need as many axes as the tensor",
            shapes={"tensor": x.shape, "positions": ids.shape},
            cure="insert axes of size 1, positions[:, None], or read with x[positions] or sd.take",
        )
    off = (slice(0, along), slice(along + 1, None))
    before, after = (broadcast_shapes(x.shape[part], ids.shape[part]) for part in off)
    where = axis_indices(x.rank)
    reads = [read(ids, where) if a == along else i for a, i in enumerate(read(x, where).indices)]
    shape = (*before, ids.shape[along], *after)
    return define(name, where, x.at(*reads), shape=shape, dtype=x.dtype, origin=Origin("take along axis"))


@takes_tensors
def one_hot(labels: Tensor, classes: Extent, *, name: str | None = None) -> Tensor:
    """``y[..., c] = 1`` where ``labels[...] == c``, else 0; a label outside the classes gives zeros.

    >>> t = sd.tensor("t", (2,), dtype="int64")
    >>> sd.compile(sd.one_hot(t, 3), target="python")(t=[2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    ids = positions_within(labels)
    *rows, c = where = axis_indices(ids.rank + 1)
    guards = [Equal(ids.at(*rows), c)]
    shape = (*ids.shape, as_extent(classes))
    return define(name, where, sp.Integer(1), shape=shape, origin=Origin("one-hot"), guards=guards)


def clip(x: Any, low: Any = None, high: Any = None, *, name: str | None = None) -> Tensor:
    """``min(max(x, low), high)`` with numbers or tensors as limits; None leaves a side open.

    The slope in `x` is 1 strictly between the limits and 0 at and beyond them. Where `low` is larger than
    `high` the value is `high`. NaN, also as a limit, gives NaN.

    Raises:
        ExpressionError: no limit is given.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.compile(sd.clip(x, 0, 1), target="python")(x=[-1, 0.5, 3])
        array([0. , 0.5, 1. ])
    """
    if low is None and high is None:
        raise ExpressionError("clip needs a limit", cure="pass low, high or both")
    limits = [limit for limit in (low, high) if limit is not None]

    def formula(value: sp.Expr, *ends: sp.Expr) -> sp.Expr:
        bottom = None if low is None else ends[0]
        return _clipped(value, bottom, None if high is None else ends[-1])

    x, *limits = map(known, operands(x, *limits))
    if joint(x, *limits) != "int64":
        return elementwise(formula, x, *limits, name=name, rule="clip")
    least, *most = limits if low is not None else (-sp.oo, *limits)

    def whole(value: sp.Expr, *ends: sp.Expr) -> sp.Expr:
        value = value if low is None else sp.Max(value, ends[0])
        return value if high is None else sp.Min(value, ends[-1])

    result = elementwise(whole, x, *limits, name=name, rule="clip", dtype="int64")
    if least == 0 and most and isinstance(most[0], sp.Expr) and at_most(0, most[0]):
        result.below = as_extent(most[0] + 1)  # positions that fit an axis
    return result


def _clipped(value: sp.Expr, low: sp.Expr | None, high: sp.Expr | None) -> sp.Expr:
    """The cases of a clipped value. What no comparison holds for is NaN, and comes last."""
    ends = [end for end in (low, high) if end is not None]
    pieces: list[tuple[sp.Expr, sp.Basic]]
    if all(end.is_number for end in ends):
        pieces = [] if low is None else [(low, value <= low)]
        if high is not None:
            crossed = value <= low if low is not None and low > high else sp.false
            pieces = [(high, sp.Or(value >= high, crossed)), *pieces]
        return sp.Piecewise(*pieces, (value, True))
    if low is None or high is None:
        (end,) = ends
        beyond, inside = (value < end, value > end) if high is None else (value > end, value < end)
        pieces = [(end, sp.Or(beyond, sp.Eq(value, end))), (value, inside)]
    else:
        above = sp.Or(sp.And(value >= low, value >= high), sp.And(low >= value, low >= high))
        pieces = [(high, above), (low, sp.And(low >= value, low <= high))]
        pieces += [(value, sp.And(value >= low, value <= high))]
    return sp.Piecewise(*pieces, (sp.Add(value, *ends), True))


def positions_within(given: Any, mode: Bounds = "raise", size: Extent = 1) -> Tensor:
    """Return positions as they are, or taken modulo the size of their axis.

    Raises:
        ExpressionError: no integers, or an unknown mode.
    """
    positions: Tensor = as_tensor(given, "the positions")
    if positions.dtype != "int64":
        raise ExpressionError(
            f"{positions!r} holds no positions", cure="declare it with sd.tensor(..., dtype='int64')"
        )
    _check_mode(mode)
    if mode == "raise":
        return positions
    where = axis_indices(positions.rank)
    body = sp.Mod(positions.at(*where), size)
    wrapped = Tensor(None, positions.shape, dtype="int64", below=size)
    return wrapped.attach(check(Equation(wrapped, where, body, origin=Origin("wrap"))))


def _check_mode(mode: Bounds) -> None:
    if mode not in ("raise", "wrap"):
        raise ExpressionError(f"mode = {mode!r}", cure="use 'raise' or 'wrap'")
