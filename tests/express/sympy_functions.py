"""Every function that SymPy exports: an expression that is computed, or one that is refused and its cure.

A row is found by the name that SymPy exports, so that a function of a later release without a row is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from sympy.codegen import cfunctions

import symdl as sd

x, y, n = sp.symbols("x y n")
r, t = sp.symbols("r t", real=True)
k = sp.Symbol("k", integer=True)

AROUND = (0.3, 1.7, 6.2, -1.5)
ABOVE = (0.3, 1.7, 6.2)
INSIDE = (0.05, 0.37, 0.9)
BOTH = (-0.7, 0.0, 0.05, 0.9)
BEYOND = (1.3, 2.7, 26.0)
HALF = sp.Rational(1, 2)


@dataclass(frozen=True, slots=True)
class Computed:
    """A function of `x` that has values and slopes, at these points.

    Attributes:
        reference: what it is in mpmath, where SymPy does not know its digits.
        slope: where it jumps, what its slope counts as there and elsewhere; by default its derivative.
    """

    expr: sp.Expr
    points: tuple[float, ...] = AROUND
    reference: Callable[[Any], Any] | None = None
    slope: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A function that has no kernel form: `cured` is what the error says to write, with `words`."""

    expr: sp.Basic
    cured: Callable[[Any], Any]
    words: str


@dataclass(frozen=True, slots=True)
class NoSlope:
    """A function of `x` that has values; its derivative has no closed form and is refused."""

    expr: sp.Expr
    points: tuple[float, ...]
    reference: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Constant:
    """What has a number, or an expression without `x`, for a value: it needs no kernel form."""

    expr: Any


Row = Computed | Refused | NoSlope | Constant


def _whole(function: Any, *more: Any) -> Refused:
    """A function of whole numbers; a number makes one of it."""
    return Refused(function(n, *more), lambda f: f.subs(n, 5), "expression.subs(n, 5)")


def _brought(expr: sp.Expr) -> Refused:
    """A function of which somebody else has the values."""

    def cured(_: sp.Expr) -> Any:
        return sd.function("brought", numpy=np.cos, derivative=lambda u: -sp.sin(u))(x)

    return Refused(expr, cured, "sd.function(name, numpy=…, derivative=…)")


def _done(expr: sp.Expr) -> Refused:
    return Refused(expr, lambda f: f.doit(), "expression.doit()")


def _parts(expr: sp.Expr) -> Refused:
    return Refused(expr, lambda f: f.expand(func=True).as_real_imag()[0], "expression.expand(func=True)")


def _instead(expr: sp.Expr, other: sp.Expr, words: str) -> Refused:
    return Refused(expr, lambda _: other, words)


def _each(points: tuple[float, ...], *functions: Any) -> dict[str, Row]:
    return {f.__name__: Computed(f(x), points) for f in functions}


_ELEMENTARY: Mapping[str, Row] = {
    **_each(AROUND, sp.exp, sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc, sp.sinc),
    **_each(AROUND, sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch),
    **_each(AROUND, sp.atan, sp.acot, sp.asinh, sp.acsch),
    **_each(INSIDE, sp.asin, sp.acos, sp.atanh, sp.asech),
    **_each(BEYOND, sp.acosh, sp.acoth, sp.asec, sp.acsc),
    **_each(ABOVE, sp.log),
    "ln": Computed(sp.ln(x), ABOVE),
    "sqrt": Computed(sp.sqrt(x), ABOVE),
    "cbrt": Computed(sp.cbrt(x), ABOVE),
    "root": Computed(sp.root(x, 3), ABOVE),
    "real_root": Computed(sp.real_root(x, 3), AROUND),
    "atan2": Computed(sp.atan2(x, 2)),
    "Abs": Computed(sp.Abs(x), (*AROUND, 0.0), abs, None),
    "sign": Computed(sp.sign(x), (*AROUND, 0.0), mpmath.sign, 0),
    "floor": Computed(sp.floor(x), (*AROUND, 2.0), mpmath.floor, 0),
    "ceiling": Computed(sp.ceiling(x), (*AROUND, 2.0), mpmath.ceil, 0),
    "frac": Computed(sp.frac(x), (*AROUND, 2.0), lambda u: u - mpmath.floor(u), 1),
    "Mod": Computed(sp.Mod(x, 2), (*AROUND, 2.0), lambda u: u - 2 * mpmath.floor(u / 2), 1),
    "Rem": Computed(sp.Rem(x, 2), (*AROUND, -3.0, 0.0), lambda u: mpmath.mpf(np.fmod(float(u), 2)), 1),
    "Max": Computed(sp.Max(x, 1 - x)),
    "Min": Computed(sp.Min(x, 1 - x)),
    "Heaviside": Computed(sp.Heaviside(x, 3), (*AROUND, 0.0), lambda u: 3 if u == 0 else int(u > 0), 0),
    "KroneckerDelta": Computed(sp.KroneckerDelta(x, 2), (0.3, 2.0, 6.2), lambda u: int(u == 2), 0),
    "SingularityFunction": Computed(sp.SingularityFunction(x, 1, 2), (*AROUND, 1.0)),
    "Piecewise": Computed(sp.Piecewise((x**2, x < 1), (sp.sin(x), x <= 5), (x, True))),
    "piecewise_fold": Computed(sp.piecewise_fold(2 * sp.Piecewise((x**2, x < 1), (x, True)))),
    "piecewise_exclusive": Computed(sp.piecewise_exclusive(sp.Piecewise((x**2, x < 1), (x, True)))),
    "Id": Computed(sp.Id(x)),
    **{f.__name__: Computed(f(x), reference=lambda u: u) for f in (sp.re, sp.conjugate, sp.adjoint)},
    "transpose": Computed(sp.transpose(x), reference=lambda u: u),
    "im": Constant(sp.im(r)),
    "arg": Computed(sp.arg(x), AROUND, mpmath.arg, 0),
    "unbranched_argument": Computed(sp.unbranched_argument(x), AROUND, mpmath.arg, 0),
    "exp_polar": Computed(sp.exp_polar(x), reference=mpmath.exp),
    "polar_lift": Computed(sp.polar_lift(x), reference=lambda u: u),
    "polarify": Computed(sp.polarify(x + 1, subs=False), reference=lambda u: u + 1),
    "unpolarify": Computed(sp.unpolarify(sp.exp_polar(x)), reference=mpmath.exp),
    "principal_branch": Computed(sp.principal_branch(x, 2 * sp.pi), reference=lambda u: u),
    "periodic_argument": Computed(sp.periodic_argument(x, sp.oo), AROUND, mpmath.arg, 0),
}
_SPECIAL: Mapping[str, Row] = {
    **_each((*AROUND, 0.0), sp.erf, sp.erfc, sp.erfi, sp.Si, sp.Shi, sp.fresnels, sp.fresnelc),
    **_each((*AROUND, 0.0), sp.airyai, sp.airybi, sp.airyaiprime, sp.airybiprime),
    **_each(INSIDE, sp.erfinv, sp.elliptic_k, sp.elliptic_e),
    **_each(ABOVE, sp.Ci, sp.Chi, sp.loggamma, sp.factorial, sp.catalan, sp.harmonic),
    **_each(AROUND, sp.Ei, sp.gamma, sp.digamma, sp.trigamma),
    **_each(BEYOND, sp.li, sp.Li),
    **{f.__name__: Computed(f(1, x), ABOVE) for f in (sp.besselj, sp.bessely, sp.besseli, sp.besselk)},
    "jn": Computed(sp.jn(2, x), (*AROUND, 0.0), lambda u: _second_sphere(u or mpmath.mpf(10) ** -9)),
    "yn": Computed(sp.yn(1, x), AROUND, lambda u: -mpmath.cos(u) / u**2 - mpmath.sin(u) / u),
    "erfcinv": Computed(sp.erfcinv(x), INSIDE, lambda u: mpmath.erfinv(1 - u)),
    "E1": Computed(sp.E1(x), ABOVE),
    "expint": Computed(sp.expint(3, x), ABOVE),
    "erf2": Computed(sp.erf2(1, x), AROUND, lambda u: mpmath.erf(u) - mpmath.erf(1)),
    "erf2inv": Computed(sp.erf2inv(HALF, x), (0.05, 0.37), lambda u: mpmath.erfinv(u + mpmath.erf(0.5))),
    "LambertW": Computed(sp.LambertW(x), ABOVE),
    "polygamma": Computed(sp.polygamma(2, x)),
    "beta": Computed(sp.beta(x, 3), ABOVE),
    "binomial": Computed(sp.binomial(x, 3), (3.3, 4.7, 9.2)),
    "lowergamma": Computed(sp.lowergamma(3, x), ABOVE),
    "uppergamma": Computed(sp.uppergamma(sp.Rational(5, 2), x), ABOVE),
    "multigamma": Computed(sp.multigamma(x, 2), (1.3, 2.5, 6.0)),
    "betainc": Computed(sp.betainc(2, 3, 0, x), INSIDE),
    "betainc_regularized": Computed(sp.betainc_regularized(2, 3, 0, x), INSIDE),
    "RisingFactorial": Computed(sp.rf(x, HALF), (0.3, 1.7, 200.5, -1.7)),
    "FallingFactorial": Computed(sp.ff(x, HALF), (0.3, 1.7, 200.5, -1.7)),
    "rf": Computed(sp.rf(2, x), (0.3, 1.7, 6.2)),
    "ff": Computed(sp.ff(7, x), (0.3, 1.7, 6.2)),
    "elliptic_f": Computed(sp.elliptic_f(x, HALF), (*AROUND, 0.0)),
    "elliptic_pi": Computed(sp.elliptic_pi(HALF, x, HALF), (*AROUND, 0.0)),
    "zeta": Computed(sp.zeta(2, x), ABOVE),
    "dirichlet_eta": NoSlope(sp.dirichlet_eta(x), (0.3, 1.0, 1.7, 6.2), mpmath.altzeta),
    "riemann_xi": NoSlope(sp.riemann_xi(x), (0.3, 1.7, 6.2), lambda s: sp.riemann_xi(sp.Float(s)).evalf()),
    "polylog": Computed(sp.polylog(2, x), BOTH),
    "marcumq": Computed(sp.marcumq(2, x, HALF), ABOVE, lambda a: _marcum(2, a, mpmath.mpf(0.5))),
    "Ynm": Computed(sp.Ynm(2, 0, x, y).subs(y, 0)),
}
_POLYNOMIALS: Mapping[str, Row] = {
    **{f.__name__: Computed(f(3, x), BOTH) for f in (sp.chebyshevt, sp.chebyshevu, sp.legendre)},
    "laguerre": Computed(sp.laguerre(3, x), BOTH),
    "assoc_laguerre": Computed(sp.assoc_laguerre(3, HALF, x), BOTH),
    "gegenbauer": Computed(sp.gegenbauer(3, HALF, x), BOTH),
    "jacobi": Computed(sp.jacobi(3, 1, HALF, x), BOTH),
    "jacobi_normalized": Computed(sp.jacobi_normalized(2, 1, 2, x), BOTH),
    "assoc_legendre": Computed(sp.assoc_legendre(3, 1, x), BOTH),
    "hermite": Computed(sp.hermite(3, x), BOTH),
    "hermite_prob": Computed(sp.hermite_prob(3, x), BOTH),
    "bell": Computed(sp.bell(3, x), BOTH),
    "bernoulli": Computed(sp.bernoulli(3, x), BOTH),
    "euler": Computed(sp.euler(3, x), BOTH),
    "fibonacci": Computed(sp.fibonacci(3, x), BOTH),
    "genocchi": Computed(sp.genocchi(3, x), BOTH),
    "tribonacci": Computed(sp.tribonacci(3, x), BOTH),
    "bspline_basis": Computed(sp.bspline_basis(2, tuple(range(5)), 0, x), ABOVE),
    "bspline_basis_set": Computed(sp.bspline_basis_set(2, list(range(5)), x)[1], ABOVE),
    "interpolating_spline": Computed(sp.interpolating_spline(3, x, [0, 2, 4, 7, 8], [3, 6, 5, 7, 8]), ABOVE),
    "chebyshevt_root": Constant(sp.chebyshevt_root(4, 1)),
    "chebyshevu_root": Constant(sp.chebyshevu_root(4, 1)),
    "jn_zeros": Constant(sp.jn_zeros(1, 1)[0]),
}
_CARRIED_OUT: Mapping[str, Row] = {
    "UnevaluatedExpr": Computed(sp.UnevaluatedExpr(x) * 2, reference=lambda u: 2 * u),
    "Derivative": Computed(sp.Derivative(x**3 * y, x).subs(y, 2), reference=lambda u: 6 * u * u),
    "Subs": Computed(sp.Subs(y**2, y, x), reference=lambda u: u * u),
    "Sum": Computed(sp.Sum(x**k * n, (k, 0, n), (n, 1, 3)), reference=lambda u: _double_sum(u)),
    "Product": Computed(sp.Product(x + k, (k, 1, 3)), reference=lambda u: (u + 1) * (u + 2) * (u + 3)),
    **{
        kind.__name__: Computed(sp.Piecewise((x**2, kind(*tests)), (sp.sin(x), True)), (0.3, 1.7, 6.2, -1.5))
        for kind, tests in (
            *((kind, (x > 1, x < 5)) for kind in (sp.And, sp.Or, sp.Xor, sp.Nand, sp.Nor, sp.Implies)),
            (sp.Equivalent, (x > 1, x < 5)),
            (sp.ITE, (x > 1, x < 5, x > 0)),
            (sp.Not, (x > 1,)),
        )
    },
    **_each(ABOVE, cfunctions.log1p, cfunctions.log2, cfunctions.log10, cfunctions.Sqrt, cfunctions.Cbrt),
    **_each(AROUND, cfunctions.expm1, cfunctions.exp2),
    "fma": Computed(cfunctions.fma(x, x, 3)),
    "hypot": Computed(cfunctions.hypot(x, 3)),
}
_REFUSED: Mapping[str, Row] = {
    **{
        f.__name__: _whole(f)
        for f in (
            *(sp.andre, sp.divisor_sigma, sp.factorial2, sp.lucas, sp.mobius, sp.partition),
            *(sp.primenu, sp.primeomega, sp.primepi, sp.reduced_totient, sp.stieltjes, sp.subfactorial),
            *(sp.totient, sp.functions.udivisor_sigma),
        )
    },
    **{f.__name__: _whole(f, 7) for f in (sp.jacobi_symbol, sp.kronecker_symbol, sp.legendre_symbol)},
    "LeviCivita": _whole(sp.LeviCivita, 1, 2),
    "Eijk": _whole(sp.Eijk, 1, 2),
    "DiracDelta": Refused(
        sp.DiracDelta(x), lambda _: sp.exp(-(x**2) / (2 * HALF**2)) / (HALF * sp.sqrt(2 * sp.pi)), "exp(-x**2"
    ),
    "hankel1": _instead(sp.hankel1(2, x), sp.besselj(2, x), "sympy.besselj(n, x)"),
    "hankel2": _instead(sp.hankel2(2, x), sp.bessely(2, x), "sympy.bessely(n, x)"),
    "hn1": _instead(sp.hn1(2, x), sp.jn(2, x), "sympy.jn(n, x)"),
    "hn2": _instead(sp.hn2(2, x), sp.yn(2, x), "sympy.yn(n, x)"),
    "Znm": _parts(sp.Znm(2, 1, r, t)),
    "Ynm_c": _parts(sp.Ynm_c(2, 1, r, t)),
    "hyper": Refused(sp.hyper((1, 1), (2,), x), sp.hyperexpand, "sympy.hyperexpand(expression)"),
    "meijerg": Refused(sp.meijerg([[], []], [[0], []], x), sp.hyperexpand, "sympy.hyperexpand(expression)"),
    "appellf1": _brought(sp.appellf1(1, 2, 3, 4, x, y)),
    "lerchphi": _brought(sp.lerchphi(HALF, 2, x)),
    **{
        f.__name__: _brought(f(1, 2, x))
        for f in (sp.mathieuc, sp.mathieus, sp.mathieucprime, sp.mathieusprime)
    },
    "Limit": _done(sp.Limit(sp.sin(n * x) / n, n, 0)),
    "Order": Refused(x + sp.Order(x**2), lambda f: f.removeO(), "expression.removeO()"),
    "O": Refused(x + sp.O(x**2), lambda f: f.removeO(), "expression.removeO()"),
    "Integral": _done(sp.Integral(sp.sin(n * x), (n, 0, 1))),
    **{
        f.__name__: Refused(f(sp.exp(-t), t, x), lambda _: 1 / (1 + x), "expression.doit()")
        for f in (
            *(
                sp.FourierTransform,
                sp.CosineTransform,
                sp.SineTransform,
                sp.LaplaceTransform,
                sp.MellinTransform,
            ),
            *(sp.InverseFourierTransform, sp.InverseCosineTransform, sp.InverseSineTransform),
        )
    },
    "HankelTransform": _done(sp.HankelTransform(sp.exp(-t), t, x, 0)),
    "InverseHankelTransform": _done(sp.InverseHankelTransform(sp.exp(-t), t, x, 0)),
    "InverseLaplaceTransform": Refused(
        sp.InverseLaplaceTransform(1 / t, t, x, None), lambda f: x, "expression.doit()"
    ),
    "InverseMellinTransform": Refused(
        sp.InverseMellinTransform(sp.gamma(t), t, x, 0, sp.oo), lambda f: sp.exp(-x), "expression.doit()"
    ),
}
ROWS: Mapping[str, Row] = {**_ELEMENTARY, **_SPECIAL, **_POLYNOMIALS, **_CARRIED_OUT, **_REFUSED}

NUMBERS_ONLY = frozenset({"carmichael", "motzkin"})
"""Take no symbol: they are numbers."""
NO_FUNCTIONS = frozenset("Function WildFunction BooleanFunction DefinedFunction isnan isinf".split())
"""What other functions are made of, and conditions that SymPy prints in C code and cannot decide."""


def _second_sphere(u: Any) -> Any:
    return (3 / u**3 - 1 / u) * mpmath.sin(u) - 3 * mpmath.cos(u) / u**2


def _marcum(order: int, a: Any, b: Any) -> Any:
    """Return Marcum's Q for ``a != 0`` by its series in modified Bessel functions, from 1 down."""
    series = mpmath.fsum((b / a) ** m * mpmath.besseli(m, a * b) for m in range(order, 60))
    return 1 - mpmath.exp(-(a * a + b * b) / 2) * series


def _double_sum(u: Any) -> Any:
    return mpmath.fsum(end * u**power for end in (1, 2, 3) for power in range(end + 1))
