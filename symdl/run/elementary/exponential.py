"""Exponentials, and what is made of them.

Enters: a real and its format. Leaves: exp, expm1, tanh, erf of it; NaN stays NaN. Errors are in units in the
last place, the worst that ``python -m tests.accuracy.measure`` finds.
"""

from __future__ import annotations

import math
from typing import Any

from symdl.run.elementary.formats import Format
from symdl.run.elementary.operations import absolute, bits, copysign, fma, polynomial, real, select

EXPM1 = (
    *(0.00019673389033414423, 0.0013934650924056768, 0.008333633653819561),
    *(0.04166647046804428, 0.1666666567325592, 0.5),
)
ERF_NEAR = (
    *(8.513103239238262e-05, -0.0008175639086402953, 0.005203858949244022),
    *(-0.02686050906777382, 0.11283715069293976, -0.37612634897232056, 0.12837916612625122),
)
ERF_FAR = (
    *(1.0433862371428404e-05, -0.0003148629330098629, 0.003610359039157629, -0.0236945990473032),
    *(0.10615909099578857, 0.6351979970932007, 0.12863709032535553),
)
ERF_BORDER, ERF_END = 0.9, 4.0
TANH_BORDER = 0.625


def _turns_of_two(x: Any, f: Format, lowest: float, most: int) -> tuple[Any, Any]:
    """Return n, a whole number not above `most` and marked, and r for ``exp(x) = 2**n * exp(r)``.

    An argument below `lowest` counts as that, one too large as the largest; NaN stays.
    """
    inside = select(x < lowest, lowest, x)
    inside = select(inside > f.overflow, f.overflow, inside)
    marked = fma(inside, 1 / math.log(2), f.marker)
    last = f.marker + most
    marked = select(marked > last, last, marked)
    turns = marked - f.marker
    rest = fma(turns, -f.log2_high, inside)
    return marked, fma(turns, -f.log2_low, rest)


def _power_of_two(marked: Any, f: Format, less: int = 0) -> Any:
    """Return 2 to the power of a marked whole number, which is `less` than it says."""
    return real((bits(marked) + (f.bias - less)) << f.mantissa)


def exp(x: Any, f: Format) -> Any:
    """Return e to the power x; results below the smallest normal number are 0.

    ``2**n * (1 + r + r**2 p(r))`` with the whole n nearest to ``x/log 2`` and r in [-log(2)/2, log(2)/2], at
    the largest arguments up to log 2. p has degree 5 in float32; in float64 it is the series of degree 13.
    Errors: below 1.0 in float32, 1.3 in float64.
    """
    lowest = -(f.bias - 1) * math.log(2)
    turns, rest = _turns_of_two(x, f, lowest, f.bias)
    value = polynomial(f.exp, rest) * _power_of_two(turns, f)
    value = select(x < lowest, 0.0, value)
    return select(x > f.overflow, math.inf, value)


def expm1(x: Any, f: Format) -> Any:
    """Return ``exp(x) - 1``, right near 0, too (float32).

    ``2**n * (r + r**2 p(r)) + 2**n - 1`` with n and r as in `exp`, p of degree 5. Errors: below 1.5.
    """
    turns, rest = _turns_of_two(x, f, -20.0, f.bias + 1)
    half = _power_of_two(turns, f, 1)
    small = fma(rest * rest, polynomial(EXPM1, rest), rest)
    value = fma(small, half, half - 0.5)
    value = value + value
    value = select(x < -20.0, -1.0, value)
    value = select(x > f.overflow, math.inf, value)
    return select(absolute(x) < 2.0**-25, x, value)


def tanh(x: Any, f: Format) -> Any:
    """Return the hyperbolic tangent.

    ``x + x**3 q(x**2)`` on [-0.625, 0.625], where q is Cephes' polynomial of degree 4 (float32) or quotient
    of degrees 2 and 3 (float64); beyond, ``1 - 2/(exp(2 x) + 1)``. Errors: below 1.4 in both.
    """
    size, square = absolute(x), x * x
    quotient = polynomial(f.tanh_top, square)
    if len(f.tanh_bottom) > 1:
        quotient = quotient / polynomial(f.tanh_bottom, square)
    near = fma(x * square, quotient, x)
    far = 1.0 - 2.0 / (exp(size + size, f) + 1.0)
    return copysign(select(size < TANH_BORDER, near, far), x)


def erf(x: Any, f: Format) -> Any:
    """Return the error function (float32).

    ``x + x p(x**2)`` on [-0.9, 0.9], beyond ``1 - exp(-x - x q(x))`` up to 4, where it is 1; p and q have
    degree 6. Errors: below 1.0.
    """
    size, square = absolute(x), x * x
    near = fma(x, polynomial(ERF_NEAR, square), x)
    inside = select(size < ERF_END, size, ERF_END)
    decay = -fma(inside, polynomial(ERF_FAR, inside), inside)
    far = copysign(1.0 - exp(decay, f), x)
    return select(x != x, x, select(size < ERF_BORDER, near, far))
