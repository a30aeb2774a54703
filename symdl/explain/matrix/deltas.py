"""Kronecker's δ for conditions that compare two index variables.

Enters: an equation. Leaves: the same equation, where ``where i = p`` is a factor δ of its body.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, Guard


def is_delta(guard: Guard) -> bool:
    """Say whether a guard compares two index variables."""
    return isinstance(guard, Equal) and isinstance(guard.left, Index) and isinstance(guard.right, Index)


def with_deltas(equation: Equation) -> Equation:
    """Write the guards of an equation that compare index variables as factors δ of its body.

    Only where there is nothing to sum, or a sum: outside its guards a term adds 0 to it.
    """
    if equation.reduction is not None and equation.reduction.op != "sum":
        return equation
    found = [g for g in equation.guards if isinstance(g, Equal) and is_delta(g)]
    if not found:
        return equation
    deltas = [sp.Piecewise((1, sp.Eq(g.left, g.right)), (0, True)) for g in found]
    rest = tuple(g for g in equation.guards if g not in found)
    return replace(equation, body=sp.Mul(equation.body, *deltas), guards=rest)


__all__ = ["is_delta", "with_deltas"]
