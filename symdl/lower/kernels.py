"""Kernels of one structure each, and the launch list.

Enters: steps and their buffers. Leaves: `Kernel`s, in which arrays, sizes, locals and loop variables are
numbered in the order of their appearance, so that all layers of one structure share one; and `Call`s,
one a step, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from symdl.lower.canonical import Canonical, with_numbers
from symdl.lower.equations.contractions import Contraction, Operand
from symdl.lower.equations.sorting import Sorting
from symdl.lower.ir.integers import Poly, constant
from symdl.lower.ir.loops import (
    FrozenRecurrence,
    Item,
    KernelItem,
    Loop,
    Update,
    statements,
)
from symdl.lower.ir.names import Param, Slot, StepNumber, TensorId
from symdl.lower.ir.scalars import Body
from symdl.lower.ir.storage import element_size
from symdl.lower.memory.buffers import Plan, Step


@dataclass(frozen=True, slots=True)
class Array:
    """An array parameter of a kernel: its slot, whether it holds integers, whether it is written.

    Its elements may have a narrow type, `storage`.
    """

    slot: Slot
    integer: bool
    written: bool
    storage: str = ""

    def itemsize(self, real: int) -> int:
        """Return the bytes of an element, if reals have so many."""
        return element_size(self.storage, real, integer=self.integer)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function over arrays and sizes, by its number.

    Of the first call it has, for names and comments, the equations; the tensor in each array: the first one
    that is written there, else read; and what is read in an array before another tensor takes its place.
    """

    number: int
    arrays: tuple[Array, ...]
    sizes: tuple[Param, ...]
    items: tuple[KernelItem, ...]
    equations: tuple[int, ...]
    first_arrays: tuple[TensorId, ...]
    replaced: tuple[tuple[Slot, TensorId], ...] = ()

    @property
    def name(self) -> str:
        """How it is called in generated code."""
        return f"kernel_{self.number}"


@dataclass(frozen=True, slots=True)
class KernelCall:
    """A call of kernel number `kernel` with buffers and sizes."""

    kernel: int
    buffers: tuple[int, ...]
    sizes: tuple[Poly, ...]
    equations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """An operand of a matrix product, in a buffer."""

    buffer: int
    operand: Operand


@dataclass(frozen=True, slots=True)
class ProductCall:
    """``result = alpha * left @ right``, for each matrix of the batch."""

    left: Matrix
    right: Matrix
    result: Matrix
    m: Poly
    n: Poly
    k: Poly
    batch: tuple[Poly, ...]
    alpha: Body
    equations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CheckCall:
    """A test that all `count` integers of a buffer lie in ``0 .. below - 1``."""

    buffer: int
    count: Poly
    below: Poly


@dataclass(frozen=True, slots=True)
class RepeatCall:
    """Goes back to call number `begin` until recurrence `name` has taken all its steps."""

    name: StepNumber
    begin: int
    extent: Poly
    start: Poly
    direction: int


@dataclass(frozen=True, slots=True)
class GatherCall:
    """Copies `width` elements of each of `count` samples from data number `source`.

    The first sample is at place `start` of a batch, the first element in `column`; a whole one has `lead`.
    Elements may have a narrow type, `storage`.
    """

    source: int
    target: int
    integer: bool
    start: int
    count: int
    width: int
    lead: int
    column: int = 0
    storage: str = ""

    def itemsize(self, real: int) -> int:
        """Return the bytes of an element, if reals have so many."""
        return element_size(self.storage, real, integer=self.integer)


@dataclass(frozen=True, slots=True)
class CombineCall:
    """Adds to a buffer, in order, `count` elements of each of `number` parts, `distance` elements apart."""

    buffer: int
    parts: int
    count: Poly
    number: Poly
    distance: Poly
    integer: bool = False


@dataclass(frozen=True, slots=True)
class TotalCall:
    """Adds a value so many times to number `at` of the totals; if below 0, keeps the larger one instead."""

    buffer: int
    at: int
    samples: Poly


@dataclass(frozen=True, slots=True)
class SortCall:
    """Sorts `count` positions by their keys, as `symdl.lower.equations.sorting` says, from and to buffers."""

    keys: int
    order: int
    segments: int
    count: Poly
    below: Poly
    first: int
    equations: tuple[int, ...]


Call = KernelCall | ProductCall | SortCall | CheckCall | RepeatCall | GatherCall | CombineCall | TotalCall


def without_checks(calls: Sequence[Call]) -> list[Call]:
    """Return the calls but the checks, which come first; recurrences go back to where they did."""
    rest = [c for c in calls if not isinstance(c, CheckCall)]
    return moved(rest, len(rest) - len(calls))


def moved(calls: Sequence[Call], distance: int) -> list[Call]:
    """Return calls that come so many places later: recurrences know where they begin."""
    return [replace(c, begin=c.begin + distance) if isinstance(c, RepeatCall) else c for c in calls]


def calls(
    steps: Sequence[Step], plan: Plan, recurrences: Sequence[FrozenRecurrence], first: Sequence[Call] = ()
) -> tuple[tuple[Kernel, ...], tuple[Call, ...]]:
    """Return the distinct kernels and the calls, those in `first` before all others."""
    structures: dict[object, _Structure] = {}
    made: list[Call] = list(first)
    loops = {r.name: r for r in recurrences}
    open_: list[tuple[StepNumber, int]] = []  # the recurrences around the present step, and where they begin
    for step in [*steps, None]:
        around = step.loops if step is not None else ()
        while tuple(name for name, _ in open_) != around[: len(open_)]:
            name, begin = open_.pop()
            loop = loops[name]
            made.append(RepeatCall(loop.name, begin, loop.extent, loop.start, loop.direction))
        if step is None:
            break
        open_ += [(name, len(made)) for name in around[len(open_) :]]
        if isinstance(step.work, Contraction):
            made.append(_product(step.work, plan, step.equations))
            continue
        if isinstance(step.work, Sorting):
            made.append(_sorting(step.work, plan, step.equations))
            continue
        made += (_kernel_call(tree, plan, step.equations, structures) for tree in _launched(step.work))
    passed = [structure.settle() for structure in structures.values()]
    found = (
        c if not isinstance(c, KernelCall) else replace(c, sizes=(*c.sizes, *next(passed[c.kernel])))
        for c in made
    )
    return tuple(structure.kernel for structure in structures.values()), tuple(found)


def _launched(work: tuple[Item, ...]) -> list[tuple[Item, ...]]:
    """Return the trees that are kernels of their own: what many add to at once must be there before."""
    atomic = any(isinstance(s, Update) and s.atomic for s in statements(work))
    return [(item,) for item in work] if atomic else [work]


@dataclass(slots=True)
class _Structure:
    """A kernel, and the numbers of each of its calls: places in which they differ become parameters."""

    kernel: Kernel
    numbers: list[list[int]]

    def settle(self) -> Iterator[tuple[Poly, ...]]:
        """Write the numbers into the kernel; return for each call, in order, those that it passes."""
        kernel = self.kernel
        items, varying = with_numbers(kernel.items, self.numbers, len(kernel.sizes))
        sizes = tuple(Param(at) for at in range(len(kernel.sizes) + len(varying)))
        self.kernel = replace(kernel, items=items, sizes=sizes)
        return iter([tuple(constant(column[at]) for column in varying) for at in range(len(self.numbers))])


def _kernel_call(
    work: tuple[Item, ...], plan: Plan, equations: tuple[int, ...], structures: dict[object, _Structure]
) -> KernelCall:
    """Return the call of a tree, whose kernel is a new one or one of those that are known."""
    canon = Canonical(plan, lanes=any(isinstance(item, Loop) and item.kind == "lanes" for item in work))
    items = canon.block(work)
    arrays = _arrays(canon)
    key = (items, arrays)
    if key not in structures:
        sizes = tuple(canon.sizes.values())
        firsts, replaced = canon.tensors(), canon.replaced()
        kernel = Kernel(len(structures), arrays, sizes, items, equations, firsts, replaced)
        structures[key] = _Structure(kernel, [])
    structures[key].numbers.append(canon.numbers)
    number = structures[key].kernel.number
    return KernelCall(number, tuple(canon.buffers), tuple(canon.sizes), equations)


def _product(work: Contraction, plan: Plan, equations: tuple[int, ...]) -> ProductCall:
    left, right, result = (Matrix(plan.places[o.tensor], o) for o in (work.left, work.right, work.result))
    return ProductCall(left, right, result, work.m, work.n, work.k, work.batch, work.alpha, equations)


def _sorting(work: Sorting, plan: Plan, equations: tuple[int, ...]) -> SortCall:
    keys, order, segments = (plan.places[t] for t in (work.keys, work.order, work.segments))
    return SortCall(keys, order, segments, work.count, work.below, work.first, equations)


def _arrays(canon: Canonical) -> tuple[Array, ...]:
    """Return the array parameters of a kernel."""
    buffers = canon.plan.buffers
    return tuple(
        Array(slot, buffers[b].integer, slot in canon.written, buffers[b].storage)
        for b, slot in canon.buffers.items()
    )
