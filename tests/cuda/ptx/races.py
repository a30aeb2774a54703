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
Company = npt.NDArray[np.uint8]
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
    by_warp: bool = True
    """Whether the program has barriers of warps at all."""


class Seen:
    """The last accesses of one kind to each cell.

    `who` is 1 + the number of a thread in the grid, 0 for nobody (so that memory that is never touched costs
    nothing); `company` tells who else did the same with nothing that orders them: nobody, threads of its
    warp, of its block, of other blocks.
    """

    def __init__(self, cells: int) -> None:
        self.who = np.zeros(cells, np.int64)
        self.barriers = np.zeros(cells, np.int32)
        self.warps = np.zeros(cells, np.int32)
        self.company = np.zeros(cells, np.uint8)
        self.any = False

    def loose(self, cells: Ids, ids: Ids, clock: Clock) -> Company | None:
        """Return the company that accessed each cell and is not ordered before `ids`; None if none is."""
        if not self.any:
            return None
        who = self.who[cells] - 1
        known = (who >= 0) & ((who != ids) | (self.company[cells] > ALONE))
        suspects = np.nonzero(known)[0]
        if not len(suspects):
            return None
        who, cells, local = who[suspects], cells[suspects], ids[suspects] - clock.first
        company = np.maximum(_kinship(who, ids[suspects], clock), self.company[cells])
        ordered = (company <= BLOCK_MATES) & (self.barriers[cells] != clock.barriers[local])
        if clock.by_warp:
            ordered |= (company == WARP_MATES) & (self.warps[cells] != clock.warps[local])
        if ordered.all():
            return None
        found = np.zeros(len(ids), np.uint8)
        found[suspects] = np.where(ordered, np.uint8(ALONE), company)
        return found

    def note(self, cells: Ids, ids: Ids, clock: Clock, company: Company | None) -> Mask | None:
        """Record accesses in `company`; return those that met another thread in this very instruction."""
        local = ids - clock.first
        self.any = True
        self.who[cells] = ids + 1
        self.barriers[cells] = clock.barriers[local]
        if clock.by_warp:
            self.warps[cells] = clock.warps[local]
        self.company[cells] = ALONE if company is None else company
        winner = self.who[cells] - 1
        beaten: Mask = winner != ids
        if not beaten.any():
            return None
        pairs = _kinship(winner[beaten], ids[beaten], clock)
        if company is not None:
            pairs = np.maximum(pairs, company[beaten])
        np.maximum.at(self.company, cells[beaten], pairs)
        return beaten


def _kinship(one: Ids, other: Ids, clock: Clock) -> Company:
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
        self.writes, self.reads, self.atomics = Seen(cells), Seen(cells), Seen(cells)
        self.rival = -1
        """The thread that the first of the last races is with."""

    def read(self, positions: Ids, ids: Ids, clock: Clock) -> Mask | None:
        """Record reads of the cells at `positions` (bytes); return those that race, if any."""
        return self._record(self.reads, (self.writes, self.atomics), positions, ids, clock)

    def write(self, positions: Ids, ids: Ids, clock: Clock) -> Mask | None:
        return self._record(self.writes, (self.reads, self.atomics), positions, ids, clock)

    def atomic(self, positions: Ids, ids: Ids, clock: Clock) -> Mask | None:
        return self._record(self.atomics, (self.reads, self.writes), positions, ids, clock)

    def _record(
        self, own: Seen, others: tuple[Seen, Seen], positions: Ids, ids: Ids, clock: Clock
    ) -> Mask | None:
        """Record accesses of one kind; those race that are not ordered behind another, or write together."""
        cells = positions >> self.shift
        found: Mask | None = None
        alike = own.loose(cells, ids, clock)
        for seen in (*others, own):
            if seen is own and own is not self.writes:
                continue
            company = alike if seen is own else seen.loose(cells, ids, clock)
            if company is None:
                continue
            more = company > ALONE
            if found is None:
                self.rival = int(seen.who[cells[more][0]]) - 1
            found = either(found, more)
        beaten = own.note(cells, ids, clock, alike)
        if own is not self.writes or beaten is None:
            return found
        if found is None:
            self.rival = int(own.who[cells[beaten][0]]) - 1
        return either(found, beaten)


def either(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other
