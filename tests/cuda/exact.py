"""Arithmetic as PTX defines it, one number at a time, with Python's integers and fractions: the oracle."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from math import inf, isqrt, nan

MANTISSA = {32: 23, 64: 52}
EXPONENT = {32: 8, 64: 11}


def real(bits: int, width: int) -> float:
    """Return the number that the bits of a float of `width` bits are."""
    value: float = struct.unpack("<f" if width == 32 else "<d", bits.to_bytes(width // 8, "little"))[0]
    return value


def bits_of(value: float, width: int) -> int:
    """Return the bits of a number that a float of `width` bits has."""
    return int.from_bytes(struct.pack("<f" if width == 32 else "<d", value), "little")


def signed(value: int, width: int) -> int:
    value %= 1 << width
    return value - (1 << width) if value >> (width - 1) else value


def rounded(value: Fraction, width: int, direction: str = "rn") -> float:
    """Round a fraction that is not 0 to a float of `width` bits."""
    precision, bias = MANTISSA[width], (1 << (EXPONENT[width] - 1)) - 1
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    while Fraction(2) ** exponent > size:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= size:
        exponent += 1
    unit = Fraction(2) ** (max(exponent, 1 - bias) - precision)
    whole, rest = divmod(size, unit)
    away = {
        "rn": rest * 2 > unit or (rest * 2 == unit and whole % 2 == 1),
        "rz": False,
        "rm": rest > 0 and value < 0,
        "rp": rest > 0 and value > 0,
    }[direction]
    result = (whole + away) * unit
    largest = (2 - Fraction(1, 1 << precision)) * Fraction(2) ** bias
    sign = 1.0 if value > 0 else -1.0
    if result > largest:
        outward = direction == "rn" or (direction == "rp" and value > 0) or (direction == "rm" and value < 0)
        return sign * (inf if outward else float(largest))
    return sign * float(result)


def fused(a: float, b: float, c: float, width: int, direction: str = "rn") -> float:
    """``a b + c``, rounded once."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        if math.isnan(a) or math.isnan(b) or math.isnan(c):
            return nan
        if (math.isinf(a) and b == 0) or (math.isinf(b) and a == 0):
            return nan
        if math.isinf(a) or math.isinf(b):
            product = math.copysign(inf, a) * math.copysign(1.0, b)
            return nan if c == -product else product
        return c
    value = Fraction(a) * Fraction(b) + Fraction(c)
    if value:
        return rounded(value, width, direction)
    product_sign = math.copysign(1.0, a) * math.copysign(1.0, b)
    if a != 0 and b != 0:
        return -0.0 if direction == "rm" else 0.0
    if product_sign == math.copysign(1.0, c):
        return math.copysign(0.0, c)
    return -0.0 if direction == "rm" else 0.0


def added(a: float, b: float, width: int, direction: str = "rn") -> float:
    return fused(a, 1.0, b, width, direction)


def multiplied(a: float, b: float, width: int, direction: str = "rn") -> float:
    sign = math.copysign(1.0, a) * math.copysign(1.0, b)
    return fused(a, b, math.copysign(0.0, sign), width, direction)


def divided(a: float, b: float, width: int, direction: str = "rn") -> float:
    sign = math.copysign(1.0, a) * math.copysign(1.0, b)
    if math.isnan(a) or math.isnan(b) or (a == 0 == b) or (math.isinf(a) and math.isinf(b)):
        return nan
    if math.isinf(a) or b == 0:
        return sign * inf
    if a == 0 or math.isinf(b):
        return sign * 0.0
    return rounded(Fraction(a) / Fraction(b), width, direction)


def root(a: float, width: int, direction: str = "rn") -> float:
    if math.isnan(a) or a < 0:
        return nan
    if a == 0 or math.isinf(a):
        return a
    scale = 300
    value = Fraction(a) * 4 ** (4 * scale)
    whole = isqrt(value.numerator // value.denominator)
    exact = Fraction(whole * whole) == value
    # Half a unit far below the last bit tells "a little more" from "exactly".
    return rounded(Fraction(2 * whole + (not exact), 2) / Fraction(2) ** (4 * scale), width, direction)


def flushed(value: float) -> float:
    return math.copysign(0.0, value) if 0 < abs(value) < 2.0**-126 else value


def clipped(value: float) -> float:
    return 0.0 if math.isnan(value) or value <= 0 else min(value, 1.0)


def least(a: float, b: float) -> float:
    if math.isnan(a) or math.isnan(b):
        return b if math.isnan(a) else a
    return min((a, b), key=lambda v: (v, math.copysign(1.0, v)))


def greatest(a: float, b: float) -> float:
    if math.isnan(a) or math.isnan(b):
        return b if math.isnan(a) else a
    return max((a, b), key=lambda v: (v, math.copysign(1.0, v)))


def whole(value: float, direction: str) -> float:
    """Round to an integer, as a float; the sign of zero stays."""
    if not math.isfinite(value):
        return value
    exact = Fraction(value)
    floor = math.floor(exact)
    number = {
        "rni": round(exact),
        "rzi": math.trunc(exact),
        "rmi": floor,
        "rpi": math.ceil(exact),
    }[direction]
    return math.copysign(float(number), value) if number == 0 else float(number)


def to_integer(value: float, width: int, *, unsigned: bool, direction: str) -> int:
    """Convert and clip; NaN becomes 0."""
    low, high = (0, (1 << width) - 1) if unsigned else (-(1 << (width - 1)), (1 << (width - 1)) - 1)
    if math.isnan(value):
        return 0
    if math.isinf(value):
        return high if value > 0 else low
    return min(max(int(Fraction(whole(value, direction))), low), high)


def from_integer(value: int, width: int, direction: str = "rn") -> float:
    return rounded(Fraction(value), width, direction) if value else 0.0


def quotient(a: int, b: int, width: int) -> int:
    """Towards zero; all bits set where the divisor is 0."""
    if b == 0:
        return -1
    size = abs(a) // abs(b)
    return signed(size if (a < 0) == (b < 0) else -size, width) if a < 0 or b < 0 else size


def remainder(a: int, b: int) -> int:
    if b == 0:
        return -1
    return (math.copysign(1, a) < 0 and -(abs(a) % abs(b))) or abs(a) % abs(b)
