"""Eigenvectors, orthonormal columns and singular vectors, each by one thread of a graphics processor.

Enters: a type of reals. Leaves: functions that are taken into kernels. `symdl.lower.equations.decompositions`
says where each factor is written, `symdl.run.decompositions` which signs it has. Matrices begin at a position
of an array, and are used up: they were laid out for this.

Eigenvectors come by Jacobi's rotations, singular vectors by Hestenes' of pairs of columns, orthonormal
columns by Gram and Schmidt, with each column separated three times from those before it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from symdl.run.cuda.compiler import inlined
from symdl.run.decompositions import SMALL

_SWEEPS = 40
"""How often all pairs of columns are turned at most; ten times are many."""


class _Columns(NamedTuple):
    """Functions of the columns of matrices, for one type of reals; elements of a column are `step` apart."""

    finite: Any
    product: Any
    turn: Any
    angle: Any
    direction: Any
    separate: Any
    normalize: Any


def _rotations(real: Any) -> tuple[Any, Any, Any]:
    zero, one, two = real(0.0), real(1.0), real(2.0)

    @inlined
    def product(array: Any, left: int, right: int, count: int, step: int) -> Any:
        total = zero
        for i in range(count):
            total += array[left + i * step] * array[right + i * step]
        return total

    @inlined
    def turn(array: Any, left: int, right: int, count: int, step: int, cosine: Any, sine: Any) -> None:
        for i in range(count):
            x, y = array[left + i * step], array[right + i * step]
            array[left + i * step] = cosine * x - sine * y
            array[right + i * step] = sine * x + cosine * y

    @inlined
    def angle(first: Any, between: Any, second: Any) -> Any:
        """Return the tangent of the rotation that makes ``[first between; between second]`` diagonal."""
        share = (second - first) / (two * between)
        size = one / (abs(share) + math.sqrt(one + share * share))
        return -size if share < zero else size

    return product, turn, angle


def _columns(real: Any) -> _Columns:
    zero, one, half, small = real(0.0), real(1.0), real(0.5), real(SMALL)
    product, turn, angle = _rotations(real)

    @inlined
    def finite(matrix: Any, at: int, count: int) -> Any:
        total = zero
        for i in range(count):
            total += matrix[at + i] * zero
        return total == zero

    @inlined
    def direction(array: Any, at: int, count: int, step: int) -> Any:
        """Return -1 if the first number that is not small is negative, else 1."""
        largest = zero
        for i in range(count):
            largest = max(largest, abs(array[at + i * step]))
        result, found = one, False
        for i in range(count):
            if not found and abs(array[at + i * step]) > small * largest:
                found = True
                if array[at + i * step] < zero:
                    result = -one
        return result

    @inlined
    def separate(array: Any, at: int, rows: int, columns: int, column: int, shares: int) -> None:
        """Subtract from a column what those before it have in common with it, and note how much."""
        for _ in range(3):
            for k in range(column):
                share = product(array, at + k, at + column, rows, columns)
                for i in range(rows):
                    array[at + i * columns + column] -= share * array[at + i * columns + k]
                array[shares + k * columns + column] += share

    @inlined
    def normalize(array: Any, at: int, rows: int, columns: int, column: int, least: Any) -> Any:
        """Make a column as long as 1; if it is not longer than `least`, any that is orthogonal to others."""
        length = math.sqrt(product(array, at + column, at + column, rows, columns))
        found = length if length > least else zero
        for i in range(rows):
            if not found > zero:
                for k in range(rows):
                    array[at + k * columns + column] = one if k == i else zero
                for _ in range(3):
                    for k in range(column):
                        share = product(array, at + k, at + column, rows, columns)
                        for j in range(rows):
                            array[at + j * columns + column] -= share * array[at + j * columns + k]
                square = product(array, at + column, at + column, rows, columns)
                found = math.sqrt(square) if square * real(rows) > half else zero
        for i in range(rows):
            array[at + i * columns + column] /= found
        return length

    return _Columns(finite, product, turn, angle, direction, separate, normalize)


def eigenvectors_of(real: Any) -> Any:
    """Return what writes eigenvectors and, below them, eigenvalues of a symmetric matrix."""
    zero, one, nan, limit = real(0.0), real(1.0), real(np.nan), real(np.finfo(real).eps / 16)
    columns = _columns(real)
    finite, turn, angle, direction = columns.finite, columns.turn, columns.angle, columns.direction

    @inlined
    def turned(matrix: Any, at: int, target: Any, target_at: int, count: int, least: Any) -> bool:
        """Turn every pair of columns whose element is larger than `least`; say whether one was."""
        found = False
        for p in range(count):
            for q in range(p + 1, count):
                between = matrix[at + p * count + q]
                if abs(between) > least:
                    tangent = angle(matrix[at + p * count + p], between, matrix[at + q * count + q])
                    c = one / math.sqrt(one + tangent * tangent)
                    s = c * tangent
                    turn(matrix, at + p, at + q, count, count, c, s)
                    turn(matrix, at + p * count, at + q * count, count, 1, c, s)
                    turn(target, target_at + p, target_at + q, count, count, c, s)
                    matrix[at + p * count + q] = zero
                    matrix[at + q * count + p] = zero
                    found = True
        return found

    @inlined
    def eigenvectors(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
        largest, good = zero, finite(matrix, at, count * count)
        for i in range(count):
            for j in range(count):
                largest = max(largest, abs(matrix[at + i * count + j]))
                target[target_at + i * count + j] = one if i == j else zero
        more = good
        for _ in range(_SWEEPS):
            if more:
                more = turned(matrix, at, target, target_at, count, limit * largest)
        for j in range(count):
            best = j
            for k in range(j + 1, count):
                if matrix[at + k * count + k] < matrix[at + best * count + best]:
                    best = k
            value = matrix[at + best * count + best]
            matrix[at + best * count + best] = matrix[at + j * count + j]
            if best != j:
                turn(target, target_at + j, target_at + best, count, count, zero, one)
            sign = direction(target, target_at + j, count, count)
            for i in range(count):
                target[target_at + i * count + j] *= sign if good else nan
            target[target_at + count * count + j] = value if good else nan

    return eigenvectors


def orthonormal_of(real: Any) -> Any:
    """Return what writes orthonormal columns and, below them, the upper triangle."""
    zero, nan, limit = real(0.0), real(np.nan), real(np.finfo(real).eps * 4)
    columns = _columns(real)
    finite, product, separate, normalize = (
        columns.finite,
        columns.product,
        columns.separate,
        columns.normalize,
    )

    @inlined
    def orthonormal(target: Any, target_at: int, matrix: Any, at: int, rows: int, count: int) -> None:
        below = target_at + rows * count
        good = finite(matrix, at, rows * count) and rows >= count
        for i in range(rows * count):
            target[target_at + i] = matrix[at + i] if good else nan
        for i in range(count * count):
            target[below + i] = zero if good else nan
        if good:
            for j in range(count):
                least = limit * math.sqrt(product(target, target_at + j, target_at + j, rows, count))
                separate(target, target_at, rows, count, j, below)
                target[below + j * count + j] = normalize(target, target_at, rows, count, j, least)

    return orthonormal


def singular_vectors_of(real: Any) -> Any:
    """Return what writes left singular vectors and, below them, singular values and right vectors."""
    zero, one, nan, limit = real(0.0), real(1.0), real(np.nan), real(np.finfo(real).eps * 4)
    columns = _columns(real)
    finite, product, turn, angle = columns.finite, columns.product, columns.turn, columns.angle
    direction, normalize = columns.direction, columns.normalize

    @inlined
    def turned(left: Any, at: int, rows: int, count: int, right: int) -> bool:
        """Turn every pair of columns that are not orthogonal or not in order; say whether one was."""
        found = False
        for p in range(count):
            for q in range(p + 1, count):
                first = product(left, at + p, at + p, rows, count)
                second = product(left, at + q, at + q, rows, count)
                between = product(left, at + p, at + q, rows, count)
                if first < second:
                    turn(left, at + p, at + q, rows, count, zero, one)
                    turn(left, right + p * count, right + q * count, count, 1, zero, one)
                    first, second, between = second, first, -between
                    found = True
                if abs(between) > limit * math.sqrt(first) * math.sqrt(second):
                    tangent = angle(first, between, second)
                    c = one / math.sqrt(one + tangent * tangent)
                    s = c * tangent
                    turn(left, at + p, at + q, rows, count, c, s)
                    turn(left, right + p * count, right + q * count, count, 1, c, s)
                    found = True
        return found

    @inlined
    def singular_vectors(target: Any, target_at: int, matrix: Any, at: int, rows: int, count: int) -> None:
        values = target_at + rows * count
        right = values + count
        good = finite(matrix, at, rows * count) and rows >= count
        for i in range(rows * count):
            target[target_at + i] = matrix[at + i] if good else nan
        for i in range(count):
            target[values + i] = nan
            for j in range(count):
                target[right + i * count + j] = nan if not good else one if i == j else zero
        more = good
        for _ in range(_SWEEPS):
            if more:
                more = turned(target, target_at, rows, count, right)
        if good:
            least = zero
            for j in range(count):
                value = normalize(target, target_at, rows, count, j, least)
                target[values + j] = value
                if j == 0:
                    least = limit * value
                if direction(target, right + j * count, count, 1) < zero:
                    for i in range(rows):
                        target[target_at + i * count + j] = -target[target_at + i * count + j]
                    for i in range(count):
                        target[right + j * count + i] = -target[right + j * count + i]

    return singular_vectors
