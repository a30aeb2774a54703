"""Long scalar functions at many points: one row of the launch list for every operation, few kernels.

Enters: a frozen program in which every element depends only on elements at its own place. Leaves: kernels of
one operation each, with the conditions on which it depends, their calls, and a buffer plan. One kernel with
all operations takes a time to compile that grows faster than its length; these kernels have no more than some
dozens of structures, whatever the length. They are called on blocks of points so small that all rows of
intermediate values stay in cache (`run.cpu.threads.point_blocks`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite
from typing import Literal

from symdl.lower.ir.integers import Element, Poly, Size, constant, of
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Loop, Store, TensorInfo
from symdl.lower.ir.names import Local, LoopVar, Param, Slot, TensorId
from symdl.lower.ir.scalars import BOOLEAN, Body, Builder, Load, Node
from symdl.lower.kernels import Array, Kernel, KernelCall
from symdl.lower.memory.buffers import Buffer, Plan

LONG = 200
"""Operations from which on a function is long."""
_LARGEST_LITERAL = 4
_LEAVES = ("load", "const", "flag")
_LOOP = LoopVar(0)
_HERE = of(_LOOP)
Kind = Literal["given", "output", "arena"]


@dataclass(frozen=True, slots=True)
class Points:
    """The kernels and calls of a long function, and the program with its rows as further tensors."""

    program: FrozenProgram
    kernels: tuple[Kernel, ...]
    calls: tuple[KernelCall, ...]
    plan: Plan


def points(program: FrozenProgram) -> str:
    """Return the size that counts the points, or nothing if elements are more than points."""
    first = program.tensors[program.outputs[0]].shape if program.outputs else ()
    size = first[0].atom if len(first) == 1 else None
    name = size.name if isinstance(size, Size) and isinstance(size.name, str) else ""
    used = (*program.inputs, *(e.lhs for e in program.equations))
    alike = all(program.tensors[t].shape == first and not program.tensors[t].integer for t in used)
    other = program.recurrences or program.updates or program.gathers
    return name if alike and not other and all(map(_elementwise, program.equations)) else ""


def _elementwise(equation: FrozenEquation) -> bool:
    here = (of(equation.free[0]),) if len(equation.free) == 1 else ()
    plain = not (equation.bound or equation.guards or equation.op) and equation.where == here
    return plain and all(
        not node.value.where or node.value.where == here
        if isinstance(node.value, Load)
        else not isinstance(node.value, Poly | tuple | Local)
        for node in equation.body.nodes
    )


def operations(program: FrozenProgram) -> int:
    """Return how many operations a program has."""
    return sum(node.op not in _LEAVES for e in program.equations for node in e.body.nodes)


def as_rows(program: FrozenProgram, size: str) -> Points:
    """Return a program of points in pieces of one operation."""
    return _Rows(program, of(Size(size))).points()


class _Rows:
    def __init__(self, program: FrozenProgram, count: Poly) -> None:
        self.program, self.count = program, count
        self.graph = Builder()
        self.at: dict[TensorId, int] = {}  # the node of each tensor
        self.tells: dict[int, int] = {}  # the equation that a node completes
        self.kernels: dict[tuple[Node, ...], Kernel] = {}
        self.first: dict[int, tuple[int, ...]] = {}  # the buffers of each kernel's first call
        self.calls: list[KernelCall] = []

    def points(self) -> Points:
        """Number the nodes, cut the graph into pieces, and give every piece a row or an output."""
        for equation in self.program.equations:
            self.enter(equation)
        targets = {tensor: self.node(tensor) for tensor in self.program.outputs}
        pieces = self.pieces(set(targets.values()))
        places = {tensor: place for place, tensor in enumerate(self.program.inputs)}
        where = {n: places[t] for t, n in self.at.items() if t in places}
        copies = []
        for tensor, node in targets.items():
            place = places.setdefault(tensor, len(places))
            if node in pieces and node not in where:
                where[node] = place
            elif tensor not in self.program.inputs:
                copies.append((node, place))
        rows = self.run(pieces, where, len(places))
        for node, place in copies:
            piece = _Piece(self.graph.nodes)
            piece.leaf(node)
            self.call(piece, where, place, None)
        return self.finish(places, rows)

    def enter(self, equation: FrozenEquation) -> None:
        """Add the operations of an equation, each distinct one once."""
        place: list[int] = []
        for node in equation.body.nodes:
            if isinstance(node.value, Load):
                place.append(self.node(node.value.tensor))
            else:
                place.append(self.graph.add(node.op, *(place[a] for a in node.args), value=node.value))
        self.at[equation.lhs] = place[-1]
        self.tells.setdefault(place[-1], equation.number)

    def node(self, tensor: TensorId) -> int:
        """Return the node that holds a tensor."""
        if tensor not in self.at:
            self.at[tensor] = self.graph.add("load", value=Load(tensor, (_HERE,)))
        return self.at[tensor]

    def pieces(self, outputs: set[int]) -> dict[int, _Piece]:
        """Return the pieces by their last node, in order."""
        nodes = self.graph.nodes
        needed = set(outputs)
        for at in range(len(nodes) - 1, -1, -1):
            if at in needed:
                needed.update(nodes[at].args)
        inside = {arg for at in needed for arg in nodes[at].args if nodes[arg].op in BOOLEAN}
        found: dict[int, _Piece] = {}
        for at in sorted(needed - inside):
            if nodes[at].op not in _LEAVES:
                found[at] = _Piece(nodes)
                found[at].add(at, inside)
        return found

    def run(self, pieces: dict[int, _Piece], where: dict[int, int], first: int) -> int:
        """Call every piece; rows that nobody reads any more are used again. Return the number of buffers."""
        uses = Counter(leaf for piece in pieces.values() for leaf in piece.leaves)
        free: list[int] = []
        count = first
        for node, piece in pieces.items():
            if node not in where:
                where[node] = free.pop() if free else count
                count = max(count, where[node] + 1)
            self.call(piece, where, where[node], self.tells.get(node))
            for leaf in piece.leaves:
                uses[leaf] -= 1
                if not uses[leaf] and where[leaf] >= first:
                    free.append(where[leaf])
        return count

    def call(self, piece: _Piece, where: Mapping[int, int], place: int, equation: int | None) -> None:
        """Call the kernel of a piece, a new one or a known one."""
        buffers = (*(where[leaf] for leaf in piece.leaves), place)
        equations = () if equation is None else (equation,)
        key = tuple(piece.body.nodes)
        if key not in self.kernels:
            slots = tuple(map(Slot, range(len(buffers))))
            arrays = tuple(Array(slot, False, slot == slots[-1]) for slot in slots)
            sizes = tuple(map(Param, range(len(piece.sizes) + 1)))
            store = Store(slots[-1], (_HERE,), Body(key))
            loop = Loop(_LOOP, of(sizes[0]), (store,))
            self.kernels[key] = Kernel(len(self.kernels), arrays, sizes, (loop,), equations, ())
            self.first[len(self.first)] = buffers
        number = self.kernels[key].number
        self.calls.append(KernelCall(number, buffers, (self.count, *piece.sizes), equations))

    def finish(self, places: dict[TensorId, int], count: int) -> Points:
        """Return the plan with one buffer an array and a row."""
        tensors = list(self.program.tensors)
        kinds: dict[int, Kind] = dict.fromkeys(places.values(), "output")
        kinds.update({places[t]: "given" for t in self.program.inputs})
        names = {place: tensor for tensor, place in places.items()}
        for row in range(len(places), count):
            names[row] = TensorId(len(tensors))
            tensors.append(TensorInfo(names[row], f"row {row}", (self.count,), False, "intermediate"))
        last = len(self.calls)
        buffers = [
            Buffer(names[at], kinds.get(at, "arena"), self.count, False, 0, last) for at in range(count)
        ]
        kernels = [
            replace(k, first_arrays=tuple(names[b] for b in self.first[k.number]))
            for k in self.kernels.values()
        ]
        program = replace(self.program, tensors=tuple(tensors))
        return Points(program, tuple(kernels), tuple(self.calls), Plan(tuple(buffers), places, frozenset()))


class _Piece:
    """An operation and its conditions, with their arrays and numbers named by order of appearance."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes, self.body = nodes, Builder()
        self.leaves: list[int] = []
        self.sizes: list[Poly] = []

    def add(self, at: int, inside: set[int]) -> int:
        """Return the place of a node in the body."""
        node = self.nodes[at]
        args = [self.add(a, inside) if a in inside else self.leaf(a) for a in node.args]
        return self.body.add(node.op, *args, value=node.value)

    def leaf(self, at: int) -> int:
        """Return the place of a node of another piece, or of a number."""
        node = self.nodes[at]
        if isinstance(node.value, Fraction | float):
            return self.number(node.value)
        if node.op == "flag":
            return self.body.add("flag", value=node.value)
        if at not in self.leaves:
            self.leaves.append(at)
        return self.body.add("load", value=Element(Slot(self.leaves.index(at)), _HERE))

    def number(self, value: Fraction | float) -> int:
        """Return the place of a number; one that is not small is a ratio of parameters."""
        if isinstance(value, float) and not isfinite(value):
            return self.body.const(value)
        ratio = Fraction(value)
        parts = (ratio.numerator, ratio.denominator)
        if max(map(abs, parts)) <= _LARGEST_LITERAL or max(map(abs, parts)) >= 1 << 62:
            return self.body.const(value)
        held = []
        for part in parts:
            self.sizes.append(constant(part))
            held.append(self.body.add("index", value=of(Param(len(self.sizes)))))
        return self.body.add("div", *held)
