"""Where tensors live.

Enters: groups in order, what each reads and writes. Leaves: `Plan`: a buffer for every tensor that is kept
in memory. Given tensors and outputs are arrays of the caller; the rest shares one arena, in which the
places of tensors that are no longer read are used again. A tensor may take the buffer of one that is
read for the last time at the same elements; the new value of a state takes the state's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from symdl.lower.equations.contractions import Contraction
from symdl.lower.equations.sorting import Sorting
from symdl.lower.ir.integers import Poly, Sizes, evaluate
from symdl.lower.ir.loops import FrozenProgram, Item, Store, TensorInfo, Update, statements
from symdl.lower.ir.names import StepNumber, TensorId
from symdl.lower.ir.scalars import MATRIX_WRITERS
from symdl.lower.ir.storage import element_size
from symdl.lower.ir.visitors import loaded

ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Buffer:
    """A stretch of memory: the tensor it is named after, its kind, how many elements, when in use.

    A block of ``scratch`` belongs to no tensor, and every worker has its own. Its elements may have a narrow
    type, `storage`.
    """

    tensor: TensorId
    kind: Literal["given", "output", "arena", "scratch"]
    count: Poly
    integer: bool
    first: int
    last: int
    storage: str = ""

    def itemsize(self, real: int) -> int:
        """Return the bytes of an element, if reals have so many."""
        return element_size(self.storage, real, integer=self.integer)


@dataclass(frozen=True, slots=True)
class Plan:
    """The buffers, and for each tensor in memory the position of its buffer."""

    buffers: tuple[Buffer, ...]
    places: Mapping[TensorId, int]
    in_place: frozenset[TensorId]


@dataclass(frozen=True, slots=True)
class Step:
    """One kernel: a matrix product, a sorting or a loop tree, its equations, the recurrences that repeat it.

    `nested` is the tree with one index an axis, before positions became flat.
    """

    work: Contraction | Sorting | tuple[Item, ...]
    equations: tuple[int, ...]
    loops: tuple[StepNumber, ...] = ()
    nested: tuple[Item, ...] = ()

    @property
    def written(self) -> dict[TensorId, set[tuple[Poly, ...]]]:
        """The tensors written, and where; nothing is said where a tensor is added to."""
        if isinstance(self.work, Contraction):
            return {self.work.result.tensor: set()}
        if isinstance(self.work, Sorting):
            return {self.work.order: set(), self.work.segments: set()}
        found: dict[TensorId, set[tuple[Poly, ...]]] = {}
        added: set[TensorId] = set()
        for statement in statements(self.work):
            if isinstance(statement, Store):
                found.setdefault(statement.target, set()).add(statement.where)
            elif isinstance(statement, Update):
                added.add(statement.target)
        return {t: set() if t in added else where for t, where in found.items()}

    @property
    def read(self) -> dict[TensorId, set[tuple[Poly, ...]]]:
        """The tensors read from memory, and where; matrix products and sorting read them all over."""
        if isinstance(self.work, Contraction):
            return {self.work.left.tensor: set(), self.work.right.tensor: set()}
        if isinstance(self.work, Sorting):
            return {self.work.keys: set()}
        return loaded(self.work)


def plan(program: FrozenProgram, steps: Sequence[Step], *, reuse: bool = True) -> Plan:
    """Return the buffer plan. Without `reuse` nothing but the new values of states shares a buffer."""
    return _Planner(program, steps, reuse).plan()


class _Planner:
    def __init__(self, program: FrozenProgram, steps: Sequence[Step], reuse: bool) -> None:
        self.program, self.reuse = program, reuse
        self.reads = [step.read for step in steps]
        self.writes = [step.written for step in steps]
        self.matrices = {at for at, step in enumerate(steps) if _fills_matrix(step)}
        self.last: dict[TensorId, int] = {}
        for at, (reads, writes) in enumerate(zip(self.reads, self.writes, strict=True)):
            self.last.update(dict.fromkeys((*reads, *writes), at))
        self.loops = [step.loops[0] if step.loops else None for step in steps]
        self.begins, ends = list(range(len(steps))), list(range(len(steps)))
        for at, loop in enumerate(self.loops):  # what a recurrence touches is in use while it runs
            if loop is not None:
                self.begins[at] = self.loops.index(loop)
                ends[at] = len(steps) - 1 - self.loops[::-1].index(loop)
                for tensor in (*self.reads[at], *self.writes[at]):
                    self.last[tensor] = max(self.last[tensor], ends[at])
        self.buffers: list[Buffer] = []
        self.places: dict[TensorId, int] = {}
        self.in_place: set[TensorId] = set()

    def plan(self) -> Plan:
        """Give every tensor a buffer, in order of their first writing."""
        outputs = set(self.program.outputs)
        states = {new: old for old, new in self.program.updates}
        for tensor in self.program.inputs:
            self.new(tensor, "given", 0, len(self.reads))
        for at, writes in enumerate(self.writes):
            first = self.begins[at]
            for tensor in writes:
                if tensor in self.places:
                    continue
                if tensor in outputs:
                    self.new(tensor, "output", first, len(self.reads))
                elif tensor in states and self.fits(tensor, states[tensor], at):
                    self.places[tensor] = self.places[states[tensor]]
                    self.in_place.add(tensor)
                else:
                    self.intermediate(tensor, at)
        return Plan(tuple(self.buffers), self.places, frozenset(self.in_place))

    def new(self, tensor: TensorId, kind: Literal["given", "output", "arena"], first: int, last: int) -> None:
        """Make a buffer."""
        info = self.program.tensors[tensor]
        self.places[tensor] = len(self.buffers)
        self.buffers.append(Buffer(tensor, kind, count(info), info.integer, first, last, info.storage))

    def intermediate(self, tensor: TensorId, at: int) -> None:
        """Use the buffer of a tensor that ends here, or a new one."""
        for old in self.reads[at] if self.reuse and self.loops[at] is None else ():
            place = self.places.get(old)
            if place is None or self.buffers[place].kind != "arena":
                continue
            buffer = self.buffers[place]
            if buffer.last == at and self.alike(tensor, old) and self.same_elements(tensor, old, at):
                self.places[tensor] = place
                self.buffers[place] = replace(buffer, last=self.last[tensor])
                return
        self.new(tensor, "arena", self.begins[at], self.last[tensor])

    def fits(self, new: TensorId, old: TensorId, at: int) -> bool:
        """Say whether a new value can be written over the old one."""
        olds = [state for state, _ in self.program.updates]
        values = [value for _, value in self.program.updates]
        if values.count(new) > 1 or old in values or olds.count(old) > 1:
            return False
        if self.last.get(old, -1) > at:
            return False
        return self.alike(new, old) and self.same_elements(new, old, at)

    def alike(self, one: TensorId, other: TensorId) -> bool:
        """Say whether two tensors hold as many elements of the same type."""
        a, b = self.program.tensors[one], self.program.tensors[other]
        return (a.integer, a.storage, count(a)) == (b.integer, b.storage, count(b))

    def same_elements(self, new: TensorId, old: TensorId, at: int) -> bool:
        """Say whether step `at` reads each element of `old` only to write it to `new`."""
        stored = self.writes[at].get(new, set())
        read = self.reads[at].get(old, set())
        if new in self.reads[at] or at in self.matrices:
            return False
        return len(stored) == 1 and (old not in self.reads[at] or read == stored)


def _fills_matrix(step: Step) -> bool:
    """Say whether a step fills a matrix, which is not complete before all of another one was read."""
    if not isinstance(step.work, tuple):
        return False
    return any(isinstance(s, Store) and s.body.result.op in MATRIX_WRITERS for s in statements(step.work))


def count(info: TensorInfo) -> Poly:
    """Return the number of elements."""
    return info.count


def arena(
    buffers: Sequence[Buffer], sizes: Sizes, itemsize: int, kind: str = "arena"
) -> tuple[list[int], int]:
    """Return an offset for every buffer of a kind (0 for others) and the length of all together, in bytes.

    Buffers in use at the same time do not overlap; each starts at a multiple of 64.
    """
    offsets = [0] * len(buffers)
    active: list[tuple[int, int, int]] = []  # start, end, last step in use; sorted
    total = 0
    for place, buffer in sorted(enumerate(buffers), key=lambda pair: pair[1].first):
        if buffer.kind != kind:
            continue
        need = evaluate(buffer.count, sizes) * buffer.itemsize(itemsize)
        need = -(-max(need, 1) // ALIGNMENT) * ALIGNMENT
        active = [a for a in active if a[2] >= buffer.first]
        start = 0
        for used, end, _ in active:
            if used - start >= need:
                break
            start = max(start, end)
        offsets[place] = start
        active.append((start, start + need, buffer.last))
        active.sort()
        total = max(total, start + need)
    return offsets, total
