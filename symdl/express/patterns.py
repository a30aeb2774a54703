"""Tensors made from positions: counted, constant, cut along a diagonal.

Enters: sizes, or matrices. Leaves: tensors whose elements depend on where they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, Index, is_whole
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, number
from symdl.express.surface import define
from symdl.express.tensors import DType, Tensor


def arange(size: Extent, *, start: Any = 0, step: Any = 1, name: str | None = None) -> Tensor:
    """``start + step*i`` for ``i = 0 .. size - 1``: positions (int64) if both are integers, else real.

    >>> sd.compile(sd.arange(4), target="python")()
    array([0, 1, 2, 3])
    """
    (i,) = where = axis_indices(1)
    first, distance = number(start, "start"), number(step, "step")
    dtype: DType = "int64" if first.is_Integer and distance.is_Integer else "real"
    body = first + distance * i
    return define(name, where, body, shape=(size,), dtype=dtype, origin=Origin("range"))


def full(shape: Sequence[Extent], value: Any, *, name: str | None = None) -> Tensor:
    """A tensor with one value everywhere; int64 if it is an integer.

    >>> sd.compile(sd.full((2,), 0.5), target="python")()
    array([0.5, 0.5])
    """
    body = number(value, "value")
    dtype: DType = "int64" if body.is_Integer else "real"
    return define(name, axis_indices(len(shape)), body, shape=shape, dtype=dtype, origin=Origin("constant"))


@takes_tensors
def tril(matrix: Tensor, diagonal: int = 0, *, name: str | None = None) -> Tensor:
    """The lower triangle of the last two axes, zeros elsewhere: where ``column <= row + diagonal``.

    Raises:
        ShapeError: fewer than two axes.

    Example:
        >>> x = sd.tensor("x", (2, 2))
        >>> sd.compile(sd.tril(x), target="python")(x=[[1, 2], [3, 4]])
        array([[1., 0.],
               [3., 4.]])
    """
    return _cut(matrix, diagonal, lambda row, column: column <= row + diagonal, name, "lower triangle")


@takes_tensors
def triu(matrix: Tensor, diagonal: int = 0, *, name: str | None = None) -> Tensor:
    """The upper triangle of the last two axes, zeros elsewhere: where ``column >= row + diagonal``.

    Raises:
        ShapeError: fewer than two axes.

    Example:
        >>> x = sd.tensor("x", (2, 2))
        >>> sd.compile(sd.triu(x), target="python")(x=[[1, 2], [3, 4]])
        array([[1., 2.],
               [0., 4.]])
    """
    return _cut(matrix, diagonal, lambda row, column: column >= row + diagonal, name, "upper triangle")


def _cut(matrix: Tensor, diagonal: Extent, kept: Any, name: str | None, rule: str) -> Tensor:
    if matrix.rank < 2:
        raise ShapeError(f"{matrix} has no rows and columns", shapes={str(matrix.name): matrix.shape})
    if not is_whole(diagonal) and not (isinstance(diagonal, sp.Expr) and diagonal.is_integer):
        raise ExpressionError(f"diagonal = {diagonal!r} is no integer", cure="count diagonals from 0 upwards")
    where: tuple[Index, ...] = axis_indices(matrix.rank)
    body = sp.Piecewise((matrix.at(*where), kept(*where[-2:])), (0, True))
    shape, dtype = matrix.shape, matrix.dtype
    return define(name, where, body, shape=shape, dtype=dtype, origin=Origin(rule))
