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


def _between(a: sp.Expr, b: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    upper = betainc(a, b, high)
    return upper if low == 0 else upper - betainc(a, b, low)


def _elliptic_e(m: sp.Expr, *amplitude: sp.Expr) -> sp.Expr:
    return sp.elliptic_e(m, *amplitude) if amplitude else ROUTINES["ellipe"](m)


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
    sp.expint: _expint,
    sp.li: lambda x: ROUTINES["expi"](sp.log(x)),
    sp.elliptic_e: _elliptic_e,
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
