"""Matrices as products: eigenvectors, singular vectors, QR; and what is solved with them.

Enters: tensors whose last two axes are a matrix; axes before them count a batch. Leaves: tensors defined by
equations. Each factor is a function of the matrix with a rule of its own; a pseudo-inverse and a solution in
the sense of least squares are products of such factors.

Factors of a matrix are unique up to signs, which are chosen so that equal matrices have equal factors
everywhere: see each function. Where they are not unique otherwise, they have no derivative.
"""

from __future__ import annotations

from symdl.errors import ShapeError
from symdl.express.dims import at_most
from symdl.express.doors import takes_tensors
from symdl.express.linalg import inv, matrix_function, solve_triangular, symmetric_part
from symdl.express.operators import matmul
from symdl.express.shaping import swapaxes
from symdl.express.tensors import Tensor


@takes_tensors
def eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The eigenvalues ``w`` of a symmetric matrix, rising, and its eigenvectors, the columns of ``V``.

    They are those of the symmetric part ``(A + A')/2 = V diag(w) V'``: shape ``(..., n, n)`` gives
    ``(..., n)`` and ``(..., n, n)``. Of each eigenvector the first entry that is not small (beyond a
    thousandth of its largest) is positive. If an entry of the matrix is not finite, all is NaN.

    The gradient of eigenvalues is always finite; where some are equal, it is right for what treats these
    alike, such as a sum over all. That of eigenvectors, and second derivatives, divide by the differences of
    eigenvalues: where two are equal, they are infinite or NaN.

    Raises:
        ShapeError: the last two axes are no square.

    Example:
        >>> A = sd.tensor("A", (3, 3))
        >>> w, V = sd.eigh(A)
        >>> w.shape, V.shape
        ((3,), (3, 3))
    """
    part = symmetric_part(matrix, "eigenvalues")
    values = matrix_function("eigenvalues", part)
    return values, matrix_function("eigenvectors", part)


@takes_tensors
def qr(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The thin factors of ``A = Q R``: orthonormal columns, and an upper triangle with no negative diagonal.

    Shape ``(..., m, n)`` with at least as many rows as columns gives ``(..., m, n)`` and ``(..., n, n)``. If
    an entry of the matrix is not finite, or symbolic sizes turn out to be fewer rows than columns, all is
    NaN. The gradient needs independent columns: it multiplies by the inverse of ``R``.

    Raises:
        ShapeError: fewer than two axes, or fewer rows than columns.

    Example:
        >>> Q, R = sd.qr(sd.tensor("A", (5, 3)))
        >>> Q.shape, R.shape
        ((5, 3), (3, 3))
    """
    if _is_wide(matrix, "QR factors"):
        raise ShapeError(
            f"the QR factors of {matrix} need at least as many rows as columns",
            shapes={str(matrix.name): matrix.shape},
            cure="factor the first columns: Q, _ = sd.qr(A[..., :m]); then R is swapaxes(Q, -1, -2) @ A",
        )
    orthogonal = matrix_function("orthogonal", matrix)
    return orthogonal, matrix_function("triangular", matrix)


@takes_tensors
def svd(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The thin factors of ``A = U diag(s) Vh``: singular vectors and values, which fall.

    Shape ``(..., m, n)`` gives ``(..., m, k)``, ``(..., k)`` and ``(..., k, n)``, where ``k`` is the smaller
    size. Of a row of ``Vh``, or of a column of ``U`` if there are fewer rows than columns, the first entry
    that is not small (beyond a thousandth of its largest) is positive. If an entry of the matrix is not
    finite, or symbolic sizes turn out to be fewer rows than columns, all is NaN.

    The gradient of singular values is always finite; where some are equal, it is right for what treats these
    alike, and at a value 0 it is one of many. That of vectors, and second derivatives, divide by differences
    of squared values, and that of the longer vectors by values: where these are 0, it is infinite or NaN.

    Raises:
        ShapeError: fewer than two axes.

    Example:
        >>> A = sd.tensor("A", (5, 3))
        >>> U, s, Vh = sd.svd(A)
        >>> print(sd.formula(sd.grad(s.sum(), A)))
        svd_U(A) svd_Vᵀ(A)
    """
    if _is_wide(matrix, "singular values"):
        left, values, right = svd(swapaxes(matrix, -1, -2))
        return swapaxes(right, -1, -2), values, swapaxes(left, -1, -2)
    left = matrix_function("left_vectors", matrix)
    values = matrix_function("singular_values", matrix)
    return left, values, matrix_function("right_vectors", matrix)


@takes_tensors
def pinv(matrix: Tensor, *, name: str | None = None) -> Tensor:
    """The pseudo-inverse of a matrix of full rank, ``R⁻¹ Q'`` with ``A = Q R``.

    Shape ``(..., m, n)`` gives ``(..., n, m)``. Of a matrix with fewer rows than columns it is that of the
    transposed one, transposed. Nothing is squared, so it is as accurate as the matrix allows. Where the rank
    is not full, it is NaN or beyond all measure: it jumps there, and has no derivative.

    Raises:
        ShapeError: fewer than two axes.

    Example:
        >>> sd.pinv(sd.tensor("A", (5, 3))).shape
        (3, 5)
    """
    if _is_wide(matrix, "pseudo-inverse"):
        orthogonal, triangular = qr(swapaxes(matrix, -1, -2))
        return matmul(orthogonal, inv(swapaxes(triangular, -1, -2)), name=name)
    orthogonal, triangular = qr(matrix)
    return solve_triangular(triangular, swapaxes(orthogonal, -1, -2), lower=False, name=name)


@takes_tensors
def lstsq(matrix: Tensor, right: Tensor, *, name: str | None = None) -> Tensor:
    """The ``x`` for which ``matrix @ x`` is nearest to `right`: of a matrix of full rank, by its QR factors.

    Where there are fewer rows than columns, and many are exact, it is the shortest. Where the rank is not
    full, it is as with `pinv`.

    Args:
        matrix: shape ``(..., m, n)``.
        right: shape ``(m,)`` or ``(..., m, k)``.
        name: of the result, shape ``(n,)`` or ``(..., n, k)``.

    Raises:
        ShapeError: `matrix` has fewer than two axes, or the shapes do not fit.

    Example:
        >>> sd.lstsq(sd.tensor("A", (9, 3)), sd.tensor("b", (9,))).shape
        (3,)
    """
    if _is_wide(matrix, "solution"):
        orthogonal, triangular = qr(swapaxes(matrix, -1, -2))
        inner = solve_triangular(swapaxes(triangular, -1, -2), right)
        return matmul(orthogonal, inner, name=name)
    orthogonal, triangular = qr(matrix)
    return solve_triangular(triangular, matmul(swapaxes(orthogonal, -1, -2), right), lower=False, name=name)


def _is_wide(matrix: Tensor, what: str) -> bool:
    """Say whether a matrix has fewer rows than columns for sure.

    Raises:
        ShapeError: it has fewer than two axes.
    """
    if matrix.rank < 2:
        raise ShapeError(f"{matrix} is no matrix and has no {what}", shapes={str(matrix.name): matrix.shape})
    rows, columns = matrix.shape[-2:]
    return rows != columns and at_most(rows, columns)
