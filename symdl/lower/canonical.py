"""Trees as kernels have them: everything numbered in the order of its appearance.

Enters: a tree of a step and the buffers of its tensors. Leaves: the tree over parameters, so that steps of
one structure have equal trees, and what the parameters are in this step: buffers and sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
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
    loops,
    map_condition,
)
from symdl.lower.ir.names import Index, Lane, Local, LoopVar, Param, Slot, TensorId
from symdl.lower.ir.scalars import Body, Builder, Load, Node
from symdl.lower.ir.visitors import map_items, map_statement
from symdl.lower.memory.buffers import Plan

LITERAL = 8
"""Sizes up to this are written into kernels, so that short loops can be unrolled; others are passed."""
_EXACT = 1 << 24
"""Integers below this are reals of every type."""
_FIRST = 1 << 20
"""Where parameters begin that stand for one number at one place."""


class Canonical:
    """Numbers everything in a tree by order of appearance.

    In kernels with loops over lanes (`lanes`) every number becomes a parameter of its own, see `numbers`:
    `with_numbers` writes those into a kernel in which all its calls agree. A short innermost loop has its
    length written in.
    """

    def __init__(self, plan: Plan, *, lanes: bool) -> None:
        self.plan, self.lanes = plan, lanes
        self.numbers: list[int] = []
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
                extent, average = self.length(item), item.average and self.size(item.average)
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
        return Body(tuple(map(self.node, body.nodes)))

    def node(self, node: Node) -> Node:
        """Return a node with its local renamed; a fraction over lanes becomes a pair of numbers."""
        match node.value:
            case Local() as name:
                return replace(node, value=self.local(name))
            case Fraction(numerator=above, denominator=below) if self.lanes and 1 < below < _EXACT > abs(
                above
            ):
                return replace(node, value=(self.size(constant(above)), self.size(constant(below))))
            case _:
                return node

    def element(self, load: Load) -> Node:
        """Return an element of a parameter."""
        return Node("load", (), self.read_at(load.tensor, *load.where))

    def read_at(self, tensor: TensorId, where: Poly) -> Element:
        """Return an element of the parameter that stands for the buffer of a tensor that is read."""
        slot = self.slot(tensor)
        if slot not in self.written:
            self.read.setdefault(slot, tensor)
        return Element(slot, where, self.plan.buffers[self.plan.places[tensor]].storage)

    def output(self, tensor: TensorId) -> Slot:
        """Return the parameter that stands for the buffer of a tensor that is written."""
        slot = self.slot(tensor)
        self.written.setdefault(slot, tensor)
        return slot

    def slot(self, tensor: TensorId) -> Slot:
        """Return the parameter that stands for a tensor's buffer."""
        return self.buffers.setdefault(self.plan.places[tensor], Slot(len(self.buffers)))

    def length(self, loop: Loop[TensorId]) -> Poly:
        """Return how often a loop runs: a size, or what is made of elements of arrays."""
        if any(isinstance(atom, Pick) for atom in atoms(loop.extent)):
            return self.poly(loop.extent)
        number = loop.extent.number
        if number is not None and number <= LITERAL and not any(loops(loop.items)):
            return constant(number)
        return self.size(loop.extent)

    def size(self, poly: Poly) -> Poly:
        """Return a size as a small number or as a parameter."""
        number = poly.number
        if number is not None and self.lanes:
            self.numbers.append(number)
            return of(Param(_FIRST + len(self.numbers) - 1))
        if number is not None and abs(number) <= LITERAL:
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
                element = self.read_at(atom.tensor, *atom.where)  # numbered before what is in its position
                return of(replace(element, at=self.poly(element.at)))
            case Floor() | Mod():
                return of(type(atom)(self.poly(atom.value), self.poly(atom.by)))
            case Clamp():
                return of(Clamp(self.poly(atom.value), self.poly(atom.below)))
            case Lane() | Index() | Size() | Param() | Element():
                return None
            case _:
                assert_never(atom)


def with_numbers(
    items: tuple[KernelItem, ...], numbers: Sequence[Sequence[int]], known: int
) -> tuple[tuple[KernelItem, ...], tuple[Sequence[int], ...]]:
    """Return a tree in which numbers are written where all calls have the same.

    Args:
        items: a tree with a parameter in place of each number.
        numbers: those of each call.
        known: how many parameters there are otherwise.

    Returns:
        The tree, and for each parameter that is left the numbers of the calls. Places that have the same
        number in each call share one.
    """
    values: dict[Param, Poly] = {}
    varying: dict[tuple[int, ...], Param] = {}
    for at, column in enumerate(zip(*numbers, strict=True)):
        if len(set(column)) == 1:
            values[Param(_FIRST + at)] = constant(column[0])
        else:
            values[Param(_FIRST + at)] = of(varying.setdefault(column, Param(known + len(varying))))

    def put(poly: Poly) -> Poly:
        return rebuild(poly, lambda atom: values.get(atom) if isinstance(atom, Param) else None)

    def written(statement: KernelStatement) -> KernelStatement:
        changed = map_statement(statement, put)
        return changed if isinstance(changed, Start) else replace(changed, body=_with_fractions(changed.body))

    return map_items(items, written, put), tuple(varying)


def _is_exact(number: Fraction) -> bool:
    """Say whether a fraction is none of integers and comes out the same as a quotient of reals."""
    return number.denominator > 1 and max(abs(number.numerator), number.denominator) < _EXACT


def _with_fractions(body: Body) -> Body:
    """Return a body with a number, or a quotient of parameters, in place of each pair."""
    builder = Builder()
    place: list[int] = []
    for node in body.nodes:
        if node.op != "const" or not isinstance(node.value, tuple):
            place.append(builder.add(node.op, *(place[a] for a in node.args), value=node.value))
            continue
        above, below = node.value
        if above.number is not None and below.number is not None:
            place.append(builder.const(Fraction(above.number, below.number)))
        else:
            place.append(
                builder.add("div", builder.add("index", value=above), builder.add("index", value=below))
            )
    return builder.body(place[-1])
