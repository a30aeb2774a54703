"""Who does what, and when.

Enters: calls on blocks in order, and what they touch. Leaves: `Tasks`: each call is in the earliest phase in
which everything it needs is there, together with the one task of that phase that it needs, if it is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from symdl.lower.kernels import Call


@dataclass(slots=True)
class Task:
    """Calls that one thread does in order: its phase, its costs, the calls in chunks.

    A task with a `home`, a number from 0, belongs to those of other phases with the same one.
    """

    phase: int
    home: int = -1
    cost: float = 0.0
    chunks: list[list[Call]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Use:
    """What an instance touches: a range of a buffer. Ranges of different kinds may overlap."""

    buffer: int
    written: bool
    kind: int = -1  # 0 elements, otherwise a distance between rows; -1 everything
    first: int = 0
    last: int = 0

    def meets(self, other: Use) -> bool:
        """Say whether both may touch one element."""
        if -1 in (self.kind, other.kind) or self.kind != other.kind:
            return True
        return self.first < other.last and other.first < self.last


class Tasks:
    """Tasks under construction.

    Attributes:
        floor: the first phase that blocks of samples may still use.
    """

    def __init__(self) -> None:
        self.all: list[Task] = []
        self.blocks: dict[tuple[int, int], int] = {}  # by phase and block
        self.uses: dict[int, list[tuple[Use, int]]] = {}
        self.floor = 0

    def phases(self, buffer: int) -> list[int]:
        """Return the phases in which a buffer is used."""
        return [self.all[task].phase for _, task in self.uses.get(buffer, ())]

    def new_backward_phase(self) -> None:
        """Leave a phase to what is not tied to samples, before the blocks go on."""
        self.floor = 2 + max((phase for phase, _ in self.blocks), default=-2)

    def add(
        self,
        calls: list[Call],
        uses: Iterable[Use],
        cost: float,
        block: int = -1,
        *,
        fresh: bool = False,
        home: int = -1,
    ) -> None:
        """Give calls to the earliest task that may do them.

        A `block` ties those of the same samples together; `fresh` ones begin a task.
        """
        uses = list(uses)
        phase, owners = -1, set[int]()
        for use in uses:
            for other, task in self.uses.get(use.buffer, ()):
                later = self.all[task].phase
                if later < phase or not (use.written or other.written) or not use.meets(other):
                    continue
                owners = {task} if later > phase else owners | {task}
                phase = later
        chosen = self.task(phase, owners, block, fresh=fresh, home=home)
        self.all[chosen].chunks.append(calls)
        self.all[chosen].cost += cost
        for use in uses:
            self.uses.setdefault(use.buffer, []).append((use, chosen))

    def task(self, phase: int, owners: set[int], block: int, *, fresh: bool, home: int) -> int:
        """Return the task for calls that come after those of `owners`, all in `phase`."""
        if block >= 0:
            here = max(phase, self.floor)
            if here == phase and owners - {self.blocks.get((here, block))}:
                here += 1
            return self.named((here, block))
        if len(owners) == 1 and not fresh:
            return next(iter(owners))
        self.all.append(Task(phase + 1, home))
        return len(self.all) - 1

    def named(self, key: tuple[int, int]) -> int:
        """Return the task of a phase and block."""
        if key not in self.blocks:
            self.blocks[key] = len(self.all)
            self.all.append(Task(key[0]))
        return self.blocks[key]
