"""What generated Python code is built on: the same names as in compiled code, in NumPy.

Enters: flat arrays. Leaves: functions that modules of the target ``python`` import.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from symdl.express.random import uniform_numbers
from symdl.run import decompositions

erf, erfc, erfcx = special.erf, special.erfc, special.erfcx
lgamma, uniform = special.gammaln, uniform_numbers
larger = np.maximum


def from_bfloat16(record: Any) -> Any:
    """The float32 that a bfloat16 is: its bits are the upper half."""
    return np.uint32(record["bfloat16"] << np.uint32(16)).view("float32")


def determinant(matrix: NDArray[Any], at: int, count: int) -> Any:
    """The determinant of the square matrix that begins at position `at`."""
    return np.linalg.det(_square(matrix, at, count))


def log_determinant(matrix: NDArray[Any], at: int, count: int) -> Any:
    """The logarithm of the determinant, NaN if it is negative."""
    sign, size = np.linalg.slogdet(_square(matrix, at, count))
    return np.nan if sign < 0 else size


def log_absolute_determinant(matrix: NDArray[Any], at: int, count: int) -> Any:
    """The logarithm of the absolute value of the determinant."""
    return np.linalg.slogdet(_square(matrix, at, count))[1]


def determinant_sign(matrix: NDArray[Any], at: int, count: int) -> Any:
    """The sign of the determinant."""
    return np.linalg.slogdet(_square(matrix, at, count))[0]


def invert(target: NDArray[Any], target_at: int, matrix: NDArray[Any], at: int, count: int) -> None:
    """Write the inverse; of a singular matrix it is NaN."""
    try:
        inverse = np.linalg.inv(_square(matrix, at, count))
    except np.linalg.LinAlgError:
        inverse = np.full((count, count), np.nan)
    target[target_at : target_at + count * count] = inverse.reshape(-1)


def cholesky(target: NDArray[Any], target_at: int, matrix: NDArray[Any], at: int, count: int) -> None:
    """Write Cholesky's factor; where the matrix is not positive definite, it is NaN."""
    try:
        factor = np.linalg.cholesky(_square(matrix, at, count))
    except np.linalg.LinAlgError:
        factor = np.full((count, count), np.nan)
    target[target_at : target_at + count * count] = factor.reshape(-1)


def eigenvectors(target: NDArray[Any], target_at: int, matrix: NDArray[Any], at: int, count: int) -> None:
    """Write eigenvectors and, below them, eigenvalues of a symmetric matrix."""
    _put(target, target_at, decompositions.eigenvectors(_square(matrix, at, count)))


def orthonormal(
    target: NDArray[Any], target_at: int, matrix: NDArray[Any], at: int, rows: int, columns: int
) -> None:
    """Write orthonormal columns and, below them, the upper triangle."""
    _put(target, target_at, decompositions.orthonormal(_matrix(matrix, at, rows, columns)))


def singular_vectors(
    target: NDArray[Any], target_at: int, matrix: NDArray[Any], at: int, rows: int, columns: int
) -> None:
    """Write left singular vectors and, below them, singular values and right vectors."""
    _put(target, target_at, decompositions.singular_vectors(_matrix(matrix, at, rows, columns)))


def rank(ranks: NDArray[Any], ranks_at: int, keys: NDArray[Any], at: int, count: int) -> None:
    """Write how many keys come before each one in rising order; NaN is above all numbers."""
    _put_ranks(ranks, ranks_at, np.argsort(keys[at : at + count], stable=True))


def rank_falling(ranks: NDArray[Any], ranks_at: int, keys: NDArray[Any], at: int, count: int) -> None:
    """Write how many keys come before each one in falling order, in which NaN is the first."""
    row = keys[at : at + count]
    missing, numbers = np.flatnonzero(np.isnan(row)), np.flatnonzero(~np.isnan(row))
    falling = numbers[np.argsort(-row[numbers], stable=True)]
    _put_ranks(ranks, ranks_at, np.concatenate([missing, falling]))


rank_whole = rank


def rank_whole_falling(ranks: NDArray[Any], ranks_at: int, keys: NDArray[Any], at: int, count: int) -> None:
    """Write how many integers come before each one in falling order."""
    _put_ranks(ranks, ranks_at, np.argsort(~keys[at : at + count], stable=True))


def _put_ranks(ranks: NDArray[Any], at: int, order: NDArray[Any]) -> None:
    ranks[at + order] = np.arange(order.size)


def _put(target: NDArray[Any], at: int, factors: tuple[NDArray[Any], ...]) -> None:
    values = np.concatenate([factor.reshape(-1) for factor in factors])
    target[at : at + values.size] = values


def _square(array: NDArray[Any], at: int, count: int) -> NDArray[Any]:
    return _matrix(array, at, count, count)


def _matrix(array: NDArray[Any], at: int, rows: int, columns: int) -> NDArray[Any]:
    return array[at : at + rows * columns].reshape(rows, columns).astype("float64")
