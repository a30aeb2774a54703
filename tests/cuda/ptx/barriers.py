"""The barriers of blocks: threads wait until all of their block are there; who never comes is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tests.cuda.ptx.registers import Active, Source, Wave
from tests.cuda.ptx.syntax import Immediate, Instruction
from tests.cuda.ptx.types import PRED, U32, Ids

Control: TypeAlias = Callable[[Active, int], int]
"""Executes what changes the order; returns where the group goes on, or -1 if it parted or waits."""


class Barriers:
    """Who waits where. `push` lets threads go on at a position."""

    def __init__(self, wave: Wave, push: Callable[[int, Ids], None]) -> None:
        self.wave, self.push = wave, push
        self.body = wave.program.body
        self.alive = np.full(wave.geometry.blocks, wave.geometry.threads_a_block)
        self.arrived = np.zeros_like(self.alive)
        self.waiting = np.full(wave.count, -1, np.int64)
        self.votes = np.zeros(wave.count, np.bool_)

    def bind(self, i: Instruction) -> Control:
        """bar.sync, and bar.red, which joins a predicate of the whole block."""
        if i.guard is not None:
            raise i.error("barriers under a predicate are not known")
        reduces = i.has("red")
        if not reduces and not i.has("sync"):
            raise i.error("barriers of this kind are not known")
        vote: Source | None = self.wave.predicate(i.operands[-1], i) if reduces else None
        number = i.operands[1 if reduces else 0]
        if not isinstance(number, Immediate) or len(i.operands) != (3 if reduces else 1):
            raise i.error("barriers of a part of the block are not known")

        def wait(active: Active, here: int) -> int:
            self.waiting[active.ids] = here
            if vote is not None:
                self.votes[active.ids] = vote(active.at)
            self.arrived += np.bincount(self.blocks_of(active.ids), minlength=len(self.arrived))
            self.open()
            return -1

        return wait

    def blocks_of(self, ids: Ids) -> Ids:
        return ids // self.wave.geometry.threads_a_block

    def force(self) -> bool:
        """Let all go on that wait, if any do: nobody else can come any more."""
        stuck = np.nonzero(self.waiting >= 0)[0]
        if len(stuck):
            self.release(np.unique(self.blocks_of(stuck)))
        return len(stuck) > 0

    def end(self, active: Active) -> None:
        self.wave.ended[active.ids] = True
        self.alive -= np.bincount(self.blocks_of(active.ids), minlength=len(self.alive))
        self.open()

    def open(self) -> None:
        """Let those blocks go on whose threads are all at a barrier or have ended."""
        full = np.nonzero((self.arrived > 0) & (self.arrived == self.alive))[0]
        if len(full):
            self.release(full)

    def release(self, blocks: Ids) -> None:
        """Let the waiting threads of `blocks` go on, and say whether all came to one barrier."""
        wave, size = self.wave, self.wave.geometry.threads_a_block
        if len(blocks) == len(self.alive):
            ids = np.nonzero(self.waiting >= 0)[0]
        else:
            chosen = np.zeros(len(self.alive), np.bool_)
            chosen[blocks] = True
            ids = np.nonzero((self.waiting >= 0) & np.repeat(chosen, size))[0]
        positions = self.waiting[ids]
        counts = np.bincount(ids // size, minlength=len(self.alive))
        places = np.unique(positions)
        for place in places:
            here = ids[positions == place]
            short = np.bincount(here // size, minlength=len(self.alive))
            apart = (short > 0) & (short < size)
            if apart.any():
                which = here[apart[here // size]]
                detail = f"{short[apart][0]} of {size} threads of the block came to it"
                wave.log.add("divergent barrier", self.body[place], which + wave.clock.first, detail=detail)
            self.reduce(self.body[place], here)
            self.push(int(place) + 1, here)
        wave.clock.barriers[np.repeat(counts > 0, size)] += 1
        self.waiting[ids] = -1
        self.arrived[counts > 0] = 0

    def reduce(self, i: Instruction, ids: Ids) -> None:
        """Give every thread of bar.red the outcome of its block."""
        if not i.has("red"):
            return
        blocks = self.blocks_of(ids)
        count = np.bincount(blocks, self.votes[ids], len(self.alive)).astype(np.int64)[blocks]
        total = np.bincount(blocks, minlength=len(self.alive))[blocks]
        if i.has("popc"):
            self.wave.target(i.operands[0], U32, i)(ids, count.astype(np.uint32))
        else:
            outcome: npt.NDArray[np.bool_] = count == total if i.has("and") else count > 0
            self.wave.target(i.operands[0], PRED, i)(ids, outcome)
