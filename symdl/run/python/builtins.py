"""What generated Python code is built on: the same names as for the CPU, in NumPy.

Enters: flat arrays. Leaves: functions that modules of the target ``python`` import.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from symdl.express.random import uniform_numbers

erf, erfc, erfcx = special.erf, special.erfc, special.erfcx
lgamma, uniform = special.gammaln, uniform_numbers
larger = np.maximum


def multiply_matrices(
    blas: int,
    turned: int,
    m: int,
    n: int,
    k: int,
    factor: Any,
    left: NDArray[Any],
    left_at: int,
    left_lead: int,
    right: NDArray[Any],
    right_at: int,
    right_lead: int,
    result: NDArray[Any],
    result_at: int,
    result_lead: int,
) -> None:
    """``result = factor * left @ right``; see `symdl.run.cpu.gemm.multiply.multiply_matrices`."""
    a = _matrix(left, left_at, left_lead, m, k, turned=bool(turned & 1))
    b = _matrix(right, right_at, right_lead, k, n, turned=bool(turned & 2))
    _matrix(result, result_at, result_lead, m, n, turned=False)[...] = factor * (a @ b)


def row_of(table: NDArray[Any], row: int, _width: int) -> NDArray[Any]:
    """A row of a table."""
    line: NDArray[Any] = table[row]
    return line


def pick_eight(target: NDArray[Any], at: int, source: NDArray[Any], order: NDArray[Any], first: int) -> None:
    """``target[at + i] = source[order[first + i]]`` for eight elements."""
    target[at : at + 8] = source[order[first : first + 8]]


def copy_four(target: NDArray[Any], at: int, source: NDArray[Any], start: int) -> None:
    """``target[at + i] = source[start + i]`` for four elements."""
    target[at : at + 4] = source[start : start + 4]


def wait(_team: NDArray[Any], _lanes: int) -> bool:
    """There is one lane only."""
    return False


def determinant(matrix: NDArray[Any], at: int, count: int) -> Any:
    """The determinant of the square matrix that begins at position `at`."""
    return np.linalg.det(_square(matrix, at, count))


def log_determinant(matrix: NDArray[Any], at: int, count: int) -> Any:
    """The logarithm of the determinant, NaN if it is negative."""
    sign, size = np.linalg.slogdet(_square(matrix, at, count))
    return np.nan if sign < 0 else size


def invert(target: NDArray[Any], target_at: int, matrix: NDArray[Any], at: int, count: int) -> None:
    """Write the inverse; of a singular matrix it is NaN."""
    try:
        inverse = np.linalg.inv(_square(matrix, at, count))
    except np.linalg.LinAlgError:
        inverse = np.full((count, count), np.nan)
    target[target_at : target_at + count * count] = inverse.reshape(-1)


def _square(array: NDArray[Any], at: int, count: int) -> NDArray[Any]:
    return array[at : at + count * count].reshape(count, count).astype("float64")


def _matrix(
    array: NDArray[Any], start: int, lead: int, rows: int, columns: int, *, turned: bool
) -> NDArray[Any]:
    steps = (1, lead) if turned else (lead, 1)
    strides = tuple(step * array.itemsize for step in steps)
    return np.lib.stride_tricks.as_strided(array[start:], (rows, columns), strides)
