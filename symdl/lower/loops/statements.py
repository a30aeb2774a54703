"""From nests under construction to loop trees of statements.

Enters: a `Nest`. Leaves: loops and statements in which every value that was computed in the same
iteration is read from a local. Tensors that nobody reads from memory are then not stored.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from symdl.lower.ir.integers import ONE, ZERO, Atom, Pick, Poly, constant, of, rebuild
from symdl.lower.ir.loops import (
    IDENTITY,
    WHOLE_IDENTITY,
    Fold,
    FrozenEquation,
    Item,
    Let,
    Loop,
    Start,
    Store,
    TensorInfo,
    Update,
    map_condition,
)
from symdl.lower.ir.names import Local, TensorId, Var, Variable
from symdl.lower.ir.scalars import MATRIX_WRITERS, Body, Load, Node, map_body, number, whole
from symdl.lower.loops.building import Building, Part
from symdl.lower.loops.nests import Nest

Known = dict[tuple[TensorId, tuple[Poly, ...]], Local]


def resolve(nest: Nest, tensors: tuple[TensorInfo, ...]) -> tuple[Item, ...]:
    """Return the nest as loops and statements; every tensor it makes is stored."""
    return _Resolver(tensors, apart=nest.apart).block(nest.items, {})


class _Resolver:
    def __init__(self, tensors: tuple[TensorInfo, ...], *, apart: bool) -> None:
        self.tensors, self.apart = tensors, apart
        self.locals = map(Local, itertools.count())
        self.running: dict[int, Local] = {}
        self.shifts: dict[int, Local] = {}
        self.wide: set[int] = set()

    def block(self, items: Sequence[Building | Part], outer: Known) -> tuple[Item, ...]:
        """Return the items of one block; stores of its own values come last."""
        known = dict(outer)
        done: list[Item] = []
        stores: list[Item] = []
        for item in items:
            if isinstance(item, Building):
                inner = self.block(item.items, known)
                done.append(Loop(item.var, item.extent, inner, indices=item.indices, average=item.average))
            else:
                if item.role == "start" and item.equation.op == "sum" and _beside_loop(items, item.equation):
                    self.wide.add(item.equation.number)
                self.part(item, known, done, stores)
        return (*done, *stores)

    def part(self, part: Part, known: Known, done: list[Item], stores: list[Item]) -> None:
        """Append the statements of one part."""
        equation, number_ = part.equation, part.equation.number
        read = _Reader(part.names, known, self.tensors)
        where = read.units(equation.lhs, tuple(map(read.poly, equation.where)))
        integer = self.tensors[equation.lhs].integer
        guards = tuple(map_condition(g, read.poly) for g in equation.guards)
        if part.role == "assign" and equation.body.result.op in MATRIX_WRITERS:
            done.append(Store(equation.lhs, where, read.body(equation.body), integer, number_))
        elif part.role == "assign":
            name = next(self.locals)
            done.append(Let(name, read.body(equation.body), guards, integer, number_))
            self.keep(name, where, equation, known, stores)
        elif part.role == "zero":
            where = tuple(part.names.get(v, ZERO) for v in equation.free)
            op = equation.op or "sum"
            first = whole(constant(WHOLE_IDENTITY[op])) if integer else number(IDENTITY[op])
            done.append(Store(equation.lhs, where, first, integer, number_))
        elif part.role == "add":
            op = equation.op or "sum"
            body = read.body(equation.body)
            atomic = self.apart and bool(equation.scattered)
            done.append(Update(equation.lhs, where, op, body, guards, number_, atomic))
        elif part.role == "start":
            self.running[number_] = name = next(self.locals)
            op = "max" if equation.op == "logsumexp" else equation.op or "sum"
            kind = equation.body.whole
            done.append(Start(name, op, number_ in self.wide and not kind, number_, kind))
        elif part.role == "step":
            op = "max" if equation.op == "logsumexp" else equation.op or "sum"
            at = _flat(equation, part.names) if op == "argmax" else None
            name = self.running[number_]
            done.append(Fold(name, op, read.body(equation.body), guards, at, number_))
        elif part.role == "running":
            name = next(self.locals)  # the running value changes after this
            done.append(Let(name, self.local(self.running[number_], integer), (), integer, number_))
            self.keep(name, where, equation, known, stores)
        elif part.role == "shift":
            # Infinite values must not be subtracted from each other.
            self.shifts[number_] = shift = next(self.locals)
            done.append(Let(shift, _finite(self.running[number_]), (), False, number_))
            self.running[number_] = name = next(self.locals)
            done.append(Start(name, "sum", False, number_))
        elif part.role == "expsum":
            body = _exp_minus(read.body(equation.body), self.shifts[number_])
            done.append(Fold(self.running[number_], "sum", body, guards, None, number_))
        else:
            self.finish(equation, where, known, done, stores)

    def finish(
        self,
        equation: FrozenEquation,
        where: tuple[Poly, ...],
        known: Known,
        done: list[Item],
        stores: list[Item],
    ) -> None:
        """Append the end of a running value."""
        name = self.running[equation.number]
        if equation.op == "argmax":
            name = name.position
        elif equation.op == "logsumexp":
            total, name = name, next(self.locals)
            body = _log_plus(total, self.shifts[equation.number])
            done.append(Let(name, body, (), False, equation.number))
        self.keep(name, where, equation, known, stores)

    def keep(
        self,
        name: Local,
        where: tuple[Poly, ...],
        equation: FrozenEquation,
        known: Known,
        stores: list[Item],
    ) -> None:
        """Remember a local as the value of an element, and store it."""
        integer = self.tensors[equation.lhs].integer
        known[equation.lhs, where] = name
        stores.append(Store(equation.lhs, where, self.local(name, integer), integer, equation.number))

    def local(self, name: Local, integer: bool) -> Body:
        """Return the value of a local."""
        return whole(of(name)) if integer else Body((Node("local", (), name),))


def _beside_loop(items: Sequence[Building | Part], equation: FrozenEquation) -> bool:
    """Say whether the steps of a running value are taken beside an inner loop, not in the innermost one."""
    for item in items:
        if isinstance(item, Building):
            if any(isinstance(i, Part) and i.role == "step" and i.equation is equation for i in item.items):
                return any(isinstance(i, Building) for i in item.items)
            if _beside_loop(item.items, equation):
                return True
    return False


class _Reader:
    """Renames variables and reads known values from locals."""

    def __init__(self, names: dict[Variable, Poly], known: Known, tensors: Sequence[TensorInfo]) -> None:
        self.names, self.known, self.tensors = names, known, tensors

    def units(self, tensor: TensorId, where: tuple[Poly, ...]) -> tuple[Poly, ...]:
        """Return a position with 0 on axes of size 1, so that equal positions are equal objects."""
        shape = self.tensors[tensor].shape
        return tuple(ZERO if size == ONE else e for e, size in zip(where, shape, strict=True))

    def poly(self, poly: Poly) -> Poly:
        return rebuild(poly, self.atom)

    def atom(self, atom: Atom) -> Poly | None:
        if isinstance(atom, Var):
            return self.names.get(atom)
        if isinstance(atom, Pick):
            where = self.units(atom.tensor, tuple(map(self.poly, atom.where)))
            name = self.known.get((atom.tensor, where))
            return of(Pick(atom.tensor, where)) if name is None else of(name)
        return None

    def body(self, body: Body) -> Body:
        return map_body(body, self.poly, self.element)

    def element(self, load: Load) -> Node:
        where = self.units(load.tensor, load.where)
        name = self.known.get((load.tensor, where))
        return Node("load", (), Load(load.tensor, where)) if name is None else Node("local", (), name)


def _flat(equation: FrozenEquation, names: dict[Variable, Poly]) -> Poly:
    flat = ZERO
    for variable in equation.bound:
        flat = flat * equation.sizes[variable] + names.get(variable, ZERO)
    return flat


def _finite(name: Local) -> Body:
    nodes = (
        Node("local", (), name),
        Node("abs", (0,)),
        Node("const", (), float("inf")),
        Node("eq", (1, 2)),
        Node("const", (), 0.0),
        Node("select", (3, 4, 0)),
    )
    return Body(nodes)


def _exp_minus(body: Body, shift: Local) -> Body:
    last = len(body.nodes) - 1
    extra = (Node("local", (), shift), Node("sub", (last, last + 1)), Node("exp", (last + 2,)))
    return Body((*body.nodes, *extra))


def _log_plus(total: Local, shift: Local) -> Body:
    nodes = (
        Node("local", (), total),
        Node("log", (0,)),
        Node("local", (), shift),
        Node("add", (1, 2)),
    )
    return Body(nodes)


def without_stores(items: tuple[Item, ...], keep: Callable[[TensorId], bool]) -> tuple[Item, ...]:
    """Return the tree without stores to tensors that need not be kept."""
    kept: list[Item] = []
    for item in items:
        if isinstance(item, Loop):
            kept.append(replace(item, items=without_stores(item.items, keep)))
        elif not isinstance(item, Store) or keep(item.target):
            kept.append(item)
    return tuple(kept)
