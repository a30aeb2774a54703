"""One piece of memory: its bytes, which of them were written, and who touched them in a launch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.cuda.ptx.findings import Log
from tests.cuda.ptx.races import Clock, Mask, Races, either
from tests.cuda.ptx.syntax import Instruction
from tests.cuda.ptx.traffic import Way
from tests.cuda.ptx.types import Array, Ids

ALL_WRITTEN = {1: 0x01, 2: 0x0101, 4: 0x01010101, 8: 0x0101010101010101}
PADDING = 16
STRONG = frozenset({"volatile", "relaxed", "acquire", "release"})
POISON = 0xFF
"""What memory holds before it is written: NaN as a float, -1 as an integer."""


@dataclass(frozen=True)
class Access:
    """An instruction that reads or writes, and where to note what is wrong with it."""

    instruction: Instruction
    log: Log
    clock: Clock

    @property
    def strong(self) -> bool:
        """Whether it is volatile or has a memory order: such accesses do not race with each other."""
        return not STRONG.isdisjoint(self.instruction.modifiers)


class Store:
    """`size` bytes of memory with a name; `content` is what it holds, None if nobody wrote it.

    `parts` are (start, name) of the variables inside, for messages.
    """

    def __init__(
        self, name: str, size: int, content: bytes | None = None, parts: Sequence[tuple[int, str]] = ()
    ) -> None:
        self.name, self.size = name, size
        self.parts = tuple(parts) or ((0, name),)
        padded = -(-max(size, 1) // PADDING) * PADDING
        self.data = np.full(padded, POISON, np.uint8)
        self.written = np.zeros(padded, np.uint8)
        self.complete = content is not None
        if content is not None:
            self.data[:size] = np.frombuffer(content, np.uint8)
            self.written[:size] = 1
        self.views = {width: self.data.view(f"u{width}") for width in ALL_WRITTEN}
        self.masks = {width: self.written.view(f"u{width}") for width in ALL_WRITTEN}
        self.races: Races | None = None
        self.cell = 0
        self.used = self.changed = False
        """Whether a launch read or wrote here since `start`."""

    def start(self, cell: int, *, shared: bool) -> None:
        """Begin a launch whose narrowest access is `cell` bytes wide; races are looked for if `shared`."""
        self.races, self.cell = None, cell if shared else 0
        self.used = self.changed = False

    def fill(self, position: int, content: bytes) -> None:
        """Copy bytes in from outside."""
        self.data[position : position + len(content)] = np.frombuffer(content, np.uint8)
        self.written[position : position + len(content)] = 1

    def part(self, position: int) -> tuple[str, int]:
        """Return the variable that a byte lies in, and where in it."""
        start, name = max((part for part in self.parts if part[0] <= position), default=self.parts[0])
        return name, position - start

    def read(self, positions: Ids, width: int, ids: Ids, access: Access) -> Array:
        """Return the bits, `width` bytes each, at aligned `positions`; `ids` are threads of the wave."""
        self.used = True
        self.present(positions, width, ids, access)
        if self.cell:
            self.ordered("atomic" if access.strong else "read", positions, width, ids, access)
        values: Array = self.views[width][positions >> (width.bit_length() - 1)]
        return values

    def write(self, positions: Ids, width: int, values: Array, ids: Ids, access: Access) -> None:
        """Put the bits `values` there; of threads that meet, the last one's stays."""
        self.changed = True
        if self.cell:
            self.ordered("atomic" if access.strong else "write", positions, width, ids, access)
        index = positions >> (width.bit_length() - 1)
        self.views[width][index] = values
        if not self.complete:
            self.masks[width][index] = ALL_WRITTEN[width]

    def atomic(self, positions: Ids, width: int, ids: Ids, access: Access) -> None:
        """Check and record atomic changes at `positions`; the caller makes them."""
        self.used = self.changed = True
        self.present(positions, width, ids, access)
        if self.cell:
            self.ordered("atomic", positions, width, ids, access)

    def present(self, positions: Ids, width: int, ids: Ids, access: Access) -> None:
        """Check that what is read was written."""
        if self.complete:
            return
        there = self.masks[width][positions >> (width.bit_length() - 1)] == ALL_WRITTEN[width]
        if not there.all():
            self.blame("unwritten", ~there, positions, ids, access)

    def ordered(self, way: Way, positions: Ids, width: int, ids: Ids, access: Access) -> None:
        """Record accesses in every cell they touch, and note those that race."""
        if self.races is None:
            self.races = Races(len(self.data), self.cell)
        record = {"read": self.races.read, "write": self.races.write, "atomic": self.races.atomic}[way]
        threads, found = ids + access.clock.first, None
        for more in range(0, width, self.races.cell):
            found = either(found, record(positions + more, threads, access.clock))
        if found is not None:
            self.blame("race", found, positions, ids, access)

    def blame(self, why: str, found: Mask, positions: Ids, ids: Ids, access: Access) -> None:
        threads: npt.NDArray[np.int64] = ids[found] + access.clock.first
        position = int(positions[found][0])
        array, offset = self.part(position)
        if why == "unwritten":
            access.log.add("unwritten read", access.instruction, threads, array=array, offset=offset)
            return
        assert self.races is not None
        block, thread = divmod(self.races.rival, access.clock.block)
        detail = f"with block {block}, thread {thread}"
        access.log.add("data race", access.instruction, threads, array=array, offset=offset, detail=detail)


class Banks(Store):
    """Memory that every block, or every thread, has of its own: as many banks, in one store.

    `layout` is (name, bytes, alignment) of the variables of a bank. Between two lie `gap` bytes that belong
    to nobody, so that an access beyond one does not reach the next.
    """

    def __init__(self, name: str, banks: int, layout: Sequence[tuple[str, int, int]], gap: int) -> None:
        starts, end = {}, 0
        owner: list[tuple[int, int]] = []
        for variable, size, align in layout:
            start = -(-end // max(align, 16)) * max(align, 16)
            starts[variable] = start
            owner.append((start, start + size))
            end = start + size + gap
        self.starts = starts
        self.bank = max((stop for _, stop in owner), default=0)
        self.stride = -(-max(self.bank, 1) // PADDING) * PADDING
        self.owner = np.full(self.bank + PADDING, -1, np.int32)
        for number, (start, stop) in enumerate(owner):
            self.owner[start:stop] = number
        super().__init__(name, banks * self.stride, None, [(at, v) for v, at in starts.items()])

    def part(self, position: int) -> tuple[str, int]:
        return super().part(position % self.stride)

    def outside(self, offsets: Ids, size: int) -> Mask | None:
        """Say which accesses of `size` bytes do not lie wholly in one variable; None if all do."""
        low, high = offsets.min(), offsets.max()
        found: Mask = np.zeros(len(offsets), np.bool_)
        if low < 0 or high > self.bank - size:
            found = (offsets < 0) | (offsets > self.bank - size)
            offsets = np.where(found, 0, offsets)
        if len(self.starts) != 1 and self.starts:
            first, last = self.owner[offsets], self.owner[offsets + (size - 1)]
            found = found | (first < 0) | (first != last)
        elif not self.starts:
            found[:] = True
        return found if found.any() else None
