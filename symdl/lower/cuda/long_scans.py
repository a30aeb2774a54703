"""Very long running sums in three stages.

Enters: equations. Leaves: the same, in which a running sum (product, maximum) along a very long axis, of
which there are few, is three: the running sums inside parts of the axis, what comes before each part, and
both together. Otherwise one team would go along all of the axis. What comes before a part is a sum of its
own, not a running one: so few parts are added up faster by as many teams. The order of the sums depends on
sizes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symdl.lower.cuda.stages import Numbered, in_stages
from symdl.lower.cuda.two_stages import LONG, PARTS, nominal
from symdl.lower.ir.integers import Pick, Poly, constant, floor, of, product
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, TensorInfo, Within
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import Body, Load, Node
from symdl.lower.ir.visitors import with_index
from symdl.lower.loops.building import IN_MEMORY
from symdl.lower.loops.prefix_scans import Scan, as_scan

_FEW = 1 << 6
"""Up to how many running sums are cut: more of them keep a device busy as they are."""


def in_three_stages(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with long running sums in three stages, and the program with their tensors."""
    return in_stages(program, equations, _cut)


def _cut(equation: FrozenEquation, tensors: list[TensorInfo], named: Numbered) -> list[FrozenEquation] | None:
    scan = _long(equation, tensors[equation.lhs].integer)
    if scan is None:
        return None
    return _Stages.of(equation, scan, tensors).equations((named("inside parts:"), named("before parts:")))


def _long(equation: FrozenEquation, integer: bool) -> Scan | None:
    """Return how an equation runs up along a very long axis, or None if it does not, or is not cut."""
    if equation.scattered or equation.fixed or equation.averages:
        return None
    scan, sizes = as_scan(equation, IN_MEMORY), equation.sizes
    if scan is None or nominal(sizes[scan.free]) < LONG:
        return None
    if (scan.exclusive and equation.op != "sum") or (integer and equation.op == "max"):
        return None
    others = product(sizes[v] for v in equation.free if v != scan.free)
    return scan if nominal(others) <= _FEW else None


@dataclass(frozen=True, slots=True)
class _Stages:
    """A running sum that is cut.

    Attributes:
        equation, scan: what it is.
        part, inside: variables for the number of a part, and of an element in it; `other`, for the number of
            another part or element.
        stretch: elements of a part.
        values, before: tensors of the running sums inside parts, and of what comes before each part.
        integer: whether they hold integers.
    """

    equation: FrozenEquation
    scan: Scan
    part: Index
    inside: Index
    other: Index
    stretch: Poly
    values: TensorId
    before: TensorId
    integer: bool

    @classmethod
    def of(cls, equation: FrozenEquation, scan: Scan, tensors: list[TensorInfo]) -> _Stages:
        """Name what is needed, and note the tensors."""
        sizes, own = equation.sizes, tensors[equation.lhs]
        stretch = floor(sizes[scan.free] + (PARTS - 1), constant(PARTS))
        last = max(v.number for v in (*equation.free, *equation.bound))
        values, before = TensorId(len(tensors)), TensorId(len(tensors) + 1)
        others = [v for v in equation.free if v != scan.free]
        inner = (stretch if v == scan.free else sizes[v] for v in equation.free)
        for tensor, name, shape in (
            (values, "parts", (constant(PARTS), *inner)),
            (before, "before parts", (constant(PARTS), *(sizes[v] for v in others))),
        ):
            tensors.append(TensorInfo(tensor, f"{own.name} ({name})", shape, own.integer, "intermediate"))
        new = (Index(last + 1), Index(last + 2), Index(last + 3))
        return cls(equation, scan, *new, stretch, values, before, own.integer)

    def equations(self, numbers: tuple[int, int]) -> list[FrozenEquation]:
        """Return the three equations; the first two have these numbers."""
        return [self.inside_parts(numbers[0]), self.before_parts(numbers[1]), self.together()]

    def inside_parts(self, number: int) -> FrozenEquation:
        """Return the running sums inside parts."""
        equation, k = self.equation, self.scan.bound
        sizes = equation.sizes | {
            self.part: constant(PARTS),
            **dict.fromkeys((self.inside, self.other), self.stretch),
        }
        position = of(self.part) * self.stretch + of(self.other)
        ahead = of(self.inside) - of(self.other)
        free = (self.part, *(self.inside if v == self.scan.free else v for v in equation.free))
        bound = tuple(self.other if v == k else v for v in equation.bound)
        moved = with_index(replace(equation, guards=self.scan.guards), k, position)
        return replace(
            moved,
            number=number,
            lhs=self.values,
            free=free,
            bound=bound,
            extents=tuple(sizes[v] for v in (*free, *bound)),
            guards=(
                Within(ahead * (-1 if self.scan.backward else 1), self.stretch),
                Within(position, sizes[k]),
                *moved.guards,
            ),
            where=tuple(map(of, free)),
        )

    def before_parts(self, number: int) -> FrozenEquation:
        """Return what comes before each part: the last running sums of those before it."""
        equation, parts, backward = self.equation, constant(PARTS), self.scan.backward
        sizes = equation.sizes
        others = tuple(v for v in equation.free if v != self.scan.free)
        free = (self.part, *others)
        part, end = (of(self.other) + 1, constant(0)) if backward else (of(self.other), self.stretch - 1)
        ahead = part - of(self.part) if backward else of(self.part) - part
        return FrozenEquation(
            number=number,
            lhs=self.before,
            free=free,
            bound=(self.other,),
            extents=(parts, *(sizes[v] for v in others), parts - 1),
            op=equation.op,
            guards=(Within(ahead - 1, parts),),
            body=Body((self.read(self.values, part, end),)),
            where=tuple(map(of, free)),
        )

    def together(self) -> FrozenEquation:
        """Return both together; an exclusive sum is the inclusive one of the neighbour."""
        equation, i = self.equation, self.scan.free
        shift = (1 if self.scan.backward else -1) if self.scan.exclusive else 0
        place = of(i) + shift
        part = floor(place, self.stretch)
        before, value = (
            self.read(self.before, part, None),
            self.read(self.values, part, place - part * self.stretch),
        )
        guards = (Within(place, equation.sizes[i]),) if shift else ()
        extents = tuple(equation.sizes[v] for v in equation.free)
        body = _both(equation.op or "", before, value)
        return replace(equation, op=None, bound=(), extents=extents, guards=guards, body=body)

    def read(self, tensor: TensorId, part: Poly, inside: Poly | None) -> Node:
        """Return what reads an element of a part, or what a part has."""
        replaced: dict[Variable, Poly] = {} if inside is None else {self.scan.free: inside}
        kept = [v for v in self.equation.free if v != self.scan.free or inside is not None]
        where = (part, *(replaced.get(v, of(v)) for v in kept))
        return (
            Node("whole", (), of(Pick(tensor, where)))
            if self.integer
            else Node("load", (), Load(tensor, where))
        )


def _both(op: str, before: Node, value: Node) -> Body:
    """Return what two values make together; of two maxima NaN is the larger one."""
    if op in ("sum", "prod"):
        return Body((before, value, Node("add" if op == "sum" else "mul", (0, 1))))
    larger, odd = Node("lt", (0, 1)), Node("ne", (1, 1))
    return Body((before, value, larger, odd, Node("or", (2, 3)), Node("select", (4, 1, 0))))
