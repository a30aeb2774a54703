"""Sums and logarithms in the form in which they are computed; see `computed`.

Enters: summands, or the argument of a logarithm, that have their own form already. Leaves: the sum without
cancellation near its constant, the logarithm without overflow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sympy as sp

from symdl.express.precise import (
    Erfc,
    Expm1,
    Log1mExp,
    Log1p,
    LogCosh,
    LogErfc,
    LogExpm1,
    LogHalfErfc,
    Logistic,
    Sech2,
    Softplus,
)

_POSITIVE = (sp.exp, sp.cosh, Logistic, Erfc)


def number_of(expr: sp.Expr) -> float:
    """Return a number as a float; NaN if it is no real number."""
    if expr.is_Rational:
        return float(expr)
    return float(expr) if expr.is_number and expr.is_extended_real else float("nan")


def split(expr: sp.Expr, by: sp.Expr) -> sp.Expr | None:
    """Return the number `c` with ``expr = c*by``, or None."""
    ratio = sp.cancel(expr / by)
    return ratio if ratio.is_number and ratio.is_real else None


def exponentials(expr: sp.Expr) -> dict[sp.Expr, sp.Expr] | None:
    """Return the coefficients of ``sum c_k exp(u_k)`` by `u_k`, 0 for a number; None for another sum.

    One exponential at least, and another term, are there.
    """
    found: dict[sp.Expr, sp.Expr] = {}
    for term in expr.args:
        factor, rest = term.as_coeff_Mul()
        numbers = [f for f in sp.Mul.make_args(rest) if f.is_number]
        factor, rest = (
            factor * sp.Mul(*numbers),
            sp.Mul(*(f for f in sp.Mul.make_args(rest) if f not in numbers)),
        )
        if rest == 1:
            found[sp.S.Zero] = found.get(sp.S.Zero, sp.S.Zero) + factor
        elif isinstance(rest, sp.exp):
            found[rest.args[0]] = found.get(rest.args[0], sp.S.Zero) + factor
        else:
            return None
        if number_of(factor) != number_of(factor):
            return None
    return found if len(found) > 1 else None


def total(parts: Sequence[sp.Expr], alone: Collection[sp.Basic]) -> sp.Expr:
    """Return the form of a sum: what is close to a constant loses no digits to it."""
    whole = sp.Add(*parts)
    if not isinstance(whole, sp.Add):
        return whole
    constant = sp.Add(*(t for t in whole.args if t.is_number))
    terms = [t for t in whole.args if not t.is_number]
    if constant != 0:
        for term in terms:
            found = _against(constant, term, alone)
            if found is not None:
                return sp.Add(found, *(t for t in terms if t is not term))
    elif len(terms) == 2:
        return _difference(*terms) or whole
    return whole


def _against(c: sp.Expr, term: sp.Expr, alone: Collection[sp.Basic]) -> sp.Expr | None:
    """Return the form of ``c + k f(u)`` for a function that can be close to ``-c/k``."""
    k, rest = term.as_coeff_Mul()
    ratio = number_of(c / k)
    if rest.is_Pow and abs(rest.exp) == sp.S.Half:
        return _root(c, k, rest)
    u: Any = rest.args[0] if rest.args else None
    if isinstance(rest, sp.exp) and ratio == -1:
        return k * Expm1(u)
    if isinstance(rest, sp.erf) and abs(ratio) == 1 and rest not in alone:
        return c * Erfc(u if ratio < 0 else -u)
    if isinstance(rest, Erfc) and ratio == -1:
        return c * sp.erf(u)
    if isinstance(rest, Erfc) and ratio == -2:
        return -k * Erfc(-u)
    if isinstance(rest, sp.cos) and ratio == -1:
        return 2 * c * sp.sin(u / 2) ** 2
    if isinstance(rest, sp.cosh) and ratio == -1:
        return 2 * k * sp.sinh(u / 2) ** 2
    if isinstance(rest, sp.tanh) and abs(ratio) == 1 and rest not in alone:
        return 2 * c * Logistic(2 * u if ratio > 0 else -2 * u)
    if isinstance(rest, Logistic) and ratio == -1:
        return c * Logistic(-u)
    if isinstance(rest, Logistic) and ratio == -0.5:
        return -c * sp.tanh(u / 2)
    if rest.is_Pow and isinstance(rest.base, sp.tanh) and rest.exp == 2 and ratio == -1:
        if rest.base not in alone:
            return c * Sech2(rest.base.args[0])
    return None


def _root(c: sp.Expr, k: sp.Expr, power: sp.Expr) -> sp.Expr | None:
    """``sqrt(1 + x) - 1`` is ``x/(sqrt(1 + x) + 1)``; a reciprocal root likewise."""
    constant = sp.Add(*(t for t in sp.Add.make_args(power.base) if t.is_number))
    if not number_of(constant) > 0 or abs(number_of(c + k * constant**power.exp)) > 1e-15 * abs(number_of(c)):
        return None
    x, end, root = power.base - constant, sp.sqrt(constant), sp.sqrt(power.base)
    if power.exp == sp.S.Half:
        return k * x / (root + end)
    return -k * x / (end * root * (root + end))


def _difference(one: sp.Expr, other: sp.Expr) -> sp.Expr | None:
    """``k exp(u) - k exp(-u)`` is ``2 k sinh(u)``; ``sqrt(x^2 + c) - x`` is ``c/(sqrt(x^2 + c) + x)``."""
    (k, first), (m, second) = one.as_coeff_Mul(), other.as_coeff_Mul()
    if isinstance(first, sp.exp) and isinstance(second, sp.exp):
        u, opposite = first.args[0], sp.expand(first.args[0] + second.args[0]) == 0
        return 2 * k * sp.sinh(u) if opposite and number_of(k) == -number_of(m) else None
    if isinstance(first, Softplus) and isinstance(second, Softplus):
        opposite = sp.expand(first.args[0] + second.args[0]) == 0
        return k * first.args[0] if opposite and number_of(k) == -number_of(m) else None
    if second.is_Pow and second.exp == sp.S.Half:
        (k, first), (m, second) = (m, second), (k, first)
    if not (first.is_Pow and first.exp == sp.S.Half) or abs(number_of(k)) != abs(number_of(m)):
        return None
    x = second * m / k  # sqrt(b) + x, times k
    c = sp.expand(first.base - x**2)
    if not (c.is_number and number_of(c) > 0):
        return None
    small = k * sp.Piecewise((c / (first - x), x < 0), (first + x, True), evaluate=False)
    return small


def logarithm(arg: sp.Expr) -> sp.Expr:
    """Return the form of a logarithm: exact near 1, and without overflow in its argument."""
    found = _known(arg)
    if found is not None:
        return found
    if isinstance(arg, sp.Mul):
        inverse = _inverse_tangent(arg)
        if inverse is not None:
            return inverse
        number, rest = arg.as_coeff_Mul()
        if number == sp.S.Half and isinstance(rest, Erfc):
            return LogHalfErfc(rest.args[0])
        if number == -1 and isinstance(rest, Expm1):
            return Log1mExp(rest.args[0])
        logs = {f: value for f in arg.args if (value := _known(f)) is not None and _is_positive(f)}
        if logs:
            left = [f for f in arg.args if f not in logs]
            plain = [f for f in left if f.is_number and number_of(f) > 0]
            more = [f for f in left if f not in plain]
            front = sp.Add(*logs.values(), *map(sp.log, plain))
            return front + logarithm(sp.Mul(*more)) if more else front
    return _of_sum(arg) if isinstance(arg, sp.Add) else sp.log(arg)


def _is_positive(factor: sp.Expr) -> bool:
    base = factor.base if factor.is_Pow and not isinstance(factor, sp.exp) else factor
    sums = exponentials(base) if isinstance(base, sp.Add) else None
    return isinstance(base, _POSITIVE) or (sums is not None and all(number_of(c) > 0 for c in sums.values()))


def _known(arg: sp.Expr) -> sp.Expr | None:
    """Return the logarithm of a function that has one without it."""
    u: Any = arg.args[0] if arg.args else None
    if isinstance(arg, sp.exp):
        return u
    if isinstance(arg, Logistic):
        return -Softplus(-u)
    if isinstance(arg, sp.cosh):
        return LogCosh(u)
    if isinstance(arg, Erfc):
        return LogErfc(u)
    if isinstance(arg, Expm1):
        return LogExpm1(u)
    if arg.is_Pow and arg.exp.is_number and _is_positive(arg):
        inner = logarithm(arg.base)
        return arg.exp * inner
    return _of_exponentials(arg) if isinstance(arg, sp.Add) else None


def _of_exponentials(arg: sp.Add) -> sp.Expr | None:
    """``log(c_1 exp(u_1) + c_2 exp(u_2) + …)``, the first term taken out of each two."""
    found = exponentials(arg)
    if found is None or not all(number_of(c) > 0 for c in found.values()):
        return None
    terms = sorted(found.items(), key=lambda item: item[0] != 0)
    (u, a), (v, b) = terms[:2]
    if len(terms) == 2 and u == -v and number_of(a) == number_of(b):
        scale = 2 * a
        return LogCosh(u) + (sp.log(scale) if number_of(scale) != 1 else 0)
    value = u + (sp.log(a) if number_of(a) != 1 else 0)
    for v, b in terms[1:]:
        value = value + Softplus(v + (sp.log(b) if number_of(b) != 1 else 0) - value)
    return value


def _inverse_tangent(arg: sp.Mul) -> sp.Expr | None:
    """``log((1 + y)/(1 - y))`` is ``2 atanh(y)``."""
    if len(arg.args) != 2:
        return None
    for above, below in (arg.args, arg.args[::-1]):
        if not (below.is_Pow and below.exp == -1 and isinstance(above, sp.Add)):
            continue
        constant = sp.Add(*(t for t in above.args if t.is_number))
        if constant == 1 and sp.expand(above + below.base - 2) == 0:
            return 2 * sp.atanh(above - constant)
    return None


def _of_sum(arg: sp.Add) -> sp.Expr:
    constant = sp.Add(*(t for t in arg.args if t.is_number))
    rest = sp.Add(*(t for t in arg.args if not t.is_number))
    if number_of(constant) == 1:
        return Log1p(rest)
    return sp.log(arg)


def inverse_sine(arg: sp.Expr) -> sp.Expr | None:
    """``log(x + sqrt(x^2 + 1))`` is ``asinh(x)``."""
    if isinstance(arg, sp.Add) and len(arg.args) == 2:
        for root, x in (arg.args, arg.args[::-1]):
            if root.is_Pow and root.exp == sp.S.Half and sp.expand(root.base - x**2) == 1:
                return sp.asinh(x)
    return None
