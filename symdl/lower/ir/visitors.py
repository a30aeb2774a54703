"""Walks over equations, statements and loop trees that several passes need.

Enters: a frozen equation or a loop tree. Leaves: what it reads, or a copy with parts replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import assert_never

from symdl.lower.ir.integers import Pick, Poly, atoms, substitute
from symdl.lower.ir.loops import (
    Fold,
    FrozenEquation,
    Item,
    ItemOn,
    Let,
    Loop,
    Start,
    Statement,
    StatementOn,
    Store,
    Target,
    Update,
    When,
    loops,
    map_condition,
    statements,
    terms,
)
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import Load, Node, map_body


@dataclass(frozen=True, slots=True)
class Read:
    """An element that an equation reads, of a real or an integer tensor."""

    tensor: TensorId
    where: tuple[Poly, ...]


def reads_of(equation: FrozenEquation) -> list[Read]:
    """Return every element that an equation reads, in body, guards, positions and sizes."""
    found = [Read(load.tensor, load.where) for load in equation.body.loads]
    polys = [*equation.body.polys, *equation.where, *equation.extents]
    for guard in equation.guards:
        polys.extend(terms(guard))
    for poly in polys:
        found.extend(Read(a.tensor, a.where) for a in atoms(poly) if isinstance(a, Pick))
    return list(dict.fromkeys(found))


def with_index(equation: FrozenEquation, index: Index, value: Poly) -> FrozenEquation:
    """Return an equation with a value in place of an index variable."""
    values: dict[Variable, Poly] = {index: value}

    def change(poly: Poly) -> Poly:
        return substitute(poly, values)

    return replace(
        equation,
        body=map_body(equation.body, change),
        guards=tuple(map_condition(g, change) for g in equation.guards),
        where=tuple(map(change, equation.where)),
    )


def polys(statement: StatementOn[Target]) -> list[Poly]:
    """Return every integer expression of a statement."""
    if isinstance(statement, Start):
        return []
    found = list(statement.body.polys)
    if isinstance(statement, Store | Update):
        found.extend(statement.where)
    if isinstance(statement, Fold) and statement.at is not None:
        found.append(statement.at)
    if not isinstance(statement, Store):
        for guard in statement.guards:
            found.extend(terms(guard))
    return found


def loaded(items: tuple[Item, ...]) -> dict[TensorId, set[tuple[Poly, ...]]]:
    """Return which tensors are read from memory, and where."""
    found: dict[TensorId, set[tuple[Poly, ...]]] = {}
    extents = (loop.extent for loop in loops(items))
    for atom in chain((a for p in extents for a in _picks(p)), *map(_elements, statements(items))):
        found.setdefault(atom.tensor, set()).add(atom.where)
    return found


def _elements(statement: Statement) -> Iterable[Load | Pick]:
    if isinstance(statement, Start):
        return
    yield from statement.body.loads
    for poly in polys(statement):
        yield from _picks(poly)


def _picks(poly: Poly) -> Iterable[Pick]:
    return (a for a in atoms(poly) if isinstance(a, Pick))


def map_items(
    items: tuple[ItemOn[Target], ...],
    change: Callable[[StatementOn[Target]], StatementOn[Target]],
    poly: Callable[[Poly], Poly],
) -> tuple[ItemOn[Target], ...]:
    """Return a tree with its statements changed, and the expressions in its conditions and extents."""

    def one(item: ItemOn[Target]) -> ItemOn[Target]:
        match item:
            case Loop():
                average = item.average and poly(item.average)
                inner = map_items(item.items, change, poly)
                return replace(item, extent=poly(item.extent), items=inner, average=average)
            case When():
                conditions = tuple(map_condition(c, poly) for c in item.conditions)
                return When(conditions, map_items(item.items, change, poly))
            case _:
                return change(item)

    return tuple(map(one, items))


def map_statement(
    statement: StatementOn[Target],
    poly: Callable[[Poly], Poly],
    element: Callable[[Load], Node] | None = None,
) -> StatementOn[Target]:
    """Return a statement with its integer expressions changed and its loads replaced."""
    if isinstance(statement, Start):
        return statement
    body = map_body(statement.body, poly, element)
    if isinstance(statement, Store):
        return replace(statement, body=body, where=tuple(map(poly, statement.where)))
    guards = tuple(map_condition(g, poly) for g in statement.guards)
    match statement:
        case Update():
            return replace(statement, body=body, guards=guards, where=tuple(map(poly, statement.where)))
        case Fold():
            at = None if statement.at is None else poly(statement.at)
            return replace(statement, body=body, guards=guards, at=at)
        case Let():
            return replace(statement, body=body, guards=guards)
        case _:
            assert_never(statement)
