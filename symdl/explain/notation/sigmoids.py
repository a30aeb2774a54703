"""The sigmoid, recognised.

Enters: scalar expressions. Leaves: what ``1/(1 + exp(-z))`` in them is the sigmoid of.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp


def sigmoid_argument(expr: sp.Expr) -> sp.Expr | None:
    """Return `z` if the expression is ``1/(1 + exp(-z))``."""
    found = sigmoid_power(expr)
    return found[0] if found is not None and found[1] == 1 else None


def sigmoid_power(expr: sp.Expr) -> tuple[sp.Expr, int] | None:
    """Return `z` and `n` if the expression is ``(1 + exp(-z))**-n``."""
    if not isinstance(expr, sp.Pow) or not expr.exp.is_Integer or expr.exp >= 0:
        return None
    if not isinstance(expr.base, sp.Add) or len(expr.base.args) != 2:
        return None
    others = [a for a in expr.base.args if a != 1]
    if len(others) != 1 or not isinstance(others[0], sp.exp):
        return None
    return -others[0].args[0], -int(expr.exp)


def sigmoids(factors: Iterable[sp.Expr]) -> dict[sp.Expr, list[tuple[sp.Expr, int]]]:
    """Say how to write factors with the sigmoid `s` of one argument: ``e^-u s(u)`` is ``1 - s(u)``."""
    factors = tuple(factors)
    found = {f: p for f in factors if (p := sigmoid_power(f)) is not None}
    if not found:
        return {}
    main = max(found, key=lambda f: (found[f][1], not found[f][0].could_extract_minus_sign()))
    argument, power = found[main]
    shown = {f: [p] for f, p in found.items()}
    for factor in factors:
        below = sp.expand_mul(argument + (factor.args[0] if isinstance(factor, sp.exp) else sp.oo))
        if isinstance(factor, sp.exp) and below == 0:
            shown[main] = [(argument, power - 1)] if power > 1 else []
            shown[factor] = [(argument, 0)]
        elif factor in found and factor != main and found[factor][1] == 1:
            if sp.expand_mul(found[factor][0] + argument) != 0:
                continue
            shown[factor] = [(argument, 0)]
    return shown
