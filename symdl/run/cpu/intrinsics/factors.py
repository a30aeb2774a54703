"""Factors of matrices, and what is computed with them, for compiled code.

Enters: arrays, positions where matrices begin in them, numbers of rows. Leaves: functions that generated
modules call. `factor` writes ``L U`` with exchanged rows, as LAPACK's ``getrf``, of which all others read.

Matrices are row-major, and LAPACK reads column by column: what it factors is the transpose, ``A' = P L U``,
so ``A x = b`` is the transposed system to it, and no matrix is turned. After the factors comes a row that
holds the numbers of the exchanged rows. Matrices of few rows are factored here, in the same form: a call of
LAPACK costs more than that.

A singular matrix has the determinant 0 and its logarithm minus infinity; inverse and solutions are NaN, where
NumPy raises an error. NaN in a matrix spreads into all results. An empty matrix has the determinant 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import register_jitable

from symdl.run.cpu.gemm.micro_kernel import behind
from symdl.run.cpu.intrinsics.lapack import reals_at, routine, rows_exchanged
from symdl.run.cpu.intrinsics.linalg import release, reserve

_FEW = 12
"""Rows below which a matrix is factored here."""
_PLAIN, _TRANSPOSED = ord("N"), ord("T")
_WORK = 64
"""Columns of the room in which LAPACK inverts."""
_factor, _solve, _invert = routine("getrf"), routine("getrs"), routine("getri")
_behind: Any = behind
_at: Any = reals_at
_exchanged: Any = rows_exchanged


@register_jitable
def factor(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
    """Write the factors of a matrix."""
    work, given = _behind(target, target_at), _behind(matrix, at)
    rows = _exchanged(_behind(work, count * count))
    for i in range(count * count):
        work[i] = given[i]
    if count < _FEW:
        _eliminate(work, rows, count)
    else:
        _factor((count, count, work, count, rows))


@register_jitable
def _eliminate(work: Any, rows: Any, count: int) -> None:
    """Factor in place: exchange columns for the largest pivot, divide its row, subtract it from others."""
    for c in range(count):
        pivot, best = c * count, c
        for r in range(c + 1, count):
            if abs(work[pivot + r]) > abs(work[pivot + best]):
                best = r
        rows[c] = best + 1
        if best != c:
            for i in range(count):
                work[i * count + c], work[i * count + best] = work[i * count + best], work[i * count + c]
        if work[pivot + c] != 0.0:
            for r in range(c + 1, count):
                work[pivot + r] /= work[pivot + c]
        for i in range(c + 1, count):
            factor = work[i * count + c]
            for r in range(c + 1, count):
                work[i * count + r] -= factor * work[pivot + r]


@register_jitable
def determinant_of(factors: Any, at: int, count: int) -> float:
    """The determinant of a matrix from its factors."""
    work = _behind(factors, at)
    rows = _exchanged(_behind(work, count * count))
    result = 1.0
    for c in range(count):
        pivot = work[c * count + c]
        result *= pivot if rows[c] == c + 1 else -pivot
    return result


@register_jitable
def log_determinant_of(factors: Any, at: int, count: int) -> float:
    """The logarithm of the determinant: NaN if that is negative, minus infinity if it is 0."""
    work = _behind(factors, at)
    rows = _exchanged(_behind(work, count * count))
    result, sign = 0.0, 1.0
    for c in range(count):
        pivot = work[c * count + c]
        if pivot == 0.0:
            return -np.inf
        if (pivot < 0.0) == (rows[c] == c + 1):
            sign = -sign
        result += math.log(abs(pivot))
    return result if sign > 0.0 else np.nan


@register_jitable
def invert_factored(target: Any, target_at: int, factors: Any, at: int, count: int) -> None:
    """Write the inverse; of a singular matrix, and without memory for LAPACK's work, it is NaN."""
    work, result = _behind(factors, at), _behind(target, target_at)
    rows = _exchanged(_behind(work, count * count))
    if count < _FEW:
        for i in range(count):
            for j in range(count):
                result[i * count + j] = 1.0 if i == j else 0.0
        _solve_in_place(result, work, count, count, _PLAIN)
        return
    address: int = reserve(8 * _WORK * count)
    failed = address == 0
    if not failed:
        for i in range(count * count):
            result[i] = work[i]
        failed = _invert((count, result, count, rows, _at(address, work), _WORK * count)) != 0
        release(address)
    if failed:
        for i in range(count * count):
            result[i] = np.nan


@register_jitable
def solve(
    target: Any, target_at: int, factors: Any, at: int, right: Any, right_at: int, count: int, columns: int
) -> None:
    """Write the solutions of ``A x = b``; one right-hand side comes after another, and so do solutions."""
    result, given = _behind(target, target_at), _behind(right, right_at)
    for i in range(count * columns):
        result[i] = given[i]
    _solve_in_place(result, _behind(factors, at), count, columns, _TRANSPOSED)


@register_jitable
def solve_transposed(
    target: Any, target_at: int, factors: Any, at: int, right: Any, right_at: int, count: int, columns: int
) -> None:
    """Write the solutions of ``A' x = b`` in the same way."""
    result, given = _behind(target, target_at), _behind(right, right_at)
    for i in range(count * columns):
        result[i] = given[i]
    _solve_in_place(result, _behind(factors, at), count, columns, _PLAIN)


@register_jitable
def _solve_in_place(result: Any, work: Any, count: int, columns: int, way: int) -> None:
    """Solve with the factors of ``A'``; of a singular matrix all is NaN."""
    rows = _exchanged(_behind(work, count * count))
    for c in range(count):
        if work[c * count + c] == 0.0:
            for i in range(count * columns):
                result[i] = np.nan
            return
    if count >= _FEW:
        if columns > 0:
            _solve((way, count, columns, work, count, rows, result, count))
        return
    for column in range(columns):
        x = _behind(result, column * count)
        if way == _PLAIN:
            _substitute(x, work, rows, count)
        else:
            _substitute_transposed(x, work, rows, count)


@register_jitable
def _substitute(x: Any, work: Any, rows: Any, count: int) -> None:
    """Solve ``P L U x = b`` in place; ``work[k, c]`` holds the element of row c and column k."""
    for c in range(count):
        x[c], x[rows[c] - 1] = x[rows[c] - 1], x[c]
    for c in range(count):
        for r in range(c + 1, count):
            x[r] -= work[c * count + r] * x[c]
    for k in range(count - 1, -1, -1):
        x[k] /= work[k * count + k]
        for c in range(k):
            x[c] -= work[k * count + c] * x[k]


@register_jitable
def _substitute_transposed(x: Any, work: Any, rows: Any, count: int) -> None:
    """Solve ``(P L U)' x = b`` in place."""
    for k in range(count):
        for c in range(k):
            x[k] -= work[k * count + c] * x[c]
        x[k] /= work[k * count + k]
    for c in range(count - 1, -1, -1):
        for r in range(c + 1, count):
            x[c] -= work[c * count + r] * x[r]
    for c in range(count - 1, -1, -1):
        x[c], x[rows[c] - 1] = x[rows[c] - 1], x[c]
