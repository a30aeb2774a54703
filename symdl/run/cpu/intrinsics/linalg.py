"""Determinant and inverse by elimination, for compiled code.

Enters: an array, the position where a square matrix begins in it, and its number of rows. Leaves: functions
that generated modules call. They work on a copy in double precision, row by row in memory of the C library,
and choose the largest pivot of a column. Without memory for the copy the result is NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from symdl.run.cpu.intrinsics.instructions import BYTES, LONG, call
from symdl.run.cpu.intrinsics.pointers import total_at


def _reserve(_typing: Any, _size: Any) -> Any:
    """Return the address of so many bytes from the C library, or 0."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ptrtoint(call(builder, "malloc", BYTES, args), LONG)

    return types.int64(types.int64), build


def _release(_typing: Any, _address: Any) -> Any:
    """Give back what `reserve` returned."""

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        call(builder, "free", ir.VoidType(), [builder.inttoptr(args[0], BYTES)])
        return context.get_dummy_value()

    return types.void(types.int64), build


reserve: Any = intrinsic(_reserve)
release: Any = intrinsic(_release)


@register_jitable
def _copied(matrix: Any, at: int, count: int, columns: int) -> int:
    """Return the address of a copy in the first columns of a matrix, followed by the unit matrix; or 0."""
    address: int = reserve(8 * count * columns)
    if address == 0:
        return address
    copy = total_at(address)
    for i in range(count):
        row = i * columns
        for j in range(count):
            copy[row + j] = matrix[at + i * count + j]
        for j in range(count, columns):
            copy[row + j] = 1.0 if j == count + i else 0.0
    return address


@register_jitable
def _pivot(work: Any, column: int, count: int, columns: int) -> float:
    """Bring the largest element of a column up; return 1 or -1, as rows were exchanged or not."""
    best = column
    for i in range(column + 1, count):
        if abs(work[i * columns + column]) > abs(work[best * columns + column]):
            best = i
    if best == column:
        return 1.0
    for j in range(columns):
        one, other = column * columns + j, best * columns + j
        work[one], work[other] = work[other], work[one]
    return -1.0


@register_jitable
def _clear(work: Any, column: int, first: int, count: int, columns: int) -> None:
    """Subtract the pivot's row from the rows `first` to `count`, except itself."""
    pivot = column * columns
    for i in range(first, count):
        row = i * columns
        if i != column and work[row + column] != 0.0:
            factor = work[row + column] / work[pivot + column]
            for j in range(column, columns):
                work[row + j] -= factor * work[pivot + j]


@register_jitable
def determinant(matrix: Any, at: int, count: int) -> float:
    """The determinant."""
    address: int = _copied(matrix, at, count, count)
    if address == 0:
        return np.nan
    work, result = total_at(address), 1.0
    for column in range(count):
        result *= _pivot(work, column, count, count) * work[column * count + column]
        if work[column * count + column] == 0.0:
            result = 0.0
            break
        _clear(work, column, column + 1, count, count)
    release(address)
    return result


@register_jitable
def _logarithm_and_sign(matrix: Any, at: int, count: int) -> tuple[float, float]:
    """The logarithm of the determinant's absolute value, and its sign; minus infinity and 0 if it is 0."""
    address: int = _copied(matrix, at, count, count)
    if address == 0:
        return np.nan, np.nan
    work, result, sign = total_at(address), 0.0, 1.0
    for column in range(count):
        sign *= _pivot(work, column, count, count)
        pivot = work[column * count + column]
        if pivot == 0.0:
            result, sign = -np.inf, 0.0
            break
        if pivot < 0.0:
            sign = -sign
        result += math.log(abs(pivot))
        _clear(work, column, column + 1, count, count)
    release(address)
    return result, (sign if result == result else np.nan)


@register_jitable
def log_determinant(matrix: Any, at: int, count: int) -> float:
    """The logarithm of the determinant: NaN if that is negative, minus infinity if it is 0."""
    result, sign = _logarithm_and_sign(matrix, at, count)
    return result if sign >= 0.0 else np.nan


@register_jitable
def log_absolute_determinant(matrix: Any, at: int, count: int) -> float:
    """The logarithm of the absolute value of the determinant, minus infinity if that is 0."""
    result, _ = _logarithm_and_sign(matrix, at, count)
    return result


@register_jitable
def determinant_sign(matrix: Any, at: int, count: int) -> float:
    """The sign of the determinant."""
    _, sign = _logarithm_and_sign(matrix, at, count)
    return sign


@register_jitable
def invert(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
    """Write the inverse; of a singular matrix it is NaN. The two may be at the same place."""
    columns = 2 * count
    address: int = _copied(matrix, at, count, columns)
    work, regular = total_at(address), address != 0
    for column in range(count):
        if regular:
            _pivot(work, column, count, columns)
            regular = work[column * columns + column] != 0.0
        if regular:
            _clear(work, column, 0, count, columns)
    for i in range(count):
        for j in range(count):
            value = np.nan
            if regular:
                value = work[i * columns + count + j] / work[i * columns + i]
            target[target_at + i * count + j] = value
    release(address)
