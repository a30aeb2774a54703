"""Sine and cosine.

Enters: a real and its format. Leaves: its sine or cosine, NaN for infinities and NaN; its size in bits. What
multiples of pi/2 leave is in [-pi/4, pi/4]; there the sine is ``r + r**3 p(r**2)`` and the cosine
``1 - r**2/2 + r**4 q(r**2)``, with p and q of degree 2 (float32) or 5 (float64, Cephes). Errors, in units in
the last place, are below 1.6 for all functions and formats, by ``python -m tests.accuracy.measure``.
"""

from __future__ import annotations

import math
from typing import Any

from symdl.run.elementary.formats import DOUBLE, Format
from symdl.run.elementary.operations import absolute, bits, cast, constant, fma, polynomial, real, select

NEAR = 2.0**20
"""Up to here `near_sin` and `near_cos` are right."""
HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
LEFT = (
    (2.0**49, 24, -0.8939688666801969, -3.988009861375488e-18),
    (2.0**71, 48, 0.12986070095632937, 3.4618516565559846e-18),
    (2.0**97, 72, 0.24140591571517903, 5.356820577341173e-18),
    (2.0**120, 87, -0.14125558411288136, 4.417549412025121e-18),
)
"""The least argument in which ``2**s`` is replaced, s, what multiples of 2 pi leave of it in two parts."""


def sin(x: Any, f: Format) -> Any:
    """Return the sine (float32)."""
    return _sine(x, f, *_turned(x, f))


def cos(x: Any, f: Format) -> Any:
    """Return the cosine (float32)."""
    return _cosine(f, *_turned(x, f))


def near_sin(x: Any, f: Format) -> Any:
    """Return the sine of an argument that is not above `NEAR`."""
    return _sine(x, f, *_turned_near(x, f))


def near_cos(x: Any, f: Format) -> Any:
    """Return the cosine of an argument that is not above `NEAR`."""
    return _cosine(f, *_turned_near(x, f))


def reach(x: Any, _f: Format) -> Any:
    """Return the size of a real as an integer that grows with it; NaN is the largest."""
    return bits(absolute(x))


def _sine(x: Any, f: Format, sine: Any, cosine: Any, quarter: Any) -> Any:
    """Return the sine of x from that of the rest and the quarter turns."""
    value = select((quarter & 1) != 0, cosine, sine)
    sign = bits(x) & -(2 ** (f.width - 1))
    return real(bits(value) ^ (_half_turn(quarter, f) ^ sign))


def _cosine(f: Format, sine: Any, cosine: Any, quarter: Any) -> Any:
    """Return the cosine of x."""
    value = select((quarter & 1) != 0, sine, cosine)
    return real(bits(value) ^ _half_turn(quarter + 1, f))


def _half_turn(quarter: Any, f: Format) -> Any:
    """Return the sign bit of a number of quarter turns."""
    return (quarter & 2) << (f.width - 2)


def _turned(x: Any, f: Format) -> tuple[Any, Any, Any]:
    """Return sine and cosine of what quarter turns leave of ``|x|``, and the number of those turns.

    They are taken off in float64, which is exact enough for all of float32: a large argument is ``y * 2**s``,
    and ``2**s`` may be replaced by what multiples of 2 pi leave of it.
    """
    size = absolute(x)
    wide = cast(size, DOUBLE.kind)
    scale, high, low = constant(1.0, size), constant(1.0, wide), constant(0.0, wide)
    for border, exponent, first, second in LEFT:
        far = size >= border
        scale = select(far, 2.0**-exponent, scale)
        high = select(far, first, high)
        low = select(far, second, low)
    turns = cast(size * scale, DOUBLE.kind)
    angle = turns * high
    lost = fma(turns, low, fma(turns, high, -angle))
    marked = fma(angle, 2 / math.pi, DOUBLE.marker)
    quarters = -(marked - DOUBLE.marker)
    rest = fma(quarters, HALF_PI[0], angle)
    rest = fma(quarters, HALF_PI[1], rest) + lost
    return *_first_quarter(cast(rest, f.kind), f), cast(bits(marked), f.whole)


def _turned_near(x: Any, f: Format) -> tuple[Any, Any, Any]:
    """Return the same for an argument from which quarter turns can be taken off in its own format."""
    size = absolute(x)
    marked = fma(size, 2 / math.pi, f.marker)
    quarters, rest = -(marked - f.marker), size
    for part in f.half_pi:
        rest = fma(quarters, part, rest)
    return *_first_quarter(rest, f), bits(marked)


def _first_quarter(x: Any, f: Format) -> tuple[Any, Any]:
    """Return sine and cosine of an argument between -pi/4 and pi/4."""
    square = x * x
    sine = fma(x * square, polynomial(f.sin, square), x)
    cosine = fma(square, -0.5, 1.0)
    return sine, fma(square * square, polynomial(f.cos, square), cosine)
