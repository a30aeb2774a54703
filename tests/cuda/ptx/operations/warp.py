"""What the threads of a warp do together: shuffles, votes, matches, reductions, the warp's barrier.

Threads that execute such an instruction must be named in its mask, and those named must be there: all that
have not ended execute it together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from tests.cuda.ptx.operations.common import known
from tests.cuda.ptx.registers import EVERYONE, Active, Source, Step, Wave
from tests.cuda.ptx.syntax import Both, Instruction
from tests.cuda.ptx.types import PRED, U32, Array, Ids

Build = Callable[[Instruction, Wave], Step]
Masks = npt.NDArray[np.uint64]


class Warps:
    """The warps of a wave: which lanes execute, have ended or never were."""

    def __init__(self, wave: Wave) -> None:
        a_block = wave.geometry.threads_a_block
        per_block = -(-a_block // 32)
        ids = np.arange(wave.count)
        self.wave = wave
        self.number = ids // a_block * per_block + ids % a_block // 32
        self.count = wave.geometry.blocks * per_block
        self.bit = np.uint64(1) << wave.lane.astype(np.uint64)
        self.born = self.masks(wave.everyone.ids)

    def masks(self, ids: Ids, where: npt.NDArray[np.bool_] | None = None) -> Masks:
        """Return for each warp the lanes of `ids`, those only that `where` says."""
        ids = ids if where is None else ids[where]
        weights = self.bit[ids].astype(np.float64)
        return np.bincount(self.number[ids], weights, minlength=self.count).astype(np.uint64)

    def missing(self, active: Active, mask: Array) -> Masks:
        """Return the lanes that a mask names, that have not ended and are elsewhere, for each thread."""
        ids = active.ids
        number = self.number[ids]
        if len(ids) == self.wave.count:
            return np.zeros(len(ids), np.uint64)
        ended = self.masks(np.nonzero(self.wave.ended)[0])[number]
        lanes: Masks = mask & self.born[number] & ~ended & ~self.masks(ids)[number]
        return lanes

    def gathered(self, i: Instruction, active: Active, mask: Array) -> Masks:
        """Check the mask of an instruction; return the lanes that execute it, for each active thread."""
        ids = active.ids
        here = self.masks(ids)[self.number[ids]]
        named = np.broadcast_to(mask, ids.shape).astype(np.uint64)
        stranger = (named & self.bit[ids]) == 0
        lanes = self.missing(active, named)
        missing = lanes != 0
        log, first = self.wave.log, self.wave.clock.first
        if stranger.any():
            log.add(
                "inactive lane", i, ids[stranger] + first, detail="executed by a lane its mask does not name"
            )
        if missing.any():
            detail = f"lanes {int(lanes[missing][0]):#x} of its mask are elsewhere"
            log.add("inactive lane", i, ids[missing] + first, detail=detail)
        executing: Masks = here & named
        return executing


def _shfl(i: Instruction, wave: Wave) -> Step:
    known(i, "sync", "up", "down", "bfly", "idx")
    mode = next(m for m in i.modifiers if m in ("up", "down", "bfly", "idx"))
    to = i.operands[0]
    first, second = (to.first, to.second) if isinstance(to, Both) else (to, None)
    put = wave.target(first, U32, i)
    inside = None if second is None else wave.target(second, PRED, i)
    get, amount, clamp, mask = (wave.source(operand, U32, i) for operand in i.operands[1:5])
    warps = Warps(wave)
    block = wave.geometry.threads_a_block

    def step(active: Active) -> None:
        at, ids = active.at, active.ids
        warps.gathered(i, active, mask(at))
        lane, start = wave.lane[at], wave.warp_start[at]
        source_lane, valid = shuffled(mode, lane, amount(at).astype(np.int64), clamp(at).astype(np.int64))
        source = start + source_lane
        present = np.zeros(wave.count + 32, np.bool_)
        present[ids] = True
        absent = ~present[source] | (source // block != ids // block)
        if absent.any():
            detail = f"from lane {int(np.broadcast_to(source_lane, ids.shape)[absent][0])}"
            wave.log.add("inactive lane", i, ids[absent] + wave.clock.first, detail=detail)
        everything = np.broadcast_to(get(EVERYONE), (wave.count,))
        values = everything[np.minimum(source, wave.count - 1)]
        put(at, np.where(absent, np.uint32(0xFFFFFFFF), values))
        if inside is not None:
            inside(at, np.broadcast_to(valid, ids.shape))

    return step


def shuffled(mode: str, lane: Ids, amount: Ids, clamp: Ids) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """Return the lane each lane reads, and whether that is the one asked for."""
    segment, limit = (clamp >> 8) & 31, clamp & 31
    amount = amount & 31
    lowest = lane & segment
    highest = lowest | (limit & ~segment)
    if mode == "up":
        wanted = lane - amount
        valid = wanted >= highest
    elif mode == "down":
        wanted = lane + amount
        valid = wanted <= highest
    elif mode == "bfly":
        wanted = lane ^ amount
        valid = wanted <= highest
    else:
        wanted = lowest | (amount & ~segment)
        valid = wanted <= highest
    return np.where(valid, wanted, lane), valid


def _vote(i: Instruction, wave: Wave) -> Step:
    known(i, "sync", "ballot", "any", "all", "uni")
    of = i.types[-1]
    put = wave.target(i.operands[0], of, i)
    which, mask = wave.predicate(i.operands[1], i), wave.source(i.operands[2], U32, i)
    warps = Warps(wave)

    def step(active: Active) -> None:
        at, ids = active.at, active.ids
        here = warps.gathered(i, active, mask(at))
        yes = warps.masks(ids, np.broadcast_to(which(at), ids.shape))[warps.number[ids]] & here
        if i.has("ballot"):
            put(at, yes.astype(np.uint32))
        elif i.has("any"):
            put(at, yes != 0)
        elif i.has("all"):
            put(at, yes == here)
        else:
            put(at, (yes == here) | (yes == 0))

    return step


def _activemask(i: Instruction, wave: Wave) -> Step:
    put, warps = wave.target(i.operands[0], U32, i), Warps(wave)

    def step(active: Active) -> None:
        put(active.at, warps.masks(active.ids)[warps.number[active.ids]].astype(np.uint32))

    return step


def _match(i: Instruction, wave: Wave) -> Step:
    known(i, "any", "all", "sync")
    to, every = i.operands[0], i.has("all")
    first, second = (to.first, to.second) if isinstance(to, Both) else (to, None)
    put = wave.target(first, U32, i)
    alike = None if second is None else wave.target(second, PRED, i)
    get, mask = wave.source(i.operands[1], i.type, i), wave.source(i.operands[2], U32, i)
    warps = Warps(wave)

    def step(active: Active) -> None:
        at, ids = active.at, active.ids
        here = warps.gathered(i, active, mask(at))
        values, number = np.broadcast_to(get(at), ids.shape), warps.number[ids]
        found = np.zeros(ids.shape, np.uint64)
        for value in np.unique(values):
            same = values == value
            found[same] = warps.masks(ids, same)[number[same]]
        found &= here
        agreed = found == here
        put(at, np.where(agreed | (not every), found, 0).astype(np.uint32))
        if alike is not None:
            alike(at, agreed)

    return step


def _redux(i: Instruction, wave: Wave) -> Step:
    known(i, "sync", "add", "min", "max", "and", "or", "xor")
    name = next(m for m in i.modifiers if m != "sync")
    join: np.ufunc = {
        "add": np.add,
        "min": np.minimum,
        "max": np.maximum,
        "and": np.bitwise_and,
        "or": np.bitwise_or,
        "xor": np.bitwise_xor,
    }[name]
    put = wave.target(i.operands[0], i.type, i)
    get, mask = wave.source(i.operands[1], i.type, i), wave.source(i.operands[2], U32, i)
    warps = Warps(wave)

    def step(active: Active) -> None:
        at, ids = active.at, active.ids
        warps.gathered(i, active, mask(at))
        values = np.broadcast_to(get(at), ids.shape)
        number, starts = np.unique(warps.number[ids], return_index=True)
        totals = join.reduceat(values, starts)
        put(at, totals[np.searchsorted(number, warps.number[ids])])

    return step


def warp_barrier(i: Instruction, wave: Wave) -> Step:
    """bar.warp.sync: orders the accesses of the lanes it names."""
    mask: Source = wave.source(i.operands[0], U32, i)
    warps = Warps(wave)

    def step(active: Active) -> None:
        warps.gathered(i, active, mask(active.at))
        wave.clock.warps[active.ids] += 1

    return step


TABLE: Mapping[str, Build] = {
    "shfl": _shfl,
    "vote": _vote,
    "activemask": _activemask,
    "match": _match,
    "redux": _redux,
}
