"""Determinant and inverse by elimination, for compiled code.

Enters: an array, the position where a square matrix begins in it, and its number of rows. Leaves: functions
that generated modules call. They work on a copy in double precision and choose the largest pivot of a column.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import register_jitable


@register_jitable
def _copied(matrix: Any, at: int, count: int, columns: int) -> Any:
    """Return the matrix in the first columns of a new one, followed by the unit matrix."""
    copy = np.zeros((count, columns))
    for i in range(count):
        for j in range(count):
            copy[i, j] = matrix[at + i * count + j]
        if columns > count:
            copy[i, count + i] = 1.0
    return copy


@register_jitable
def _pivot(work: Any, column: int, count: int) -> float:
    """Bring the largest element of a column up; return 1 or -1, as rows were exchanged or not."""
    best = column
    for i in range(column + 1, count):
        if abs(work[i, column]) > abs(work[best, column]):
            best = i
    if best == column:
        return 1.0
    for j in range(work.shape[1]):
        work[column, j], work[best, j] = work[best, j], work[column, j]
    return -1.0


@register_jitable
def _clear(work: Any, column: int, first: int, count: int) -> None:
    """Subtract the pivot's row from the rows `first` to `count`, except itself."""
    for i in range(first, count):
        if i != column and work[i, column] != 0.0:
            factor = work[i, column] / work[column, column]
            for j in range(column, work.shape[1]):
                work[i, j] -= factor * work[column, j]


@register_jitable
def determinant(matrix: Any, at: int, count: int) -> float:
    """The determinant."""
    work = _copied(matrix, at, count, count)
    result = 1.0
    for column in range(count):
        result *= _pivot(work, column, count) * work[column, column]
        if work[column, column] == 0.0:
            return 0.0
        _clear(work, column, column + 1, count)
    return result


@register_jitable
def log_determinant(matrix: Any, at: int, count: int) -> float:
    """The logarithm of the determinant: NaN if that is negative, minus infinity if it is 0."""
    work = _copied(matrix, at, count, count)
    result, sign = 0.0, 1.0
    for column in range(count):
        sign *= _pivot(work, column, count)
        pivot = work[column, column]
        if pivot == 0.0:
            return -np.inf
        if pivot < 0.0:
            sign = -sign
        result += math.log(abs(pivot))
        _clear(work, column, column + 1, count)
    return result if sign > 0.0 else np.nan


@register_jitable
def invert(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
    """Write the inverse; of a singular matrix it is NaN. The two may be at the same place."""
    work = _copied(matrix, at, count, 2 * count)
    regular = True
    for column in range(count):
        _pivot(work, column, count)
        if work[column, column] == 0.0:
            regular = False
            break
        _clear(work, column, 0, count)
    for i in range(count):
        for j in range(count):
            value = work[i, count + j] / work[i, i] if regular else np.nan
            target[target_at + i * count + j] = value
