"""Which loops of a kernel are shared by threads.

Enters: the loop tree of a kernel whose outermost iterations are independent. Leaves: `Work`: loops whose
iterations any thread may take (the grid), and for each such iteration a list of stages. One thread can do
all of them, one after another. Or a *team* of threads does, a warp or a block: loops that are independent,
apart from values that run up, are dealt out; a scan, whose values are used as they run up, is gone along
together; what stands beside loops is computed by all and stored by one; and there is a barrier before a stage
that touches what another thread wrote, or writes what another reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from symdl.lower.ir.integers import ONE, Element, Poly, atoms, factor_of, product, variables
from symdl.lower.ir.loops import (
    Fold,
    KernelItem,
    KernelStatement,
    Let,
    Loop,
    Start,
    Store,
    Update,
    When,
    loops,
    statements,
)
from symdl.lower.ir.names import Local, LoopVar, Slot, Variable
from symdl.lower.ir.scalars import MATRIX, Node
from symdl.lower.ir.visitors import polys

Nest = Loop[Slot]


@dataclass(frozen=True, slots=True)
class Shared:
    """Loops that a team deals out, what is done in them, and the running values to be combined after."""

    loops: tuple[Nest, ...]
    items: tuple[KernelItem, ...]
    combined: tuple[Start, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """A loop along which a value runs up that is used at every step.

    Attributes:
        loops: the loop.
        items: all that is in it.
        start: the running value.
        step: what is added to it, once what comes `first` is done.
        rest: what uses the value: that after the step, or that before, if the scan is `exclusive`.
    """

    loops: tuple[Nest]
    items: tuple[KernelItem, ...]
    start: Start
    first: tuple[KernelItem, ...]
    step: Fold
    rest: tuple[KernelItem, ...]
    exclusive: bool


@dataclass(frozen=True, slots=True)
class Alike:
    """What all threads of a team compute alike; one of them stores."""

    items: tuple[KernelItem, ...]


@dataclass(frozen=True, slots=True)
class Barrier:
    """All threads of a team wait for each other, and see what was written."""


Dealt = Shared | Scan
Stage = Dealt | Alike | Barrier
Stride = Literal["grid", "team", "none"]
"""Whether neighbours in the grid, or in a team, read neighbours in memory."""


@dataclass(frozen=True, slots=True)
class Work:
    """A kernel for many threads.

    Attributes:
        grid: loops whose iterations are independent, outer ones first.
        items: what one thread does in an iteration.
        stages: what a team does, or nothing if no loop can be dealt out.
        stride: who reads neighbours in memory.
    """

    grid: tuple[Nest, ...]
    items: tuple[KernelItem, ...]
    stages: tuple[Stage, ...]
    stride: Stride

    @property
    def rows(self) -> Poly:
        """How many iterations there are."""
        return product(loop.extent for loop in self.grid)

    @property
    def lengths(self) -> tuple[Poly, ...]:
        """How many iterations each stage deals out, or about how many."""
        found = (stage.loops for stage in self.stages if isinstance(stage, Dealt))
        return tuple(product(loop.expected for loop in loops) for loops in found)

    @property
    def scans(self) -> bool:
        """Whether a team runs up a value that is used at every step."""
        return any(isinstance(stage, Scan) for stage in self.stages)

    @property
    def matrices(self) -> bool:
        """Whether a thread computes a function of a matrix, which nobody can share."""
        return _takes_matrices(self.items)


def work(items: tuple[KernelItem, ...]) -> Work:
    """Return how threads share a kernel."""
    grid: list[Nest] = []
    while len(items) == 1 and isinstance(items[0], Loop) and independent(items[0], running=False):
        grid.append(items[0])
        items = items[0].items
    stages = _stages(items)
    return Work(tuple(grid), items, stages, _stride(grid, stages))


def independent(loop: Nest, *, running: bool) -> bool:
    """Say whether the iterations of a loop may be done in any order, and at once.

    Elements are stored where the free variables of an equation say, each on an axis of its own: where a
    position moves with the variable of the loop, no two iterations write one element. With `running` they
    may run up values that the loop does not read otherwise.
    """
    own = {s.name for s in statements(loop.items) if isinstance(s, Start | Let)}
    outer = {s.name for s in statements(loop.items) if isinstance(s, Fold)} - own
    if outer and not running:
        return False
    if any(_locals(s) & outer for s in statements(loop.items)):
        return False
    return all(_moves(s, loop.var) for s in statements(loop.items) if isinstance(s, Store | Update))


def _moves(statement: Store[Slot] | Update[Slot], variable: LoopVar) -> bool:
    """Say whether an element of its own is written for each value of a variable, or added to by turns."""
    if isinstance(statement, Update) and statement.atomic:
        return True
    (where,) = statement.where
    picked = any(isinstance(a, Element) and variable in variables(a.at) for a in atoms(where))
    return variable in variables(where) and not picked


def _locals(statement: KernelStatement) -> set[Variable]:
    """Return the locals that a statement reads."""
    if isinstance(statement, Start):
        return set()
    found: set[Variable] = {local.value for local in statement.body.locals}
    for poly in polys(statement):
        found |= {v.value if isinstance(v, Local) else v for v in variables(poly)}
    return found


def _stages(items: Sequence[KernelItem]) -> tuple[Stage, ...]:
    """Return the stages of a team, or nothing if there is no loop to deal out, or one that cannot be.

    A function of a matrix is the work of one thread, which uses the matrix up.
    """
    if _takes_matrices(items):
        return ()
    found: list[Stage] = []
    touched = _Touched()
    started = {s.name: s for s in items if isinstance(s, Start)}
    for item in items:
        if isinstance(item, When):
            return ()
        if touched.clashes((item,)):
            found.append(Barrier())
            touched = _Touched()
        touched.add((item,))
        if not isinstance(item, Loop):
            if found and isinstance(found[-1], Alike):
                found[-1] = Alike((*found[-1].items, item))
            else:
                found.append(Alike((item,)))
        elif independent(item, running=True):
            found.append(_dealt(item, started))
        else:
            scan = _scan(item, started)
            if scan is None:
                return ()
            found.append(scan)
    return tuple(found) if any(isinstance(stage, Dealt) for stage in found) else ()


def _takes_matrices(items: Sequence[KernelItem]) -> bool:
    return any(node.op in MATRIX for s in statements(tuple(items)) for node in _nodes(s))


def _nodes(statement: KernelStatement) -> tuple[Node, ...]:
    return () if isinstance(statement, Start) else statement.body.nodes


def _dealt(loop: Nest, started: dict[Local, Start]) -> Shared:
    """Return a loop, with those inside it that are as independent, as a stage."""
    loops, items = [loop], loop.items
    while len(items) == 1 and isinstance(items[0], Loop) and independent(items[0], running=True):
        loops.append(items[0])
        items = items[0].items
    folded = dict.fromkeys(s.name for s in statements(items) if isinstance(s, Fold))
    return Shared(tuple(loops), items, tuple(started[name] for name in folded if name in started))


def _scan(loop: Nest, started: dict[Local, Start]) -> Scan | None:
    """Return a loop as a scan, or None: the value of a step must depend on no earlier one but by the sum."""
    folds = [item for item in loop.items if isinstance(item, Fold)]
    others = [item for item in loop.items if isinstance(item, Let | Store)]
    if len(folds) != 1 or len(folds) + len(others) < len(loop.items):
        return None
    (step,) = folds
    if step.name not in started or step.op == "argmax":
        return None
    if not all(_moves(item, loop.var) for item in others if isinstance(item, Store)):
        return None
    at = loop.items.index(step)
    known = {step.name}
    first, using = list[KernelItem](), list[KernelItem]()
    for item in others[:at]:
        if _locals(item) & known:
            using.append(item)
            known |= {item.name} if isinstance(item, Let) else set()
        else:
            first.append(item)
    rest = tuple(others[at:])
    if _locals(step) & known or _writes(tuple(using)) & _reads((*first, step)):
        return None
    if (using and any(step.name in _locals(item) for item in rest)) or not _in_place(loop.items):
        return None
    return Scan((loop,), loop.items, started[step.name], tuple(first), step, (*using, *rest), bool(using))


def _in_place(items: tuple[KernelItem, ...]) -> bool:
    """Say whether what is read of an array that is written, is the element that the same step writes."""
    written = {(s.target, *s.where) for s in statements(items) if isinstance(s, Store)}
    slots = {slot for slot, _ in written}
    return all((e.array, e.at) in written for e in _elements(items) if e.array in slots)


class _Touched:
    """The arrays that were read and written since the last barrier."""

    def __init__(self) -> None:
        self.read: set[Slot] = set()
        self.written: set[Slot] = set()

    def clashes(self, items: tuple[KernelItem, ...]) -> bool:
        """Say whether these items touch what must have been written, or read, before."""
        reads, writes = _reads(items), _writes(items)
        return bool(reads & self.written or writes & (self.read | self.written))

    def add(self, items: tuple[KernelItem, ...]) -> None:
        """Note what items touch."""
        self.read |= _reads(items)
        self.written |= _writes(items)


def _writes(items: tuple[KernelItem, ...]) -> set[Slot]:
    return {s.target for s in statements(items) if isinstance(s, Store | Update)}


def _reads(items: tuple[KernelItem, ...]) -> set[Slot]:
    extents = (loop.extent for loop in loops(items))
    inside = {a.array for p in extents for a in atoms(p) if isinstance(a, Element)}
    return inside | {element.array for element in _elements(items)}


def _elements(items: tuple[KernelItem, ...]) -> Iterator[Element]:
    """Yield the elements that statements read."""
    for statement in statements(items):
        if not isinstance(statement, Start):
            yield from statement.body.elements
            yield from (a for p in polys(statement) for a in atoms(p) if isinstance(a, Element))


def _stride(grid: Sequence[Nest], stages: Sequence[Stage]) -> Stride:
    """Say who reads neighbours: count the elements that move by one with a loop variable."""
    shared = [stage for stage in stages if isinstance(stage, Dealt)]
    if not shared:
        return "grid"
    team = _neighbours((s.loops[-1].var, s.items) for s in shared)
    rows = _neighbours((loop.var, s.items) for s in shared for loop in grid[-1:])
    if team == rows == 0:
        return "none"
    return "team" if team >= rows else "grid"


def _neighbours(places: Iterable[tuple[LoopVar, tuple[KernelItem, ...]]]) -> int:
    """Return how many elements lie side by side for neighbouring values of a variable."""
    count = 0
    for variable, items in places:
        for statement in statements(items):
            elements = [] if isinstance(statement, Start) else statement.body.elements
            count += sum(factor_of(element.at, variable) == ONE for element in elements)
    return count
