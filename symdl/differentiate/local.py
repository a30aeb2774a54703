"""Scalar derivatives of equation bodies.

Enters: a body and one of its accesses. Leaves: the scalar derivative, in terms of the same accesses.
Bodies of one structure share one SymPy differentiation, whatever their tensors are called.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from symdl.errors import DerivativeError
from symdl.express.tensors import Access


@lru_cache(maxsize=4096)
def _differentiate(structure: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    result = structure.diff(variable)
    refused = result.atoms(sp.Derivative, sp.Subs, sp.Heaviside, sp.DiracDelta)
    if refused:
        raise DerivativeError(
            f"no derivative is known for {min(refused, key=str)}",
            expression=structure,
            cure="write the function with SymPy's elementary functions or Piecewise",
        )
    return stable(result)


def structure_of(expr: sp.Expr) -> tuple[sp.Expr, dict[sp.Symbol, Access]]:
    """Return `expr` over placeholders ``u0, u1, …`` and what they stand for, outermost accesses only."""
    accesses = sorted(expr.atoms(Access), key=lambda a: a.sort_key())
    symbols = {a: sp.Symbol(f"u{n}", real=True) for n, a in enumerate(accesses)}
    return expr.xreplace(symbols), {symbol: a for a, symbol in symbols.items()}


def local_derivative(body: sp.Expr, access: Access) -> sp.Expr:
    """Return the partial derivative of `body` by `access`, holding every other access fixed.

    Raises:
        DerivativeError: SymPy has no derivative in closed form.
    """
    structure, meaning = structure_of(body)
    variable = next(symbol for symbol, a in meaning.items() if a == access)
    return _differentiate(structure, variable).xreplace(meaning)


def stable(expr: sp.Expr) -> sp.Expr:
    """Write quotients of exponentials so that they do not overflow.

    ``e^(k u)/(1 + e^u)^p`` with ``0 < k <= p`` becomes ``(1 + e^-u)^-k * (1 + e^u)^(k - p)``: the first is
    NaN for large `u`, the factors of the second are finite everywhere.
    """
    if not expr.has(sp.exp):
        return expr
    return expr.replace(lambda node: isinstance(node, sp.Mul), _finite_quotient)


def _finite_quotient(product: sp.Expr) -> sp.Expr:
    for power in product.args:
        base, exponent = power.as_base_exp()
        if not (isinstance(base, sp.Add) and len(base.args) == 2 and base.args[0] == 1):
            continue
        inner = base.args[1]
        if not isinstance(inner, sp.exp) or not (exponent.is_Integer and exponent < 0):
            continue
        for factor in product.args:
            ratio = sp.cancel(factor.args[0] / inner.args[0]) if isinstance(factor, sp.exp) else None
            if ratio is not None and ratio.is_Integer and 0 < ratio <= -exponent:
                rest = [a for a in product.args if a not in (factor, power)]
                mirrored = (1 + sp.exp(-inner.args[0])) ** -ratio
                return sp.Mul(*rest, mirrored, base ** (exponent + ratio))
    return product
