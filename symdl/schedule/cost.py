"""What calls cost, counted on paper.

Enters: a partition, its kernels, the sizes. Leaves: for each call the bytes it must move, the operations it
does and how often it is launched; and, for a `Machine` whose rates are given, the time that these alone take.
The counts come from the calls that are executed, so they are those of any target. `symdl.lower.work` weighs
operations for the schedule; here they are counted, and so is memory.

- *Bytes*: each element that a call touches once, however often it does: a read if the call has not written it
  before. So traffic between calls counts, what caches inside a call catch does not.
- *Operations* on reals: arithmetic, comparisons and choices, one each; a multiply-add is two. Elementary
  functions are counted apart. Leaves, signs and integers are free.
- Conditions are taken to hold, so what is counted is never less than what is done.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from symdl.lower.equations import sorting
from symdl.lower.ir.integers import Element, Poly, Sizes, atoms, constant, evaluate, rebuild, variables
from symdl.lower.ir.loops import Fold, KernelItem, KernelStatement, Loop, Start, Store, Update, When
from symdl.lower.ir.names import Local, LoopVar, Param, Slot
from symdl.lower.ir.scalars import BOOLEAN, COMPARE, LEAVES, Body
from symdl.lower.ir.visitors import polys
from symdl.lower.kernels import (
    Call,
    CheckCall,
    CombineCall,
    GatherCall,
    Kernel,
    KernelCall,
    Matrix,
    ProductCall,
    RepeatCall,
    SortCall,
    TotalCall,
)
from symdl.lower.target import Splits
from symdl.schedule.plan import Partition

FUNCTION = 16
"""Operations that an elementary function is taken to be, where times are predicted."""
_PLAIN = ("add", "sub", "mul", "div", "ratio", "sqrt", "abs", "floor", "select", *COMPARE)
_FREE = ("neg", *LEAVES, *(op for op in BOOLEAN if op not in COMPARE))
_INTEGER = 8
_Known: TypeAlias = Mapping[Param, int]


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes read and written, operations and elementary functions, launches. Costs add up."""

    read: int = 0
    written: int = 0
    operations: int = 0
    functions: int = 0
    launches: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.read + other.read,
            self.written + other.written,
            self.operations + other.operations,
            self.functions + other.functions,
            self.launches + other.launches,
        )

    def __mul__(self, times: int) -> Cost:
        return Cost(
            self.read * times,
            self.written * times,
            self.operations * times,
            self.functions * times,
            self.launches * times,
        )

    @property
    def moved(self) -> int:
        """Bytes read and written."""
        return self.read + self.written

    @property
    def work(self) -> int:
        """Operations, an elementary function being so many as `FUNCTION` says."""
        return self.operations + FUNCTION * self.functions


@dataclass(frozen=True, slots=True)
class CallCost:
    """A call, how often a recurrence repeats it, and the cost of all its turns."""

    call: Call
    times: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Machine:
    """Rates of a machine, and where they are from.

    Attributes:
        name: of the machine.
        bandwidth: bytes a second.
        rate: operations a second.
        launch: seconds from the end of a call to the beginning of the next.
        source: of the figures.
    """

    name: str
    bandwidth: float
    rate: float
    launch: float
    source: str


def total(costs: Iterable[CallCost]) -> Cost:
    """Return what calls cost together."""
    return sum((found.cost for found in costs), Cost())


def predicted(costs: Iterable[CallCost], machine: Machine) -> float:
    """Return the seconds of calls one after another: each as long as its bytes or its operations take.

    This is a prediction: each call is taken to keep the whole machine busy, which small ones do not.
    """
    return sum(found.times * _seconds(found, machine) for found in costs)


def _seconds(found: CallCost, machine: Machine) -> float:
    cost, times = found.cost, max(found.times, 1)
    return (bound(cost, machine) + machine.launch * cost.launches) / times


def bound(cost: Cost, machine: Machine) -> float:
    """Return the seconds that no program can do with less of: its bytes, or its operations, at full rate."""
    return max(cost.moved / machine.bandwidth, cost.work / machine.rate)


def costs(
    part: Partition, kernels: Sequence[Kernel], dims: Sizes, *, itemsize: int, splits: Splits | None = None
) -> tuple[CallCost, ...]:
    """Return what each call costs, in order; what only counts steps or checks positions costs nothing.

    Args:
        part: the calls and their buffers.
        kernels: by their numbers.
        dims: the value of every size, `Rows` included.
        itemsize: bytes of a real.
        splits: which sums of matrix products take two launches.
    """
    sizes, times = at_first_steps(part, dims)
    counter = _Counter(part, kernels, sizes, itemsize, splits)
    return tuple(CallCost(call, n, counter.of(call) * n) for call, n in zip(part.calls, times, strict=True))


def at_first_steps(part: Partition, dims: Sizes) -> tuple[Sizes, list[int]]:
    """Return all sizes at the first step of every recurrence, and how often each call is done."""
    sizes: dict[object, int] = dict(dims)
    times = [1] * len(part.calls)
    for at, call in enumerate(part.calls):
        if isinstance(call, RepeatCall):
            sizes[call.name] = evaluate(call.start, sizes)
            steps = evaluate(call.extent, sizes)
            times[call.begin : at] = [steps * n for n in times[call.begin : at]]
    return sizes, times


class _Counter:
    def __init__(
        self,
        part: Partition,
        kernels: Sequence[Kernel],
        sizes: Sizes,
        itemsize: int,
        splits: Splits | None,
    ) -> None:
        self.part, self.kernels, self.sizes, self.itemsize = part, kernels, sizes, itemsize
        self.splits = splits

    def value(self, poly: Poly) -> int:
        return evaluate(poly, self.sizes)

    def of(self, call: Call) -> Cost:
        """Return what a call costs once."""
        match call:
            case KernelCall():
                return self.kernel(call)
            case ProductCall():
                return self.product(call)
            case GatherCall(count=count, width=width):
                size = call.itemsize(self.itemsize)
                return Cost(count * (width * size + _INTEGER), count * width * size, launches=1)
            case CombineCall():
                count, number = self.value(call.count), self.value(call.number)
                size = _INTEGER if call.integer else self.itemsize
                read, added = (number + 1) * count * size, 0 if call.integer else number * count
                return Cost(read, count * size, added, launches=1)
            case SortCall():
                return self.sort(call)
            case TotalCall():
                return Cost(_INTEGER + self.itemsize, _INTEGER, 2, launches=1)
            case RepeatCall() | CheckCall():
                return Cost()
            case _:
                assert_never(call)

    def product(self, call: ProductCall) -> Cost:
        """Return what matrix products cost: an operand that is the same along an axis of the batch once."""
        m, n, k = (self.value(size) for size in (call.m, call.n, call.k))
        batch = [self.value(length) for length in call.batch]

        def matrix(found: Matrix, elements: int) -> int:
            steps = zip(found.operand.steps, batch, strict=False)
            apart = elements * math.prod(n for step, n in steps if self.value(step))
            return self.itemsize * min(apart, self.room(found.buffer))  # windows may share elements

        read = matrix(call.left, m * k) + matrix(call.right, k * n)
        count = 2 * m * n * k * math.prod(batch)
        own = Cost(read, matrix(call.result, m * n), count, launches=1)
        return own + self.pieces(math.prod(batch), m, n, k)

    def pieces(self, matrices: int, rows: int, columns: int, inner: int) -> Cost:
        """Return what sums of pieces cost: they are written, read and added in another launch."""
        count = 1 if self.splits is None else self.splits.pieces(matrices, rows, columns, inner)[0]
        if count == 1 or not matrices * rows * columns:
            return Cost()
        elements = count * matrices * rows * columns
        return Cost(self.itemsize * elements, self.itemsize * elements, elements, launches=1)

    def sort(self, call: SortCall) -> Cost:
        """Return what sorting costs: pairs of key and position are read twice and written once a digit."""
        count, below = self.value(call.count), self.value(call.below)
        digits = sorting.passes(below)
        read, written = (2 + 2 * digits) * count, (2 + digits) * count + sorting.SEGMENT * below
        return Cost(_INTEGER * read, _INTEGER * written, launches=sorting.launches(count, below))

    def kernel(self, call: KernelCall) -> Cost:
        """Return what a kernel costs."""
        kernel = self.kernels[call.kernel]
        known = {param: self.value(size) for param, size in zip(kernel.sizes, call.sizes, strict=True)}
        touched = _Touched(known)
        touched.block(kernel.items, {})
        read, written = 0, 0
        for array, buffer in zip(kernel.arrays, call.buffers, strict=True):
            size, room = array.itemsize(self.itemsize), self.room(buffer)
            read += size * min(room, sum(touched.read.get(array.slot, {}).values()))
            written += size * min(room, sum(touched.written.get(array.slot, {}).values()))
        own = Cost(read, written, touched.operations, touched.functions, 1)
        multiplied = None if self.splits is None else self.splits.multiplied(kernel.items)
        if multiplied is None:
            return own
        return own + self.pieces(*(touched.number(size) for size in multiplied))

    def room(self, buffer: int) -> int:
        """Return how many elements lie in a buffer, or behind a place in one."""
        buffers, views = self.part.buffers, self.part.views
        if buffer < len(buffers):
            return self.value(buffers[buffer].count)
        view = views[buffer - len(buffers)]
        return self.value(buffers[view.buffer].count) - view.offset


@dataclass(slots=True)
class _Touched:
    """Walks over a kernel: for each array how many elements each position stands for; operations."""

    known: _Known
    read: dict[Slot, dict[tuple[Poly, int], int]] = field(default_factory=dict)
    written: dict[Slot, dict[tuple[Poly, int], int]] = field(default_factory=dict)
    operations: int = 0
    functions: int = 0

    def block(self, items: Sequence[KernelItem], around: Mapping[LoopVar, int]) -> None:
        """Count a block inside loops, each with how often it runs."""
        for item in items:
            match item:
                case Loop():
                    for atom in atoms(item.extent):
                        if isinstance(atom, Element):
                            self.note(self.read, atom, around)
                    self.block(item.items, {**around, item.var: self.number(item.expected)})
                case When():
                    self.block(item.items, around)
                case _:
                    self.statement(item, around)

    def number(self, extent: Poly) -> int:
        """Return how often a loop runs, or about how often."""
        known = self.known
        return evaluate(rebuild(extent, lambda a: constant(known[a]) if isinstance(a, Param) else None), {})

    def statement(self, item: KernelStatement, around: Mapping[LoopVar, int]) -> None:
        """Count a statement."""
        if isinstance(item, Start):
            return
        times = math.prod(around.values())
        for element in item.body.elements:
            self.note(self.read, element, around)
        for poly in polys(item):
            for atom in atoms(poly):
                if isinstance(atom, Element):
                    self.note(self.read, atom, around)
        if isinstance(item, Store | Update):
            (where,) = item.where
            target = Element(item.target, where)
            if isinstance(item, Update):
                self.note(self.read, target, around)
            self.note(self.written, target, around)
        operations, functions = of_body(item.body)
        if isinstance(item, Fold | Update):
            exponential = item.op == "logsumexp"
            operations, functions = operations + (3 if exponential else 1), functions + exponential
        self.operations += operations * times
        self.functions += functions * times

    def note(
        self,
        table: dict[Slot, dict[tuple[Poly, int], int]],
        element: Element,
        around: Mapping[LoopVar, int],
    ) -> None:
        """Note the elements that a position stands for, all loops done."""
        if table is self.read and element.array in self.written:
            return  # it is still there
        moving = variables(element.at)
        anywhere = any(isinstance(v, Local) for v in moving)
        count = math.prod(n for v, n in around.items() if anywhere or v in moving)
        table.setdefault(element.array, {})[element.at, count] = count


def of_body(body: Body) -> tuple[int, int]:
    """Return the operations and the elementary functions of a body."""
    operations = functions = 0
    for node, whole in zip(body.nodes, body.wholes, strict=True):
        if whole or node.op in _FREE:
            continue
        if node.op in _PLAIN:
            operations += 1
        else:
            functions += 1
    return operations, functions
