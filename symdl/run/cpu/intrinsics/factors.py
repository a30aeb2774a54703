"""Factors of matrices, and what is computed with them, for compiled code.

Enters: arrays, positions where matrices begin in them, numbers of rows. Leaves: functions that generated
modules call (`symdl.run.cpu.intrinsics.matrices`). `factor` writes factors, of which all others read: a
triangular matrix is its own factor; of a symmetric one with positive numbers on its diagonal Cholesky's are
tried first, which succeeds where it is positive definite; all others are ``L U`` with exchanged rows. So the
values decide, as in MATLAB's ``mldivide``, and nothing need be declared.

Matrices are row-major, and LAPACK reads column by column: what it factors is the transpose, ``A' = P L U``,
so ``A x = b`` is the transposed system to it, and no matrix is turned. After the factors comes a row that
holds the numbers of the exchanged rows, or in their place what kind of factors these are. Matrices of few
rows are factored here, as ``L U``: a call of LAPACK costs more than that.

A singular matrix has the determinant 0 and its logarithm minus infinity; inverse and solutions are NaN, where
NumPy raises an error. NaN in a matrix spreads into all results. An empty matrix has the determinant 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import register_jitable

from symdl.run.cpu.gemm.micro_kernel import behind
from symdl.run.cpu.intrinsics.lapack import PLAIN, reals_at, routine, rows_exchanged
from symdl.run.cpu.intrinsics.linalg import release, reserve

_FEW = 12
"""Rows below which a matrix is factored here."""
_UPPER, _LOWER = ord("U"), ord("L")
"""Triangles as LAPACK sees them: the lower one of a row-major matrix is the upper one to it."""
_CHOLESKY, _LOWER_TRIANGULAR, _UPPER_TRIANGULAR = 0, -1, -2
"""Kinds of factors; where rows are exchanged, the number of the first is at least 1."""
_WORK = 64
"""Columns of the room in which LAPACK inverts."""
_factor, _solve, _invert = routine("getrf"), routine("getrs"), routine("getri")
_factor_positive, _solve_positive, _invert_positive = routine("potrf"), routine("potrs"), routine("potri")
_solve_triangular, _invert_triangular = routine("trtrs"), routine("trtri")
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
        return
    kind = _kind(given, count)
    if kind == _CHOLESKY and _factor_positive((_UPPER, count, work, count)) != 0:
        kind = _CHOLESKY + 1
        for i in range(count * count):
            work[i] = given[i]
    if kind <= _CHOLESKY:
        rows[0] = kind
    else:
        _factor((count, count, work, count, rows))


@register_jitable
def _kind(matrix: Any, count: int) -> int:
    """Return what kind of factors a matrix may have; 1 for those of any."""
    symmetric = lower = upper = True
    for i in range(count):
        symmetric = symmetric and matrix[i * count + i] > 0.0
        for j in range(i):
            below, above = matrix[i * count + j], matrix[j * count + i]
            symmetric = symmetric and below == above
            lower, upper = lower and above == 0.0, upper and below == 0.0
        if not (symmetric or lower or upper):
            return 1
    if lower:
        return _LOWER_TRIANGULAR
    return _UPPER_TRIANGULAR if upper else _CHOLESKY


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
    result, kind = 1.0, rows[0]
    for c in range(count):
        pivot = work[c * count + c]
        if kind == _CHOLESKY:
            pivot *= pivot
        result *= pivot if kind <= _CHOLESKY or rows[c] == c + 1 else -pivot
    return result


@register_jitable
def _logarithm_and_sign(factors: Any, at: int, count: int) -> tuple[float, float]:
    """The logarithm of the determinant's absolute value, and its sign; minus infinity and 0 if it is 0."""
    work = _behind(factors, at)
    rows = _exchanged(_behind(work, count * count))
    result, sign, kind = 0.0, 1.0, rows[0]
    for c in range(count):
        pivot = work[c * count + c]
        if pivot == 0.0:
            return -np.inf, 0.0
        if (pivot < 0.0) == (kind <= _CHOLESKY or rows[c] == c + 1):
            sign = -sign
        result += math.log(abs(pivot))
    return (2.0 * result if kind == _CHOLESKY else result), (sign if result == result else np.nan)


@register_jitable
def log_determinant_of(factors: Any, at: int, count: int) -> float:
    """The logarithm of the determinant: NaN if that is negative, minus infinity if it is 0."""
    result, sign = _logarithm_and_sign(factors, at, count)
    return result if sign >= 0.0 else np.nan


@register_jitable
def log_absolute_determinant_of(factors: Any, at: int, count: int) -> float:
    """The logarithm of the absolute value of the determinant, minus infinity if that is 0."""
    result, _ = _logarithm_and_sign(factors, at, count)
    return result


@register_jitable
def determinant_sign_of(factors: Any, at: int, count: int) -> float:
    """The sign of the determinant."""
    _, sign = _logarithm_and_sign(factors, at, count)
    return sign


@register_jitable
def invert_factored(target: Any, target_at: int, factors: Any, at: int, count: int) -> None:
    """Write the inverse; of a singular matrix, and without memory for LAPACK's work, it is NaN."""
    work, result = _behind(factors, at), _behind(target, target_at)
    rows = _exchanged(_behind(work, count * count))
    if count < _FEW:
        for i in range(count):
            for j in range(count):
                result[i * count + j] = 1.0 if i == j else 0.0
        _solve_in_place(result, work, count, count, PLAIN)
        return
    for i in range(count * count):
        result[i] = work[i]
    kind = rows[0]
    if kind == _CHOLESKY:
        failed = _invert_positive((_UPPER, count, result, count)) != 0
        for i in range(count):
            for j in range(i):
                result[j * count + i] = result[i * count + j]
    elif kind < _CHOLESKY:
        triangle = _UPPER if kind == _LOWER_TRIANGULAR else _LOWER
        failed = _invert_triangular((triangle, PLAIN, count, result, count)) != 0
    else:
        address: int = reserve(8 * _WORK * count)
        failed = address == 0
        if not failed:
            failed = _invert((count, result, count, rows, _at(address, work), _WORK * count)) != 0
            release(address)
    if failed:
        for i in range(count * count):
            result[i] = np.nan


@register_jitable
def solve(
    target: Any,
    target_at: int,
    factors: Any,
    at: int,
    right: Any,
    right_at: int,
    count: int,
    columns: int,
    way: int,
) -> None:
    """Write the solutions of ``A x = b``, or of ``A' x = b`` if the `way` is plain.

    One right-hand side comes after another, and so do solutions.
    """
    result, given = _behind(target, target_at), _behind(right, right_at)
    for i in range(count * columns):
        result[i] = given[i]
    _solve_in_place(result, _behind(factors, at), count, columns, way)


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
        kind = rows[0]
        if kind == _CHOLESKY:
            _solve_positive((_UPPER, count, columns, work, count, result, count))
        elif kind < _CHOLESKY:
            triangle = _UPPER if kind == _LOWER_TRIANGULAR else _LOWER
            _solve_triangular((triangle, way, PLAIN, count, columns, work, count, result, count))
        else:
            _solve((way, count, columns, work, count, rows, result, count))
        return
    for column in range(columns):
        x = _behind(result, column * count)
        if way == PLAIN:
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


@register_jitable
def cholesky(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
    """Write Cholesky's factor of a symmetric matrix; where it is not positive definite, it is NaN."""
    result, given = _behind(target, target_at), _behind(matrix, at)
    for i in range(count):
        for j in range(count):
            result[i * count + j] = given[i * count + j] if j <= i else 0.0
    if count >= _FEW:
        failed = _factor_positive((_UPPER, count, result, count)) != 0
    else:
        failed = _factor_few(result, count)
    if failed:
        for i in range(count * count):
            result[i] = np.nan


@register_jitable
def cholesky_of(
    target: Any, target_at: int, factors: Any, at: int, matrix: Any, matrix_at: int, count: int
) -> None:
    """Write Cholesky's factor of a matrix from its factors, or from itself if those are of another kind."""
    result, work = _behind(target, target_at), _behind(factors, at)
    rows = _exchanged(_behind(work, count * count))
    if count < _FEW or rows[0] != _CHOLESKY:
        cholesky(target, target_at, matrix, matrix_at, count)
        return
    for i in range(count):
        for j in range(count):
            result[i * count + j] = work[i * count + j] if j <= i else 0.0


@register_jitable
def _factor_few(work: Any, count: int) -> bool:
    """Factor a lower triangle in place, row by row; say whether it is not of a positive definite one."""
    for i in range(count):
        for j in range(i + 1):
            total = work[i * count + j]
            for k in range(j):
                total -= work[i * count + k] * work[j * count + k]
            if j < i:
                work[i * count + j] = total / work[j * count + j]
            elif total > 0.0:
                work[i * count + i] = math.sqrt(total)
            else:
                return True
    return False
