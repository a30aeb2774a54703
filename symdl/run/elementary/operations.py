"""What elementary functions are made of, besides ``+ - * /``, comparisons and the bits of integers.

Enters: NumPy's reals and integers, or values of a target (`Operand`). Leaves: the same. A function that is
written with these and with operators computes when it gets arrays, and leaves instructions when it gets
operands. It has no branches: where arguments differ, it computes both and selects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Operand(ABC):
    """A value of a target: its operators and what is named here become instructions.

    Beside an operand a Python number is a constant of its kind. Operators of integers wrap around; ``>>``
    keeps the sign. No comparison holds for NaN, except ``!=``.
    """

    __slots__ = ()
    __array_ufunc__ = None  # NumPy's numbers leave operators to us

    @abstractmethod
    def apply(self, operation: str, args: tuple[Any, ...]) -> Any:
        """Return one of the operations of this module by its name; some of the arguments are operands."""


def _applied(operation: str, *args: Any) -> Any:
    for value in args:
        if isinstance(value, Operand):
            return value.apply(operation, args)
    return _NUMPY[operation](*args)


def fma(a: Any, b: Any, c: Any) -> Any:
    """Return ``a*b + c``, rounded once. No compiler takes it apart, whatever it may do with sums."""
    return _applied("fma", a, b, c)


def select(mask: Any, yes: Any, no: Any) -> Any:
    """Return `yes` where a comparison holds, else `no`; one of them at least is no Python number."""
    return _applied("select", mask, yes, no)


def constant(value: float, like: Any) -> Any:
    """Return a number as a value of the kind of another one."""
    return _applied("constant", value, like)


def bits(x: Any) -> Any:
    """Return a real's bits as an integer of the same width."""
    return _applied("bits", x)


def real(pattern: Any) -> Any:
    """Return the real with these bits."""
    return _applied("real", pattern)


def cast(x: Any, kind: str) -> Any:
    """Return a real as one of another width, or an integer as one; integers lose the highest bits."""
    return _applied("cast", x, kind)


def absolute(x: Any) -> Any:
    """Return the size of a real."""
    return _applied("absolute", x)


def copysign(x: Any, y: Any) -> Any:
    """Return x with the sign of y."""
    return _applied("copysign", x, y)


def floor(x: Any) -> Any:
    """Return a real rounded down."""
    return _applied("floor", x)


def truncate(x: Any) -> Any:
    """Return a real without what is behind the point."""
    return _applied("truncate", x)


def fmod(x: Any, y: Any) -> Any:
    """Return what the quotient cut off leaves, of the sign of x, as the C library does."""
    return _applied("fmod", x, y)


def exactly(x: Any) -> Any:
    """Return x; sums, products and quotients with it and with what they leave are rounded as written.

    For others a compiler may be free to sum in another order and to multiply by reciprocals.
    """
    return _applied("exactly", x)


def polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """Return a polynomial, highest power first, by Horner's rule."""
    result: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        result = fma(result, x, coefficient)
    return result


def _fused(a: Any, b: Any, c: Any) -> Any:
    """Return ``a*b + c`` rounded once, from operations that each round.

    The product and the sums are split into what they are rounded to and what that leaves; the small parts are
    added with a rounding to odd, after which the last one is as if it were the only one (Boldo and Melquiond,
    2008). Not so for float64 where a part is subnormal or a factor above 1e300.
    """
    kind = np.result_type(a, b, c)
    a, b, c = (np.asarray(value, kind) for value in (a, b, c))
    plain = a * b + c
    if kind == np.float32:
        product = a.astype("float64") * b.astype("float64")  # exact
        return _sum_to_odd(product, c.astype("float64")).astype("float32")
    product, left = _exact_product(a, b)
    first, rest = _exact_sum(c, left)
    high, low = _exact_sum(product, first)
    result = high + _sum_to_odd(low, rest)
    return np.where(np.isfinite(result), result, plain)


def _exact_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a sum as it is rounded, and what that leaves (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _exact_product(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a product of float64 as it is rounded, and what that leaves (Dekker)."""
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    product = a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(x: Any) -> tuple[Any, Any]:
    """Return two parts with half the digits each."""
    shifted = x * 134217729.0  # 2**27 + 1
    high = shifted - (shifted - x)
    return high, x - high


def _sum_to_odd(a: Any, b: Any) -> Any:
    """Return a sum of float64: that of its two neighbours whose last bit is 1, if it is not exact."""
    total, left = _exact_sum(a, b)
    pattern = np.asarray(total).view("int64")
    inexact = np.isfinite(total) & (left != 0) & (pattern & 1 == 0)
    away = (left > 0) == (total > 0)
    return np.where(inexact, np.where(away, pattern + 1, pattern - 1), pattern).view("float64")


def _cast(x: Any, kind: str) -> Any:
    return np.asarray(x).astype(kind)


_NUMPY: dict[str, Any] = {
    "fma": _fused,
    "select": np.where,
    "constant": lambda value, like: np.full_like(like, value),
    "bits": lambda x: np.asarray(x).view(f"i{x.itemsize}"),
    "real": lambda x: np.asarray(x).view(f"f{x.itemsize}"),
    "cast": _cast,
    "absolute": np.abs,
    "copysign": np.copysign,
    "floor": np.floor,
    "truncate": np.trunc,
    "fmod": np.fmod,
    "exactly": lambda x: x,
}
