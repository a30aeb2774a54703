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
    Split,
    fresh_index,
    join_digits,
    linear,
    needs_range,
    open_digits,
    quotient,
    radix_solution,
    reduced,
)
from symdl.express.dims import Extent, Index, as_extent, bounds
from symdl.express.equations import Divisible, Equal, Equation, Guard, InRange, exact_quotients, map_guard
from symdl.express.tensors import Access, substitute


@dataclass(slots=True)
class Solution:
    """The state of solving; finished when no equation is pending.

    Attributes:
        targets: the index variables of the element, one an axis of the tensor.
        extents: ranges of the targets and of every variable of the equation.
        free: variables that are not determined, in the equation's order; a variable that a reshape reads by
            its digits is replaced by them.
        summed: those that the equation reduces over.
        values: solved variables as expressions in targets and free variables.
        guards: conditions under which the solution holds.
    """

    targets: tuple[Index, ...]
    extents: dict[Index, Extent]
    free: list[Index]
    summed: set[Index] = field(default_factory=set)
    values: dict[Index, sp.Expr] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)

    def assign(self, variable: Index, value: sp.Expr) -> None:
        """Determine a variable, everywhere."""
        change = {variable: value}
        self.values = {v: sp.expand(substitute(e, change)) for v, e in self.values.items()}
        self.guards = [map_guard(g, lambda e: substitute(e, change)) for g in self.guards]
        self.values[variable] = value
        self.free.remove(variable)

    def split(self, split: Split) -> None:
        """Replace a variable by two digits of it."""
        parts = [split.high, split.low]
        self.extents |= {split.high: split.count, split.low: as_extent(split.weight)}
        self.free[self.free.index(split.variable) : 0] = parts
        if split.variable in self.summed:
            self.summed.update(parts)
        self.assign(split.variable, split.value)
        if not split.exact:
            self.guards.append(InRange(split.value, self.extents[split.variable]))


def solve(equation: Equation, access: Access, names: Sequence[Index] | None = None) -> Solution:
    """Solve ``access.indices == targets`` for the variables of `equation`.

    Args:
        equation: the equation that reads `access`.
        access: an access in its body.
        names: preferred target names where an axis is not a bare index variable.
    """
    state, pending = _start(equation, access, names)
    zero_forms, equalities = _forms(state, pending)
    for form in sorted(zero_forms, key=lambda f: len(f.free_symbols & set(state.free))):
        _eliminate(state, substitute(form, state.values))
    for expr, target in equalities:
        state.guards.append(Equal(substitute(expr, state.values), target))
    return state


def _forms(state: Solution, pending: dict[int, sp.Expr]) -> tuple[list[sp.Expr], list[tuple[sp.Expr, Index]]]:
    """Return the linear forms that must be zero, and what can only be compared."""
    odd = {axis: e for axis, e in pending.items() if linear(e, state.free) is None}
    zero_forms: list[sp.Expr] = []
    for axes, form in join_digits(odd, state.targets, state.extents).items() if odd else ():
        if linear(form, state.free) is not None:
            zero_forms.append(form)
            pending = {axis: e for axis, e in pending.items() if axis not in axes}
    digits = {axis: e for axis, e in pending.items() if axis in odd and not e.has(Access)}
    taken = set(state.extents)
    opened = open_digits(digits, state.free, state.extents, lambda: _new(taken)) if digits else None
    if opened is not None:
        pending = pending | opened[0]
        for split in opened[1]:
            state.split(split)
            pending = {a: e.xreplace({split.variable: split.value}) for a, e in pending.items()}
            zero_forms = [sp.expand(f.xreplace({split.variable: split.value})) for f in zero_forms]
    equalities: list[tuple[sp.Expr, Index]] = []
    for axis, expr in pending.items():
        if expr.has(Access) or linear(expr, state.free) is None:
            equalities.append((expr, state.targets[axis]))
        else:
            zero_forms.append(sp.expand(expr - state.targets[axis]))
    return zero_forms, equalities


def _new(taken: set[Index]) -> Index:
    index = fresh_index(taken)
    taken.add(index)
    return index


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
        pending[axis] = exact_quotients(reduced(expr, extents), equation.guards)
    return Solution(tuple(targets), extents, free, set(equation.bound)), pending


def _eliminate(state: Solution, form: sp.Expr) -> None:
    """Use ``form == 0`` to determine one variable, or several where they are digits of a radix."""
    denominator = sp.denom(sp.together(form))
    form = sp.expand(form * denominator)
    parts = linear(form, state.free)
    if parts is not None and len(parts.coefficients) > 1 and _eliminate_radix(state, parts):
        return
    if parts is None or not any(c.is_Integer for c in parts.coefficients.values()):
        if form != 0:
            state.guards.append(_equality(form))
        return
    variable = _choose(parts, state.summed)
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


def _choose(parts: Linear, summed: set[Index]) -> Index:
    """Prefer an output variable (its sum would be long), then a unit coefficient."""

    def cost(item: tuple[Index, sp.Expr]) -> tuple[bool, bool]:
        return item[0] in summed, abs(item[1]) != 1

    return min(((v, c) for v, c in parts.coefficients.items() if c.is_Integer), key=cost)[0]


def _equality(form: sp.Expr) -> Equal:
    """Write ``form == 0`` with a positive side each."""
    positive = sp.Add(*(t for t in sp.Add.make_args(form) if not t.could_extract_minus_sign()))
    return Equal(positive, sp.expand(positive - form))


def with_indices(equation: Equation, names: Sequence[Index]) -> Equation:
    """Rename the free variables of an equation to `names`, moving bound ones out of the way."""
    taken = {*names, *equation.extents}
    moves: dict[Index, Index] = {}
    for index in equation.bound:
        if index in names:
            moves[index] = fresh_index(taken)
            taken.add(moves[index])
    moves.update(zip(equation.indices, names, strict=True))
    return equation.rename({old: new for old, new in moves.items() if old != new})
