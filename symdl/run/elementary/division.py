"""Divisions that round down.

Enters: two reals and their format. Leaves: quotient and remainder, those of NumPy bit for bit.

NumPy takes what the C library's ``fmod`` leaves, gives it the sign of the divisor, and rounds the quotient
without it to a whole number. A quotient below 2**52 (float32: 2**23) needs no ``fmod``, which no loop can be
vectorised over: the rounded quotient cut off is at most one too large, and what it leaves is exact as one
fused operation. The forms called near do so, and are right up to there only.
"""

from __future__ import annotations

from typing import Any

from symdl.run.elementary.formats import Format
from symdl.run.elementary.operations import copysign, exactly, floor, fma, fmod, select, truncate
from symdl.run.elementary.trigonometric import NEAR, reach


def reach_of_two(x: Any, y: Any, f: Format) -> Any:
    """Return the size of a quotient, in the measure of `NEAR`."""
    return reach(ratio(x, y, f) * (NEAR / 2.0**f.mantissa), f)


def ratio(x: Any, y: Any, _f: Format) -> Any:
    """Return the quotient, rounded once: no multiplication by a reciprocal."""
    return exactly(x) / y


def floor_divide(x: Any, y: Any, f: Format) -> Any:
    """Return the quotient rounded down."""
    return _rounded_down(exactly(x), exactly(y), fmod(exactly(x), y), f)


def remainder(x: Any, y: Any, _f: Format) -> Any:
    """Return what the quotient rounded down leaves."""
    return _of_divisor(exactly(y), fmod(exactly(x), y))[0]


def near_floor_divide(x: Any, y: Any, f: Format) -> Any:
    """Return the same where the quotient is not large."""
    return _rounded_down(exactly(x), exactly(y), _left(exactly(x), exactly(y), f), f)


def near_remainder(x: Any, y: Any, f: Format) -> Any:
    """Return the same where the quotient is not large."""
    return _of_divisor(exactly(y), _left(exactly(x), exactly(y), f))[0]


def _left(x: Any, y: Any, f: Format) -> Any:
    """Return what the quotient cut off leaves, of the sign of `x`."""
    whole = truncate(ratio(x, y, f))
    rest = fma(-whole, y, x)
    beyond = _sign(rest) * _sign(x) < 0.0
    rest = select(beyond, rest + copysign(y, x), rest)
    return select(whole == 0.0, x, rest)


def _sign(x: Any) -> Any:
    """Return -1, 0 or 1."""
    return select(x == 0.0, 0.0, copysign(1.0, x))


def _of_divisor(y: Any, left: Any) -> tuple[Any, Any]:
    """Return what is left with the sign of the divisor, and whether that took one divisor more."""
    opposite = _sign(left) * _sign(y) < 0.0
    value = select(opposite, left + y, left)
    return select(left == 0.0, copysign(0.0, y), value), opposite


def _rounded_down(x: Any, y: Any, left: Any, f: Format) -> Any:
    """Return the quotient rounded down from what it leaves when cut off."""
    _, opposite = _of_divisor(y, left)
    quotient = ratio(x - left, y, f)
    quotient = select(opposite, quotient - 1.0, quotient)
    down = floor(quotient)
    down = select(quotient - down > 0.5, down + 1.0, down)
    plain = ratio(x, y, f)
    down = select(quotient == 0.0, copysign(0.0, plain), down)
    return select(y == 0.0, plain, down)
