"""How integer expressions change from step to step of a recurrence.

Enters: expressions in sizes. Leaves: the steps that they depend on, and by how much they grow.
"""

from __future__ import annotations

from symdl.errors import LoweringError
from symdl.lower.ir.integers import ZERO, Poly, Size, atoms, of, text
from symdl.lower.ir.names import StepNumber


def moves(poly: Poly) -> set[StepNumber]:
    """Return the steps that an expression depends on."""
    return {a.name for a in atoms(poly) if isinstance(a, Size) and isinstance(a.name, StepNumber)}


def slope(poly: Poly, step: StepNumber) -> Poly:
    """Return by how much an expression in sizes grows when the step `step` grows by one.

    Raises:
        LoweringError: that is not the same for every step.
    """
    result = ZERO
    for monomial, factor in poly.terms:
        if not any(step in moves(of(atom)) for atom in monomial):
            continue
        rest = [a for a in monomial if a != Size(step)]
        if len(rest) != len(monomial) - 1 or any(step in moves(of(a)) for a in rest):
            raise LoweringError(
                f"the position {text(poly)} does not move evenly with the steps of a recurrence",
                cure="use the step's index only in sums and multiples",
            )
        result = result + Poly(((tuple(rest), factor),))
    return result
