"""Running sums: reductions over all elements up to one's own.

Enters: a frozen equation such as ``c[i] = sum over k <= i of x[k]``. Leaves: a `Scan`, which says how one
loop over ``i`` computes all its elements, each from the one before: n steps in place of n².
"""

from __future__ import annotations

from dataclasses import dataclass

from symdl.lower.ir.integers import ONE, Poly, of, variables
from symdl.lower.ir.loops import Condition, FrozenEquation, Within, terms
from symdl.lower.ir.names import Index, Variable


@dataclass(frozen=True, slots=True)
class Scan:
    """How an equation runs up along one axis.

    Attributes:
        free: the variable of the elements.
        bound: the one of what is added up to them.
        backward: from the last element to the first.
        exclusive: an element has the value before its own step.
        guards: those that say more than the order.
    """

    free: Index
    bound: Index
    backward: bool
    exclusive: bool
    guards: tuple[Condition, ...]


def as_scan(equation: FrozenEquation, reductions: tuple[str, ...]) -> Scan | None:
    """Return how the equation runs up, or None: only their order ties a free and the bound variable."""
    sizes = equation.sizes
    bound = [v for v in equation.bound if sizes[v] != ONE]
    if equation.op not in reductions or equation.scattered or len(bound) != 1:
        return None
    (k,) = bound
    for guard in equation.guards:
        if isinstance(guard, Within) and k in variables(guard.value):
            rest = tuple(g for g in equation.guards if g is not guard)
            for i in equation.free:
                found = _order(guard, i, k, sizes, rest)
                if found is not None and not _mentions(equation, i, rest):
                    return found
    return None


def _order(
    guard: Within, i: Index, k: Index, sizes: dict[Variable, Poly], rest: tuple[Condition, ...]
) -> Scan | None:
    """Return the scan that a guard such as ``0 <= i - k < n`` means, if it says no more than an order."""
    if sizes[i] == sizes[k] == guard.extent:
        ahead = of(i) - of(k)
        for shift in (0, 1):
            for backward in (False, True):
                if guard.value == ahead * (-1 if backward else 1) - shift:
                    return Scan(i, k, backward, bool(shift), rest)
    return None


def _mentions(equation: FrozenEquation, variable: Index, guards: tuple[Condition, ...]) -> bool:
    """Say whether an equation uses a variable in its body or in these guards."""
    polys = list(equation.body.polys)
    for guard in guards:
        polys.extend(terms(guard))
    return variable in equation.fixed or any(variable in variables(poly) for poly in polys)
