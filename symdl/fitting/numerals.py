"""Numbers as a report shows them: a value with the digits that its error leaves.

Enters: numbers. Leaves: text.
"""

from __future__ import annotations

import math

_DIGITS = 3  # of an error
_FEWEST = 5  # of a value
_MOST = 12


def with_error(value: float, error: float) -> tuple[str, str]:
    """Return a value to the last of three digits of its error, and the error: ``("238.942", "2.71")``."""
    if not math.isfinite(error) or error <= 0 or not math.isfinite(value):
        return f"{value:.8g}", "" if error == 0 else f"{error:.3g}"
    top = math.floor(math.log10(abs(value))) if value else math.floor(math.log10(error))
    last = math.floor(math.log10(error)) - _DIGITS + 1
    digits = min(max(top - last + 1, _FEWEST), _MOST)
    shown = f"{value:#.{digits}g}".removesuffix(".")
    return shown, f"{error:#.{_DIGITS}g}".removesuffix(".")


def plus_minus(value: float, error: float) -> str:
    """Return ``238.942 ± 2.71``."""
    shown, spread = with_error(value, error)
    return f"{shown} ± {spread}" if spread else shown


def number(value: float) -> str:
    """Return a number of a report."""
    return f"{value:.6g}"


def with_power(shown: str) -> str:
    """Return a number in LaTeX: ``5.5 \\\\times 10^{-4}``."""
    mantissa, e, exponent = shown.partition("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else mantissa
