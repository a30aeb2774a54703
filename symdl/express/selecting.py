"""Elements chosen by position, and values kept within limits.

Enters: a tensor, and positions held in integer tensors or limits. Leaves: a tensor. The gradient of a gather
is a scatter-add; positions themselves have no gradient.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.constants import with_constants
from symdl.express.dims import Extent, as_extent, at_most
from symdl.express.equations import Equal, Equation, Origin, check
from symdl.express.operators import axis_indices, elementwise, normal_axes
from symdl.express.surface import define
from symdl.express.tensors import Tensor

Bounds = Literal["raise", "wrap"]
"""What a position outside the axis means: an error, or counted on from the other end (-1 is the last)."""


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
    """
    (along,) = normal_axes(axis, x.rank)
    if isinstance(positions, int):
        return x[(*(slice(None),) * along, positions)]
    ids = positions_within(positions, mode, x.shape[along])
    where = axis_indices(x.rank - 1 + ids.rank)
    middle = where[along : along + ids.rank]
    reads = (*where[:along], ids.at(*middle), *where[along + ids.rank :])
    shape = (*x.shape[:along], *ids.shape, *x.shape[along + 1 :])
    return define(name, where, x.at(*reads), shape=shape, dtype=x.dtype, origin=Origin("take"))


def take_along_axis(
    x: Tensor, positions: Tensor, axis: int = -1, *, mode: Bounds = "raise", name: str | None = None
) -> Tensor:
    """Read one position an element: ``y[n, j] = x[n, positions[n, j]]`` along the last axis.

    Arguments as in `take`; off `axis` the sizes of `positions` may be smaller than those of `x`.

    Raises:
        ShapeError: `positions` has another number of axes, or larger sizes off `axis`.
    """
    (along,) = normal_axes(axis, x.rank)
    ids = positions_within(positions, mode, x.shape[along])
    off = [a for a in range(x.rank) if a != along]
    if ids.rank != x.rank or not all(at_most(ids.shape[a], x.shape[a]) for a in off):
        raise ShapeError(
            f"positions must have the shape of the tensor but for axis {along}",
            shapes={"tensor": x.shape, "positions": ids.shape},
        )
    where = axis_indices(x.rank)
    reads = [ids.at(*where) if a == along else i for a, i in enumerate(where)]
    return define(name, where, x.at(*reads), shape=ids.shape, dtype=x.dtype, origin=Origin("take along axis"))


def one_hot(labels: Tensor, classes: Extent, *, name: str | None = None) -> Tensor:
    """``y[..., c] = 1`` where ``labels[...] == c``, else 0; a label outside the classes gives zeros."""
    ids = positions_within(labels)
    *rows, c = where = axis_indices(ids.rank + 1)
    guards = [Equal(ids.at(*rows), c)]
    shape = (*ids.shape, as_extent(classes))
    return define(name, where, sp.Integer(1), shape=shape, origin=Origin("one-hot"), guards=guards)


def clip(x: Any, low: Any = None, high: Any = None, *, name: str | None = None) -> Tensor:
    """Keep values between `low` and `high`, numbers or tensors; None leaves a side open.

    The slope by `x` is 1 strictly between the limits and 0 at and beyond them.

    Raises:
        ExpressionError: no limit is given.
    """
    if low is None and high is None:
        raise ExpressionError("clip needs a limit", cure="pass low, high or both")
    limits = [limit for limit in (low, high) if limit is not None]

    def formula(value: sp.Expr, *ends: sp.Expr) -> sp.Expr:
        pieces = []
        if low is not None:
            pieces.append((ends[0], value <= ends[0]))
        if high is not None:
            pieces.append((ends[-1], value >= ends[-1]))
        return sp.Piecewise(*pieces, (value, True))

    return elementwise(formula, x, *limits, name=name, rule="clip")


def positions_within(positions: Tensor, mode: Bounds = "raise", size: Extent = 1) -> Tensor:
    """Return positions as they are, or taken modulo the size of their axis.

    Raises:
        ExpressionError: no integers, or an unknown mode.
    """
    positions = with_constants(positions)
    if not isinstance(positions, Tensor) or positions.dtype != "int64":
        raise ExpressionError(
            f"{positions!r} holds no positions", cure="declare it with sd.tensor(..., dtype='int64')"
        )
    if mode == "raise":
        return positions
    if mode != "wrap":
        raise ExpressionError(f"mode = {mode!r}", cure="use 'raise' or 'wrap'")
    where = axis_indices(positions.rank)
    body = sp.Mod(positions.at(*where), size)
    wrapped = Tensor(None, positions.shape, dtype="int64", below=size)
    return wrapped.attach(check(Equation(wrapped, where, body, origin=Origin("wrap"))))
