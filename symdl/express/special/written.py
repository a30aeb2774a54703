"""SymPy's functions by those that a kernel has.

Enters: an expression. Leaves: one of the same value, in which special functions are calls of routines
(`symdl.express.special.kinds`) and the rarer elementary ones are written by the common ones: the cotangent as
``1/tan(u)``. Equations and derivations keep what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp

from symdl.express.special.kinds import ROUTINES, betainc, elliptic_d, gammainc, gammaincc
from symdl.express.walks import any_of, nodes, with_parts

_Form = Callable[..., sp.Expr]


def _polygamma(order: sp.Expr, x: sp.Expr) -> sp.Expr:
    """Return the derivative of that order of the digamma function, by Hurwitz's zeta function."""
    if order == 0:
        return ROUTINES["psi"](x)
    if not (order.is_Integer and order > 0):
        return sp.polygamma(order, x)  # has no kernel form
    return (-1) ** (order + 1) * sp.factorial(order) * ROUTINES["hurwitz"](order + 1, x)


def _zeta(s: sp.Expr, a: sp.Expr = sp.S.One) -> sp.Expr:
    return 1 + ROUTINES["zetac"](s) if a == 1 else ROUTINES["hurwitz"](s, a)


def _expint(order: sp.Expr, x: sp.Expr) -> sp.Expr:
    return ROUTINES["exp1"](x) if order == 1 else ROUTINES["expn"](order, x)


def _eta(s: sp.Expr, *a: sp.Expr) -> sp.Expr:
    if a:
        return sp.dirichlet_eta(s, *a)  # has no kernel form
    return sp.Piecewise((sp.log(2), sp.Eq(s, 1)), ((1 - 2 ** (1 - s)) * _zeta(s), True))


def _between(a: sp.Expr, b: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    upper = betainc(a, b, high)
    return upper if low == 0 else upper - betainc(a, b, low)


def _elliptic_e(*args: sp.Expr) -> sp.Expr:
    return ROUTINES["ellipe" if len(args) == 1 else "ellipeinc"](*args)


def _elliptic_pi(n: sp.Expr, *args: sp.Expr) -> sp.Expr:
    """Return the integral of the third kind, by two of Carlson's; beyond a quarter by whole ones."""
    m = args[-1]
    whole = _carlson(n, m, sp.S.One, sp.S.Zero)
    if len(args) == 1:
        return whole
    turns = sp.floor(args[0] / sp.pi + sp.S.Half)
    rest = args[0] - turns * sp.pi
    return 2 * turns * whole + _carlson(n, m, sp.sin(rest), sp.cos(rest))


def _carlson(n: sp.Expr, m: sp.Expr, sine: sp.Expr, cosine: sp.Expr) -> sp.Expr:
    sides = cosine**2, 1 - m * sine**2, sp.S.One
    last = ROUTINES["elliprj"](*sides, 1 - n * sine**2)
    return sine * ROUTINES["elliprf"](*sides) + n * sine**3 * last / 3


def _harmonic(x: sp.Expr, power: sp.Expr = sp.S.One) -> sp.Expr:
    if power == 1:
        return ROUTINES["psi"](x + 1) + sp.EulerGamma
    if not (power.is_number and power > 1):
        return sp.harmonic(x, power)  # has no kernel form
    return sp.zeta(power) - ROUTINES["hurwitz"](power, x + 1)


def _spherical(routine: str, order: sp.Expr, x: sp.Expr) -> sp.Expr:
    """Return a spherical Bessel function; of a whole order it is even or odd, and one of them is 1 at 0."""
    if not order.is_Integer:
        return sp.sqrt(sp.pi / (2 * x)) * ROUTINES[routine](order + sp.S.Half, x)
    size, odd = sp.Abs(x), (order + (routine == "yv")) % 2 == 1
    value = sp.sqrt(sp.pi / (2 * size)) * ROUTINES[routine](order + sp.S.Half, size)
    signed = sp.Piecewise((value, x > 0), (-value, True)) if odd else value
    at_0 = -sp.oo if routine == "yv" else sp.Integer(order == 0)
    return sp.Piecewise((signed, sp.Ne(x, 0)), (at_0, True))


def _polylog(order: sp.Expr, x: sp.Expr) -> sp.Expr:
    if order == 2:
        return ROUTINES["spence"](1 - x)
    return sp.expand_func(sp.polylog(order, x)) if order.is_Integer and order < 2 else sp.polylog(order, x)


_SAME: Mapping[type, str] = {
    sp.gamma: "gamma",
    sp.digamma: "psi",
    sp.beta: "beta",
    sp.besselj: "jv",
    sp.bessely: "yv",
    sp.besseli: "iv",
    sp.besselk: "kv",
    sp.Ei: "expi",
    sp.elliptic_k: "ellipk",
    sp.elliptic_f: "ellipkinc",
    sp.RisingFactorial: "poch",
    sp.chebyshevt: "eval_chebyt",
    sp.chebyshevu: "eval_chebyu",
    sp.legendre: "eval_legendre",
    sp.laguerre: "eval_laguerre",
    sp.assoc_laguerre: "eval_genlaguerre",
    sp.gegenbauer: "eval_gegenbauer",
    sp.jacobi: "eval_jacobi",
    sp.Si: "si",
    sp.Ci: "ci",
    sp.Shi: "shi",
    sp.Chi: "chi",
    **{kind: kind.__name__ for kind in (sp.erfinv, sp.erfcinv, sp.erfi, sp.fresnels, sp.fresnelc)},
    **{kind: kind.__name__ for kind in (sp.airyai, sp.airyaiprime, sp.airybi, sp.airybiprime)},
}
FORMS: Mapping[type, _Form] = {
    **{kind: ROUTINES[name] for kind, name in _SAME.items()},
    sp.polygamma: _polygamma,
    sp.trigamma: lambda x: ROUTINES["hurwitz"](sp.Integer(2), x),
    sp.zeta: _zeta,
    sp.dirichlet_eta: _eta,
    sp.expint: _expint,
    sp.li: lambda x: ROUTINES["expi"](sp.log(x)),
    sp.elliptic_e: _elliptic_e,
    sp.elliptic_pi: _elliptic_pi,
    sp.Li: lambda x: ROUTINES["expi"](sp.log(x)) - sp.li(2),
    sp.harmonic: _harmonic,
    sp.jn: lambda order, x: _spherical("jv", order, x),
    sp.yn: lambda order, x: _spherical("yv", order, x),
    sp.polylog: _polylog,
    sp.assoc_legendre: lambda degree, order, x: ROUTINES["lpmv"](order, degree, x),
    sp.marcumq: lambda m, a, b: 1 - ROUTINES["chndtr"](b**2, 2 * m, a**2),
    sp.erf2inv: lambda low, share: ROUTINES["erfinv"](share + sp.erf(low)),
    sp.FallingFactorial: lambda x, count: ROUTINES["poch"](x - count + 1, count),
    sp.catalan: lambda x: 4**x * ROUTINES["poch"](x + 2, -sp.Rational(3, 2)) / sp.sqrt(sp.pi),
    elliptic_d: lambda m: ROUTINES["elliprd"](sp.S.Zero, 1 - m, sp.S.One) / 3,
    sp.LambertW: lambda x, branch=sp.S.Zero: ROUTINES["lambertw"](x, branch),
    sp.lowergamma: lambda a, x: gammainc(a, x) * ROUTINES["gamma"](a),
    sp.uppergamma: lambda a, x: gammaincc(a, x) * ROUTINES["gamma"](a),
    sp.betainc_regularized: _between,
    sp.betainc: lambda a, b, *ends: _between(a, b, *ends) * ROUTINES["beta"](a, b),
    sp.factorial: lambda x: ROUTINES["gamma"](x + 1),
    sp.binomial: lambda n, k: 1 / ((n + 1) * ROUTINES["beta"](n - k + 1, k + 1)),
    sp.sinc: lambda x: sp.Piecewise((sp.sin(x) / x, sp.Ne(x, 0)), (sp.S.One, True)),
    sp.cot: lambda x: 1 / sp.tan(x),
    sp.sec: lambda x: 1 / sp.cos(x),
    sp.csc: lambda x: 1 / sp.sin(x),
    sp.coth: lambda x: 1 / sp.tanh(x),
    sp.sech: lambda x: 1 / sp.cosh(x),
    sp.csch: lambda x: 1 / sp.sinh(x),
    sp.acot: lambda x: sp.atan(1 / x),
    sp.asec: lambda x: sp.acos(1 / x),
    sp.acsc: lambda x: sp.asin(1 / x),
    sp.acoth: lambda x: sp.atanh(1 / x),
    sp.asech: lambda x: sp.acosh(1 / x),
    sp.acsch: lambda x: sp.asinh(1 / x),
}
"""The form of each function, from those of its arguments."""
_KINDS = tuple(FORMS)


def written(expr: sp.Expr) -> sp.Expr:
    """Return `expr` by functions that kernels have; numbers stay as they are."""
    if not any_of(expr, _KINDS):
        return expr
    new: dict[sp.Basic, sp.Basic] = {}
    for node in nodes(expr):
        parts = [new[part] for part in node.args]
        if type(node) in FORMS and not node.is_number:
            new[node] = FORMS[type(node)](*parts)
        elif isinstance(node, sp.Piecewise | sp.core.relational.Relational):
            same = all(a is b for a, b in zip(parts, node.args, strict=True))
            new[node] = node if same else node.func(*parts, evaluate=False)
        else:
            new[node] = with_parts(node, parts)
    found = new[expr]
    assert isinstance(found, sp.Expr)
    return found
