"""Equations as text, for comments and messages.

Enters: an equation and the program's names. Leaves: one line.
"""

from __future__ import annotations

from typing import Any

from symdl.express.dims import Index
from symdl.express.equations import Divisible, Equation, Guard, InRange
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor


def describe(equation: Equation, names: dict[Tensor, str]) -> str:
    """Return an equation as one line of text, with the program's names."""

    def named(expr: Any) -> Any:
        return rebuilt(expr, {a: Index(shown(a)) for a in expr.atoms(Access)})

    def shown(access: Access) -> str:
        return f"{names[access.tensor]}[{', '.join(str(named(e)) for e in access.indices)}]"

    def condition(guard: Guard) -> str:
        if isinstance(guard, InRange):
            return f"0 <= {named(guard.expr)} < {guard.extent}"
        if isinstance(guard, Divisible):
            return f"{guard.by} divides {named(guard.expr)}"
        return f"{named(guard.left)} = {named(guard.right)}"

    right = str(named(equation.body))
    if equation.reduction:
        right = f"{equation.reduction.op}_{{{', '.join(map(str, equation.bound))}}} {right}"
    conditions = "; ".join(map(condition, equation.guards))
    return f"{shown(equation.target)} = {right}" + (f"  where {conditions}" if conditions else "")
