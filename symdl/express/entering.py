"""SymPy's expressions at the door of the language.

Enters: an expression as a user writes it, in ordinary symbols or in elements of tensors. Leaves: one of the
same value for real numbers, in which what is only written down is carried out (a derivative, a sum with
numbers for limits) and functions are written by those that have a kernel form: ``frac(x)`` as
``x - floor(x)``. What has none is refused, for a derivation as for a kernel, with what to do instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.functions.combinatorial import numbers
from sympy.integrals.transforms import IntegralTransform

from symdl.brief import brief
from symdl.errors import ExpressionError
from symdl.express.special.written import FORMS
from symdl.express.walks import any_of, mapped, nodes

_MOST_TERMS = 64  # of a sum with numbers for limits, which is written out


def _of_reals(node: sp.Basic, carry_out: Callable[[sp.Basic], sp.Basic]) -> sp.Basic:
    """Carry a node out with symbols that are known to be real."""
    real = {s: sp.Dummy(s.name, real=True) for s in node.free_symbols if s.is_extended_real is None}
    return carry_out(node.xreplace(real)).xreplace({new: old for old, new in real.items()})


def _done(node: sp.Basic) -> sp.Basic:
    return _of_reals(node, lambda real: real.doit(deep=False))


def _real_part(node: sp.Basic) -> sp.Basic:
    """Carry a function of complex numbers out, which for real ones is its argument, or 0."""
    return _of_reals(node, lambda real: real.as_real_imag()[0])


def _terms(node: sp.Expr) -> sp.Expr:
    """Write a sum or a product out over its outermost variable, if that has few numbers to run through."""
    *inner, (variable, *limits) = node.limits
    if len(limits) != 2 or not all(limit.is_Integer for limit in limits):
        return node
    low, high = map(int, limits)
    if not -1 <= high - low < _MOST_TERMS:
        return node
    body = node.func(node.function, *inner) if inner else node.function
    terms = [body.subs(variable, place) for place in range(low, high + 1)]
    return sp.Add(*terms) if isinstance(node, sp.Sum) else sp.Mul(*terms)


def _heaviside(x: sp.Expr, there: sp.Expr) -> sp.Expr:
    """Choose by the sign; NaN where that is NaN."""
    return sp.Piecewise((sp.S.One, x > 0), (sp.S.Zero, x < 0), (there, sp.Eq(x, 0)))


def _truncated(x: sp.Expr, divisor: sp.Expr) -> sp.Expr:
    """Return what a division that is rounded towards 0 leaves over: of the sign of `x`."""
    size = sp.Abs(divisor)
    return sp.Piecewise((sp.Mod(x, size), x >= 0), (-sp.Mod(-x, size), True))


def _eta(s: sp.Expr, *a: sp.Expr) -> sp.Expr:
    value = sp.dirichlet_eta(s, *a)
    return value.rewrite(sp.zeta) if a and s.is_number else value


def _singular(x: sp.Expr, start: sp.Expr, order: sp.Expr) -> sp.Expr:
    if not (order.is_Integer and order >= 0):
        return sp.SingularityFunction(x, start, order)
    return sp.Piecewise(((x - start) ** order, x >= start), (sp.S.Zero, x < start))


def _harmonics(node: sp.Expr) -> sp.Expr:
    """Return a spherical harmonic of whole orders as what it is, if that is real."""

    def parts(real: sp.Basic) -> sp.Basic:
        value, imaginary = sp.expand(real, func=True).as_real_imag()
        return real if imaginary != 0 or value.has(sp.re, sp.im) else value

    return _of_reals(node, parts) if all(order.is_Integer for order in node.args[:2]) else node


_CARRIED_OUT: Mapping[type, Callable[[sp.Basic], sp.Basic]] = {
    sp.Derivative: _done,
    sp.Subs: _done,
    sp.Sum: _terms,
    sp.Product: _terms,
    **dict.fromkeys((sp.re, sp.im, sp.conjugate, sp.adjoint, sp.transpose), _real_part),
    sp.Ynm: _harmonics,
    **dict.fromkeys((sp.exp_polar, sp.polar_lift, sp.principal_branch, sp.periodic_argument), sp.unpolarify),
}
"""What stands for a node, from the node."""
_MEANINGS: Mapping[type, Callable[..., sp.Basic]] = {
    sp.UnevaluatedExpr: lambda inside: inside,
    sp.ceiling: lambda x: -sp.floor(-x),
    sp.frac: lambda x: x - sp.floor(x),
    sp.Rem: _truncated,
    sp.Heaviside: _heaviside,
    sp.SingularityFunction: _singular,
    sp.KroneckerDelta: lambda i, j, *_: sp.Piecewise((sp.S.One, sp.Eq(i, j)), (sp.S.Zero, True)),
    sp.arg: lambda x: sp.Piecewise((sp.pi, x < 0), (sp.S.Zero, x >= 0)),
    sp.erf2: lambda low, high: sp.erf(high) - sp.erf(low),
    sp.dirichlet_eta: _eta,
    sp.riemann_xi: lambda s: sp.riemann_xi(s).rewrite(sp.zeta),
    sp.Xor: lambda *tests: sp.Xor(*tests).to_nnf(simplify=False),
    sp.Implies: lambda test, then: sp.Or(sp.Not(test), then),
    sp.Equivalent: lambda *tests: sp.Or(sp.And(*tests), sp.And(*map(sp.Not, tests))),
}
"""What stands for a function, from its arguments."""
_CHANGED = frozenset((*_CARRIED_OUT, *_MEANINGS))
_C_FUNCTIONS = "sympy.codegen.cfunctions"
"""Where SymPy has ``expm1`` and the like, which know their formula."""

_KERNEL_FORM = (
    *(sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2, sp.sinh, sp.cosh, sp.tanh),
    *(sp.asinh, sp.acosh, sp.atanh, sp.erf, sp.erfc, sp.loggamma, sp.Abs, sp.sign, sp.floor, sp.Mod),
    *(sp.Max, sp.Min, sp.Piecewise),
)
"""Functions of SymPy that are computed as they are; for others there is a form, or none."""

_WHOLE = (
    *(numbers.andre, numbers.bell, numbers.bernoulli, numbers.euler, numbers.fibonacci, numbers.genocchi),
    *(numbers.lucas, numbers.tribonacci, numbers.partition, numbers.totient, numbers.reduced_totient),
    *(numbers.divisor_sigma, numbers.udivisor_sigma, numbers.primeomega, numbers.primenu, numbers.primepi),
    *(numbers.mobius, numbers.legendre_symbol, numbers.jacobi_symbol, numbers.kronecker_symbol),
    *(sp.factorial2, sp.subfactorial, sp.stieltjes, sp.LeviCivita, sp.polygamma, sp.expint),
)
_CURES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (AppliedUndef, "write what the function is; a value of it that is given can be a symbol of its own"),
    (
        sp.Integral,
        "work the integral out first: expression.doit(); one without a closed form can be a sum over the "
        'midpoints of n intervals, whose limits may be variable: integral.as_sum(n, "midpoint")',
    ),
    (sp.Derivative, "differentiate what has a derivative; expression.doit() shows where there is none"),
    ((sp.Limit, IntegralTransform), "work it out first: expression.doit()"),
    (sp.Order, "leave out the rest of the series: expression.removeO()"),
    (sp.Sum, "give its limits numbers, or write it with tensors: sd.Sum(a[k]*x[()]**k, k) over an axis of a"),
    (sp.Product, "give its limits numbers, or write it with tensors: sd.Prod(a[k], k) over an axis of a"),
    (sp.MatrixBase, "derive its entries one by one, or use tensors"),
    (sp.MatrixExpr, 'use tensors: A = sd.tensor("A", (2, 3)), A @ x, A.T, sd.trace(A)'),
    (
        (type(sp.I), sp.Ynm, sp.Znm),
        "take the real or the imaginary part, of symbols with real=True and orders that are numbers: "
        "expression.expand(func=True).as_real_imag()",
    ),
    (
        (sp.hankel1, sp.hankel2),
        "it is complex: use sympy.besselj(n, x), its real part, and sympy.bessely(n, x), its imaginary part",
    ),
    (
        (sp.hn1, sp.hn2),
        "it is complex: use sympy.jn(n, x), its real part, and sympy.yn(n, x), its imaginary part",
    ),
    (_WHOLE, "put in the whole number that it is a function of: expression.subs(n, 5)"),
    ((sp.hermite, sp.hermite_prob), "put in the degree, a whole number: expression.subs(n, 5)"),
    ((sp.hyper, sp.meijerg), "write it with other functions: sympy.hyperexpand(expression)"),
    (
        (sp.DiracDelta, sp.SingularityFunction),
        "at its jump it has no number for a value; write what it is the limit of, with a small s: "
        "exp(-x**2/(2*s**2))/(s*sqrt(2*pi))",
    ),
    (
        sp.Function,
        "bring its values along, in NumPy, and if need be its derivative: "
        "f = sd.function(name, numpy=…, derivative=…), then f(x)",
    ),
)
_NO_NUMBER = "use real numbers, symbols and known functions"


def entered(f: sp.Basic) -> sp.Basic:
    """Return an expression in the words of the language, as far as there are any."""
    while any(type(node) in _CHANGED or _is_c_function(node) for node in nodes(f)):
        carried = mapped(f, _meaning)
        if carried == f:
            break
        f = carried
    return f


def _meaning(node: sp.Basic) -> sp.Basic:
    if type(node) in _CARRIED_OUT:
        return _CARRIED_OUT[type(node)](node)
    if type(node) in _MEANINGS:
        return _MEANINGS[type(node)](*node.args)
    return sp.expand(node, func=True, deep=False) if _is_c_function(node) else node


def _is_c_function(node: sp.Basic) -> bool:
    return type(node).__module__ == _C_FUNCTIONS


def known(f: sp.Basic) -> sp.Basic:
    """Return an expression of which every function has a kernel form.

    Raises:
        ExpressionError: naming the outermost one, and what to do instead.
    """
    if any_of(f, sp.Function):
        for node in reversed(nodes(f)):
            if is_unknown(node):
                raise ExpressionError(f"{brief(node)} cannot be computed", expression=f, cure=cure(node))
    return f


def is_unknown(node: sp.Basic) -> bool:
    """Say whether a node is a function that nothing is known of, or one of SymPy's without a kernel form."""
    if isinstance(node, AppliedUndef):
        return True
    if not isinstance(node, sp.Function) or node.is_number or not type(node).__module__.startswith("sympy."):
        return False
    if isinstance(node, _KERNEL_FORM):
        return False
    if type(node) not in FORMS:
        return True
    plain = [part if part.is_number else sp.Dummy(real=True) for part in node.args]
    return any_of(FORMS[type(node)](*plain), type(node))


def cure(node: object) -> str:
    """Say what to write in place of what cannot be computed."""
    return next((words for kinds, words in _CURES if isinstance(node, kinds)), _NO_NUMBER)
