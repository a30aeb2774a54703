"""Logarithms.

Enters: a real and its format. Leaves: log, log1p of it; NaN stays NaN, and is what there is below the domain.
"""

from __future__ import annotations

import math
from typing import Any

from symdl.run.elementary.formats import DOUBLE, Format
from symdl.run.elementary.operations import bits, cast, constant, fma, polynomial, real, select


def log(x: Any, f: Format) -> Any:
    """Return the natural logarithm."""
    tiny = x < f.smallest
    normal = select(tiny, x * 2.0 ** (f.mantissa + 1), x)
    exponent, shifted = _split(normal, f)
    factor = real(bits(normal) - shifted)
    shift = select(tiny, f.mantissa + 1.0, constant(0.0, x))
    turns = _from_whole(exponent, f) - shift
    return _ends(x, _near_one(factor - 1.0, turns, f), 0.0)


def log1p(x: Any, f: Format) -> Any:
    """Return ``log(1 + x)``, exact near 0 (float32)."""
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
    square, tail = rest * rest, polynomial(f.log_top, rest)
    if len(f.log_bottom) > 1:
        value = fma(turns, f.log2_low, rest * square * tail / polynomial(f.log_bottom, rest))
        value = rest + fma(square, -0.5, value)
    else:
        value = fma(turns, f.log2_low, fma(rest * square, tail, rest))
        value = fma(square, -0.5, value)
    return fma(turns, f.log2_high, value)


def _ends(x: Any, value: Any, lowest: float) -> Any:
    """Return a logarithm that is right for infinity, NaN and from `lowest` down, too."""
    value = select(x == math.inf, x, value)
    value = select(x < lowest, math.nan, value)
    value = select(x == lowest, -math.inf, value)
    return select(x != x, x, value)
