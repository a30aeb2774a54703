"""Floating-point results as the hardware rounds them: once, and in the direction an instruction names.

Sums, products and fused products of float32 are taken in float64 and *rounded to odd*: where something is
lost, the last bit is set. 53 bits are more than 24 + 2, so that the second rounding, to float32, sees which
side of a boundary the exact value lies on. Those of float64 are exact by error-free sums and products, and by
fractions where exponents are extreme or another direction is asked for.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import numpy as np

from tests.cuda.ptx.types import Array

DIRECTIONS = ("rn", "rz", "rm", "rp")
LOW = np.uint64((1 << 29) - 1)
HALF = np.uint64(1 << 28)
TINY = np.float64(np.finfo(np.float32).tiny)
ZERO, ONE = np.uint64(0), np.uint64(1)


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded sum, and what was lost."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def to_odd(total: Array, lost: Array) -> Array:
    """Round the exact ``total + lost`` to odd; `total` is its rounding to nearest."""
    total, lost = np.atleast_1d(*np.broadcast_arrays(total, lost))
    bits = total.view(np.uint64)
    inexact = np.isfinite(total) & np.isfinite(lost) & (lost != 0) & ((bits & ONE) == ZERO)
    return np.where(inexact, np.nextafter(total, np.where(lost > 0, np.inf, -np.inf)), total)


def rounded(values: Array, direction: str) -> Array:
    """Round float64 `values` (odd-rounded, where inexact) to float32."""
    near = values.astype(np.float32)
    if direction == "rn":
        return near
    wide = near.astype(np.float64)
    down = np.nextafter(near, np.float32(-np.inf))
    up = np.nextafter(near, np.float32(np.inf))
    high, low = wide > values, wide < values
    if direction == "rm":
        return np.where(high, down, near)
    if direction == "rp":
        return np.where(low, up, near)
    return np.where(high & (values > 0), down, np.where(low & (values < 0), up, near))


def add32(a: Array, b: Array, direction: str) -> Array:
    if direction == "rn":
        return np.asarray(a + b)
    return fma32(a, np.ones((), np.float32), b, direction)


def mul32(a: Array, b: Array, direction: str) -> Array:
    return (
        np.asarray(a * b)
        if direction == "rn"
        else rounded(a.astype(np.float64) * b.astype(np.float64), direction)
    )


def fma32(a: Array, b: Array, c: Array, direction: str = "rn") -> Array:
    """``a b + c`` of float32, rounded once."""
    product, addend = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    total = np.asarray(product + addend)
    if direction == "rn":
        bits = total.view(np.uint64)
        delicate = (bits & LOW) == HALF  # between two float32: a second rounding could go wrong
        small = np.abs(total) < TINY
        if not (delicate.any() or (small & (total != 0)).any()):
            return np.asarray(total.astype(np.float32))
    _, lost = two_sum(product, addend)
    result = rounded(to_odd(total, lost), direction).reshape(total.shape)
    return _downwards(result, (total == 0) & (lost == 0), product, addend) if direction == "rm" else result


def _downwards(result: Array, zero: Array, product: Array, addend: Array) -> Array:
    """Give an exact zero the sign it has when rounding down: minus, but for a sum of two positive zeros."""
    plus = (product == 0) & (addend == 0) & ~np.signbit(product) & ~np.signbit(addend)
    return np.where(zero & ~plus, result.dtype.type(-0.0), result)


def _two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded product and what was lost, by Dekker's splitting."""
    product = a * b
    split = np.float64(134217729.0)
    t = split * a
    a1 = t - (t - a)
    a2 = a - a1
    t = split * b
    b1 = t - (t - b)
    b2 = b - b1
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def fma64(a: Array, b: Array, c: Array, direction: str = "rn") -> Array:
    """``a b + c`` of float64, rounded once (Boldo and Melquiond's way; fractions at extreme exponents)."""
    a, b, c = np.atleast_1d(*np.broadcast_arrays(a, b, c))
    high, low = _two_product(a, b)
    total, lost = two_sum(c, low)
    head, tail = two_sum(high, total)
    result = head + to_odd(tail + lost, two_sum(tail, lost)[1])
    plain = np.where(np.isinf(c) & np.isfinite(a) & np.isfinite(b), c, a * b + c)
    size = np.abs(np.stack([a, b, c, high]))
    mild = ((size < 2.0**900) & (size > 2.0**-900)) | (size == 0)
    zero = (high == 0) & ((a == 0) | (b == 0))
    simple = ~np.isfinite(a) | ~np.isfinite(b) | ~np.isfinite(c) | zero
    hard = ~simple & (~mild.all(axis=0) | (direction != "rn"))
    result = np.where(simple | ((result == 0) & (plain == 0)), plain, result)
    zero = simple & (plain == 0)
    for i in np.nonzero(hard)[0]:
        value = Fraction(float(a[i])) * Fraction(float(b[i])) + Fraction(float(c[i]))
        zero[i] = value == 0
        result[i] = of_fraction(value, direction) if value else 0.0
    return _downwards(result, zero, a * b, c) if direction == "rm" else result


def of_fraction(value: Fraction, direction: str) -> float:
    """Round a fraction that is not 0 to float64."""
    sign = 1.0 if value > 0 else -1.0
    try:
        near = value.numerator / value.denominator
    except OverflowError:
        near = sign * math.inf
    if near == 0 and direction == "rn":
        return sign * 0.0
    if math.isinf(near):
        kept = {"rn": False, "rz": True, "rm": value > 0, "rp": value < 0}[direction]
        return sign * sys.float_info.max if kept else near
    exact = Fraction(near)
    below = direction == "rm" or (direction == "rz" and value > 0)
    above = direction == "rp" or (direction == "rz" and value < 0)
    if exact > value and below:
        return math.nextafter(near, -math.inf)
    if exact < value and above:
        return math.nextafter(near, math.inf)
    return near if near else sign * 0.0


def quotient32(a: Array, b: Array, direction: str) -> Array:
    """``a / b`` of float32; the side of the exact quotient is seen from the exact product back."""
    near = np.asarray(a / b)
    if direction == "rn":
        return near
    back = near.astype(np.float64) * b.astype(np.float64) - a.astype(np.float64)
    return _turned(near, back * np.sign(b.astype(np.float64)), direction)


def root32(a: Array, direction: str) -> Array:
    near = np.asarray(np.sqrt(a))
    if direction == "rn":
        return near
    return _turned(near, near.astype(np.float64) ** 2 - a.astype(np.float64), direction)


def _turned(near: Array, excess: Array, direction: str) -> Array:
    """Step `near` to its neighbour where its `excess` over the exact value has the wrong sign."""
    high, low = excess > 0, excess < 0
    positive = ~np.signbit(near)
    down = high & ((direction == "rm") | ((direction == "rz") & positive))
    up = low & ((direction == "rp") | ((direction == "rz") & ~positive))
    stepped = np.where(down, np.nextafter(near, np.float32(-np.inf)), near)
    return np.where(up, np.nextafter(near, np.float32(np.inf)), stepped)


def flushed(values: Array) -> Array:
    """Put a zero of the same sign in the place of every subnormal."""
    small = np.abs(values) < np.finfo(values.dtype).tiny
    return np.where(small, np.copysign(values.dtype.type(0), values), values) if small.any() else values


def saturated(values: Array) -> Array:
    """Clip to 0 … 1; NaN becomes 0."""
    zero, one = values.dtype.type(0), values.dtype.type(1)
    return np.where(values > 0, np.where(values < 1, values, one), zero).astype(values.dtype)
