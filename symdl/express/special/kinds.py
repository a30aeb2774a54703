"""Functions whose values come from a routine: one of SciPy's, or one that a user gave.

Enters: SymPy expressions. Leaves: `Called`, of which each subclass names its routine. Kernels and the
reference interpreter ask for the routine by that name; nothing here knows where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import mpmath
import sympy as sp
from sympy.core.function import ArgumentIndexError

SPECIAL = "special_"
"""What the names of routines of SciPy begin with in generated code."""


class Called(sp.Function):
    """A real function of real variables, which a routine computes.

    Attributes:
        calls: the name of the routine, which is also its name in generated code.
    """

    calls: ClassVar[str] = ""

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_is_real(self) -> bool:
        return True


def _routine(name: str, count: int) -> type[Called]:
    return type(name, (Called,), {"calls": f"{SPECIAL}{name}", "nargs": count, "__module__": __name__})


ROUTINES: Mapping[str, type[Called]] = {
    name: _routine(name, count)
    for count, names in enumerate(
        (
            "gamma psi erfinv erfcinv erfi exp1 expi zetac ellipk ellipe si ci shi chi fresnels fresnelc"
            " airyai airyaiprime airybi airybiprime spence",
            "beta jv yv iv kv expn hurwitz lambertw poch ellipkinc ellipeinc"
            " eval_chebyt eval_chebyu eval_legendre eval_laguerre",
            "elliprd elliprf chndtr lpmv eval_genlaguerre eval_gegenbauer",
            "elliprj eval_jacobi",
        ),
        start=1,
    )
    for name in names.split()
}
"""What SymPy's own functions are computed by. Their names never stand in an equation."""


class gammainc(Called):
    """``gammainc(a, x)``, the regularised lower incomplete gamma function P."""

    calls, nargs = f"{SPECIAL}gammainc", 2

    def fdiff(self, argindex: int = 2) -> sp.Expr:
        """The derivative in `x`; that in `a` has no closed form."""
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        return _gamma_density(*self.args)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _number(lambda a, x: mpmath.gammainc(a, 0, x, regularized=True), self, prec)


class gammaincc(Called):
    """``gammaincc(a, x)``, the regularised upper incomplete gamma function Q."""

    calls, nargs = f"{SPECIAL}gammaincc", 2

    def fdiff(self, argindex: int = 2) -> sp.Expr:
        """The derivative in `x`; that in `a` has no closed form."""
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        return -_gamma_density(*self.args)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _number(lambda a, x: mpmath.gammainc(a, x, regularized=True), self, prec)


class betainc(Called):
    """``betainc(a, b, x)``, the regularised incomplete beta function I."""

    calls, nargs = f"{SPECIAL}betainc", 3

    def fdiff(self, argindex: int = 3) -> sp.Expr:
        """The derivative in `x`; those in `a` and `b` have no closed form."""
        if argindex != 3:
            raise ArgumentIndexError(self, argindex)
        a, b, x = self.args
        return sp.exp((a - 1) * sp.log(x) + (b - 1) * sp.log(1 - x) - betaln(a, b))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _number(lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True), self, prec)


class betaln(Called):
    """``betaln(a, b)``, the logarithm of the absolute value of the beta function."""

    calls, nargs = f"{SPECIAL}betaln", 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative in one of the arguments."""
        return sp.polygamma(0, self.args[argindex - 1]) - sp.polygamma(0, sp.Add(*self.args))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _number(lambda a, b: mpmath.log(abs(mpmath.beta(a, b))), self, prec)


class elliptic_d(Called):
    """``elliptic_d(m) = (K(m) - E(m))/m``, without loss of digits for small `m`; an integral of Carlson's."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative."""
        (m,) = self.args
        return ((sp.elliptic_k(m) - self) / (1 - m) - self) / (2 * m)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _number(lambda m: mpmath.elliprd(0, 1 - m, 1) / 3, self, prec)


OWN: tuple[type[Called], ...] = (gammainc, gammaincc, betainc, betaln, elliptic_d)
"""Functions that SymPy lacks, or has in a form that overflows; they stand in equations."""


def _gamma_density(a: sp.Expr, x: sp.Expr) -> sp.Expr:
    return sp.exp((a - 1) * sp.log(x) - x - sp.loggamma(a))


def _number(function: Callable[..., Any], node: sp.Expr, prec: int) -> sp.Expr | None:
    """Return the value of a function of numbers."""
    values = [arg._to_mpmath(prec) for arg in node.args]
    with mpmath.workprec(prec):
        return sp.Expr._from_mpmath(function(*values), prec)


def _away_from_0(value: sp.Expr, x: sp.Expr, there: sp.Expr) -> sp.Expr:
    return sp.Piecewise((value, sp.Ne(x, 0)), (there, True))


def _lambert_slope(x: sp.Expr, *branch: sp.Expr) -> sp.Expr:
    value = sp.LambertW(x, *branch)
    return sp.exp(-value) / (1 + value)


def _no_slope(value: Callable[[sp.Expr], sp.Expr], at: sp.Expr) -> sp.Expr:
    """Return a derivative that has no closed form; whoever needs it is refused."""
    variable = sp.Dummy("u", real=True)
    return sp.Subs(sp.Derivative(value(variable), variable), variable, at)


def _elliptic_e_slope(*args: sp.Expr) -> tuple[sp.Expr, ...]:
    if len(args) == 1:
        return (-elliptic_d(*args) / 2,)
    node = sp.elliptic_e(*args)
    return tuple(node.fdiff(place) for place in (1, 2))


def _rising_slope(x: sp.Expr, count: sp.Expr) -> tuple[sp.Expr, ...]:
    value, end = sp.RisingFactorial(x, count), sp.polygamma(0, x + count)
    return value * (end - sp.polygamma(0, x)), value * end


def _falling_slope(x: sp.Expr, count: sp.Expr) -> tuple[sp.Expr, ...]:
    value, end = sp.FallingFactorial(x, count), sp.polygamma(0, x - count + 1)
    return value * (sp.polygamma(0, x + 1) - end), value * end


def _spherical_slope(kind: type[sp.Expr], order: sp.Expr, x: sp.Expr) -> tuple[sp.Expr, ...]:
    """Return the slope by the two neighbours, which have values at 0 where the function has."""
    both = order * kind(order - 1, x) - (order + 1) * kind(order + 1, x)
    slope = -kind(sp.S.One, x) if order == 0 else both / (2 * order + 1)
    return _no_slope(lambda u: kind(u, x), order), slope


def _polylog_slope(order: sp.Expr, x: sp.Expr) -> tuple[sp.Expr, ...]:
    slope = _away_from_0(sp.expand_func(sp.polylog(order - 1, x)) / x, x, sp.S.One)
    return _no_slope(lambda u: sp.polylog(u, x), order), slope


SLOPES: Mapping[type, Callable[..., tuple[sp.Expr, ...]]] = {
    sp.LambertW: lambda x, *branch: (_lambert_slope(x, *branch),),
    sp.sinc: lambda x: (_away_from_0((x * sp.cos(x) - sp.sin(x)) / x**2, x, sp.S.Zero),),
    sp.Si: lambda x: (sp.sinc(x),),
    sp.Shi: lambda x: (_away_from_0(sp.sinh(x) / x, x, sp.S.One),),
    sp.elliptic_k: lambda m: ((sp.elliptic_k(m) - elliptic_d(m)) / (2 * (1 - m)),),
    sp.elliptic_e: _elliptic_e_slope,
    sp.RisingFactorial: _rising_slope,
    sp.FallingFactorial: _falling_slope,
    sp.jn: lambda order, x: _spherical_slope(sp.jn, order, x),
    sp.yn: lambda order, x: _spherical_slope(sp.yn, order, x),
    sp.polylog: _polylog_slope,
}
"""Derivatives that SymPy lacks, or in a form that is right also where SymPy's is 0/0: at 0."""
