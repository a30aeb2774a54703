"""A parallel schedule as data.

Enters: nothing. Leaves: types. A `Partition` holds calls on blocks, grouped in tasks, and tasks in phases.
Tasks of one phase touch nothing that another one writes; all of a phase are done before the next begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from symdl.lower.kernels import (
    Call,
    CheckCall,
    CombineCall,
    GatherCall,
    KernelCall,
    Matrix,
    ProductCall,
    RepeatCall,
    SortCall,
    TotalCall,
)
from symdl.lower.memory.buffers import Buffer


@dataclass(frozen=True, slots=True)
class View:
    """A place inside a buffer: so many elements after its beginning."""

    buffer: int
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """A schedule for one choice of sizes.

    Attributes:
        calls: of all tasks, one after another.
        tasks: for each phase the tasks: their first call, the one after their last, their cost.
        homes: for each of these the share of the features it belongs to, or -1.
        buffers: those of the plan and one more for every sum over blocks, with the phases of their use.
        views: what buffer numbers from ``len(buffers)`` on stand for.
    """

    calls: tuple[Call, ...]
    tasks: tuple[tuple[tuple[int, int, float], ...], ...]
    buffers: tuple[Buffer, ...]
    views: tuple[View, ...]
    homes: tuple[tuple[int, ...], ...] = ()

    @property
    def cost(self) -> float:
        """Nanoseconds on one core, about."""
        return sum(cost for phase in self.tasks for _, _, cost in phase)

    def by_worker(self, count: int) -> list[list[list[int]]]:
        """Return for each phase and worker its tasks.

        Those of one share of the features go to one worker in every phase, so that its weights stay in one
        cache; then the most costly ones first, each to the least busy worker.
        """
        result = []
        shares = 1 + max((home for phase in self.homes for home in phase), default=0)
        for number, phase in enumerate(self.tasks):
            homes = self.homes[number] if self.homes else (-1,) * len(phase)
            loads, mine = [0.0] * count, [[] for _ in range(count)]  # type: list[float], list[list[int]]
            for at in sorted(range(len(phase)), key=lambda t: (homes[t] < 0, -phase[t][2])):
                worker = loads.index(min(loads)) if homes[at] < 0 else homes[at] * count // shares
                loads[worker] += phase[at][2]
                mine[worker].append(at)
            result.append([sorted(tasks) for tasks in mine])
        return result


def renumbered(call: Call, count: int, same: Mapping[int, int]) -> Call:
    """Return a call in which the numbers of views come after those of buffers."""

    def number(place: int) -> int:
        return same.get(place, place) if place >= 0 else count + ~place

    def matrix(found: Matrix) -> Matrix:
        return replace(found, buffer=number(found.buffer))

    match call:
        case KernelCall():
            return replace(call, buffers=tuple(map(number, call.buffers)))
        case ProductCall():
            left, right, result = map(matrix, (call.left, call.right, call.result))
            return replace(call, left=left, right=right, result=result)
        case GatherCall():
            return replace(call, target=number(call.target))
        case CombineCall():
            return replace(call, buffer=number(call.buffer), parts=number(call.parts))
        case SortCall():
            keys, order, segments = map(number, (call.keys, call.order, call.segments))
            return replace(call, keys=keys, order=order, segments=segments)
        case TotalCall() | CheckCall() | RepeatCall():
            return call
        case _:
            assert_never(call)
