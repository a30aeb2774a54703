"""Loops over samples, a layout block of them at a time.

Enters: the tree of a step, with one index an axis. Leaves: the same with loops over ``lanes`` where that can
be, and flat positions in which the layout block and the sample inside it are apart. A loop over samples that
touches a tensor in sample layout can be one if samples meet in sums only, and if no position depends on the
data of a sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from symdl.lower.cpu.register_blocking import blocked
from symdl.lower.ir.integers import (
    Atom,
    Clamp,
    Floor,
    Mod,
    Pick,
    Poly,
    atoms,
    constant,
    of,
    parts,
    rebuild,
    variables,
)
from symdl.lower.ir.loops import (
    LAYOUT_BLOCK,
    Divides,
    Fold,
    Item,
    Let,
    Loop,
    Start,
    Statement,
    StatementOn,
    Store,
    Target,
    TensorInfo,
    Update,
    statements,
    terms,
)
from symdl.lower.ir.names import LANE, ROW, Local, TensorId
from symdl.lower.ir.scalars import MATRIX, Load, Node
from symdl.lower.ir.visitors import map_items, map_statement
from symdl.lower.loops.addressing import flatten

_OPERANDS = 3
"""Of a function that is called in every lane, at most."""


def in_lanes(items: tuple[Item, ...], tensors: Sequence[TensorInfo]) -> tuple[Item, ...] | None:
    """Return a tree with loops over lanes and flat positions, or None if it has no such loop."""
    fitting = [item for item in items if isinstance(item, Loop) and _Lanes(item, tensors).fits()]
    if not fitting:
        return None
    made = tuple(
        replace(item, items=blocked(item, tensors), kind="lanes") if item in fitting else item
        for item in items
    )
    return tuple(_by_lanes(item) for item in flatten(made, tensors))


def _by_lanes(item: Item) -> Item:
    """Write positions with the number of the layout block and of the sample in it."""
    if not isinstance(item, Loop) or item.kind != "lanes":
        return item
    sample, block = of(item.var), constant(LAYOUT_BLOCK)

    def atom(found: Atom) -> Poly | None:
        if isinstance(found, Floor) and (found.value, found.by) == (sample, block):
            return sample
        if isinstance(found, Mod) and (found.value, found.by) == (sample, block):
            return of(LANE)
        return sample * block + of(ROW) if found == sample.atom else None

    def poly(expr: Poly) -> Poly:
        return rebuild(expr, atom)

    return replace(item, items=map_items(item.items, lambda s: map_statement(s, poly), poly))


class _Lanes:
    """Says whether a loop can be one over lanes."""

    def __init__(self, loop: Loop[TensorId], tensors: Sequence[TensorInfo]) -> None:
        self.loop, self.tensors = loop, tensors
        self.inside = list(statements(loop.items))
        self.made = {s.name for s in self.inside if isinstance(s, Let | Start)}
        self.whole: set[Local] = {s.name.position for s in self.inside if isinstance(s, Start)}
        self.whole |= {s.name for s in self.inside if isinstance(s, Let) and s.integer}
        """Integer locals, which may differ between samples."""

    def fits(self) -> bool:
        """Say whether all statements can be computed for a layout block at once."""
        accesses = [(load.tensor, load.where) for s in self.inside for load in _loads(s)]
        accesses += [(s.target, s.where) for s in self.inside if isinstance(s, Store | Update)]
        mine = [t for t, where in accesses if self.loop.var in set().union(*map(variables, where))]
        if not any(self.tensors[int(t)].sample_layout for t in mine):
            return False
        return all(self.plain(where) for _, where in accesses) and all(map(self.statement, self.inside))

    def plain(self, where: tuple[Poly, ...]) -> bool:
        """Say whether samples differ by equal distances."""
        for poly in where:
            names = variables(poly)
            if self.loop.var in names and poly != of(self.loop.var):
                return False
            if names & self.whole or any(isinstance(a, Pick) for a in atoms(poly)):
                return False
        return True

    def statement(self, item: Statement) -> bool:
        """Say whether a statement has a form for lanes."""
        if isinstance(item, Start):
            return item.op in ("sum", "prod", "max", "argmax") and not item.whole
        if any(node.op in MATRIX or _is_long_call(node) for node in item.body.nodes):
            return False
        if item.body.whole and not (isinstance(item, Let | Store) and len(item.body.nodes) == 1):
            return False  # running values, choices and products of int64
        if any(self.divides(p) for p in values_of(item)):
            return False
        tests = [g for g in item.guards if isinstance(g, Divides)] if not isinstance(item, Store) else []
        if any(self.differs(p) for g in tests for p in terms(g)):
            return False
        varies = not isinstance(item, Let | Fold) and any(self.loop.var in variables(p) for p in item.where)
        if isinstance(item, Fold):
            return item.name in self.made or item.op == "sum"
        if isinstance(item, Update):
            return varies or item.op == "sum"
        return isinstance(item, Let) or varies

    def differs(self, poly: Poly) -> bool:
        """Say whether an integer expression may differ between samples."""
        own = {self.loop.var, *self.whole}
        return any(isinstance(a, Pick) or a in own for a in atoms(poly))

    def divides(self, poly: Poly) -> bool:
        """Say whether what may differ between samples is divided, or multiplied by itself."""
        several = any(sum(self.differs(of(a)) for a in monomial) > 1 for monomial, _ in poly.terms)
        quotients = [a for a in atoms(poly) if isinstance(a, Floor | Mod | Clamp)]
        return several or any(self.differs(p) for a in quotients for p in parts(a))


def _loads(item: Statement) -> Iterable[Load | Pick]:
    if isinstance(item, Start):
        return
    yield from item.body.loads
    for poly in values_of(item):
        yield from (a for a in atoms(poly) if isinstance(a, Pick))


def values_of(item: StatementOn[Target]) -> list[Poly]:
    """Return the integer expressions that are no positions."""
    if isinstance(item, Start):
        return []
    found: list[Poly] = []
    for node in item.body.nodes:
        if isinstance(node.value, Poly):
            found.append(node.value)
        elif isinstance(node.value, tuple):
            found.extend(node.value)
    if isinstance(item, Fold) and item.at is not None:
        found.append(item.at)
    if not isinstance(item, Store):
        found.extend(p for guard in item.guards for p in terms(guard))
    return found


def _is_long_call(node: Node) -> bool:
    """Say whether a node is a call of more operands than there is a form for, in every lane."""
    return node.op == "call" and len(node.args) > _OPERANDS
