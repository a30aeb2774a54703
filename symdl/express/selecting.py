"""Elements chosen by position, and values kept within limits.

Enters: a tensor, and positions held in integer tensors or limits. Leaves: a tensor. The gradient of a gather
is a scatter-add; positions themselves have no gradient.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, as_extent
from symdl.express.equations import Equal, Origin
from symdl.express.operators import axis_indices, elementwise, normal_axes
from symdl.express.surface import define
from symdl.express.tensors import Tensor


def take(x: Tensor, positions: Tensor | int, axis: int = 0, *, name: str | None = None) -> Tensor:
    """Read `x` along `axis` at positions from 0: ``take(E, ids)[n, d] = E[ids[n], d]``.

    Args:
        x: any shape with that axis.
        positions: an int64 tensor; its axes take the place of `axis`. Checked when values are known.
        axis: along which to read.
        name: of the result.

    Raises:
        ExpressionError: the positions are no integers.
    """
    (along,) = normal_axes(axis, x.rank)
    if isinstance(positions, int):
        return x[(*(slice(None),) * along, positions)]
    ids = _integers(positions)
    where = axis_indices(x.rank - 1 + ids.rank)
    middle = where[along : along + ids.rank]
    reads = (*where[:along], ids.at(*middle), *where[along + ids.rank :])
    shape = (*x.shape[:along], *ids.shape, *x.shape[along + 1 :])
    return define(name, where, x.at(*reads), shape=shape, dtype=x.dtype, origin=Origin("take"))


def take_along_axis(x: Tensor, positions: Tensor, axis: int = -1, *, name: str | None = None) -> Tensor:
    """Read one position an element: ``y[n, j] = x[n, positions[n, j]]`` along the last axis.

    Raises:
        ShapeError: `positions` has another number of axes, or other sizes off `axis`.
    """
    (along,) = normal_axes(axis, x.rank)
    ids = _integers(positions)
    off = [a for a in range(x.rank) if a != along]
    if ids.rank != x.rank or any(ids.shape[a] != x.shape[a] for a in off):
        raise ShapeError(
            f"positions must have the shape of the tensor but for axis {along}",
            shapes={"tensor": x.shape, "positions": ids.shape},
        )
    where = axis_indices(x.rank)
    reads = [ids.at(*where) if a == along else i for a, i in enumerate(where)]
    return define(name, where, x.at(*reads), shape=ids.shape, dtype=x.dtype, origin=Origin("take along axis"))


def one_hot(labels: Tensor, classes: Extent, *, name: str | None = None) -> Tensor:
    """``y[..., c] = 1`` where ``labels[...] == c``, else 0; a label outside the classes gives zeros."""
    ids = _integers(labels)
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


def _integers(positions: Tensor) -> Tensor:
    if not isinstance(positions, Tensor) or positions.dtype != "int64":
        raise ExpressionError(
            f"{positions!r} holds no positions", cure="declare it with sd.tensor(..., dtype='int64')"
        )
    return positions
