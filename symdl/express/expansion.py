"""How long an expression becomes if it is multiplied out.

Enters: an expression. Leaves: a number of terms. Cancelling and factoring multiply out first, so their cost
is that number, not the length of what is written: a product of twenty sums of two terms has a million.
"""

from __future__ import annotations

import math

import sympy as sp

from symdl.express.walks import nodes

MOST = 600
"""Terms up to which a fraction is multiplied out to see whether that makes it shorter."""
_UNBOUNDED = 10**9


def is_short(expr: sp.Expr) -> bool:
    """Say whether an expression, as one fraction and multiplied out, has no more than `MOST` terms."""
    return terms(expr) <= MOST


def terms(expr: sp.Expr) -> int:
    """Return how many terms numerator and denominator have together, at most; large numbers are cut."""
    found: dict[sp.Basic, tuple[int, int]] = {}
    for node in nodes(expr):
        found[node] = tuple(min(count, _UNBOUNDED) for count in _of(node, found))  # type: ignore[assignment]
    return sum(found[expr])


def _of(node: sp.Basic, known: dict[sp.Basic, tuple[int, int]]) -> tuple[int, int]:
    """Return the terms of numerator and denominator of a node from those of its operands."""
    parts = [known[part] for part in node.args]
    if isinstance(node, sp.Mul):
        return math.prod(above for above, _ in parts), math.prod(below for _, below in parts)
    if isinstance(node, sp.Add):
        whole = math.prod(below for _, below in parts)
        return sum(above * (whole // below) for above, below in parts), whole
    if isinstance(node, sp.Pow) and node.exp.is_Integer and abs(int(node.exp)) < 100:
        above, below = (_powers(count, abs(int(node.exp))) for count in parts[0])
        return (above, below) if node.exp.is_positive else (below, above)
    return 1, 1


def _powers(count: int, exponent: int) -> int:
    """Return how many terms a power of a sum of so many has."""
    return math.comb(exponent + min(count, 1000) - 1, exponent)
