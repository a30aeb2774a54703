"""Where elements count.

Enters: a program. Leaves: for each tensor a `Support`, the condition on an element's place and on data
under which anything that is asked for uses it. Elsewhere the element may hold anything, NaN and infinities
included, and so may what is derived from it; a derivative has no part there.

A support is never smaller than the truth. What cannot be said for one element, such as "for some j", is left
out; `exact` then is False.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import sympy as sp

from symdl.differentiate.guards import settle, simplify_guards, substitute_guard
from symdl.differentiate.solve import Solution, solve
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equal, Equation, Guard, guard_terms, map_guard, stays_inside
from symdl.express.operators import axis_indices
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, accesses_in, map_accesses, substitute

_MOST_CHOICES = 8
"""Conditions in one support; beyond it the earliest are left out."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`then` where the condition holds, else `otherwise`: as in a `Piecewise`, also where it compares NaN."""

    condition: sp.Basic
    then: Cases
    otherwise: Cases


Cases: TypeAlias = bool | Choice


@dataclass(frozen=True, slots=True)
class Support:
    """Guards that hold and cases that say yes, over the indices of a tensor.

    Attributes:
        exact: False where the truth may be smaller.
    """

    guards: tuple[Guard, ...] = ()
    cases: Cases = True
    exact: bool = True

    @property
    def everywhere(self) -> bool:
        """Whether it is no restriction."""
        return self.cases is True and not self.guards

    def applied(self, value: sp.Expr) -> sp.Expr:
        """Return `value` where the cases say yes, and 0, without evaluating it, elsewhere."""
        return _applied(self.cases, value)


EVERYWHERE = Support()
SOMEWHERE = Support(exact=False)
NOWHERE = Support(cases=False)


def _applied(cases: Cases, value: sp.Expr) -> sp.Expr:
    if isinstance(cases, bool):
        return value if cases else sp.S.Zero
    yes, no = (_applied(c, _known(value, cases.condition, holds)) for c, holds in _sides(cases))
    return sp.Piecewise((yes, cases.condition), (no, True))


def _sides(choice: Choice) -> tuple[tuple[Cases, bool], tuple[Cases, bool]]:
    return (choice.then, True), (choice.otherwise, False)


def _known(value: sp.Expr, condition: sp.Basic, holds: bool) -> sp.Expr:
    """Return `value` without the cases that ask for a condition of which the answer is known."""

    def chosen(piece: sp.Basic) -> sp.Basic:
        first, *rest = piece.args
        if first.cond != condition:
            return piece
        return first.expr if holds or not rest else sp.Piecewise(*rest)

    return (
        value.replace(lambda node: isinstance(node, sp.Piecewise), chosen)
        if value.has(sp.Piecewise)
        else value
    )


def _choice(condition: sp.Basic, then: Cases, otherwise: Cases) -> Cases:
    return then if then == otherwise else Choice(condition, then, otherwise)


def _and(first: Cases, second: Cases) -> Cases:
    if isinstance(first, bool):
        return second if first else False
    if first == second:
        return first
    return _choice(first.condition, _and(first.then, second), _and(first.otherwise, second))


def _or(first: Cases, second: Cases) -> Cases:
    if isinstance(first, bool):
        return True if first else second
    if first == second:
        return first
    if isinstance(second, Choice) and second.condition == first.condition:
        return _choice(first.condition, _or(first.then, second.then), _or(first.otherwise, second.otherwise))
    return _choice(first.condition, _or(first.then, second), _or(first.otherwise, second))


def _size(cases: Cases) -> int:
    return 0 if isinstance(cases, bool) else 1 + _size(cases.then) + _size(cases.otherwise)


def both(first: Support, second: Support) -> Support:
    """Return where both hold; `second` is kept where that would be too long."""
    if first.everywhere:
        return Support(second.guards, second.cases, first.exact and second.exact)
    guards = tuple(dict.fromkeys((*first.guards, *second.guards)))
    cases = _and(first.cases, second.cases)
    if _size(cases) > _MOST_CHOICES:
        return Support(second.guards, second.cases, exact=False)
    return Support(guards, cases, first.exact and second.exact)


def either(first: Support, second: Support, extents: Mapping[Index, Extent]) -> Support:
    """Return where one of them holds, or more, if that is no conjunction of guards with cases."""
    for one, other in ((first, second), (second, first)):
        if one.cases is False or (other.everywhere and other.exact) or one == other or _within(one, other):
            return other
    common = tuple(g for g in first.guards if g in second.guards)
    parts = [
        _without_guards(s.cases, common, extents) if s.guards != common else s.cases for s in (first, second)
    ]
    cases = _or(*parts)
    exact = first.exact and second.exact and first.guards == second.guards == common
    if _size(cases) > _MOST_CHOICES:
        return Support(common, exact=False)
    return Support(common, cases, exact)


def _within(one: Support, other: Support) -> bool:
    """Say whether a support of fixed places, such as the first step, is that part of another one."""
    fixed: dict[Index, sp.Expr] = {}
    for guard in one.guards:
        sides = guard_terms(guard) if isinstance(guard, Equal) else ()
        for place, value in (sides, sides[::-1]) if sides else ():
            if isinstance(place, Index) and value.is_number:
                fixed[place] = value
    inside = bool(fixed) and set(other.guards) <= set(one.guards)
    return inside and _mapped(other.cases, fixed, ()) == one.cases


def _without_guards(cases: Cases, guards: Sequence[Guard], extents: Mapping[Index, Extent]) -> Cases:
    """Return cases that only ask for conditions that can be read under the guards."""
    if isinstance(cases, bool):
        return cases
    then, otherwise = (_without_guards(c, guards, extents) for c, _ in _sides(cases))
    if _readable(cases.condition, guards, extents):
        return _choice(cases.condition, then, otherwise)
    return _or(then, otherwise)


def _readable(condition: sp.Basic, guards: Sequence[Guard], extents: Mapping[Index, Extent]) -> bool:
    return all(
        stays_inside(where, size, guards, extents)
        for access in accesses_in(condition)
        for where, size in zip(access.indices, access.tensor.shape, strict=True)
    )


def evaluated(expr: sp.Basic, access: Access, *, compared: bool = True) -> Cases:
    """Return where the value of an expression needs that of an access.

    Args:
        compared: whether a comparison needs it; its truth is defined for NaN and infinities, too.
    """
    if expr == access:
        return True
    if not expr.has(access):
        return False
    if isinstance(expr, sp.Piecewise):
        found: Cases = False
        for value, condition in reversed(expr.args):
            found = _choice(condition, evaluated(value, access, compared=compared), found)
            if condition == sp.true:
                found = found.then if isinstance(found, Choice) else found
            elif compared and condition.has(access):
                found = True
        return found
    if isinstance(expr, sp.logic.boolalg.Boolean):
        return compared
    result: Cases = False
    for arg in expr.args:
        result = _or(result, evaluated(arg, access, compared=compared))
    return result


def nonzero(expr: sp.Expr) -> Cases:
    """Return where an expression is not 0 by the way it is written."""
    if expr == 0:
        return False
    if not expr.has(sp.Piecewise):
        return True
    if isinstance(expr, sp.Piecewise):
        found: Cases = False
        for value, condition in reversed(expr.args):
            found = nonzero(value) if condition == sp.true else _choice(condition, nonzero(value), found)
        return found
    if isinstance(expr, sp.Mul | sp.Add):
        return reduce(_and if isinstance(expr, sp.Mul) else _or, map(nonzero, expr.args))
    return nonzero(expr.base) if isinstance(expr, sp.Pow) and expr.exp.is_positive else True


def carried(support: Support, solution: Solution, names: Sequence[Index]) -> Support:
    """Return a support over an equation's indices as one over those of what the equation reads.

    Args:
        support: over the variables of the equation.
        solution: for which of them the access is the element at `solution.targets`.
        names: what the targets are called then.
    """
    if support.cases is False:
        return NOWHERE
    change: dict[Index, sp.Expr] = dict(solution.values)
    wanted = (*(substitute_guard(g, change) for g in support.guards), *solution.guards)
    simple = simplify_guards(wanted, solution.extents)
    if simple is None:
        return NOWHERE
    free = set(solution.free)
    if support.cases is True and free and simple:  # "for some j" may be plain: j = i
        settled = settle(sp.S.One, simple, solution.free, solution.extents, frozenset())
        simple = simple if settled is None else settled.guards
        free = free if settled is None else {index for index, _ in settled.axes}
    guards = tuple(g for g in simple if not any(_symbols(term) & free for term in guard_terms(g)))
    cases = _mapped(support.cases, change, free)
    exact = support.exact and cases == _mapped(support.cases, change, set())
    exact = exact and (len(guards) == len(simple) or (cases is True and _witness(simple, free, solution)))
    cases = _without_guards(cases, guards, solution.extents)
    names_of = dict(zip(solution.targets, names, strict=True))
    guards = tuple(substitute_guard(g, dict(names_of)) for g in guards)
    return Support(guards, _mapped(cases, dict(names_of), set()), exact)


def _witness(guards: Sequence[Guard], free: set[Index], solution: Solution) -> bool:
    """Say whether guards hold for every element with the free variables at one end of their ranges."""
    if len(free) > 3 or not free <= solution.extents.keys():
        return False
    ends = [(sp.Integer(0), sp.sympify(solution.extents[v], strict=True) - 1) for v in free]
    return any(
        simplify_guards(
            [substitute_guard(g, dict(zip(free, at, strict=True))) for g in guards], solution.extents
        )
        == ()
        for at in itertools.product(*ends)
    )


def _symbols(expr: sp.Basic) -> set[sp.Basic]:
    return set(expr.free_symbols).union(*(a.free_symbols for a in accesses_in(expr)))


def _mapped(cases: Cases, change: dict[Index, sp.Expr], free: Collection[Index]) -> Cases:
    """Return cases with index variables replaced; a condition on one that stays free may hold or not."""
    if isinstance(cases, bool):
        return cases
    then, otherwise = (_mapped(c, change, free) for c, _ in _sides(cases))
    condition = substitute(cases.condition, dict(change))
    if condition in (sp.true, sp.false):
        return then if condition == sp.true else otherwise
    if not _symbols(condition) & set(free):
        return _choice(condition, then, otherwise)
    either_way = _or(then, otherwise)
    known = [part for part in condition.args if not _symbols(part) & set(free)]
    if isinstance(condition, sp.And) and known:  # it fails for all where a part of it fails that says no j
        return _choice(sp.And(*known), either_way, otherwise)
    if isinstance(condition, sp.Or) and known:
        return _choice(sp.Or(*known), then, either_way)
    return either_way


def names_of(tensor: Tensor, definitions: Mapping[Tensor, Equation]) -> tuple[Index, ...]:
    """Return the index variables over which the support of a tensor is written."""
    equation = definitions.get(tensor)
    return axis_indices(tensor.rank) if equation is None else equation.indices


def is_whole(equation: Equation, access: Access) -> bool:
    """Say whether an equation reads every element of a tensor, each at index variables of its own."""
    names = access.indices
    extents = equation.extents
    return len(set(names)) == len(names) and all(
        isinstance(e, Index) and extents.get(e) == size
        for e, size in zip(names, access.tensor.shape, strict=True)
    )


def demand(program: Program, wanted: Iterable[Tensor], *, compared: bool = True) -> dict[Tensor, Support]:
    """Return where each tensor of a program is used by what is wanted.

    Args:
        compared: whether a comparison uses what it compares.
    """
    found: dict[Tensor, Support] = dict.fromkeys(wanted, EVERYWHERE)
    for recurrence in program.recurrences:  # an element that other steps read: anything may depend on it
        for equation in recurrence.equations:
            for access in equation.accesses():
                axis = recurrence.axes.get(access.tensor)
                if axis is not None and access.indices[axis] != recurrence.step_index(equation):
                    found.setdefault(access.tensor, SOMEWHERE)
    for equation in reversed(program.equations):
        own = found.get(equation.lhs, NOWHERE)
        for access in equation.accesses():
            tensor = access.tensor
            if (known := found.get(tensor, NOWHERE)) == EVERYWHERE:
                continue
            found[tensor] = _used(program, equation, access, own, known, compared=compared)
    return found


def resolved(support: Support, definitions: Mapping[Tensor, Equation]) -> Support:
    """Return a support whose conditions ask the tensors that views show, so that equal ones are seen."""

    def shown(access: Access) -> Access:
        source = definitions.get(access.tensor)
        while source is not None and not source.reduction and not source.guards:
            if not isinstance(source.body, Access):
                break
            found = substitute(source.body, dict(zip(source.indices, access.indices, strict=True)))
            assert isinstance(found, Access)
            access, source = found, definitions.get(found.tensor)
        return access

    def cases(of: Cases) -> Cases:
        if isinstance(of, bool):
            return of
        condition = map_accesses(of.condition, shown)
        return _choice(condition, *(cases(c) for c, _ in _sides(of)))

    if support.everywhere:
        return support
    guards = tuple(map_guard(g, lambda e: map_accesses(e, shown)) for g in support.guards)
    return Support(guards, cases(support.cases), support.exact)


def _used(
    program: Program,
    equation: Equation,
    access: Access,
    own: Support,
    known: Support,
    *,
    compared: bool,
) -> Support:
    """Return the support of what an equation reads, with this use of it."""
    tensor = access.tensor
    names = names_of(tensor, program.definitions)
    extents = dict(zip(names, tensor.shape, strict=True))
    if access in equation.body.atoms(Access):
        body = equation.body
        cases = evaluated(body, access, compared=compared) if body.has(sp.Piecewise) else True
        here = both(own, resolved(Support(equation.guards, cases), program.definitions))
    else:  # in a guard, or as a position
        here = own if compared else NOWHERE
    if here.everywhere and is_whole(equation, access):
        return either(known, here, extents)
    return either(known, carried(here, solve(equation, access, names), names), extents)
