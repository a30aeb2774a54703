"""What generated kernels for graphics processors are built on.

Enters: values of one thread. Leaves: functions that are taken into kernels. A number without a type is a
double there, so functions that hold numbers are made for a type of reals. Divisions and random numbers are
those of all targets, bit for bit.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from symdl.express.random import GOLDEN, MIX, STRIDE
from symdl.run.cuda.compiler import inlined, intrinsic, libdevice, types


@inlined
def larger(a: Any, b: Any) -> Any:
    """Return the larger one; NaN if one is."""
    return a if a > b or a != a else b


@inlined
def uniform(seed: Any, step: Any, position: Any) -> Any:
    """Return a number in [0, 1) that looks random; see `symdl.express.random`."""
    state = np.uint64(np.int64(seed)) * np.uint64(GOLDEN) + np.uint64(np.int64(step)) * np.uint64(STRIDE)
    state += (np.uint64(position) + np.uint64(1)) * np.uint64(GOLDEN)
    state = (state ^ (state >> np.uint64(MIX[0][0]))) * np.uint64(MIX[0][1])
    state = (state ^ (state >> np.uint64(MIX[1][0]))) * np.uint64(MIX[1][1])
    state = state ^ (state >> np.uint64(31))
    return np.float32(state >> np.uint64(40)) * np.float32(2.0**-24)


_ADDS = {
    types.float32: "llvm.nvvm.atomic.load.add.f32.p0f32",
    types.float64: "llvm.nvvm.atomic.load.add.f64.p0f64",
}


def _adding(context: Any, array: Any, at: Any, value: Any) -> Any:
    """Add to an element of an array in one instruction."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> None:
        array, at, number = values
        place, known = builder.gep(array, [at]), builder.module.globals
        if value not in _ADDS:
            builder.atomic_rmw("add", place, number, "monotonic")
            return
        kind = ir.FunctionType(number.type, [place.type, number.type])
        add = known.get(_ADDS[value]) or ir.Function(builder.module, kind, _ADDS[value])
        builder.call(add, [place, number])

    return types.void(array, types.int64, array.dtype), code


_add = intrinsic(_adding)


@inlined
def atomic_add(array: Any, at: Any, value: Any) -> None:
    """Add to an element that other threads add to as well, in no order that could be told."""
    _add(array, at, value)


@inlined
def ratio(x: Any, y: Any) -> Any:
    """Return the quotient, rounded once."""
    return x / y


@inlined
def remainder(x: Any, y: Any) -> Any:
    """Return what the quotient rounded down leaves; see `symdl.run.elementary.division`."""
    left = math.fmod(x, y)
    if left == 0:
        return math.copysign(left, y)
    return left + y if (left < 0) != (y < 0) else left


class Functions(NamedTuple):
    """Functions for one type of reals."""

    determinant: Any
    erfcx: Any
    floor_divide: Any
    invert: Any
    log_determinant: Any


def functions(real: Any) -> Functions:
    """Return the functions that hold numbers of the type of reals."""
    erfcx = libdevice.erfcxf if real is np.float32 else libdevice.erfcx
    determinant, log_determinant = determinants(real)
    return Functions(determinant, erfcx, division(real), inversion(real), log_determinant)


def division(real: Any) -> Any:
    """Return the quotient rounded down; see `symdl.run.elementary.division`."""
    zero, half, one = real(0.0), real(0.5), real(1.0)

    @inlined
    def floor_divide(x: Any, y: Any) -> Any:
        """Return the quotient rounded down; see `symdl.run.elementary.division`."""
        plain = x / y
        if y == zero:
            return plain
        left = math.fmod(x, y)
        quotient = (x - left) / y
        if left != zero and (left < zero) != (y < zero):
            quotient -= one
        if quotient == zero:
            return math.copysign(zero, plain)
        down = math.floor(quotient)
        return down + one if quotient - down > half else down

    return floor_divide


@inlined
def exchange(matrix: Any, one: int, other: int, count: int) -> None:
    """Exchange so many elements from two positions on."""
    for j in range(count):
        kept = matrix[one + j]
        matrix[one + j] = matrix[other + j]
        matrix[other + j] = kept


@inlined
def eliminate(matrix: Any, at: int, column: int, count: int) -> None:
    """Subtract the row of a pivot from those below, so that nothing is left under it."""
    for row in range(column + 1, count):
        factor = matrix[at + row * count + column] / matrix[at + column * count + column]
        for j in range(column, count):
            matrix[at + row * count + j] -= factor * matrix[at + column * count + j]


@inlined
def pivoted(matrix: Any, at: int, column: int, count: int) -> int:
    """Return the row, from `column` on, with the largest number in that column, and bring it up."""
    best = column
    for row in range(column + 1, count):
        if abs(matrix[at + row * count + column]) > abs(matrix[at + best * count + column]):
            best = row
    if best != column:
        exchange(matrix, at + column * count, at + best * count, count)
    return best


def determinants(real: Any) -> tuple[Any, Any]:
    """Return the determinant, and its logarithm: NaN if it is negative, minus infinity if it is 0.

    Matrices are square, begin at a position of an array, and are used up: they were laid out for this.
    """
    one, zero, nan = real(1.0), real(0.0), real(np.nan)
    logarithm_and_sign = _logarithm_and_sign(real)

    @inlined
    def determinant(matrix: Any, at: int, count: int) -> Any:
        """Return the determinant."""
        result = one
        for column in range(count):
            if pivoted(matrix, at, column, count) != column:
                result = -result
            result *= matrix[at + column * count + column]
            if result != zero:
                eliminate(matrix, at, column, count)
        return result

    @inlined
    def log_determinant(matrix: Any, at: int, count: int) -> Any:
        """Return its logarithm: NaN if it is negative, minus infinity if it is 0."""
        result, sign = logarithm_and_sign(matrix, at, count)
        return result if sign >= zero else nan

    return determinant, log_determinant


def log_absolute_determinant_of(real: Any) -> Any:
    """Return the logarithm of the absolute value of the determinant, minus infinity if that is 0."""
    logarithm_and_sign = _logarithm_and_sign(real)

    @inlined
    def log_absolute_determinant(matrix: Any, at: int, count: int) -> Any:
        result, _ = logarithm_and_sign(matrix, at, count)
        return result

    return log_absolute_determinant


def determinant_sign_of(real: Any) -> Any:
    """Return the sign of the determinant."""
    logarithm_and_sign = _logarithm_and_sign(real)

    @inlined
    def determinant_sign(matrix: Any, at: int, count: int) -> Any:
        _, sign = logarithm_and_sign(matrix, at, count)
        return sign

    return determinant_sign


def _logarithm_and_sign(real: Any) -> Any:
    zero, one, lowest, nan = real(0.0), real(1.0), real(-np.inf), real(np.nan)

    @inlined
    def logarithm_and_sign(matrix: Any, at: int, count: int) -> Any:
        """Return the logarithm of the determinant's absolute value, and its sign."""
        result, sign = zero, one
        for column in range(count):
            if pivoted(matrix, at, column, count) != column:
                sign = -sign
            pivot = matrix[at + column * count + column]
            if pivot < zero:
                sign = -sign
            result += math.log(abs(pivot))
            if pivot != zero:
                eliminate(matrix, at, column, count)
        if result == lowest:
            sign = zero
        return result, sign if result == result else nan

    return logarithm_and_sign


def inversion(real: Any) -> Any:
    """Return what writes the inverse of a matrix, which is used up, to another place."""
    zero, one = real(0.0), real(1.0)

    @inlined
    def invert(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
        """Write the inverse to another place; of a singular matrix it is not finite."""
        for i in range(count):
            for j in range(count):
                target[target_at + i * count + j] = one if i == j else zero
        for column in range(count):
            best = pivoted(matrix, at, column, count)
            if best != column:
                exchange(target, target_at + column * count, target_at + best * count, count)
            pivot = matrix[at + column * count + column]
            for j in range(count):
                matrix[at + column * count + j] /= pivot
                target[target_at + column * count + j] /= pivot
            for row in range(count):
                factor = matrix[at + row * count + column]
                if row != column:
                    for j in range(count):
                        matrix[at + row * count + j] -= factor * matrix[at + column * count + j]
                        target[target_at + row * count + j] -= factor * target[target_at + column * count + j]

    return invert


def cholesky_of(real: Any) -> Any:
    """Return what writes Cholesky's factor of a symmetric matrix to another place."""
    zero, nan = real(0.0), real(np.nan)

    @inlined
    def cholesky(target: Any, target_at: int, matrix: Any, at: int, count: int) -> None:
        """Write the factor; where the matrix is not positive definite, it is NaN."""
        positive = True
        for i in range(count):
            for j in range(i + 1):
                total = matrix[at + i * count + j]
                for k in range(j):
                    total -= target[target_at + i * count + k] * target[target_at + j * count + k]
                if j < i:
                    total /= target[target_at + j * count + j]
                else:
                    positive = positive and total > zero
                    total = math.sqrt(total)
                target[target_at + i * count + j] = total
        for i in range(count):
            for j in range(count):
                if not positive:
                    target[target_at + i * count + j] = nan
                elif j > i:
                    target[target_at + i * count + j] = zero

    return cholesky
