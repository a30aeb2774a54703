"""Cases that have a name: max, min, the absolute value, the sign.

Enters: the values and conditions of a `Piecewise`, or a function with a corner. Leaves: the function's name
and its arguments, or None.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

Pairs = Sequence[tuple[sp.Expr, sp.Basic]]


def known_corner(pairs: Pairs) -> tuple[str, tuple[sp.Expr, ...]] | None:
    """Recognise max, min, the absolute value and the sign among cases, by SymPy's names."""
    (first, condition), (other, always) = pairs[0], pairs[-1]
    if always != sp.true or not isinstance(condition, Relational):
        return None
    sides = {first, other}
    if len(pairs) == 2 and {condition.lhs, condition.rhs} == sides:
        greater = isinstance(condition, sp.Gt) == (condition.lhs == first)
        if isinstance(condition, sp.Gt | sp.Lt):
            return ("Max" if greater else "Min"), (first, other)
    if len(pairs) == 2 and other == 0 and isinstance(condition, sp.Gt | sp.Lt):
        if sp.expand(condition.gts - condition.lts - first) == 0:
            return "Max", (first, other)  # max(0, 1 - y z) is not 0 where y z < 1
    if len(pairs) == 3 and other == 0 and isinstance(condition, sp.Gt) and condition.rhs == 0:
        x, (second, below) = condition.lhs, pairs[1]
        if below == sp.Lt(x, 0):
            if (first, second) == (x, -x):
                return "Abs", (x,)
            if (first, second) == (1, -1):
                return "sign", (x,)
    return None


def sides_of(extreme: sp.Max | sp.Min) -> list[sp.Expr]:
    """Return the arguments of a maximum or minimum, numbers last."""
    return sorted(extreme.args, key=lambda side: bool(side.is_number))


def is_switch(expr: sp.Basic) -> bool:
    """Say whether an expression is a value where one condition holds, and else 0."""
    return isinstance(expr, sp.Piecewise) and len(expr.args) == 2 and expr.args[1] == (0, True)
