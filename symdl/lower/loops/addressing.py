"""From element indices to positions in memory, and from nested loops to flat ones.

Enters: loop trees whose elements have one index an axis. Leaves: the same with one row-major position
each; two loops that always step through memory as one become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.lower.ir.integers import (
    ZERO,
    Atom,
    Monomial,
    Pick,
    Poly,
    of,
    rebuild,
    rejoined,
    split,
    substitute,
    variables,
)
from symdl.lower.ir.layout import address
from symdl.lower.ir.loops import (
    Item,
    Loop,
    Statement,
    Store,
    TensorInfo,
    Update,
    When,
    conditions,
    loops,
    statements,
    terms,
)
from symdl.lower.ir.names import LoopVar, TensorId, Var, Variable
from symdl.lower.ir.scalars import Load, Node
from symdl.lower.ir.visitors import map_items, map_statement, polys


def flatten(items: tuple[Item, ...], tensors: Sequence[TensorInfo]) -> tuple[Item, ...]:
    """Return the tree with flat positions and as few loops as they allow."""
    return tuple(_merged(item) for item in _positions(items, tensors))


def _positions(items: tuple[Item, ...], tensors: Sequence[TensorInfo]) -> tuple[Item, ...]:
    def flat(tensor: TensorId, where: tuple[Poly, ...]) -> Poly:
        return rejoined(address(where, tensors[tensor]))

    def atom(found: Atom) -> Poly | None:
        if isinstance(found, Pick):
            return of(Pick(found.tensor, (flat(found.tensor, tuple(map(poly, found.where))),)))
        return None

    def poly(expr: Poly) -> Poly:
        return rebuild(expr, atom)

    def element(load: Load) -> Node:
        return Node("load", (), Load(load.tensor, (flat(load.tensor, load.where),)))

    def change(statement: Statement) -> Statement:
        if isinstance(statement, Store | Update):
            statement = replace(statement, where=(flat(statement.target, statement.where),))
        return map_statement(statement, poly, element)

    return map_items(items, change, poly)


def _merged(item: Item) -> Item:
    if isinstance(item, When):
        return replace(item, items=tuple(map(_merged, item.items)))
    if not isinstance(item, Loop):
        return item
    loop = replace(item, items=tuple(map(_merged, item.items)))
    if len(loop.items) != 1 or not isinstance(loop.items[0], Loop):
        return loop
    inner = loop.items[0]
    if inner.average is not None:
        return loop
    inside = [p for s in statements(inner.items) for p in polys(s)]
    inside += [p for c in conditions(inner.items) for p in terms(c)]
    inside += [found.extent for found in loops(inner.items)]
    if not all(_as_one(p, loop.var, inner.var, inner.extent) for p in inside):
        return loop
    zero: dict[Variable, Poly] = {loop.var: ZERO}

    def poly(expr: Poly) -> Poly:
        return substitute(expr, zero)

    items = map_items(inner.items, lambda s: map_statement(s, poly), poly)
    indices = (*loop.indices, *inner.indices)
    return Loop(inner.var, loop.extent * inner.extent, items, loop.kind, indices)


def _as_one(poly: Poly, outer: LoopVar, inner: LoopVar, extent: Poly) -> bool:
    """Say whether the two loop variables occur only as ``outer*extent + inner``."""
    slopes: dict[Variable, Poly] = {outer: ZERO, inner: ZERO}
    for monomial, coefficient in split(poly).items():
        used = _variables(monomial) & slopes.keys()
        if not used:
            continue
        only = monomial[0]
        if len(monomial) != 1 or not isinstance(only, Var):
            return False
        slopes[only] = coefficient
    return slopes[outer] == slopes[inner] * extent


def _variables(monomial: Monomial) -> set[Variable]:
    return set().union(*(variables(of(a)) for a in monomial)) if monomial else set()
