"""Trees as kernels have them: everything numbered in the order of its appearance.

Enters: a tree of a step and the buffers of its tensors. Leaves: the tree over parameters, so that steps of
one structure have equal trees, and what the parameters are in this step: buffers and sizes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from symdl.lower.ir.integers import (
    Atom,
    Clamp,
    Element,
    Floor,
    Mod,
    Pick,
    Poly,
    Size,
    atoms,
    constant,
    of,
    rebuild,
    split,
)
from symdl.lower.ir.loops import (
    Fold,
    Item,
    KernelItem,
    KernelStatement,
    Let,
    Loop,
    Start,
    Statement,
    Store,
    Update,
    When,
    map_condition,
)
from symdl.lower.ir.names import Index, Lane, Local, LoopVar, Param, Slot, TensorId
from symdl.lower.ir.scalars import Body, Load, Node
from symdl.lower.ir.visitors import map_statement
from symdl.lower.memory.buffers import Plan

LITERAL = 8
"""Sizes up to this are written into kernels, so that short loops can be unrolled; others are passed.

In kernels with loops over lanes all are: what is unrolled there depends on them anyway.
"""


class Canonical:
    """Numbers everything in a tree by order of appearance."""

    def __init__(self, plan: Plan, *, literal: bool) -> None:
        self.plan, self.literal = plan, literal
        self.buffers: dict[int, Slot] = {}
        self.read: dict[Slot, TensorId] = {}
        self.written: dict[Slot, TensorId] = {}
        self.sizes: dict[Poly, Param] = {}
        self.loops: dict[LoopVar, LoopVar] = {}
        self.values: dict[Local, Local] = {}

    def tensors(self) -> tuple[TensorId, ...]:
        """Return for each array the tensor that the kernel writes there, else the one that it reads."""
        found = self.read | self.written
        return tuple(found[slot] for slot in self.buffers.values())

    def replaced(self) -> tuple[tuple[Slot, TensorId], ...]:
        """Return the tensors that are read where then others are written."""
        return tuple((slot, t) for slot, t in self.read.items() if self.written.get(slot, t) != t)

    def block(self, items: tuple[Item, ...]) -> tuple[KernelItem, ...]:
        """Return the items as a kernel has them."""
        done: list[KernelItem] = []
        for item in items:
            if isinstance(item, Loop):
                extent, average = self.extent(item.extent), item.average and self.size(item.average)
                var = self.loops[item.var] = LoopVar(len(self.loops))
                done.append(Loop(var, extent, self.block(item.items), item.kind, item.indices, average))
            elif isinstance(item, When):
                conditions = tuple(map_condition(c, self.poly) for c in item.conditions)
                done.append(When(conditions, self.block(item.items)))
            else:
                done.append(self.statement(item))
        return tuple(done)

    def statement(self, item: Statement) -> KernelStatement:
        """Return a statement as a kernel has it."""
        item = map_statement(item, self.poly, self.element)
        match item:
            case Let() | Fold():
                return replace(item, name=self.local(item.name), body=self.locals(item.body))
            case Start():
                return replace(item, name=self.local(item.name))
            case Store(target, where, body, integer, equation):
                return Store(self.output(target), where, self.locals(body), integer, equation)
            case Update(target, where, op, body, guards, equation):
                return Update(
                    self.output(target), where, op, self.locals(body), guards, equation, item.atomic
                )
            case _:
                assert_never(item)

    def local(self, name: Local) -> Local:
        """Return a local."""
        found = self.values.setdefault(name.value, Local(len(self.values)))
        return found if name.part == "value" else found.position

    def locals(self, body: Body) -> Body:
        """Return a body with its locals renamed."""
        return Body(
            tuple(
                replace(n, value=self.local(n.value)) if isinstance(n.value, Local) else n for n in body.nodes
            )
        )

    def element(self, load: Load) -> Node:
        """Return an element of a parameter."""
        return Node("load", (), Element(self.array(load.tensor), *load.where))

    def array(self, tensor: TensorId) -> Slot:
        """Return the parameter that stands for the buffer of a tensor that is read."""
        slot = self.slot(tensor)
        if slot not in self.written:
            self.read.setdefault(slot, tensor)
        return slot

    def output(self, tensor: TensorId) -> Slot:
        """Return the parameter that stands for the buffer of a tensor that is written."""
        slot = self.slot(tensor)
        self.written.setdefault(slot, tensor)
        return slot

    def slot(self, tensor: TensorId) -> Slot:
        """Return the parameter that stands for a tensor's buffer."""
        return self.buffers.setdefault(self.plan.places[tensor], Slot(len(self.buffers)))

    def extent(self, poly: Poly) -> Poly:
        """Return how often a loop runs: a size, or what is made of elements of arrays."""
        read = any(isinstance(atom, Pick) for atom in atoms(poly))
        return self.poly(poly) if read else self.size(poly)

    def size(self, poly: Poly) -> Poly:
        """Return a size as a small number or as a parameter."""
        number = poly.number
        if number is not None and (self.literal or abs(number) <= LITERAL):
            return constant(number)
        return of(self.sizes.setdefault(poly, Param(len(self.sizes))))

    def poly(self, poly: Poly) -> Poly:
        """Return an integer expression over variables and parameters."""
        result = constant(0)
        for monomial, coefficient in split(poly).items():
            term = self.size(coefficient)
            for atom in monomial:
                term = term * rebuild(of(atom), self.atom)
            result = result + term
        return result

    def atom(self, atom: Atom) -> Poly | None:
        """Return what an atom becomes."""
        match atom:
            case LoopVar():
                return of(self.loops[atom])
            case Local():
                return of(self.local(atom))
            case Pick():
                return of(Element(self.array(atom.tensor), *map(self.poly, atom.where)))
            case Floor() | Mod():
                return of(type(atom)(self.poly(atom.value), self.poly(atom.by)))
            case Clamp():
                return of(Clamp(self.poly(atom.value), self.poly(atom.below)))
            case Lane() | Index() | Size() | Param() | Element():
                return None
            case _:
                assert_never(atom)
