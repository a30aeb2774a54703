"""Diagonals of matrices, and matrices made of them.

Enters: tensors whose last axes are a matrix or a vector; axes before them count a batch. Leaves: tensors
defined by equations. An offset counts diagonals upwards from the main one: 1 is the one above it.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, as_extent, at_most, is_whole
from symdl.express.doors import takes_tensors
from symdl.express.equations import Guard, InRange, Origin
from symdl.express.operators import axis_indices
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor


@takes_tensors
def trace(matrix: Tensor, *, offset: int = 0, name: str | None = None) -> Tensor:
    """The sum over a diagonal: shape ``(..., m, n)`` gives ``(...)``.

    Args:
        matrix: any sizes.
        offset: which diagonal; 1 is the one above the main diagonal.
        name: of the result.

    Raises:
        ShapeError: fewer than two axes, or symbolic sizes of which it is not known which is smaller.

    Example:
        >>> A = sd.tensor("A", (3, 3))
        >>> print(sd.formula(sd.grad(sd.trace(A @ A), A)))
        2·Aᵀ
    """
    length, start = _diagonal(matrix, offset, "trace")
    batch = axis_indices(matrix.rank - 2)
    (k,) = axis_indices(1, skip=batch)
    body = Sum(matrix.at(*batch, start[0] + k, start[1] + k), (k, length))
    shape, origin = matrix.shape[:-2], Origin("trace")
    return define(name, batch, body, shape=shape, dtype=matrix.dtype, origin=origin)


@takes_tensors
def diag(x: Tensor, *, offset: int = 0, name: str | None = None) -> Tensor:
    """The matrix with a vector ``(n,)`` on a diagonal, or a diagonal of a matrix ``(..., m, n)``.

    Args:
        x: a vector, or a matrix of any sizes; see `diag_embed` for several vectors.
        offset: which diagonal; 1 is the one above the main diagonal.
        name: of the result.

    Raises:
        ShapeError: a scalar, or symbolic sizes of which it is not known which is smaller.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.diag(x).shape
        (3, 3)
    """
    if x.rank == 1:
        return diag_embed(x, offset=offset, name=name)
    length, start = _diagonal(x, offset, "diagonal")
    *batch, k = axis_indices(x.rank - 1)
    body, shape = x.at(*batch, start[0] + k, start[1] + k), (*x.shape[:-2], length)
    return define(name, (*batch, k), body, shape=shape, dtype=x.dtype, origin=Origin("diagonal"))


@takes_tensors
def diag_embed(x: Tensor, *, offset: int = 0, name: str | None = None) -> Tensor:
    """Matrices with the vectors of the last axis on a diagonal, zeros elsewhere.

    Args:
        x: shape ``(..., n)``.
        offset: which diagonal; 1 is the one above the main diagonal.
        name: of the result, shape ``(..., n + |offset|, n + |offset|)``.

    Raises:
        ShapeError: a scalar.
    """
    if not x.rank:
        raise ShapeError(f"{x} has no elements for a diagonal", shapes={str(x.name): x.shape})
    _check_offset(offset)
    *batch, i, j = axis_indices(x.rank + 1)
    along = i if offset >= 0 else j
    body = x.at(*batch, along) * sp.Piecewise((1, sp.Eq(i + offset, j)), (0, True))
    side = as_extent(x.shape[-1] + sp.Integer(abs(offset)))
    guards: list[Guard] = [InRange(along, x.shape[-1])] if offset else []
    shape, origin = (*x.shape[:-1], side, side), Origin("diagonal matrix")
    return define(name, (*batch, i, j), body, shape=shape, dtype=x.dtype, guards=guards, origin=origin)


def eye(size: Extent, columns: Extent | None = None, *, offset: int = 0, name: str | None = None) -> Tensor:
    """Ones on a diagonal, by default the unit matrix of shape ``(size, size)``.

    Args:
        size: how many rows.
        columns: how many columns, as many as rows by default.
        offset: which diagonal; 1 is the one above the main diagonal.
        name: of the result.

    Example:
        >>> sd.compile(sd.eye(2), target="python")()
        array([[1., 0.],
               [0., 1.]])
    """
    _check_offset(offset)
    i, j = axis_indices(2)
    body = sp.Piecewise((1, sp.Eq(i + offset, j)), (0, True))
    shape = (size, size if columns is None else columns)
    return define(name, (i, j), body, shape=shape, origin=Origin("unit matrix"))


def _diagonal(matrix: Tensor, offset: int, what: str) -> tuple[Extent, tuple[int, int]]:
    """How many elements a diagonal has, and where it begins."""
    _check_offset(offset)
    if matrix.rank < 2:
        raise ShapeError(f"{matrix} is no matrix and has no {what}", shapes={str(matrix.name): matrix.shape})
    start = max(-offset, 0), max(offset, 0)
    rows, columns = (sp.sympify(n, strict=True) - k for n, k in zip(matrix.shape[-2:], start, strict=True))
    for shorter, longer in ((rows, columns), (columns, rows)):
        if shorter.is_Integer and shorter <= 0:
            return 0, (0, 0)
        if at_most(shorter, longer) and at_most(0, shorter):
            return as_extent(shorter), start
    raise ShapeError(
        f"the {what} of {matrix} has a length that the symbolic sizes do not tell",
        shapes={str(matrix.name): matrix.shape},
        cure="cut the matrix to a square first: A[..., :3, :3]",
    )


def _check_offset(offset: int) -> None:
    if not is_whole(offset):
        raise ExpressionError(f"offset = {offset!r} is no integer", cure="count diagonals from the main one")
