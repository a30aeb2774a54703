"""Guards made as simple as they can be.

Enters: guards and the ranges of index variables. Leaves: the guards that are not implied; or the news that
they can never hold; and summed variables that an equality determines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from symdl.differentiate.indexforms import exact_quotients
from symdl.express.dims import Extent, Index, bounds, in_range
from symdl.express.equations import Divisible, Equal, Guard, InRange, map_guard
from symdl.express.tensors import Access, substitute


def simplify_guards(guards: Iterable[Guard], extents: Mapping[Index, Extent]) -> tuple[Guard, ...] | None:
    """Drop guards that always hold; return None if one never holds."""
    kept: dict[Guard, None] = {}
    pending = list(guards)
    for guard in pending:
        exact = map_guard(guard, lambda e: sp.expand(exact_quotients(e, pending)))
        verdict = _always(exact, extents)
        if verdict is False:
            return None
        if verdict is None:
            kept[exact if not _fractional(exact) else guard] = None
    return tuple(kept)


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


def determined(
    guards: Iterable[Guard], summed: Iterable[Index], extents: Mapping[Index, Extent]
) -> tuple[Index, sp.Expr, Equal] | None:
    """Find a summed variable that an equality guard fixes: ``(variable, value, the guard)``.

    A value read from a tensor must be the bare access, so that it can serve as an index.
    """
    names = list(summed)
    for guard in guards:
        if not isinstance(guard, Equal):
            continue
        for variable in names:
            value = _solve_for(variable, guard)
            if value is None:
                continue
            if isinstance(value, Access) or not value.has(Access):
                return variable, value, guard
    return None


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


def range_guard(value: sp.Expr, size: Extent, extents: Mapping[Index, Extent]) -> tuple[Guard, ...]:
    """Return the guard that keeps `value` inside an axis, none if it is implied or read from data."""
    if isinstance(value, Access) or in_range(value, size, extents):
        return ()
    return (InRange(value, size),)
