"""Scalar derivatives of equation bodies.

Enters: a body and one of its accesses. Leaves: the scalar derivative, in terms of the same accesses.
Bodies of one structure share one SymPy differentiation, whatever their tensors are called.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import sympy as sp

from symdl.differentiate.corners import slope
from symdl.errors import DerivativeError
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access

_UNKNOWN = (sp.Derivative, sp.Subs, sp.Heaviside, sp.DiracDelta, sp.Sum)
"""What SymPy leaves where it knows no derivative, or none that is a number everywhere."""


@lru_cache(maxsize=4096)
def _differentiate(structure: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    result = slope(structure, variable)
    refused = result.atoms(*_UNKNOWN)
    if refused:
        raise DerivativeError(
            f"no derivative is known for {min(refused, key=str)}",
            expression=structure,
            cure="write the function with SymPy's elementary functions or Piecewise, or bring values and "
            "derivative along: sd.function(name, numpy=…, derivative=…)",
        )
    if result.has(sp.I):
        raise DerivativeError(
            "the derivative is no real number",
            expression=structure,
            cure="take powers with variable exponents of what is positive: cos(pi*x) for (-1)**x",
        )
    return one_logistic(stable(result))


@lru_cache(maxsize=256)
def structure_of(expr: sp.Expr) -> tuple[sp.Expr, Mapping[sp.Symbol, Access]]:
    """Return `expr` over placeholders ``u0, u1, …`` and what they stand for, outermost accesses only."""
    accesses = sorted(expr.atoms(Access), key=lambda a: a.order)
    symbols = {a: sp.Symbol(f"u{n}", real=True) for n, a in enumerate(accesses)}
    return rebuilt(expr, symbols), MappingProxyType({symbol: a for a, symbol in symbols.items()})


def local_derivative(body: sp.Expr, access: Access) -> sp.Expr:
    """Return the partial derivative of `body` with respect to `access`, every other access held fixed.

    Raises:
        DerivativeError: SymPy has no derivative in closed form.
    """
    structure, meaning = structure_of(body)
    variable = next(symbol for symbol, a in meaning.items() if a == access)
    return rebuilt(_differentiate(structure, variable), dict(meaning))


def stable(expr: sp.Expr) -> sp.Expr:
    """Write quotients of exponentials so that they do not overflow.

    ``e^(k u)/(c + e^u)^p`` with ``0 < k <= p`` and a positive number `c` becomes
    ``(1 + c e^-u)^-k * (c + e^u)^(k - p)``: the first is NaN for large `u`, the factors of the second are
    finite everywhere. ``sinh(u)/cosh(u)`` becomes ``tanh(u)``.
    """
    if expr.has(sp.sinh) and expr.has(sp.cosh):
        expr = expr.replace(lambda node: isinstance(node, sp.Mul), _hyperbolic)
    if not expr.has(sp.exp):
        return expr
    return expr.replace(lambda node: isinstance(node, sp.Mul), _bounded)


def _hyperbolic(product: sp.Expr) -> sp.Expr:
    """Write a quotient of hyperbolic functions of one argument as its tangent."""
    powers = product.as_powers_dict()
    for above in [base for base in powers if isinstance(base, sp.sinh)]:
        below = sp.cosh(above.args[0])
        times = sp.Min(powers[above], -powers.get(below, sp.S.Zero))
        if times.is_Integer and times > 0:
            product *= (sp.tanh(above.args[0]) * below / above) ** times
    return product


def _bounded(product: sp.Expr) -> sp.Expr:
    """Divide both sides of a quotient of exponentials by the larger one."""
    factors = list(product.args)
    for above in product.args:
        for below in product.args:
            if not isinstance(above, sp.exp) or not below.is_Pow or not below.exp.is_Integer:
                continue
            constant, power = below.base.as_independent(sp.exp, as_Add=True)
            if not constant.is_positive or not isinstance(power, sp.exp):
                continue
            times = sp.cancel(above.args[0] / power.args[0])  # above = power**times
            if times.is_Integer and 0 < times <= -below.exp:
                factors = [f for f in factors if f not in (above, below)]
                shifted = (1 + constant * sp.exp(-power.args[0])) ** -times
                return sp.Mul(*factors, shifted, below.base ** (below.exp + times))
    return product


def one_logistic(expr: sp.Expr) -> sp.Expr:
    """Write ``y s(-u) - (1 - y) s(u)`` as ``y - s(u)``: by one logistic function where that is shorter.

    It has to be linear in it, so that no factor such as ``1 - s`` is lost that a large `u` makes small.
    """
    found = [p for p in expr.atoms(sp.Pow) if p.exp == -1 and _exponent(p.base) is not None]
    for power in sorted(found, key=sp.default_sort_key):
        u = _exponent(power.base)
        if u is None or not expr.has(power):
            continue
        s, other = sp.Dummy("s", real=True), sp.Dummy("t", real=True)
        opposite = 1 / (1 + sp.exp(sp.expand(-u)))
        named = expr.xreplace({power: s, opposite: other})
        if named.has(sp.exp(u), sp.exp(sp.expand(-u))):
            continue
        choices = ((s, named.xreplace({other: 1 - s})), (other, named.xreplace({s: 1 - other})))
        for symbol, body in choices:
            flat = sp.expand(body)
            linear = flat.is_polynomial(symbol) and sp.degree(flat, symbol) == 1
            if linear and _terms_in(flat, (s, other)) < _terms_in(named, (s, other)):
                named = flat
        expr = named.xreplace({s: power, other: opposite})
    return expr


def _exponent(base: sp.Expr) -> sp.Expr | None:
    """Return `u` of ``1 + exp(u)``."""
    rest = base - 1
    return rest.args[0] if isinstance(base, sp.Add) and isinstance(rest, sp.exp) else None


def _terms_in(expr: sp.Expr, symbols: tuple[sp.Dummy, ...]) -> int:
    nodes = list(sp.preorder_traversal(expr))
    return sum(len(node.args) - 1 if isinstance(node, sp.Add) else node in symbols for node in nodes)
