"""Lanes of a warp that execute an instruction together: they wait until all are there that its mask names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.cuda.ptx.barriers import Control
from tests.cuda.ptx.operations.warp import Warps
from tests.cuda.ptx.registers import EVERYONE, Active, Step, Wave
from tests.cuda.ptx.syntax import Instruction, Operand
from tests.cuda.ptx.types import U32, Ids


def meets(i: Instruction) -> Operand | None:
    """Return the mask of an instruction that lanes execute together; None for others."""
    if i.opcode in ("shfl", "vote", "match", "redux") and i.has("sync"):
        return i.operands[-1]
    return i.operands[0] if i.opcode == "bar" and i.has("warp") else None


class Meetings:
    """Who came early where. `push` lets threads go on at a position."""

    def __init__(self, wave: Wave, push: Callable[[int, Ids], None]) -> None:
        self.wave, self.push = wave, push
        self.early: dict[int, Ids] = {}
        self.steps: dict[Instruction, Step] = {}

    def bind(self, i: Instruction, mask: Operand, step: Step) -> Control:
        """What lanes of a warp do together waits until all are there that its mask names."""
        get, warps = self.wave.source(mask, U32, i), Warps(self.wave)

        def meet(active: Active, here: int) -> int:
            early = self.early.pop(here, None)
            if early is not None:
                ids = np.sort(np.concatenate([active.ids, early]))
                active = Active(ids, EVERYONE if len(ids) == self.wave.count else ids)
            missing = warps.missing(active, get(active.at).astype(np.uint64)) != 0
            if missing.any():
                apart = np.zeros(warps.count, np.bool_)
                apart[warps.number[active.ids[missing]]] = True
                waits = apart[warps.number[active.ids]]
                self.early[here] = active.ids[waits]
                active = active.where(~waits)
            if len(active.ids):
                step(active)
                self.push(here + 1, active.ids)
            return -1

        self.steps[i] = step
        return meet

    def force(self) -> bool:
        """Let lanes go on that wait for lanes of their warp which do not come, if there are any."""
        if not self.early:
            return False
        position = min(self.early)
        ids = self.early.pop(position)
        self.steps[self.wave.program.body[position]](Active(ids, ids))
        self.push(position + 1, ids)
        return True
