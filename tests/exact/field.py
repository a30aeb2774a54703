"""Arithmetic without rounding, on numbers that behave like reals.

Enters: integers. Leaves: residues modulo `MODULUS`, as Python integers or object arrays of them. Two formulas
that are equal as rational functions are equal here at every point; two that are not differ at nearly all.

`MODULUS` is the product of three primes, each of which divides the one before it less one. Values are
compared modulo the first. The others carry exponents: an element of order q modulo p has powers that depend
on the exponent modulo q, so that ``exp(a + b) == exp(a)*exp(b)``, also inside another exponential.

A number is positive if it is a square modulo the first prime. The small integers then have the signs that
they have, ``-x`` the other one than ``x``, a product that of its factors; ``sqrt(a*b) == sqrt(a)*sqrt(b)``,
and ``sqrt(x**2) == abs(x)``. Only a sum of positive numbers may be negative, and ``a < b < c`` says nothing
of ``a < c``. What is no polynomial, quotient, root or exponential is a random number that depends on the
name of the function and its argument only, odd or even where the function is.

``1/0`` is `UNKNOWN`, and so is what is computed from that. `NAN` is no number either, but something
is known of it: no comparison with it holds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Values = Any
"""A residue, or an object array of residues and `UNKNOWN` and `NAN`."""

PRIMES: Final = (105623001368067745799, 8818083266661191, 2199023258519)
"""All are 3 modulo 4, and have 2, 3, 5, 7, 11 and 13 among their squares."""
MODULUS: Final = PRIMES[0] * PRIMES[1] * PRIMES[2]
_UNITS = tuple(MODULUS // p * pow(MODULUS // p, -1, p) for p in PRIMES)
_BASES = tuple(pow(17, (p - 1) // q, p) for p, q in pairwise(PRIMES))


_MANY = 1 << 16
"""Larger powers of what is inside a logarithm are not taken out of an exponential."""


class NoNumber:
    """What is no residue; neither is what is computed with it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _stays(self, other: Any = None, *_: Any) -> NoNumber:
        return UNKNOWN if other is UNKNOWN else self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __neg__ = _stays

    def __repr__(self) -> str:
        return self.name


UNKNOWN: Final = NoNumber("unknown")
NAN: Final = NoNumber("NaN")


class Logged(int):
    """A residue that remembers the logarithms among its terms, so that ``exp(x + 2*log(a)) == exp(x)*a**2``.

    Attributes:
        logs: what they are of, each with the logarithm and what it is multiplied by.
    """

    logs: Mapping[int, tuple[int, int]]

    @classmethod
    def of(cls, value: int, logs: Mapping[int, tuple[int, int]]) -> int:
        """Return a number with these logarithms among its terms."""
        kept = {inside: (log, times) for inside, (log, times) in logs.items() if times}
        if not kept:
            return value
        made = cls(value)
        made.logs = kept
        return made

    def times(self, factor: int) -> int:
        """Return a multiple."""
        logs = {inside: (log, times * factor % MODULUS) for inside, (log, times) in self.logs.items()}
        return Logged.of(int(self) * int(factor), logs)

    def plus(self, other: int, factor: int = 1) -> int:
        """Return the sum with a multiple of another number."""
        logs = dict(self.logs)
        for inside, (log, times) in logs_of(other).items():
            logs[inside] = log, (logs.get(inside, (log, 0))[1] + factor * times) % MODULUS
        return Logged.of(int(self) + factor * int(other), logs)

    def __add__(self, other: Any) -> Any:
        return self.plus(other) if isinstance(other, int) else NotImplemented

    def __sub__(self, other: Any) -> Any:
        return self.plus(other, -1) if isinstance(other, int) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return self.times(-1) + other

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        return int(self) * int(other) if isinstance(other, Logged) else self.times(other)

    def __neg__(self) -> int:
        return self.times(-1)

    def __mod__(self, by: int) -> int:
        return Logged.of(int(self) % by, self.logs) if by == MODULUS else int(self) % by

    __radd__, __rmul__ = __add__, __mul__


def logs_of(value: int) -> Mapping[int, tuple[int, int]]:
    """Return the logarithms that are known to be among the terms of a number."""
    return value.logs if isinstance(value, Logged) else {}


def lifted(value: Any) -> Values:
    """Return integers, or fractions, as residues."""
    if isinstance(value, np.ndarray):
        return value.astype(object) % MODULUS
    if isinstance(value, Fraction):
        return value.numerator * pow(value.denominator, -1, MODULUS) % MODULUS
    return int(value) % MODULUS


def number(value: Any) -> Values:
    """Return a constant as a residue, infinity as one like any other, or as `NAN`."""
    if isinstance(value, float) and not math.isfinite(value):
        return NAN if math.isnan(value) else lifted(opaque("Infinity") * (1 if value > 0 else -1))
    return lifted(Fraction(value))


def drawn(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Return random residues."""
    words = rng.integers(0, 1 << 62, (*shape, 3)).astype(object)
    return np.asarray((words[..., 0] << 124 | words[..., 1] << 62 | words[..., 2]) % MODULUS, object)


def _each(function: Callable[..., Any], count: int, *, of_nan: Any = NAN) -> Callable[..., Values]:
    """Return a function of arrays that is unknown where an argument is, and `of_nan` where one is NaN."""

    def known(*args: Any) -> Any:
        if UNKNOWN in args:
            return UNKNOWN
        return of_nan if NAN in args else function(*args)

    return np.frompyfunc(known, count, 1)


def _joined(parts: tuple[int, ...]) -> int:
    """Return the number with these residues modulo the primes."""
    return sum(part * unit for part, unit in zip(parts, _UNITS, strict=True)) % MODULUS


def is_positive(value: int) -> bool:
    """Say whether a residue is a square other than 0."""
    return pow(value % PRIMES[0], (PRIMES[0] - 1) // 2, PRIMES[0]) == 1


def _sign(value: int) -> int:
    return 0 if value % PRIMES[0] == 0 else 1 if is_positive(value) else MODULUS - 1


def _inverse(value: int) -> Any:
    return UNKNOWN if any(value % p == 0 for p in PRIMES) else pow(value, -1, MODULUS)


def _root(value: int) -> int:
    return _joined(tuple(pow(value % p, (p + 1) // 4, p) for p in PRIMES))


def _exp(value: int) -> int:
    factor = 1
    for inside, (log, times) in logs_of(value).items():
        count = times if times < _MANY else times - MODULUS
        if -_MANY < count < _MANY and inside % PRIMES[0]:
            factor = factor * pow(inside, count, MODULUS) % MODULUS
            value = (int(value) - log * count) % MODULUS
    return _power_of_e(value) * factor % MODULUS


def _log(value: int) -> int:
    log = _random("log", value)
    return Logged.of(log, {int(value): (log, 1)})


def _power_of_e(value: int) -> int:
    powers = [pow(b, value % q, p) for b, (p, q) in zip(_BASES, pairwise(PRIMES), strict=True)]
    return _joined((*powers, _random("exp", value) % PRIMES[2]))


def _random(name: str, *args: int) -> int:
    text = " ".join([name, *(str(a % PRIMES[0]) for a in args)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=40).digest()) % MODULUS


ODD = ("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf")
EVEN = ("cos", "cosh")


def _opaque(name: str) -> Callable[..., Any]:
    def one(value: int) -> int:
        if is_positive(value) or value % PRIMES[0] == 0:
            return _random(name, value) if name in EVEN or value % PRIMES[0] else 0
        mirrored = _random(name, -value)
        return mirrored if name in EVEN else -mirrored % MODULUS

    return one if name in (*ODD, *EVEN) else lambda *args: _random(name, *args)


inverse = _each(_inverse, 1)
root = _each(_root, 1)
exp = _each(_exp, 1)
log = _each(_log, 1)
sign = _each(_sign, 1)
positive = _each(is_positive, 1, of_nan=False)
_not_positive = _each(lambda value: not is_positive(value), 1, of_nan=False)
equal = _each(lambda a, b: (a - b) % PRIMES[0] == 0, 2, of_nan=False)
chosen = np.frompyfunc(lambda test, a, b: UNKNOWN if test is UNKNOWN else a if test else b, 3, 1)


def opaque(name: str, *args: Values) -> Values:
    """Return a function of which nothing is known but its name."""
    return _each(_opaque(name), len(args))(*args) if args else _random(name)


def add(a: Values, b: Values) -> Values:
    """Return a sum."""
    return (a + b) % MODULUS


def subtract(a: Values, b: Values) -> Values:
    """Return a difference."""
    return (a - b) % MODULUS


def multiply(a: Values, b: Values) -> Values:
    """Return a product."""
    return a * b % MODULUS


def divide(a: Values, b: Values) -> Values:
    """Return a quotient."""
    return multiply(a, inverse(b))


def absolute(a: Values) -> Values:
    """Return the absolute value."""
    return multiply(a, sign(a))


def less(a: Values, b: Values) -> Values:
    """Say where ``a < b``."""
    return positive(subtract(b, a))


def at_most(a: Values, b: Values) -> Values:
    """Say where ``a <= b``."""
    return _not_positive(subtract(a, b))


def larger(a: Values, b: Values) -> Values:
    """Return the larger of two."""
    return chosen(less(a, b), b, a)


def power(base: Values, exponent: Fraction | None, value: Values = 0) -> Values:
    """Return a power; an exponent that is no number is `value`."""
    if exponent is None or exponent.denominator > 2:
        if exponent is not None:
            value = lifted(exponent)
        return opaque("pow", base, value)
    steps = base if exponent.denominator == 1 else root(base)
    steps = inverse(steps) if exponent < 0 else steps
    return _each(lambda b: pow(b, abs(exponent.numerator), MODULUS), 1)(steps)


def extremes(values: npt.NDArray[Any], *, largest: bool = True) -> npt.NDArray[Any]:
    """Return the largest value along the last axis, in whatever order they stand."""

    def one(*row: Any) -> Any:
        if UNKNOWN in row or NAN in row:
            return UNKNOWN if UNKNOWN in row else NAN
        known = sorted(row, key=lambda v: v % PRIMES[0])
        return reduce(lambda a, b: b if is_positive((b - a) if largest else (a - b)) else a, known)

    flat = values.reshape(-1, values.shape[-1])
    found = np.empty(len(flat), object)
    found[:] = [one(*row) for row in flat]
    return found.reshape(values.shape[:-1])


def same(a: Values, b: Values) -> tuple[int, int]:
    """Return how many elements of two arrays are known in both, and how many of these differ."""
    a, b = np.broadcast_arrays(np.asarray(a, object), np.asarray(b, object))
    pairs = zip(a.flat, b.flat, strict=True)
    both = [(x, y) for x, y in pairs if not isinstance(x, NoNumber) and not isinstance(y, NoNumber)]
    return len(both), sum((x - y) % PRIMES[0] != 0 for x, y in both)
