"""Second derivatives of sums over neighbours: by diagonals, and for small sizes as the matrix itself.

Enters: an element of a matrix as a sum of terms under conditions on its two indices. Leaves: its cases
``j = i``, ``j = i + 1``, without conditions that the sizes imply; the entries of a small matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.explain.notation.conditions import conjunction, each_condition
from symdl.explain.notation.tree import Cases, Compare, Grid, Indicator, Node, Terms, number, product
from symdl.explain.stories.equations import Page
from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, Guard, InRange, map_guard
from symdl.express.tensors import Access, substitute

_WIDEST = 4  # rows and columns of a matrix that is written out


@dataclass(frozen=True, slots=True)
class _Term:
    """A term of an element, and where it is not 0."""

    value: sp.Expr
    guards: tuple[Guard, ...]


def by_diagonals(page: Page, equation: Equation) -> Node | None:
    """Return an element as cases of ``j - i``; None where its terms do not lie on diagonals."""
    terms, indices = _terms(page, equation), equation.indices
    if terms is None or len(indices) != 2:
        return None
    i, j = indices
    diagonals: dict[sp.Expr, list[Node]] = {}
    for term in terms:
        offset = _offset(term, i, j)
        if offset is None:
            return None
        diagonals.setdefault(offset, []).append(_on_diagonal(page, equation, term, offset))
    read = page.notation.read
    rows: list[tuple[Node, Node | None]] = []
    for offset in sorted(diagonals, key=lambda c: (abs(c), -c)):
        parts = diagonals[offset]
        rows.append(
            (parts[0] if len(parts) == 1 else Terms(tuple(parts)), Compare("=", read(j), read(i + offset)))
        )
    return Cases((*rows, (number(0), None)))


def written_out(page: Page, equation: Equation) -> Node | None:
    """Return a small matrix, or the row of a small vector, entry by entry; None for others."""
    terms, sizes = _terms(page, equation), [equation.extents[i] for i in equation.indices]
    small = all(isinstance(size, int) and size <= _WIDEST for size in sizes)
    if terms is None or len(sizes) != 2 or not small or not any(term.guards for term in terms):
        return None
    rows = []
    for row in range(int(sizes[0])):
        places = [
            dict(zip(equation.indices, map(sp.Integer, (row, column)), strict=True))
            for column in range(int(sizes[1]))
        ]
        entries = [_entry(terms, place) for place in places]
        if None in entries:
            return None
        rows.append(tuple(page.notation.read(entry) for entry in entries if entry is not None))
    return Grid(tuple(rows))


def _terms(page: Page, equation: Equation) -> list[_Term] | None:
    """The terms of an element, with those that are written inside it put in; None if one is a sum."""
    if equation.reduction is not None:
        return None
    found: list[_Term] = []
    for part in sp.Add.make_args(equation.body):
        front, inner = part.as_independent(Access, as_Add=False)
        source = page.inlined.get(inner.tensor) if isinstance(inner, Access) else None
        if source is None:
            source, front = replace(equation, body=part, guards=()), sp.Integer(1)
        elif source.reduction is not None:
            return None
        else:
            names = dict(zip(source.indices, inner.indices, strict=True))
            body = front * substitute(source.body, dict(names))
            source = replace(equation, body=body, guards=_at(source.guards, names))
        value, deltas = _without_deltas(source.body)
        found.append(_Term(value, (*equation.guards, *source.guards, *deltas)))
    return found


def _at(guards: Sequence[Guard], names: Mapping[Index, sp.Expr]) -> tuple[Guard, ...]:
    return tuple(map_guard(guard, lambda e: substitute(e, dict(names))) for guard in guards)


def _without_deltas(body: sp.Expr) -> tuple[sp.Expr, list[Guard]]:
    """Take equations between places out of a product: its other factors, and the equations."""
    rest: list[sp.Expr] = []
    found: list[Guard] = []
    for factor in sp.Mul.make_args(body):
        equations = _equations(factor)
        found += [Equal(*one.args) for one in equations]
        rest += [] if equations else [factor]
    return sp.Mul(*rest), found


def _equations(factor: sp.Expr) -> tuple[sp.Eq, ...]:
    """The equations of ``1 if i = j and ... else 0``, none of any other factor."""
    if not isinstance(factor, sp.Piecewise) or len(factor.args) != 2 or factor.args[1] != (0, True):
        return ()
    value, condition = factor.args[0]
    parts = condition.args if isinstance(condition, sp.And) else (condition,)
    plain = value == 1 and all(isinstance(p, sp.Eq) and not p.has(Access) for p in parts)
    return parts if plain else ()


def _offset(term: _Term, i: Index, j: Index) -> sp.Expr | None:
    """``j - i`` where a term is not 0, if that is one number."""
    for guard in term.guards:
        if isinstance(guard, Equal) and {*guard.left.free_symbols, *guard.right.free_symbols} == {i, j}:
            moved = sp.expand(guard.left - guard.right)
            offset = sp.expand((j - i) - moved), sp.expand((j - i) + moved)
            number_ = next((c for c in offset if c.is_Integer), None)
            if number_ is not None:
                return number_
    return None


def _on_diagonal(page: Page, equation: Equation, term: _Term, offset: sp.Expr) -> Node:
    """A term where ``j = i + offset``, with the conditions that this does not imply."""
    i, j = equation.indices
    values = [substitute(term.value, {j: i + offset}), substitute(term.value, {i: j - offset})]
    value = min(values, key=_moved)
    guards = _at(term.guards, {j: i + offset})
    kept = [g for g in guards if not _is_implied(g, equation, offset)]
    shown = page.notation.read(value)
    condition = conjunction(each_condition(page.notation, kept, equation.extents))
    return shown if condition is None else product((shown, Indicator(condition)))


def _moved(value: sp.Expr) -> int:
    """How many places are not an index variable."""
    return sum(not place.is_Symbol for a in value.atoms(Access) for place in a.indices)


def _is_implied(guard: Guard, equation: Equation, offset: sp.Expr) -> bool:
    """Say whether a condition holds wherever ``i`` and ``i + offset`` are places of the matrix."""
    i, j = equation.indices
    if isinstance(guard, Equal):
        return bool(sp.expand(guard.left - guard.right) == 0)
    if not isinstance(guard, InRange) or sp.expand(guard.expr - i).free_symbols & {i, j}:
        return False
    shift = sp.expand(guard.expr - i)
    low = sp.Max(0, -offset) + shift
    highs = [equation.extents[i] - 1 + shift, equation.extents[j] - offset - 1 + shift]
    return bool(low.is_nonnegative) and any(sp.expand(h - guard.extent).is_negative for h in highs)


def _entry(terms: Sequence[_Term], place: Mapping[Index, sp.Expr]) -> sp.Expr | None:
    """One entry; None if a condition is about more than places."""
    total = sp.Integer(0)
    for term in terms:
        holds = [_holds(guard) for guard in _at(term.guards, place)]
        if None in holds:
            return None
        if all(holds):
            total += substitute(term.value, dict(place))
    return total


def _holds(guard: Guard) -> bool | None:
    if isinstance(guard, Equal):
        difference = sp.expand(guard.left - guard.right)
        return bool(difference == 0) if difference.is_Integer else None
    if (
        isinstance(guard, InRange)
        and guard.expr.is_Integer
        and sp.sympify(guard.extent, strict=True).is_Integer
    ):
        return bool(0 <= guard.expr < guard.extent)
    return None


__all__ = ["by_diagonals", "written_out"]
