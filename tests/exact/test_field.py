"""The numbers that rewrites are checked with have the laws that are said of them."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from . import field
from .field import MODULUS, NAN, PRIMES, UNKNOWN

numbers = st.integers(1, MODULUS - 1)


def alike(a: Any, b: Any) -> bool:
    return field.same(a, b) == (1, 0)


def test_the_primes() -> None:
    for p in PRIMES:
        assert sp.isprime(p) and p % 4 == 3
        assert all(pow(s, (p - 1) // 2, p) == 1 for s in (2, 3, 5, 7, 11, 13))
    assert all((p - 1) % q == 0 for p, q in pairwise(PRIMES))


@given(numbers, numbers, numbers)
def test_laws(a: int, b: int, c: int) -> None:
    exp, root, add, times = field.exp, field.root, field.add, field.multiply
    assert alike(times(a, add(b, c)), add(times(a, b), times(a, c)))
    assert alike(field.divide(times(a, b), b), a)
    assert alike(exp(add(a, b)), times(exp(a), exp(b)))
    assert alike(exp(times(c, exp(add(a, b)))), exp(times(c, times(exp(a), exp(b)))))
    assert alike(root(times(a, b)), times(root(a), root(b)))
    assert alike(root(times(a, a)), field.absolute(a))
    assert alike(root(4), 2) and alike(field.power(9, Fraction(-3, 2)), field.lifted(Fraction(1, 27)))
    assert alike(field.sign(times(a, b)), times(field.sign(a), field.sign(b)))
    assert alike(a, b) or field.less(a, b) != field.less(b, a)
    assert alike(field.larger(a, b), field.larger(b, a))
    assert alike(field.opaque("sin", -a % MODULUS), -field.opaque("sin", a))
    assert alike(field.opaque("cos", -a % MODULUS), field.opaque("cos", a))
    assert not alike(field.opaque("sin", a), field.opaque("sin", a + 1))
    assert not alike(times(a, field.lifted(Fraction(10**13 + 1, 10**13))), a)


@given(st.integers(1, 16), st.integers(1, 16))
def test_small_numbers_have_their_signs(a: int, b: int) -> None:
    assert field.is_positive(a * b) and not field.is_positive(-a * b)


def test_what_is_unknown_stays_unknown() -> None:
    nothing = field.inverse(0)
    assert nothing is UNKNOWN
    assert field.add(nothing, 1) is field.multiply(2, nothing) is field.exp(nothing) is UNKNOWN
    row = np.array([3, UNKNOWN, 5], object)
    assert field.same(row, [3, 4, 6]) == (2, 1)


def test_extremes_do_not_depend_on_the_order() -> None:
    row = field.drawn((5,), np.random.default_rng(0))
    assert field.extremes(row[None])[0] == field.extremes(row[None, ::-1])[0]


@given(numbers)
def test_no_comparison_with_nan_holds(a: int) -> None:
    assert (
        field.number(float("nan")) is NAN is field.add(a, NAN) is field.exp(NAN) is field.multiply(NAN, NAN)
    )
    for one, other in ((a, NAN), (NAN, a), (NAN, NAN)):
        assert field.less(one, other) is field.at_most(one, other) is field.equal(one, other) is False
    assert (
        field.add(NAN, UNKNOWN) is field.add(UNKNOWN, NAN) is field.opaque("atan2", NAN, UNKNOWN) is UNKNOWN
    )
    assert alike(field.chosen(field.less(NAN, a), NAN, a), a)
    assert field.at_most(a, a) and field.less(a, a + 1) is not field.at_most(a + 1, a)
    assert field.same(np.array([NAN, 3, NAN], object), np.array([NAN, NAN, 3], object)) == (0, 0)
