"""Forms of functions that are right where the written ones overflow or cancel.

Enters: a builder and the positions of values. Leaves: the position of the result. Those of int64 wrap around.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

from symdl.lower.ir.integers import ONE, ZERO
from symdl.lower.ir.scalars import Builder


def softplus(build: Builder, value: int) -> int:
    """Return ``log(1 + exp(value))`` without overflow."""
    node = build.nodes[value]  # both signs share their exponential
    size = build.add("abs", node.args[0] if node.op == "neg" else value)
    zero, small = build.const(0), build.add("exp", build.neg(size))
    positive = build.add("select", build.add("lt", zero, value), value, zero)
    return build.add("add", positive, build.add("log1p", small))


def sech_squared(build: Builder, value: int) -> int:
    """Return ``1/cosh(value)**2`` from one exponential that does not overflow."""
    small = build.add("exp", build.mul(build.const(-2), build.add("abs", value)))
    return build.add(
        "div",
        build.mul(build.const(4), small),
        build.repeated(build.add("add", build.const(1), small), 2),
    )


def log_cosh(build: Builder, value: int) -> int:
    """Return ``log(cosh(value))`` without overflow, with all digits near 0.

    With ``q = exp(-|u|) - 1`` it is ``log(1 + q^2/(2 + 2 q))`` and ``|u| + log(1 + (1 + q)^2) - log 2``.
    """
    one, two, size = build.const(1), build.const(2), build.add("abs", value)
    lost = build.add("expm1", build.neg(size))
    decay = build.add("add", one, lost)
    near = build.add("lt", size, one)
    risen = build.add("div", build.mul(lost, lost), build.mul(two, decay))
    inner = build.add("select", near, risen, build.mul(decay, decay))
    base = build.add("select", near, build.const(0), build.add("sub", size, build.const(math.log(2))))
    return build.add("add", base, build.add("log1p", inner))


def log_erfc(build: Builder, value: int) -> int:
    """Return ``log(erfc(value))``, also where erfc is 0 for floating point."""
    far = build.add("sub", build.add("log", build.add("erfcx", value)), build.mul(value, value))
    near = build.add("log1p", build.neg(build.add("erf", value)))
    return build.add("select", build.add("lt", build.const(Fraction(1, 2)), value), far, near)


def log_half_erfc(build: Builder, value: int) -> int:
    """Return ``log(erfc(value)/2)``, the logarithm of a normal distribution function."""
    far = build.add("sub", build.add("log", build.add("erfcx", value)), build.mul(value, value))
    half = build.mul(build.const(Fraction(-1, 2)), build.add("erfc", build.neg(value)))
    shifted = build.add("sub", far, build.const(math.log(2)))
    positive = build.add("lt", build.const(0), value)
    return build.add("select", positive, shifted, build.add("log1p", half))


def log_one_minus_exp(build: Builder, value: int) -> int:
    """Return ``log(1 - exp(value))`` for a negative value."""
    near = build.add("log", build.neg(build.add("expm1", value)))
    far = build.add("log1p", build.neg(build.add("exp", value)))
    return build.add("select", build.add("lt", build.const(-math.log(2)), value), near, far)


def log_exp_minus_one(build: Builder, value: int) -> int:
    """Return ``log(exp(value) - 1)`` for a positive value, without overflow."""
    small = build.add("lt", value, build.const(1))
    near = build.add("log", build.add("expm1", value))
    return build.add(
        "select", small, near, build.add("add", value, log_one_minus_exp(build, build.neg(value)))
    )


def sign(build: Builder, value: int) -> int:
    """Return -1, 0 or 1; NaN stays."""
    zero = build.const(0)
    below = build.add("select", build.add("lt", value, zero), build.const(-1), value)
    return build.add("select", build.add("lt", zero, value), build.const(1), below)


def extremum(build: Builder, values: Sequence[int], *, largest: bool) -> int:
    """Return the largest or the smallest value; NaN stays.

    A failed comparison chooses the value that may be NaN, so against a number one instruction does.
    """

    def better(number: int, value: int) -> int:
        pair = (value, number) if largest else (number, value)
        return build.add("select", build.add("lt", *pair), number, value)

    def either(one: int, other: int) -> int:
        if build.constant_value(one) is not None:
            return better(one, other)
        if build.constant_value(other) is not None:
            return better(other, one)
        return build.add("select", build.add("eq", other, other), better(other, one), other)

    return reduce(either, values)


def whole_sign(build: Builder, value: int) -> int:
    """Return -1, 0 or 1 for an int64."""
    zero, one = build.add("whole", value=ZERO), build.add("whole", value=ONE)
    below = build.add("select", build.add("lt", value, zero), build.add("whole", value=ONE * -1), zero)
    return build.add("select", build.add("lt", zero, value), one, below)


def whole_size(build: Builder, value: int) -> int:
    """Return the absolute value of an int64; that of the smallest one wraps around to itbuild."""
    below = build.add("lt", value, build.add("whole", value=ZERO))
    return build.add("select", below, build.add("neg", value), value)


def whole_extremum(build: Builder, values: Sequence[int], *, largest: bool) -> int:
    """Return the largest or the smallest int64."""

    def better(one: int, other: int) -> int:
        pair = (other, one) if largest else (one, other)
        return build.add("select", build.add("lt", *pair), one, other)

    return reduce(better, values)


def floored(build: Builder, above: int, below: int) -> int:
    """Return ``floor(above/below)``, exact for whole numbers.

    A compiler may multiply by the reciprocal, and ``49*(1/49) < 1`` in floating point: the next number is
    taken if it is reached.
    """
    small = build.add("floor", build.quotient([above], [below]))
    divisor = build.constant_value(below)
    if divisor in (1, 2, 4, 8, 16, 32, 64):
        return small  # the reciprocal is exact
    following = build.plus(small, build.const(1))
    product, zero = build.mul(following, below), build.const(0)
    reached, passed = build.add("le", product, above), build.add("le", above, product)
    if divisor is None:
        sides = build.add("lt", zero, below), build.add("lt", below, zero)
        reached = build.add("or", build.add("and", sides[0], reached), build.add("and", sides[1], passed))
    elif divisor < 0:
        reached = passed
    return build.add("select", reached, following, small)


def modulo(build: Builder, left: int, right: int) -> int:
    """Return the remainder of whole numbers, with the sign of `right`."""
    return build.add("sub", left, build.mul(right, floored(build, left, right)))
