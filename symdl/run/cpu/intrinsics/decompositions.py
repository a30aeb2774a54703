"""Eigenvectors, orthonormal columns and singular vectors, and values without vectors, for compiled code.

Enters: arrays, positions where matrices begin in them, their sizes. Leaves: functions that generated modules
call (`symdl.run.cpu.intrinsics.matrices`). `symdl.lower.equations.decompositions` says where each factor is
written, `symdl.run.decompositions` which signs it has.

Matrices are row-major, and LAPACK reads column by column: what it decomposes is the transpose, with
``A' = L Q'`` in place of ``A = Q R``, and left singular vectors in place of right ones. So nothing is turned
but eigenvectors.

A matrix with an entry that is not finite, or with fewer rows than columns, and one of which LAPACK finds no
factors or for which there is no memory, has NaN everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from symdl.run.cpu.gemm.micro_kernel import behind
from symdl.run.cpu.intrinsics.lapack import reals_at, routine, rows_exchanged
from symdl.run.cpu.intrinsics.linalg import release, reserve
from symdl.run.decompositions import SMALL

_VECTORS, _THIN, _LOWER, _VALUES = ord("V"), ord("S"), ord("L"), ord("N")
_BLOCK = 64
"""Columns that LAPACK works on together."""
_eigenvectors, _singular_vectors = routine("syevd"), routine("gesdd")
_triangle, _rows_of = routine("gelqf"), routine("orglq")
_behind: Any = behind
_at: Any = reals_at
_whole: Any = rows_exchanged


@register_jitable
def _copied(result: Any, given: Any, count: int) -> bool:
    """Copy elements; say whether all are finite."""
    finite = True
    for i in range(count):
        result[i] = given[i]
        finite = finite and np.isfinite(given[i])
    return finite


@register_jitable
def _fill(result: Any, count: int) -> None:
    """Write NaN."""
    for i in range(count):
        result[i] = np.nan


@register_jitable
def _points_back(row: Any, count: int) -> bool:
    """Say whether the first element of a row that is not small is negative."""
    largest = abs(row[0])
    for i in range(1, count):
        largest = max(largest, abs(row[i]))
    for i in range(count):
        if abs(row[i]) > SMALL * largest:
            return row[i] < 0.0  # type: ignore[no-any-return]
    return False


@register_jitable
def eigenvectors(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
    """Write eigenvectors and, below them, eigenvalues of a symmetric matrix."""
    result = _behind(target, target_at)
    values, size = _behind(result, count * count), 1 + 6 * count + 2 * count * count
    failed = not _copied(result, _behind(matrix, at), count * count)
    address: int = 0 if failed else reserve(8 * size + 4 * (3 + 5 * count))
    if address != 0:
        work, whole = _at(address, result), _whole(_at(address + 8 * size, result))
        given = (_VECTORS, _LOWER, count, result, count, values, work, size, whole, 3 + 5 * count)
        failed = _eigenvectors(given) != 0
        release(address)
    if failed or address == 0:
        _fill(result, count * count + count)
        return
    for j in range(count):
        vector = _behind(result, j * count)
        if _points_back(vector, count):
            for i in range(count):
                vector[i] = -vector[i]
    for i in range(count):
        for j in range(i):
            one, other = i * count + j, j * count + i
            result[one], result[other] = result[other], result[one]


@register_jitable
def eigenvalues(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
    """Write the eigenvalues of a symmetric matrix."""
    values, size = _behind(target, target_at), 1 + 2 * count + _BLOCK * count
    address: int = reserve(8 * (count * count + size) + 4)
    failed = address == 0
    if not failed:
        copy, work = _at(address, values), _at(address + 8 * count * count, values)
        whole = _whole(_at(address + 8 * (count * count + size), values))
        failed = not _copied(copy, _behind(matrix, at), count * count)
        if not failed:
            given = (_VALUES, _LOWER, count, copy, count, values, work, size, whole, 1)
            failed = _eigenvectors(given) != 0
        release(address)
    if failed:
        _fill(values, count)


@register_jitable
def singular_values(target: Any, target_at: int, matrix: Any, at: int, rows: int, columns: int) -> None:
    """Write the singular values."""
    values, size = _behind(target, target_at), 3 * columns + max(rows, 7 * columns)
    size += _BLOCK * (rows + columns)
    address: int = reserve(8 * (rows * columns + size) + 32 * columns)
    failed = address == 0
    if not failed:
        copy, work = _at(address, values), _at(address + 8 * rows * columns, values)
        whole = _whole(_at(address + 8 * (rows * columns + size), values))
        failed = not _copied(copy, _behind(matrix, at), rows * columns) or rows < columns
        if not failed:
            sizes = (_VALUES, columns, rows, copy, columns, values)
            vectors = (copy, columns, copy, columns, work, size, whole)  # neither read nor written
            failed = _singular_vectors(sizes + vectors) != 0
        release(address)
    if failed:
        _fill(values, columns)


@register_jitable
def orthonormal(target: Any, target_at: int, matrix: Any, at: int, rows: int, columns: int) -> None:
    """Write orthonormal columns and, below them, the upper triangle."""
    result = _behind(target, target_at)
    triangle, size = _behind(result, rows * columns), _BLOCK * columns
    failed = not _copied(result, _behind(matrix, at), rows * columns) or rows < columns
    address: int = 0 if failed else reserve(8 * (columns + size))
    if address != 0:
        scales, work = _at(address, result), _at(address + 8 * columns, result)
        failed = _triangle((columns, rows, result, columns, scales, work, size)) != 0
        for i in range(columns):
            for j in range(columns):
                triangle[i * columns + j] = result[i * columns + j] if j >= i else 0.0
        given = (columns, rows, columns, result, columns, scales, work, size)
        failed = failed or _rows_of(given) != 0
        release(address)
    if failed or address == 0:
        _fill(result, (rows + columns) * columns)
        return
    for j in range(columns):
        if triangle[j * columns + j] < 0.0:
            for i in range(j, columns):
                triangle[j * columns + i] = -triangle[j * columns + i]
            for i in range(rows):
                result[i * columns + j] = -result[i * columns + j]


@register_jitable
def singular_vectors(target: Any, target_at: int, matrix: Any, at: int, rows: int, columns: int) -> None:
    """Write left singular vectors and, below them, singular values and right vectors."""
    result, given = _behind(target, target_at), _behind(matrix, at)
    values, size = _behind(result, rows * columns), 4 * columns * columns + 7 * columns
    right, size = _behind(values, columns), size + _BLOCK * (rows + columns)
    failed = not _copied(result, given, rows * columns) or rows < columns
    address: int = 0 if failed else reserve(8 * (rows * columns + size) + 32 * columns)
    if address != 0:
        copy, work = _at(address, result), _at(address + 8 * rows * columns, result)
        whole = _whole(_at(address + 8 * (rows * columns + size), result))
        _copied(copy, given, rows * columns)
        sizes = (_THIN, columns, rows, copy, columns, values)
        vectors = (right, columns, result, columns, work, size, whole)
        failed = _singular_vectors(sizes + vectors) != 0
        release(address)
    if failed or address == 0:
        _fill(result, (rows + 1 + columns) * columns)
        return
    for j in range(columns):
        vector = _behind(right, j * columns)
        if _points_back(vector, columns):
            for i in range(columns):
                vector[i] = -vector[i]
            for i in range(rows):
                result[i * columns + j] = -result[i * columns + j]
