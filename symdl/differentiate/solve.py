"""The index solver: for which values of an equation's variables does an access hit a given element?

Enters: an equation, an access ``A[e(i, r)]`` in it and index variables ``p``. Leaves: the solutions of
``e(i, r) = p``: some variables as expressions in the others, conditions that are left as guards, and the
variables that stay free (the new reduction axes).

Per axis: a bare index variable keeps its name (so a gradient prints with the user's letters); a linear form
is solved for one variable, an output variable of the equation first, with a divisibility guard for a stride
and a range guard where the range is not implied; a reshape's digits are taken apart; a constant or a gather
stays as an equality guard. Nothing is approximated: what cannot be solved stays as an equality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sympy as sp

from symdl.differentiate.indexforms import (
    Linear,
    exact_quotients,
    join_digits,
    linear,
    needs_range,
    quotient,
    radix_solution,
)
from symdl.express.dims import Extent, Index, bounds
from symdl.express.equations import Divisible, Equal, Equation, Guard, InRange, map_guard
from symdl.express.tensors import Access, substitute


@dataclass(slots=True)
class Solution:
    """The state of solving; finished when no equation is pending.

    Attributes:
        targets: the index variables of the element, one an axis of the tensor.
        extents: ranges of the targets and of every variable of the equation.
        free: variables that are not determined, in the equation's order.
        values: solved variables as expressions in targets and free variables.
        guards: conditions under which the solution holds.
    """

    targets: tuple[Index, ...]
    extents: dict[Index, Extent]
    free: list[Index]
    values: dict[Index, sp.Expr] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)

    def assign(self, variable: Index, value: sp.Expr) -> None:
        """Determine a variable, everywhere."""
        change = {variable: value}
        self.values = {v: sp.expand(substitute(e, change)) for v, e in self.values.items()}
        self.guards = [map_guard(g, lambda e: substitute(e, change)) for g in self.guards]
        self.values[variable] = value
        self.free.remove(variable)


def solve(equation: Equation, access: Access, names: Sequence[Index] | None = None) -> Solution:
    """Solve ``access.indices == targets`` for the variables of `equation`.

    Args:
        equation: the equation that reads `access`.
        access: an access in its body.
        names: preferred target names where an axis is not a bare index variable.
    """
    state, pending = _start(equation, access, names)
    odd = {axis: e for axis, e in pending.items() if linear(e, list(state.free)) is None}
    joined = join_digits(odd, state.targets) if odd else {}
    equalities: list[tuple[sp.Expr, Index]] = []
    zero_forms: list[sp.Expr] = list(joined.values())
    for axis, expr in pending.items():
        if axis in odd and joined:
            continue
        if axis in odd or expr.has(Access):
            equalities.append((expr, state.targets[axis]))
        else:
            zero_forms.append(sp.expand(expr - state.targets[axis]))
    for form in sorted(zero_forms, key=lambda f: len(f.free_symbols & set(state.free))):
        _eliminate(state, substitute(form, state.values), equation)
    for expr, target in equalities:
        state.guards.append(Equal(substitute(expr, state.values), target))
    return state


def _start(
    equation: Equation, access: Access, names: Sequence[Index] | None
) -> tuple[Solution, dict[int, sp.Expr]]:
    """Give every bare index variable to its axis; the other axes get fresh targets and are pending."""
    taken = set(equation.extents)
    extents = dict(equation.extents)
    free = list(extents)
    targets: list[Index] = []
    pending: dict[int, sp.Expr] = {}
    for axis, (expr, size) in enumerate(zip(access.indices, access.tensor.shape, strict=True)):
        if isinstance(expr, Index) and expr in free and extents[expr] == size:
            free.remove(expr)
            targets.append(expr)
            continue
        target = fresh_index(taken, names[axis] if names else None)
        taken.add(target)
        targets.append(target)
        extents[target] = size
        pending[axis] = exact_quotients(expr, equation.guards)
    return Solution(tuple(targets), extents, free), pending


def fresh_index(taken: set[Index], wish: Index | None = None) -> Index:
    """Return an index variable that is not in `taken`: the wish, a letter, or a numbered letter."""
    candidates = [wish] if wish is not None else []
    candidates += [Index(letter) for letter in "pqrsuvwijklmn"]
    candidates += [Index(f"p{number}") for number in range(1, len(taken) + 2)]
    return next(c for c in candidates if c not in taken)


def _eliminate(state: Solution, form: sp.Expr, equation: Equation) -> None:
    """Use ``form == 0`` to determine one variable, or several where they are digits of a radix."""
    denominator = sp.denom(sp.together(form))
    form = sp.expand(form * denominator)
    parts = linear(form, state.free)
    if parts is None or not parts.coefficients:
        if form != 0:
            state.guards.append(_equality(form))
        return
    if len(parts.coefficients) > 1 and _eliminate_radix(state, parts):
        return
    variable = _choose(parts, equation)
    coefficient = parts.coefficients[variable]
    others = Linear({v: c for v, c in parts.coefficients.items() if v != variable}, parts.rest)
    rest = sp.Add(others.rest, *(c * v for v, c in others.coefficients.items()))
    numerator = sp.expand(-rest if coefficient.is_positive else rest)
    by = abs(coefficient)
    if by != 1:
        state.guards.append(Divisible(numerator, int(by)))
    value = quotient(numerator, by)
    size = state.extents[variable]
    state.assign(variable, value)
    if needs_range(value, size, state.extents):
        state.guards.append(InRange(value, size))


def _eliminate_radix(state: Solution, parts: Linear) -> bool:
    signs = {bool(c.is_negative) for c in parts.coefficients.values()}
    if signs == {True}:
        parts = Linear({v: -c for v, c in parts.coefficients.items()}, -parts.rest)
    solution = radix_solution(parts, sp.expand(-parts.rest), state.extents)
    if solution is None:
        return False
    limits = bounds(sp.expand(-parts.rest), state.extents)
    for variable, value in solution.items():
        state.assign(variable, value)
    leading = list(solution)[-1]
    value = solution[leading]
    if limits is None or needs_range(value, state.extents[leading], state.extents):
        state.guards.append(InRange(value, state.extents[leading]))
    return True


def _choose(parts: Linear, equation: Equation) -> Index:
    """Prefer an output variable (its sum would be long), then a unit coefficient."""

    def cost(item: tuple[Index, sp.Expr]) -> tuple[bool, bool]:
        return item[0] in equation.bound, abs(item[1]) != 1

    usable = {v: c for v, c in parts.coefficients.items() if c.is_Integer}
    return min((usable or parts.coefficients).items(), key=cost)[0]


def _equality(form: sp.Expr) -> Equal:
    """Write ``form == 0`` with a positive side each."""
    positive = sp.Add(*(t for t in sp.Add.make_args(form) if not t.could_extract_minus_sign()))
    return Equal(positive, sp.expand(positive - form))
