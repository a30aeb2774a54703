"""Matrix functions: determinant, inverse, powers, products and what is built from them.

Enters: tensors whose last axes are a matrix or a vector; axes before them count a batch. Leaves: tensors
defined by equations. Determinant, its logarithm and the inverse are reductions of their own kind over the two
axes of a matrix; everything else is sums and products.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.diagonals import eye
from symdl.express.dims import Index, is_whole
from symdl.express.doors import takes_tensors
from symdl.express.equations import MATRIX_OPS, SYMMETRIC_PART, Equation, Op, Origin, Reduction, check
from symdl.express.operators import axis_indices, joint, matmul, read
from symdl.express.patterns import tril, triu
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.express.views import reshape


@takes_tensors
def det(matrix: Tensor, *, name: str | None = None) -> Tensor:
    """The determinant: shape ``(..., n, n)`` gives ``(...)``. Its derivative needs a matrix with an inverse.

    Raises:
        ShapeError: the last two axes are no square.

    Example:
        >>> A = sd.tensor("A", (3, 3))
        >>> print(sd.formula(sd.grad(sd.det(A), A)))
        det(A)·A⁻ᵀ
    """
    return _of_square("det", matrix, name)


@takes_tensors
def logdet(matrix: Tensor, *, name: str | None = None) -> Tensor:
    """The logarithm of the determinant, NaN where that is negative: ``(..., n, n)`` gives ``(...)``.

    Raises:
        ShapeError: the last two axes are no square.

    Example:
        >>> S = sd.tensor("S", (3, 3), positive_definite=True)
        >>> print(sd.formula(sd.grad(sd.logdet(S), S)))
        S⁻¹
    """
    return _of_square("logdet", matrix, name)


@takes_tensors
def slogdet(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The sign of the determinant and the logarithm of its absolute value: two of shape ``(...)``.

    ``sign * exp(log)`` is the determinant; of a singular matrix they are 0 and minus infinity. The gradient
    of the logarithm is the transposed inverse, that of the sign is 0.

    Raises:
        ShapeError: the last two axes are no square.

    Example:
        >>> A = sd.tensor("A", (3, 3))
        >>> sign, log = sd.slogdet(A)
        >>> print(sd.formula(sd.grad(log, A)))
        A⁻ᵀ
    """
    return _of_square("detsign", matrix, None), _of_square("logabsdet", matrix, None)


@takes_tensors
def inv(matrix: Tensor, *, name: str | None = None) -> Tensor:
    """The inverse: shape ``(..., n, n)``.

    Raises:
        ShapeError: the last two axes are no square.

    Example:
        >>> A = sd.tensor("A", (3, 3))
        >>> print(sd.formula(sd.grad(sd.trace(sd.inv(A)), A)))
        -(A⁻²)ᵀ
    """
    return _of_square("inverse", matrix, name)


@takes_tensors
def solve(matrix: Tensor, right: Tensor, *, name: str | None = None) -> Tensor:
    """The solution ``x`` of ``matrix @ x = right``, written as the inverse times `right`.

    Args:
        matrix: shape ``(..., n, n)``.
        right: shape ``(n,)`` or ``(..., n, m)``.
        name: of the result.

    Example:
        >>> A = sd.tensor("A", (3, 3))
        >>> b = sd.tensor("b", (3,))
        >>> print(sd.formula(sd.solve(A, b)))
        A⁻¹ b
    """
    return matmul(inv(matrix), right, name=name)


@takes_tensors
def solve_triangular(matrix: Tensor, right: Tensor, *, lower: bool = True, name: str | None = None) -> Tensor:
    """The solution ``x`` of ``T @ x = right`` for a triangle ``T`` of a matrix: its inverse times `right`.

    Args:
        matrix: shape ``(..., n, n)``; its other triangle is not read.
        right: shape ``(n,)`` or ``(..., n, m)``.
        lower: the lower triangle; else the upper one.
        name: of the result.

    Raises:
        ShapeError: the last two axes of `matrix` are no square.

    Example:
        >>> L, b = sd.tensor("L", (3, 3)), sd.tensor("b", (3,))
        >>> sd.solve_triangular(L, b).shape
        (3,)
    """
    square(matrix, "triangle")
    triangle = tril(matrix) if lower else triu(matrix)
    return matmul(inv(triangle), right, name=name)


@takes_tensors
def cholesky(matrix: Tensor, *, name: str | None = None) -> Tensor:
    """The lower triangular ``L`` with ``L @ L.T`` equal to a positive definite matrix: shape ``(..., n, n)``.

    It is taken of the symmetric part ``(A + A')/2``. Where that is not positive definite, all is NaN.

    Raises:
        ShapeError: the last two axes are no square.

    Example:
        >>> S = sd.tensor("S", (2, 2), positive_definite=True)
        >>> sd.cholesky(S).shape
        (2, 2)
    """
    return _of_square("cholesky", symmetric_part(matrix, "Cholesky factor"), name)


@takes_tensors
def quadratic(x: Tensor, matrix: Tensor, *, name: str | None = None) -> Tensor:
    """The quadratic form ``x' A x`` of a vector ``(n,)`` and a matrix ``(n, n)``: a scalar.

    >>> A = sd.tensor("A", (3, 3))
    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.quadratic(x, A), x)))
    (A + Aᵀ) x
    """
    return matmul(x, matmul(matrix, x), name=name)


@takes_tensors
def inner(left: Tensor, right: Tensor, *, name: str | None = None) -> Tensor:
    """The sum of products of entries, ``tr(A' B)`` for matrices: a scalar.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> a, b = sd.tensor("a", (3,)), sd.tensor("b", (3,))
        >>> print(sd.formula(sd.inner(a, b)))
        aᵀ b
    """
    if left.shape != right.shape:
        raise ShapeError(
            "an inner product needs equal shapes", shapes={"left": left.shape, "right": right.shape}
        )
    where = axis_indices(left.rank)
    pairs = [(i, size) for i, size in zip(where, left.shape, strict=True)]
    body = left.at(*where) * right.at(*where)
    body = Sum(body, *pairs) if pairs else body
    return define(name, (), body, dtype=joint(left, right), origin=Origin("inner product"))


@takes_tensors
def outer(left: Tensor, right: Tensor, *, name: str | None = None) -> Tensor:
    """The products of all entries of two vectors: shapes ``(m,)`` and ``(n,)`` give ``(m, n)``.

    >>> a, b = sd.tensor("a", (3,)), sd.tensor("b", (2,))
    >>> print(sd.formula(sd.outer(a, b)))
    a bᵀ
    """
    i, j = axis_indices(2)
    body, dtype = left.at(i) * right.at(j), joint(left, right)
    return define(name, (i, j), body, dtype=dtype, origin=Origin("outer product"))


@takes_tensors
def kron(left: Tensor, right: Tensor, *, name: str | None = None) -> Tensor:
    """The Kronecker product: a copy of `right` for each element of `left`, times that element.

    Shapes ``(m, n)`` and ``(p, q)`` give ``(m*p, n*q)``, and so for any number of axes; the tensor of fewer
    axes gets axes of size 1 in front, as in NumPy.

    Example:
        >>> sd.kron(sd.eye(2), sd.tensor("A", (3, 3))).shape  # two blocks A along the diagonal
        (6, 6)
    """
    rank = max(left.rank, right.rank)
    where = axis_indices(2 * rank)
    sizes = [(1,) * (rank - x.rank) + x.shape for x in (left, right)]
    body, dtype = read(left, where[::2]) * read(right, where[1::2]), joint(left, right)
    apart = [size for pair in zip(*sizes, strict=True) for size in pair]
    products = define(None, where, body, shape=apart, dtype=dtype, origin=Origin("products"))
    return reshape(products, *(sp.Mul(*pair) for pair in zip(*sizes, strict=True)), name=name)


@takes_tensors
def matrix_power(matrix: Tensor, exponent: int, *, name: str | None = None) -> Tensor:
    """An integer power of a square matrix; a negative one is a power of the inverse.

    Raises:
        ShapeError: the matrix is no square, or has a batch axis and the exponent is 0.

    Example:
        >>> A = sd.tensor("A", (3, 3))
        >>> print(sd.formula(sd.matrix_power(A, 3)))
        A³
    """
    square(matrix, "power")
    if not is_whole(exponent):
        raise ExpressionError(f"exponent = {exponent!r} is no integer", cure="pass an integer, as -1 or 2")
    if exponent == 0:
        if matrix.rank != 2:
            raise ShapeError("the power 0 of a batch of matrices", shapes={"matrix": matrix.shape})
        return eye(matrix.shape[0], name=name)
    base = inv(matrix) if exponent < 0 else matrix
    result: Tensor | None = None
    for digit in reversed(f"{abs(exponent):b}"):
        if digit == "1":
            result = base if result is None else matmul(result, base)
        base = matmul(base, base)
    assert result is not None
    where = axis_indices(result.rank)
    if name is None:
        return result
    body, dtype = result.at(*where), result.dtype
    return define(name, where, body, shape=result.shape, dtype=dtype, origin=Origin("power"))


def square(matrix: Tensor, what: str) -> tuple[tuple[Index, ...], tuple[Index, Index]]:
    """Return the indices of a batch of square matrices, and those of rows and columns.

    Raises:
        ShapeError: the last two axes are no square.
    """
    if matrix.rank < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ShapeError(
            f"the {what} of {matrix} needs a square matrix in the last two axes",
            shapes={str(matrix.name): matrix.shape},
        )
    *batch, row, column = axis_indices(matrix.rank)
    return tuple(batch), (row, column)


def symmetric_part(matrix: Tensor, what: str) -> Tensor:
    """Return ``(A + A')/2``, or the matrix itself if it is declared to be symmetric.

    Raises:
        ShapeError: the last two axes are no square.
    """
    batch, (row, column) = square(matrix, what)
    if "symmetric" in matrix.properties:
        return matrix
    body = (matrix.at(*batch, row, column) + matrix.at(*batch, column, row)) / 2
    where, origin = (*batch, row, column), Origin(SYMMETRIC_PART)
    return define(None, where, body, shape=matrix.shape, dtype=matrix.dtype, origin=origin)


def matrix_function(op: Op, matrix: Tensor, name: str | None = None) -> Tensor:
    """Return a function of the matrices in the last two axes."""
    *batch, row, column = axis_indices(matrix.rank)
    sizes, about = matrix.shape[-2:], MATRIX_OPS[op]
    free = axis_indices(len(about.axes), skip=batch)
    row, column = axis_indices(2, skip=(*batch, *free))
    lhs = Tensor(name, (*matrix.shape[:-2], *(sizes[axis] for axis in about.axes)))
    reduction = Reduction(op, ((row, sizes[0]), (column, sizes[1])))
    body = matrix.at(*batch, row, column)
    where = (*batch, *free)
    return lhs.attach(check(Equation(lhs, where, body, reduction, origin=Origin(about.words))))


def _of_square(op: Op, matrix: Tensor, name: str | None) -> Tensor:
    square(matrix, MATRIX_OPS[op].words)
    return matrix_function(op, matrix, name)
