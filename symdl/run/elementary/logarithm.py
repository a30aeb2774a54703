"""Logarithms.

Enters: a real and its format. Leaves: log, log1p of it; NaN stays NaN, and is what there is below the domain.
Errors are in units in the last place, the worst that ``python -m tests.accuracy.measure`` finds.
"""

from __future__ import annotations

import math
from typing import Any

from symdl.run.elementary.formats import DOUBLE, Format
from symdl.run.elementary.operations import bits, cast, constant, exactly, fma, polynomial, real, select


def log(x: Any, f: Format) -> Any:
    """Return the natural logarithm.

    ``n log 2 + r - r**2/2 + r**3 q(r)`` for ``x = 2**n (1 + r)`` with ``1 + r`` in [sqrt(1/2), sqrt(2)];
    q is a polynomial of degree 7 (float32) or Cephes' quotient of two of degree 5 (float64). Errors: below
    0.9 in both.
    """
    tiny = x < f.smallest
    normal = select(tiny, x * 2.0 ** (f.mantissa + 1), x)
    exponent, shifted = _split(normal, f)
    factor = real(bits(normal) - shifted)
    shift = select(tiny, f.mantissa + 1.0, constant(0.0, x))
    turns = _from_whole(exponent, f) - shift
    return _ends(x, _near_one(factor - 1.0, turns, f), 0.0)


def log1p(x: Any, f: Format) -> Any:
    """Return ``log(1 + x)``, right near 0, too (float32).

    As `log`, with r computed in float64. Errors: below 1.5.
    """
    exponent, shifted = _split(1.0 + x, f)
    moved = cast(shifted, DOUBLE.whole) << (DOUBLE.mantissa - f.mantissa)
    scale = real((DOUBLE.bias << DOUBLE.mantissa) - moved)
    exact = cast(x, DOUBLE.kind) + 1.0
    scaled = fma(exact, scale, -1.0)
    rest = select(exponent == 0, x, cast(scaled, f.kind))
    value = _near_one(rest, _from_whole(exponent, f), f)
    return select(x == 0.0, x, _ends(x, value, -1.0))


def _from_whole(value: Any, f: Format) -> Any:
    """Return a small integer as a real; not every processor converts vectors of long ones."""
    return real(value + f.marker_bits) - f.marker


def _split(x: Any, f: Format) -> tuple[Any, Any]:
    """Return the exponent that leaves a factor between sqrt(1/2) and sqrt(2), and its bits in place."""
    exponent = (bits(x) - f.root) >> f.mantissa
    return exponent, exponent << f.mantissa


def _near_one(rest: Any, turns: Any, f: Format) -> Any:
    """Return ``log(1 + rest) + turns*log 2``."""
    square = rest * rest
    value = rest * square * polynomial(f.log_top, rest)
    if len(f.log_bottom) > 1:
        value = value / polynomial(f.log_bottom, rest)
    value = fma(turns, f.log2_low, value)
    # The largest part is added last: earlier, as a compiler would, it doubles the error.
    value = exactly(rest) + fma(square, -0.5, value)
    return fma(turns, f.log2_high, value)


def _ends(x: Any, value: Any, lowest: float) -> Any:
    """Return a logarithm that is right for infinity, NaN and from `lowest` down, too."""
    value = select(x == math.inf, x, value)
    value = select(x < lowest, math.nan, value)
    value = select(x == lowest, -math.inf, value)
    return select(x != x, x, value)
