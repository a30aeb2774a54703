"""Executes a program for all threads of a wave at once.

Threads are kept in groups that stand at the same instruction. The group that stands first goes on until it
reaches the next group, and they go on together: threads that parted at a branch meet again where it ends.
"""

from __future__ import annotations

import heapq

import numpy as np

from tests.cuda.ptx.barriers import Barriers, Control
from tests.cuda.ptx.meetings import Meetings, meets
from tests.cuda.ptx.operations.table import bind
from tests.cuda.ptx.operations.warp import warp_barrier
from tests.cuda.ptx.registers import EVERYONE, Active, Step, Wave
from tests.cuda.ptx.syntax import Instruction, Name
from tests.cuda.ptx.types import U32, Ids, PtxError

CONTROLS = ("bra", "brx", "ret", "exit", "trap", "bar", "barrier")


class Executor:
    """Runs one wave. `executed` counts instructions times threads, `steps` instructions."""

    def __init__(self, wave: Wave, *, limit: int) -> None:
        self.wave, self.limit = wave, limit
        self.body = wave.program.body
        self.executed = self.steps = 0
        self.groups: dict[int, list[Ids]] = {}
        self.order: list[int] = []
        self.meetings = Meetings(wave, self.push)
        self.barriers = Barriers(wave, self.push)
        self.work: list[Step | None] = []
        self.controls: list[Control | None] = []
        for instruction in self.body:
            control = self.control(instruction)
            self.controls.append(control)
            self.work.append(self.step(instruction) if control is None else None)

    def step(self, i: Instruction) -> Step:
        """Bind an instruction; under a guard it is done for those threads whose predicate holds."""
        step = warp_barrier(i, self.wave) if i.opcode == "bar" else bind(i, self.wave)
        if i.guard is None:
            return step
        guard = self.wave.predicate(i.guard, i)

        def guarded(active: Active) -> None:
            holds = guard(active.at)
            if holds.all():
                step(active)
            elif holds.any():
                step(active.where(holds))

        return guarded

    def run(self) -> None:
        """Execute until all threads have ended."""
        with np.errstate(all="ignore"):
            self.push(0, self.wave.everyone.ids)
            while True:
                while self.order:
                    self.advance()
                if not self.meetings.force() and not self.barriers.force():
                    return

    def advance(self) -> None:
        """Let the first group go on until it parts, waits, ends or reaches another."""
        position, active = self.pop()
        count, work, controls = len(active.ids), self.work, self.controls
        end = self.order[0] if self.order else len(work)
        while position < end:
            step = work[position]
            self.steps += 1
            self.executed += count
            if step is not None:
                step(active)
                position += 1
                continue
            control = controls[position]
            assert control is not None
            position = control(active, position)
            if self.steps > self.limit:
                raise self.body[position].error(f"more than {self.limit} steps; does it end?")
            if position < 0:
                return
        if position >= len(work):
            self.barriers.end(active)
        else:
            self.push(position, active.ids)

    def push(self, position: int, ids: Ids) -> None:
        if position not in self.groups:
            self.groups[position] = []
            heapq.heappush(self.order, position)
        self.groups[position].append(ids)

    def pop(self) -> tuple[int, Active]:
        position = heapq.heappop(self.order)
        parts = self.groups.pop(position)
        ids = parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))
        return position, Active(ids, EVERYONE if len(ids) == self.wave.count else ids)

    def control(self, i: Instruction) -> Control | None:
        """Return what an instruction does that changes the order; None if it changes none."""
        mask = meets(i)
        if mask is not None:
            return None if i.guard else self.meetings.bind(i, mask, self.step(i))
        if i.opcode not in CONTROLS:
            return None
        if i.opcode == "bra":
            return self.branch(i)
        if i.opcode == "brx":
            return self.indexed(i)
        if i.opcode in ("bar", "barrier"):
            return self.barriers.bind(i)
        if i.opcode == "trap":
            return _trap(i, self.wave)
        guard = None if i.guard is None else self.wave.predicate(i.guard, i)

        def leave(active: Active, here: int) -> int:
            if guard is None:
                self.barriers.end(active)
                return -1
            holds = guard(active.at)
            if holds.any():
                self.barriers.end(active.where(holds))
                if not holds.all():
                    self.push(here + 1, active.ids[~holds])
                return -1
            return here + 1

        return leave

    def branch(self, i: Instruction) -> Control:
        (target,) = i.operands
        if not isinstance(target, Name) or target.name not in self.wave.program.labels:
            raise i.error("no such label")
        to = self.wave.program.labels[target.name]
        if i.guard is None:
            return lambda active, here: to
        guard = self.wave.predicate(i.guard, i)

        def branch(active: Active, here: int) -> int:
            taken = guard(active.at)
            if taken.all():
                return to
            if not taken.any():
                return here + 1
            self.push(to, active.ids[taken])
            self.push(here + 1, active.ids[~taken])
            return -1

        return branch

    def indexed(self, i: Instruction) -> Control:
        """brx.idx: to the label whose number in a list is the index."""
        index, table = i.operands
        if not isinstance(table, Name) or table.name not in self.wave.program.tables or i.guard:
            raise i.error("no such list of labels")
        to = [self.wave.program.labels[name] for name in self.wave.program.tables[table.name]]
        get = self.wave.source(index, U32, i)

        def branch(active: Active, here: int) -> int:
            indices = np.broadcast_to(get(active.at), active.ids.shape)
            for number in np.unique(indices):
                if number >= len(to):
                    raise i.error(f"index {number} of {len(to)} labels")
                self.push(to[number], active.ids[indices == number])
            return -1

        return branch


def _trap(i: Instruction, wave: Wave) -> Control:
    """Nobody may come here: what a program checks itself does not hold."""
    guard = None if i.guard is None else wave.predicate(i.guard, i)

    def trap(active: Active, here: int) -> int:
        if guard is None or guard(active.at).any():
            raise i.error("a thread came to a trap")
        return here + 1

    return trap


__all__ = ["Executor", "PtxError"]
