"""Data races: two threads at one cell, one of them writing, with nothing that orders them.

Every cell of memory keeps who wrote it, read it and changed it atomically last. Threads of one block are
ordered by the barriers between their accesses, threads of one warp by the barriers of the warp, too, threads
of different blocks by nothing. A cell is as wide as the narrowest access a kernel makes in that space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.cuda.ptx.types import Ids

WARP = 32
Mask = npt.NDArray[np.bool_]
ALONE, WARP_MATES, BLOCK_MATES, BLOCKS = range(4)


@dataclass
class Clock:
    """How many barriers each thread's block and warp passed; arrays over the threads of one wave.

    `first` is the number in the grid of the wave's first thread, `block` the number of threads a block.
    """

    first: int
    block: int
    barriers: npt.NDArray[np.int32]
    warps: npt.NDArray[np.int32]


class Seen:
    """The last accesses of one kind to each cell.

    `who` is a thread of the grid or -1; `company` tells who else did the same with nothing that orders them:
    nobody, threads of its warp, of its block, of other blocks.
    """

    def __init__(self, cells: int) -> None:
        self.who = np.full(cells, -1, np.int64)
        self.barriers = np.zeros(cells, np.int32)
        self.warps = np.zeros(cells, np.int32)
        self.company = np.zeros(cells, np.uint8)
        self.any = False

    def conflicts(self, cells: Ids, ids: Ids, clock: Clock) -> Mask | None:
        """Say which accesses by `ids` are not ordered behind those seen; None if all are."""
        if not self.any:
            return None
        who = self.who[cells]
        known = (who >= 0) & ((who != ids) | (self.company[cells] > ALONE))
        suspects = np.nonzero(known)[0]
        if not len(suspects):
            return None
        who, cells, local = who[suspects], cells[suspects], ids[suspects] - clock.first
        company = np.maximum(_kinship(who, ids[suspects], clock), self.company[cells])
        later = self.barriers[cells] != clock.barriers[local]
        ordered = (company <= BLOCK_MATES) & later
        mates = company == WARP_MATES
        if mates.any():
            ordered |= mates & (self.warps[cells] != clock.warps[local])
        if ordered.all():
            return None
        found: Mask = np.zeros(len(ids), np.bool_)
        found[suspects] = ~ordered
        return found

    def note(self, cells: Ids, ids: Ids, clock: Clock) -> Mask | None:
        """Record accesses; return those whose cell another thread met in the same instruction, if any."""
        local = ids - clock.first
        barriers, warps = clock.barriers[local], clock.warps[local]
        company = self._company(cells, ids, clock, barriers, warps) if self.any else None
        self.any = True
        self.who[cells] = ids
        self.barriers[cells] = barriers
        self.warps[cells] = warps
        self.company[cells] = ALONE if company is None else company
        winner = self.who[cells]
        beaten: Mask = winner != ids
        if not beaten.any():
            return None
        pairs = _kinship(winner[beaten], ids[beaten], clock)
        if company is not None:
            pairs = np.maximum(pairs, company[beaten])
        np.maximum.at(self.company, cells[beaten], pairs)
        return beaten

    def _company(
        self,
        cells: Ids,
        ids: Ids,
        clock: Clock,
        barriers: npt.NDArray[np.int32],
        warps: npt.NDArray[np.int32],
    ) -> npt.NDArray[np.uint8] | None:
        """Return who else accessed each cell before, with nothing that orders it before these accesses."""
        who, old = self.who[cells], self.company[cells]
        known = (who >= 0) & ((who != ids) | (old > ALONE))
        if not known.any():
            return None
        kin = np.maximum(_kinship(who, ids, clock), old)
        later = self.barriers[cells] != barriers
        warp_later = later | (self.warps[cells] != warps)
        ordered = np.where(kin == WARP_MATES, warp_later, (kin <= BLOCK_MATES) & later)
        return np.where(known & ~ordered, kin, np.uint8(ALONE)).astype(np.uint8)


def _kinship(one: Ids, other: Ids, clock: Clock) -> npt.NDArray[np.uint8]:
    if clock.block == WARP:
        return np.where(one == other, ALONE, np.where(one >> 5 == other >> 5, WARP_MATES, BLOCKS)).astype(
            np.uint8
        )
    first, second = one // clock.block, other // clock.block
    kin = np.where(first == second, np.uint8(BLOCK_MATES), np.uint8(BLOCKS))
    mates = (first == second) & ((one - first * clock.block) >> 5 == (other - second * clock.block) >> 5)
    kin[mates] = WARP_MATES
    kin[one == other] = ALONE
    return kin


class Races:
    """The accesses of one launch to one piece of memory of `size` bytes, in cells of `cell` bytes."""

    def __init__(self, size: int, cell: int) -> None:
        self.cell = cell
        self.shift = cell.bit_length() - 1
        cells = -(-size // cell)
        self.cells = cells
        self.writes, self.reads = Seen(cells), Seen(cells)
        self.atomics: Seen | None = None
        self.rival = -1
        """The thread that the first of the last races is with."""

    def read(self, positions: Ids, ids: Ids, clock: Clock) -> Mask | None:
        """Record reads of the cells at `positions` (bytes); return those that race, if any."""
        cells = positions >> self.shift
        found = self._conflicts(cells, ids, clock, self.writes, self.atomics)
        self.reads.note(cells, ids, clock)
        return found

    def write(self, positions: Ids, ids: Ids, clock: Clock) -> Mask | None:
        cells = positions >> self.shift
        found = self._conflicts(cells, ids, clock, self.reads, self.writes, self.atomics)
        beaten = self.writes.note(cells, ids, clock)
        if beaten is not None and found is None:
            self.rival = int(self.writes.who[cells[beaten][0]])
        return either(found, beaten)

    def atomic(self, positions: Ids, ids: Ids, clock: Clock) -> Mask | None:
        cells = positions >> self.shift
        if self.atomics is None:
            self.atomics = Seen(self.cells)
        found = self._conflicts(cells, ids, clock, self.reads, self.writes)
        self.atomics.note(cells, ids, clock)
        return found

    def _conflicts(self, cells: Ids, ids: Ids, clock: Clock, *records: Seen | None) -> Mask | None:
        """Return the accesses with no order to those on record, and note the first one's rival."""
        found: Mask | None = None
        for seen in records:
            more = None if seen is None else seen.conflicts(cells, ids, clock)
            if found is None and more is not None and seen is not None:
                self.rival = int(seen.who[cells[more][0]])
            found = either(found, more)
        return found


def either(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other
