"""From element indices to positions in memory, and from nested loops to flat ones.

Enters: loop trees whose elements have one index an axis. Leaves: the same with one row-major position
each; two loops that always step through memory as one become one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from symdl.lower.equations.contractions import address
from symdl.lower.ir.integers import (
    ZERO,
    Atom,
    Monomial,
    Pick,
    Poly,
    Var,
    of,
    rebuild,
    split,
    substitute,
    variables,
)
from symdl.lower.ir.loops import (
    Fold,
    Item,
    Loop,
    Start,
    Statement,
    Store,
    TensorInfo,
    Update,
    When,
    conditions,
    map_condition,
    statements,
    terms,
)
from symdl.lower.ir.scalars import Load, Node, map_body
from symdl.lower.loops.statements import polys


def flatten(items: tuple[Item, ...], tensors: Sequence[TensorInfo]) -> tuple[Item, ...]:
    """Return the tree with flat positions and as few loops as they allow."""
    return tuple(_merged(item) for item in _positions(items, tensors))


def _positions(items: tuple[Item, ...], tensors: Sequence[TensorInfo]) -> tuple[Item, ...]:
    def flat(tensor: int | str, where: tuple[Poly, ...]) -> tuple[Poly, ...]:
        return (address(tuple(map(poly, where)), tensors[int(tensor)]),)

    def atom(found: Atom) -> Poly | None:
        if isinstance(found, Pick):
            return of(Pick(found.tensor, flat(found.tensor, found.where)))
        return None

    def poly(expr: Poly) -> Poly:
        return rebuild(expr, atom)

    def element(load: Load) -> Node:
        where = address(load.where, tensors[int(load.tensor)])
        return Node("load", (), Load(load.tensor, (where,)))

    def change(statement: Statement) -> Statement:
        if isinstance(statement, Store | Update):
            statement = replace(statement, where=(address(statement.where, tensors[int(statement.tensor)]),))
        return map_statement(statement, poly, element)

    return map_items(items, change, poly)


def map_items(
    items: tuple[Item, ...], change: Callable[[Statement], Statement], poly: Callable[[Poly], Poly]
) -> tuple[Item, ...]:
    """Return a tree with its statements changed, and the expressions in its conditions."""

    def one(item: Item) -> Item:
        if isinstance(item, Loop):
            return replace(item, items=map_items(item.items, change, poly))
        if isinstance(item, When):
            conditions = tuple(map_condition(c, poly) for c in item.conditions)
            return When(conditions, map_items(item.items, change, poly))
        return change(item)

    return tuple(map(one, items))


def map_statement(
    statement: Statement,
    poly: Callable[[Poly], Poly],
    element: Callable[[Load], Node] | None = None,
) -> Statement:
    """Return a statement with its integer expressions changed and its loads replaced."""
    if isinstance(statement, Start):
        return statement
    body = map_body(statement.body, poly, element)
    if isinstance(statement, Store):
        return replace(statement, body=body, where=tuple(map(poly, statement.where)))
    guards = tuple(map_condition(g, poly) for g in statement.guards)
    if isinstance(statement, Update):
        return replace(statement, body=body, guards=guards, where=tuple(map(poly, statement.where)))
    if isinstance(statement, Fold):
        at = None if statement.at is None else poly(statement.at)
        return replace(statement, body=body, guards=guards, at=at)
    return replace(statement, body=body, guards=guards)


def _merged(item: Item) -> Item:
    if isinstance(item, When):
        return replace(item, items=tuple(map(_merged, item.items)))
    if not isinstance(item, Loop):
        return item
    loop = replace(item, items=tuple(map(_merged, item.items)))
    if len(loop.items) != 1 or not isinstance(loop.items[0], Loop):
        return loop
    inner = loop.items[0]
    inside = [p for s in statements(inner.items) for p in polys(s)]
    inside += [p for c in conditions(inner.items) for p in terms(c)]
    if not all(_as_one(p, loop.var, inner.var, inner.extent) for p in inside):
        return loop
    zero = {loop.var: ZERO}

    def poly(expr: Poly) -> Poly:
        return substitute(expr, zero)

    items = map_items(inner.items, lambda s: map_statement(s, poly), poly)
    return Loop(inner.var, loop.extent * inner.extent, items, loop.kind)


def _as_one(poly: Poly, outer: str, inner: str, extent: Poly) -> bool:
    """Say whether the two loop variables occur only as ``outer*extent + inner``."""
    slopes = {outer: ZERO, inner: ZERO}
    for monomial, coefficient in split(poly).items():
        used = _variables(monomial) & slopes.keys()
        if not used:
            continue
        if len(monomial) != 1 or not isinstance(monomial[0], Var):
            return False
        slopes[monomial[0].name] = coefficient
    return slopes[outer] == slopes[inner] * extent


def _variables(monomial: Monomial) -> set[str]:
    return set().union(*(variables(of(a)) for a in monomial)) if monomial else set()
