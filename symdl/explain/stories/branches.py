"""What a condition says about the factors beside it.

Enters: a derivative with indicators. Leaves: the same, in which ``max(a, 0)`` beside ``[a > 0]`` is `a`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdl.express.corners import is_switch
from symdl.express.relations import rebuilt


def under_conditions(expr: sp.Expr) -> sp.Expr:
    """Write maxima and minima as the argument that a condition beside them says they are."""
    if isinstance(expr, sp.Add):
        return sp.Add(*map(under_conditions, expr.args))
    factors = list(sp.Mul.make_args(expr))
    for place in range(len(factors)):
        if not is_switch(factors[place]):
            continue
        value, condition = factors[place].args[0]
        known = dict(_decided(condition))
        if known:
            factors = [f if n == place else rebuilt(f, known) for n, f in enumerate(factors)]
            factors[place] = sp.Piecewise((rebuilt(value, known), condition), (sp.S.Zero, True))
    return sp.Mul(*factors)


def _decided(condition: sp.Basic) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Yield the maximum and the minimum of two sides that are compared, and which of them each is."""
    for part in condition.args if isinstance(condition, sp.And) else (condition,):
        if isinstance(part, sp.StrictGreaterThan | sp.GreaterThan | sp.StrictLessThan | sp.LessThan):
            large, small = part.gts, part.lts
            yield sp.Max(large, small), large
            yield sp.Min(large, small), small
