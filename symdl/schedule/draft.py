"""A schedule under construction.

Enters: the buffers of a plan, the blocks of the samples. Leaves: `Draft`: what has been given to tasks, and
the memory that it takes: parts of sums over the samples, scratch blocks of workers, places inside buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from symdl.lower.ir.integers import ZERO, Poly, constant
from symdl.lower.memory.buffers import ALIGNMENT, Buffer
from symdl.lower.splits import Split, Touch
from symdl.schedule.call_pieces import Cutter
from symdl.schedule.tasks import Tasks, Use


@dataclass(slots=True, eq=False)
class Draft:
    """A schedule under construction.

    Attributes:
        samples: the blocks of the batch, each its first sample and the one after its last.
        wide: buffers of inputs that are cut along their features.
        buffers: those of the plan, and what was added.
        cutter: makes pieces of calls.
        value: the number that a size is.
        scratches: the numbers of the scratch blocks, which are buffers too.
        cuts: for buffers that were computed in pieces the elements of each.
    """

    samples: list[tuple[int, int]]
    wide: set[int]
    buffers: list[Buffer]
    cutter: Cutter
    value: Callable[[Poly], int]
    tasks: Tasks = field(default_factory=Tasks)
    scratches: list[int] = field(default_factory=list)
    cuts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many samples there are."""
        return self.samples[-1][1]

    def use(self, touch: Touch, low: int, high: int) -> Use:
        """Return what a piece of a call, from one unit to another, touches."""
        if touch.stride is None:
            return Use(touch.buffer, touch.written)
        stride = self.value(touch.stride)
        if touch.flat:
            return Use(touch.buffer, touch.written, 0, low * stride, high * stride)
        return Use(touch.buffer, touch.written, stride, low, high)

    def everything(self, touch: Touch) -> Use:
        """Return what a call that is not cut touches."""
        return replace(self.use(touch, 0, 0), kind=-1)

    def new_parts(self, buffer: int, number: int) -> int:
        """Make room for so many parts of a sum but the first one, which takes the place of the sum."""
        count = constant(self.apart(buffer) * (number - 1))
        self.buffers.append(replace(self.buffers[buffer], kind="arena", count=count))
        return len(self.buffers) - 1

    def part(self, buffer: int, parts: int, number: int) -> tuple[int, Use]:
        """Return the place of a part of a sum, and its use."""
        if not number:
            return buffer, Use(buffer, True)
        low, high = ((number - k) * self.apart(buffer) for k in (1, 0))
        return self.cutter.view(parts, low), Use(parts, True, 0, low, high)

    def apart(self, buffer: int) -> int:
        """Return the distance of two parts of a sum; they share no cache line."""
        return -(-self.value(self.buffers[buffer].count) // ALIGNMENT) * ALIGNMENT

    def scratch(self, at: int, buffer: int, count: int) -> int:
        """Return scratch block number `at` of a worker, with room for so many elements of a buffer."""
        if at == len(self.scratches):
            self.scratches.append(len(self.buffers))
            self.buffers.append(replace(self.buffers[buffer], kind="scratch", count=ZERO))
        number = self.scratches[at]
        known = self.buffers[number]
        self.buffers[number] = replace(known, count=constant(max(count, self.value(known.count))))
        return number

    def note(self, split: Split, low: int, high: int) -> None:
        """Remember in which cuts a call computes what it writes."""
        for touch in split.touches:
            if touch.written and touch.stride is not None:
                known = self.cuts.setdefault(touch.buffer, []) if low else []
                self.cuts[touch.buffer] = known
                stride = self.value(touch.stride)
                known.append((low * stride, high * stride))

    def follow(self, split: Split) -> list[tuple[int, int]]:
        """Return the cuts in which what an update reads was computed."""
        if split.kind != "elements":
            return []
        for touch in split.touches:
            if not touch.written and touch.stride is not None and touch.buffer in self.cuts:
                return self.cuts[touch.buffer]
        return []
