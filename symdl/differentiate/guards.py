"""Guards made as simple as they can be.

Enters: guards and the ranges of index variables. Leaves: the guards that are not implied; or the news that
they can never hold; and summed variables that an equality determines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import sympy as sp

from symdl.differentiate.indexforms import fresh_index, reduced
from symdl.express.dims import Extent, Index, at_most, bounds, in_range
from symdl.express.equations import (
    Divisible,
    Equal,
    Guard,
    InRange,
    Reduction,
    exact_quotients,
    guard_terms,
    map_guard,
    stays_inside,
)
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, map_accesses, substitute

Positions: TypeAlias = frozenset[tuple[Tensor, Extent]]


def simplify_guards(guards: Iterable[Guard], extents: Mapping[Index, Extent]) -> tuple[Guard, ...] | None:
    """Drop guards that always hold; return None if one never holds."""
    kept: dict[Guard, None] = {}
    known: list[Guard] = []  # a divisibility may use those before it, never itself
    for guard in sorted(guards, key=lambda g: not isinstance(g, Divisible)):
        plain = map_guard(guard, lambda e: reduced(e, extents))
        exact = map_guard(plain, lambda e: sp.expand(exact_quotients(e, known)))
        if isinstance(exact, Divisible):
            exact = _remainder(exact)
            known.append(plain)
        verdict = _always(exact, extents)
        if verdict is False:
            return None
        if verdict is None:
            kept[exact if not _fractional(exact) else plain] = None
    return tuple(kept)


def _remainder(guard: Divisible) -> Divisible:
    """Leave out the terms that are multiples of the divisor."""
    terms = [t for t in sp.Add.make_args(guard.expr) if not (t / guard.by).is_integer]
    return Divisible(sp.Add(*terms), guard.by)


def _fractional(guard: Guard) -> bool:
    terms = (guard.left, guard.right) if isinstance(guard, Equal) else (guard.expr,)
    return any(not _integral(term) for term in terms)


def _integral(expr: sp.Expr) -> bool:
    return all(t.as_coeff_Mul()[0].is_Integer for t in sp.Add.make_args(expr))


def _always(guard: Guard, extents: Mapping[Index, Extent]) -> bool | None:
    """True: it always holds. False: it never does. None: it depends."""
    if isinstance(guard, Equal):
        gap = sp.expand(guard.left - guard.right)
        if gap == 0:
            return True
        limits = None if gap.has(Access) else bounds(gap, extents)
        if limits is None:
            return None
        if limits[0].is_positive or limits[1].is_negative:
            return False
        return True if limits == (0, 0) else None
    if isinstance(guard, Divisible):
        terms = sp.Add.make_args(sp.expand(guard.expr))
        if all((t / guard.by).is_integer for t in terms):
            return True
        return False if guard.expr.is_Integer else None
    limits = bounds(guard.expr, extents)
    if limits is None:
        return None
    if limits[1].is_negative or (limits[0] - guard.extent).is_nonnegative:
        return False
    return True if in_range(guard.expr, guard.extent, extents) else None


def _determined(
    guards: Sequence[Guard], summed: Iterable[Index], extents: Mapping[Index, Extent]
) -> tuple[Index, sp.Expr, Equal] | None:
    """Find a summed variable that an equality guard fixes: ``(variable, value, the guard)``.

    A value read from a tensor must be the bare access, so that it can serve as an index, and the reading
    must be in range without the guards that would come to depend on it.
    """
    names = list(summed)
    for guard in guards:
        if not isinstance(guard, Equal):
            continue
        for variable in names:
            value = _solve_for(variable, guard)
            if value is None:
                continue
            if isinstance(value, Access):
                before = [g for g in guards if g is not guard and not _mentions(g, variable)]
                readable = all(
                    isinstance(e, Access) or stays_inside(e, size, before, extents)
                    for e, size in zip(value.indices, value.tensor.shape, strict=True)
                )
                if readable:
                    return variable, value, guard
            elif not value.has(Access):
                return variable, value, guard
    return None


def _mentions(guard: Guard, variable: Index) -> bool:
    return any(variable in term.free_symbols for term in guard_terms(guard))


def _solve_for(variable: Index, guard: Equal) -> sp.Expr | None:
    for one, other in ((guard.left, guard.right), (guard.right, guard.left)):
        if one == variable and variable not in other.free_symbols:
            return other
    gap = guard.left - guard.right
    if gap.has(Access):
        return None
    gap = sp.expand(gap)
    coefficient = gap.coeff(variable, 1)
    if coefficient not in (1, -1):
        return None
    value = sp.expand(variable - gap / coefficient)
    return None if value.has(variable) else value


def substitute_guard(guard: Guard, values: dict[Index, sp.Expr]) -> Guard:
    """Return the guard with index variables replaced."""
    return map_guard(guard, lambda e: sp.expand(substitute(e, dict(values))))


@dataclass(frozen=True, slots=True)
class Settled:
    """A guarded sum whose guards are as simple as they can be; see `settle`."""

    body: sp.Expr
    guards: tuple[Guard, ...]
    axes: tuple[tuple[Index, Extent], ...]

    @property
    def reduction(self) -> Reduction | None:
        """The sum over what is left to sum over."""
        return Reduction("sum", self.axes) if self.axes else None


def settle(
    body: sp.Expr,
    guards: Iterable[Guard],
    summed: Iterable[Index],
    extents: Mapping[Index, Extent],
    positions: Positions,
) -> Settled | None:
    """Simplify the guards of a sum and let them shorten it; None if they never hold.

    An equality that fixes a summed variable takes its sum away. A sum over every second position, as a
    stride leaves it, becomes a sum over the positions that count.

    Args:
        body: what is summed.
        guards: where it is summed.
        summed: the variables of the sum.
        extents: ranges of all variables.
        positions: pairs of an integer tensor and a size that its values are known to stay below.
    """
    known, free, kept = dict(extents), list(summed), tuple(guards)
    while True:
        simple = simplify_guards(kept, known)
        if simple is None:
            return None
        found = _determined(simple, free, known)
        if found is not None:
            variable, value, used = found
            free.remove(variable)
            kept = tuple(g for g in simple if g is not used)
        else:
            stride = _unstrided(simple, free, known)
            if stride is None:
                break
            variable, value, place, count, kept = stride
            known[place] = count
            free[free.index(variable)] = place
        change: dict[Index, sp.Expr] = {variable: value}
        bare = not any(
            e.has(variable) and e != variable for access in body.atoms(Access) for e in access.indices
        )
        body = substitute(body, dict(change))
        in_axis = range_guard(value, known[variable], known, positions if bare else frozenset())
        kept = (*in_axis, *(substitute_guard(g, change) for g in kept))
    body = map_accesses(body, lambda a: Access(a.tensor, *(_tidy(e, simple, known) for e in a.indices)))
    return Settled(body, simple, tuple((v, known[v]) for v in free))


def _tidy(expr: sp.Expr, guards: Sequence[Guard], extents: Mapping[Index, Extent]) -> sp.Expr:
    """Write an index without quotients where the ranges or the guards allow it."""
    if not expr.has(sp.floor, sp.Mod):
        return expr
    plain = sp.expand(reduced(expr, extents))
    exact = sp.expand(exact_quotients(plain, guards))
    return exact if _integral(exact) else plain


def _unstrided(
    guards: tuple[Guard, ...], free: Sequence[Index], extents: Mapping[Index, Extent]
) -> tuple[Index, sp.Expr, Index, Extent, tuple[Guard, ...]] | None:
    """Find a summed variable that only counts at ``by*place + rest``, with fewer places than it has values.

    Returns:
        The variable, its value, the place and how many there are, and the guards that remain.
    """
    for guard in guards:
        if not isinstance(guard, Divisible):
            continue
        for other in guards:
            if not isinstance(other, InRange):
                continue
            exact = sp.expand(exact_quotients(other.expr, [guard]))
            for variable in free:
                value, place = _on_the_grid(exact, guard, variable, extents)
                size, count = extents[variable], other.extent
                if value is None or not at_most(count + 1, size):
                    continue
                if at_most(guard.by * count, size + guard.by - 1):
                    return variable, value, place, count, tuple(g for g in guards if g not in (guard, other))
    return None


def _on_the_grid(
    position: sp.Expr, guard: Divisible, variable: Index, extents: Mapping[Index, Extent]
) -> tuple[sp.Expr | None, Index]:
    """Solve ``position == place`` for `variable` and a new `place`."""
    place = fresh_index(set(extents))
    if sp.expand(guard.expr).coeff(variable, 1) not in (1, -1):
        return None, place
    coefficient = position.coeff(variable, 1)
    if abs(coefficient) != sp.Rational(1, guard.by):
        return None, place
    value = sp.expand((place - position) / coefficient + variable)
    return (None if value.has(variable, sp.floor) or not _integral(value) else value), place


def range_guard(
    value: sp.Expr, size: Extent, extents: Mapping[Index, Extent], positions: Positions
) -> tuple[Guard, ...]:
    """Return the guard that keeps `value` inside an axis, none if it is implied."""
    safe = in_range(value, size, extents)
    safe = safe or (isinstance(value, Access) and (value.tensor, size) in positions)
    return () if safe else (InRange(value, size),)


def _covers(access: Access, extents: Mapping[Index, Extent]) -> bool:
    """Say whether every element of a tensor is read: each index runs over a whole axis."""
    pairs = zip(access.indices, access.tensor.shape, strict=True)
    whole = all(isinstance(index, Index) and extents.get(index) == size for index, size in pairs)
    return whole and len(set(access.indices)) == len(access.indices)


def checked_positions(program: Program) -> frozenset[tuple[Tensor, Extent]]:
    """Return the integer tensors all of whose elements are positions, each with the axis' size."""
    found: set[tuple[Tensor, Extent]] = set()
    for equation in program.equations:
        if equation.guards:
            continue
        sometimes = {a for piece in equation.body.atoms(sp.Piecewise) for a in piece.atoms(Access)}
        for access in equation.body.atoms(Access) - sometimes:
            for where, size in zip(access.indices, access.tensor.shape, strict=True):
                if isinstance(where, Access) and _covers(where, equation.extents):
                    found.add((where.tensor, size))
    return frozenset(found)
