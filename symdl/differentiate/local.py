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

    ``e^u/(1 + e^u)`` becomes ``1/(1 + e^-u)``: the first is NaN for large `u`.
    """
    if not expr.has(sp.exp):
        return expr

    def change(node: sp.Expr) -> sp.Expr:
        for factor in node.args:
            if isinstance(factor, sp.exp):
                base = 1 + factor
                if base**-1 in node.args:
                    rest = [a for a in node.args if a not in (factor, base**-1)]
                    return sp.Mul(*rest, 1 / (1 + sp.exp(-factor.args[0])))
        return node

    return expr.replace(lambda node: isinstance(node, sp.Mul), change)
