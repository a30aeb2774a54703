"""Sums over windows as matrix products.

Enters: equations such as ``Z[n, o, h, w] = sum X[n, c, h + r, w + s] * K[o, c, r, s]``, in which an operand
is read at moving positions or under guards, so that it is no matrix. Leaves: the operand laid out once, as
``P[c, r, s, n, h, w] = X[n, c, h + r, w + s]`` (zero outside the guards), and the product of ``K`` and ``P``.
The gradients of a convolution have the same form; equal layouts are made once.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from symdl.lower.equations.contractions import as_contraction, factors
from symdl.lower.ir.integers import ONE, ZERO, Pick, Poly, Size, atoms, of, substitute, variables
from symdl.lower.ir.loops import (
    Condition,
    FrozenEquation,
    FrozenProgram,
    Stated,
    TensorInfo,
    map_condition,
    terms,
)
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import Load, Node, load, map_body

_LEAST_TERMS = 4
"""Terms of a sum from which on a matrix product pays for laying out its operand."""


def with_windows(
    program: FrozenProgram, equations: Sequence[FrozenEquation], left: Container[int] = ()
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with operands laid out where that makes a matrix product; those `left` stay."""
    worker = _Windows(program, equations)
    made = [e for equation in equations for e in worker.split(equation, left)]
    return replace(program, tensors=tuple(worker.tensors), stated=worker.stated), made


@dataclass(frozen=True, slots=True)
class _Operand:
    """A factor: what it reads, its variables, and the guards that concern only them."""

    load: Load
    names: frozenset[Variable]
    guards: tuple[Condition, ...]

    @property
    def plain(self) -> bool:
        """Whether it is read at single variables, without guards."""
        return not self.guards and all(isinstance(e.atom, Index) or not variables(e) for e in self.load.where)


class _Windows:
    def __init__(self, program: FrozenProgram, equations: Sequence[FrozenEquation]) -> None:
        self.tensors: list[TensorInfo] = list(program.tensors)
        self.stated = dict(program.stated)
        self.count = 1 + max((e.number for e in equations), default=0)
        self.known: dict[object, TensorId] = {}

    def split(self, equation: FrozenEquation, left: Container[int]) -> list[FrozenEquation]:
        """Return what computes an equation: laid-out operands first, if they help."""
        if equation.number in left or equation.op != "sum" or equation.fixed or equation.scattered:
            return [equation]
        operands = self.operands(equation)
        if operands is None or as_contraction(equation, self.tensors) is not None:
            return [equation]
        for chosen in _choices(operands):
            before = (len(self.tensors), self.count, dict(self.known))
            layouts, product = self.laid_out(equation, operands, chosen)
            if as_contraction(product, self.tensors) is not None:
                return [*layouts, product]
            del self.tensors[before[0] :]
            self.count, self.known = before[1], before[2]
        return [equation]

    def operands(self, equation: FrozenEquation) -> tuple[_Operand, _Operand] | None:
        """Return the two factors of a sum that could be a matrix product."""
        found = factors(equation.body, Load)
        if found is None or found[0][0] == found[0][1]:
            return None
        names = [frozenset().union(*map(variables, item.where)) for item in found[0]]
        polys = [*equation.body.polys, *(p for g in equation.guards for p in terms(g))]
        if any(isinstance(atom, Pick) for p in polys for atom in atoms(p)):
            return None
        guards: tuple[list[Condition], list[Condition]] = ([], [])
        for guard in equation.guards:
            used = set().union(*map(variables, terms(guard)))
            owner = next((n for n in (0, 1) if used <= names[n]), None)
            if owner is None:
                return None
            guards[owner].append(guard)
        left, right = (_Operand(*parts) for parts in zip(found[0], names, map(tuple, guards), strict=True))
        bound = {v for v in equation.bound if equation.sizes[v] != ONE}
        free = {v for v in equation.free if equation.sizes[v] != ONE}
        both = left.names & right.names
        if not bound <= both or not free & (left.names - both) or not free & (right.names - both):
            return None
        return (left, right) if _enough(equation.sizes[v] for v in bound) else None

    def laid_out(
        self, equation: FrozenEquation, operands: tuple[_Operand, _Operand], chosen: Iterable[int]
    ) -> tuple[list[FrozenEquation], FrozenEquation]:
        """Return the layouts of the chosen operands, and the sum that reads them."""
        both = operands[0].names & operands[1].names
        new: dict[Load, Load] = {}
        layouts: list[FrozenEquation] = []
        guards = list(equation.guards)
        for number in chosen:
            operand = operands[number]
            order = _layout(equation, operand, both)
            tensor, made = self.layout(equation, operand, order)
            layouts.extend(made)
            new[operand.load] = Load(tensor, tuple(of(v) for v in order))
            guards = [g for g in guards if g not in operand.guards]

        def element(found: Load) -> Node:
            return Node("load", (), new.get(found, found))

        body = map_body(equation.body, lambda p: p, element)
        return layouts, replace(equation, body=body, guards=tuple(guards))

    def layout(
        self, equation: FrozenEquation, operand: _Operand, order: list[Index]
    ) -> tuple[TensorId, list[FrozenEquation]]:
        """Return the tensor that holds an operand in some order, and its equation if it is new."""
        sizes = tuple(equation.sizes[v] for v in order)
        names: dict[Variable, Poly] = {v: ZERO for v, size in equation.sizes.items() if size == ONE}
        names |= {v: of(Index(place)) for place, v in enumerate(order)}

        def rename(poly: Poly) -> Poly:
            return substitute(poly, names)

        where = tuple(map(rename, operand.load.where))
        guards = tuple(map_condition(g, rename) for g in operand.guards)
        key = (operand.load.tensor, where, guards, sizes)
        if key in self.known:
            return self.known[key], []
        source = self.tensors[operand.load.tensor]
        tensor, number = TensorId(len(self.tensors)), self.count
        self.known[key] = tensor
        self.count += 1
        kind = "transposed" if operand.plain else "windows"
        self.tensors.append(TensorInfo(tensor, f"{source.name} ({kind})", sizes, False, "intermediate"))
        text = f"{source.name}, {kind} for {self.stated[equation.number].text}"
        self.stated[number] = Stated(text)
        free = tuple(map(Index, range(len(order))))
        body = load(operand.load.tensor, where)
        indices = tuple(of(v) for v in free)
        made = FrozenEquation(number, tensor, free, (), sizes, None, guards, body, indices)
        return tensor, [made]


def _choices(operands: tuple[_Operand, _Operand]) -> list[tuple[int, ...]]:
    """Return which operands to lay out, what must be first, the least work first."""
    needed = tuple(n for n in (0, 1) if not operands[n].plain)
    if len(needed) == 2:
        return [needed]
    if len(needed) == 1:
        return [needed, (needed[0], 1 - needed[0])]
    return [(0,), (1,), (0, 1)]


def _layout(equation: FrozenEquation, operand: _Operand, both: frozenset[Variable]) -> list[Index]:
    """Order the variables of an operand: shared by all first, then summed and free ones as two groups.

    The group with fewer elements comes first, so that a convolution and its gradient agree.
    """
    sizes = equation.sizes
    names = [v for v in _in_order(operand.load.where, sizes) if sizes[v] != ONE]
    shared = [v for v in names if v in both and v in equation.free]
    groups = [[v for v in names if v in equation.bound]]
    groups.append([v for v in names if v not in shared and v not in groups[0]])
    groups.sort(key=lambda group: _weight(sizes[v] for v in group))
    return [*shared, *groups[0], *groups[1]]


def _in_order(where: Sequence[Poly], sizes: dict[Variable, Poly]) -> list[Index]:
    found: dict[Index, None] = {}
    for poly in where:
        own = [v for v in variables(poly) if isinstance(v, Index)]
        inside = sorted(own, key=lambda v: (_weight([sizes[v]]), v.number))
        found.update(dict.fromkeys(inside))
    return list(found)


def _weight(sizes: Iterable[Poly]) -> tuple[int, int]:
    """Order by the number of symbolic sizes, then by the product of the others."""
    symbols, numbers = 0, 1
    for size in sizes:
        if size.number is None:
            symbols += sum(isinstance(a, Size) for a in atoms(size))
        else:
            numbers *= size.number
    return symbols, numbers


def _enough(sizes: Iterable[Poly]) -> bool:
    symbols, numbers = _weight(sizes)
    return symbols > 0 or numbers >= _LEAST_TERMS
