"""In which order the axes of intermediate values lie in memory.

Enters: equations after matrix products were found and samples laid out. Leaves: the same, with the axes of
some tensors in another order, so that an innermost loop steps through memory by one.

``T[p, i] = X[i, p] * d[i]`` reads along ``p`` and writes along ``i``: whatever its loops are, one of the two
takes a new cache line for every element. If nobody but matrix products reads ``T``, it may as well be ``T[i,
p]``, which they read as a transposed matrix. The cost of an equation is how many elements it takes across
rows, for the best innermost index; an axis moves where that makes the equations that touch its tensor
cheaper. What callers see, states, and tensors of recurrences stay as they are: loops that must go across
rows write nothing else, so that `cache_blocking` can cut them, and functions are computed in the better
order before.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from symdl.lower.equations.contractions import as_contraction
from symdl.lower.ir.integers import ONE, Pick, Poly, of, rebuild, variables
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Stated, TensorInfo, map_condition
from symdl.lower.ir.names import Index, TensorId
from symdl.lower.ir.scalars import MATRIX, Load, Node, load, map_body
from symdl.lower.ir.visitors import Read, reads_of
from symdl.lower.work import calls_functions

_NOMINAL = 128
"""Elements of an axis whose size is a symbol."""
_LINE = 16
"""Elements of a cache line: a shorter step does not leave it at once."""
_CHAIN = 16
"""Elementwise equations after each other through which an order is handed on."""
_NEAR = 4096
"""Elements that lie in the nearest cache anyway, in whatever order."""


@dataclass(frozen=True, slots=True)
class AxisOrder:
    """Equations, and tensors whose shapes are in the order in which their axes lie.

    Those in `heads`, copies, begin loops of their own with the index there.
    """

    program: FrozenProgram
    equations: list[FrozenEquation]
    heads: Mapping[int, Index]


def with_axis_order(
    program: FrozenProgram, equations: Sequence[FrozenEquation], left: Container[int] = ()
) -> AxisOrder:
    """Return the equations with axes in the order in which they are written and read.

    Tensors of those `left` stay as they are.
    """
    worker = _Axes(program, equations, left)
    if not worker.costs:
        return AxisOrder(program, list(equations), {})
    for tensor in sorted({t for n in worker.costs for t in _touched(worker.equations[n])}):
        if tensor in worker.movable:
            worker.consider(tensor)
    made = [part for e in equations for part in worker.parts(worker.equations[e.number])]
    program = replace(program, tensors=tuple(worker.tensors), stated=worker.stated)
    return AxisOrder(program, made, worker.heads)


class _Axes:
    """Moves one axis after another; `costs` has the equations that go across rows now."""

    def __init__(
        self, program: FrozenProgram, equations: Sequence[FrozenEquation], left: Container[int]
    ) -> None:
        self.tensors, self.stated = list(program.tensors), dict(program.stated)
        self.count = 1 + max((e.number for e in equations), default=0)
        self.heads: dict[int, Index] = {}
        self.equations = {e.number: e for e in equations}
        self.products: dict[int, bool] = {}
        self.costs = {e.number: c for e in equations if (c := self.cost(e))}
        self.members = {n for r in program.recurrences for n in r.members}
        stay = {*program.inputs, *program.outputs, *(t for pair in program.updates for t in pair)}
        stay |= {t.number for t in self.tensors if t.sample_layout}
        for equation in equations:
            matrices = any(node.op in MATRIX for node in equation.body.nodes)
            if matrices or equation.scattered or equation.number in self.members or equation.number in left:
                stay |= _touched(equation)
        self.movable = {e.lhs for e in equations} - stay
        self.users: dict[TensorId, list[int]] = {}
        for equation in equations:
            for tensor in _touched(equation):
                self.users.setdefault(tensor, []).append(equation.number)

    def cost(self, equation: FrozenEquation) -> float:
        """Return how many elements an equation takes across rows; matrix products take none."""
        places = list(self.places(equation))
        inner = {where[-1].atom for where, _ in places}
        candidates = [v for v in inner if isinstance(v, Index) and v in equation.sizes]
        least = min((sum(_across(*place, v) for place in places) for v in candidates), default=0)
        count = prod(e.number or _NOMINAL for e in equation.extents)
        return 0.0 if not least or count < _NEAR or self.is_product(equation) else float(least * count)

    def is_product(self, equation: FrozenEquation) -> bool:
        """Say whether an equation becomes a matrix product, wherever the axes of what it touches lie."""
        if equation.number not in self.products:
            self.products[equation.number] = as_contraction(equation, self.tensors) is not None
        return self.products[equation.number]

    def places(self, equation: FrozenEquation) -> Iterator[tuple[list[Poly], list[Poly]]]:
        """Yield, for all that is read and written, positions and sizes of the axes longer than one."""
        for access in (Read(equation.lhs, equation.where), *reads_of(equation)):
            info = self.tensors[access.tensor]
            axes = [(w, s) for w, s in zip(access.where, info.shape, strict=True) if s != ONE]
            if axes and not info.sample_layout:
                yield [w for w, _ in axes], [s for _, s in axes]

    def consider(self, tensor: TensorId) -> None:
        """Move an axis of a tensor to the end, if that makes its equations cheaper.

        If it makes another one dear instead, what that one defines is next, and so on to the end of
        a chain of elementwise equations; nothing is moved if that does not help.
        """
        undo: dict[TensorId, tuple[TensorInfo, dict[int, FrozenEquation]]] = {}
        before, total = self.costs, sum(self.costs.values())
        while tensor in self.movable and tensor not in undo and len(undo) < _CHAIN:
            found = self.cheapest(tensor)
            if found is None:
                break
            info, moved, costs = found
            undo[tensor] = self.tensors[tensor], {n: self.equations[n] for n in moved}
            dearer = [n for n, cost in costs.items() if cost > self.costs.get(n, 0.0)]
            self.tensors[tensor] = info
            self.equations |= moved
            self.costs = self.costs | costs
            if sum(self.costs.values()) < total:
                return
            if len(dearer) != 1:
                break
            tensor = self.equations[dearer[0]].lhs
        for tensor, (info, equations) in reversed(undo.items()):
            self.tensors[tensor] = info
            self.equations |= equations
        self.costs = before

    def cheapest(
        self, tensor: TensorId
    ) -> tuple[TensorInfo, dict[int, FrozenEquation], dict[int, float]] | None:
        """Return a tensor with another axis last, and its equations with their costs, if it can be."""
        users, kept = self.users[tensor], self.tensors[tensor]
        products = [n for n in users if self.is_product(self.equations[n])]
        choices = []
        for order in _orders(len(kept.shape)):
            moved = {n: permuted(self.equations[n], tensor, order) for n in users}
            info = self.tensors[tensor] = replace(kept, shape=tuple(kept.shape[a] for a in order))
            if all(as_contraction(moved[n], self.tensors) is not None for n in products):
                choices.append((info, moved, {n: self.cost(e) for n, e in moved.items()}))
        self.tensors[tensor] = kept
        return min(choices, key=lambda c: sum(c[2].values()), default=None)

    def parts(self, equation: FrozenEquation) -> list[FrozenEquation]:
        """Return an equation that still goes across rows with loops of its own, which can be cut into blocks.

        If it calls functions, they are computed in the better order, and only a copy goes across rows.
        """
        plain = equation.where == tuple(map(of, equation.free)) and equation.number not in self.members
        lhs, before = equation.lhs, self.costs.get(equation.number, 0.0)
        if equation.op or not plain or lhs in self.movable or not before:
            return [equation]
        if not calls_functions(equation.body):
            self.heads[equation.number] = equation.free[0]
            return [equation]
        info = self.tensors[lhs]
        new = TensorId(len(self.tensors))
        self.tensors.append(replace(info, number=new, name=f"{info.name} (in rows)", role="intermediate"))
        shape, number = info.shape, self.count
        for order in _orders(len(shape)):
            self.tensors[new] = replace(self.tensors[new], shape=tuple(shape[a] for a in order))
            made = permuted(replace(equation, lhs=new), new, order)
            if self.cost(made) < before:
                break
        else:
            del self.tensors[new]
            return [equation]
        self.count += 1
        self.stated[number] = Stated(f"{info.name}, its axes in order")
        self.heads[number] = equation.free[0]
        copied = replace(equation, number=number, body=load(new, made.where), guards=())
        return [made, copied]


def _orders(rank: int) -> Iterator[list[int]]:
    """Yield orders of axes, in each another one last."""
    for axis in range(rank - 1):
        yield [*(a for a in range(rank) if a != axis), axis]


def _touched(equation: FrozenEquation) -> set[TensorId]:
    return {equation.lhs, *(read.tensor for read in reads_of(equation))}


def _across(where: Sequence[Poly], shape: Sequence[Poly], inner: Index) -> bool:
    """Say whether an element's neighbour along a variable lies in another cache line."""
    if inner in variables(where[-1]):
        return False
    axis = next((a for a, position in enumerate(where) if inner in variables(position)), None)
    if axis is None:
        return False
    return prod(size.number or _NOMINAL for size in shape[axis + 1 :]) >= _LINE


def permuted(equation: FrozenEquation, tensor: TensorId, order: Sequence[int]) -> FrozenEquation:
    """Return an equation that finds the axes of a tensor in another order, where it reads or writes it."""

    def turned(where: tuple[Poly, ...]) -> tuple[Poly, ...]:
        return tuple(where[a] for a in order)

    def picked(atom: object) -> Poly | None:
        if isinstance(atom, Pick) and atom.tensor == tensor:
            return of(Pick(tensor, turned(tuple(map(poly, atom.where)))))
        return None

    def poly(value: Poly) -> Poly:
        return rebuild(value, picked)

    def element(load: Load) -> Node:
        where = turned(load.where) if load.tensor == tensor else load.where
        return Node("load", (), Load(load.tensor, where))

    new = replace(
        equation,
        body=map_body(equation.body, poly, element),
        guards=tuple(map_condition(g, poly) for g in equation.guards),
        where=tuple(map(poly, equation.where)),
    )
    if equation.lhs != tensor:
        return new
    if any(place != of(v) for v, place in zip(equation.free, equation.where, strict=False)):
        return replace(new, where=turned(new.where))  # a matrix product that writes into a joined axis
    sizes = equation.sizes
    free = tuple(equation.free[a] for a in order)
    extents = tuple(sizes[v] for v in (*free, *equation.bound))
    return replace(new, free=free, extents=extents, where=turned(new.where))
