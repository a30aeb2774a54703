"""Several threads inside one step.

Enters: a schedule in blocks for one choice of sizes. Leaves: `Job`, whose `run` takes batches on any number
of lanes. Every lane is a thread that does its tasks of a phase, then waits for the others; inside an epoch no
lane returns to Python. Results do not depend on the number of lanes, which `symdl.run.cpu.threads.autotune`
chooses.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.source import APART
from symdl.emit.table import FIRST_SAMPLE, table_of
from symdl.run.build import Built
from symdl.run.cpu.limits import STOP
from symdl.run.cpu.memory import address, memory, placed
from symdl.run.cpu.threads.workers import alongside
from symdl.schedule.plan import Partition, View

Array = NDArray[Any]
_core: Callable[[], int] | None = (
    getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
)
"""Says on which core the calling thread runs, if threads can be kept on cores here."""


class Job:
    """The steps on batches of one size: table, memory and places, and scripts for each number of lanes."""

    def __init__(self, built: Built, part: Partition, dims: Mapping[str, int], sources: int) -> None:
        self.built, self.partition = built, part
        order = len(part.buffers) + len(part.views)
        self.table = table_of(part.calls, order)
        self.code = built.linked(self.table)
        dims = {**dims, "first sample": 0}
        made = memory(self.table, part.buffers, (), dims, dtype=built.dtype, target=built.target)
        self.memory, self.order = made, order
        self.places: list[Any] = [*made.places, *([0] * (len(part.views) + 2 + sources))]
        self.slot = self._first_sample()
        self.arrays: dict[int, Array] = {}  # what the places outside the arena are kept alive by
        self.scripts: dict[int, list[Array]] = {}
        self.scratch: list[tuple[Array, dict[int, Any]]] = []  # of each lane
        self.vector: Any = None

    def _first_sample(self) -> int:
        """Return where the position of the batch is among the sizes, even if nothing needs it."""
        if FIRST_SAMPLE in self.table.sizes:
            return self.table.sizes.index(FIRST_SAMPLE)
        self.memory = replace(self.memory, sizes=np.append(self.memory.sizes, 0))
        return len(self.memory.sizes) - 1

    def put(self, place: int, array: Array) -> None:
        """Say where a buffer that is not in the arena is."""
        self.places[place] = address(array) if self.built.target == "cpu" else array.reshape(-1)
        self.arrays[place] = array

    def ready(self) -> None:
        """Fill in the places inside buffers."""
        buffers = self.partition.buffers
        cpu = self.built.target == "cpu"
        for number, view in enumerate(self.partition.views, len(buffers)):
            if buffers[view.buffer].kind != "scratch":
                self.places[number] = self.behind(self.places[view.buffer], view)
        self.vector = np.array(self.places, "int64") if cpu else self.places

    def behind(self, base: Any, view: View) -> Any:
        """Return the place of a view of a buffer that begins at `base`."""
        if self.built.target != "cpu":
            return base[view.offset :]
        integer = self.partition.buffers[view.buffer].integer
        return base + view.offset * (8 if integer else np.dtype(self.built.dtype).itemsize)

    def script(self, lanes: int) -> list[Array]:
        """Return what each lane does in a step: ranges of rows, and -1 where it waits."""
        if lanes not in self.scripts:
            begins = self.table.begins
            lines: list[list[tuple[int, int]]] = [[] for _ in range(lanes)]
            shares = self.partition.lanes(lanes)
            for phase, shared in zip(self.partition.tasks, shares, strict=True):
                for mine, tasks in zip(lines, shared, strict=True):
                    mine += [(begins[phase[t][0]], begins[phase[t][1]]) for t in tasks]
                    mine += [(-1, -1)] * (lanes > 1)
            self.scripts[lanes] = [np.array(mine, "int64").reshape(-1, 2) for mine in lines]
        return self.scripts[lanes]

    def seen_by(self, lane: int) -> Any:
        """Return the places of all buffers for a lane, which has scratch blocks of its own."""
        kinds = {"dtype": self.built.dtype, "target": self.built.target}
        while len(self.scratch) <= lane:
            self.scratch.append(placed(self.partition.buffers, {}, "scratch", **kinds))
        _, found = self.scratch[lane]
        if not found:
            return self.vector
        mine = self.vector.copy()
        for buffer, place in found.items():
            mine[buffer] = place
        for number, view in enumerate(self.partition.views, len(self.partition.buffers)):
            if view.buffer in found:
                mine[number] = self.behind(found[view.buffer], view)
        return mine

    @property
    def nbytes(self) -> int:
        """The bytes of intermediate values, and of the scratch blocks of all lanes so far."""
        return self.memory.arena.nbytes + sum(room.nbytes for room, _ in self.scratch)

    def run(self, order: Array, totals: Array, span: tuple[int, int, int], lanes: int) -> None:
        """Take the batches of a span: first sample, the one after the last, samples a batch."""
        self.put(self.order, order)
        self.put(self.order + 1, totals)
        if self.built.target == "cpu":
            self.vector[self.order : self.order + 2] = self.places[self.order : self.order + 2]
        team, limits = apart(np.zeros(1, "int64")), np.array(span, "int64")
        owned = (dict(self.arrays), order, totals)  # compiled code has their addresses only

        def part(cores: set[int], places: Any, script: Array) -> Callable[[], object]:
            def work(*, _alive: Any = owned) -> None:
                if cores:
                    os.sched_setaffinity(0, cores)  # of this thread alone, which ends with the span
                mine = apart(self.memory.sizes)
                options = (places, mine, self.memory.factors, self.built.blas, team, lanes)
                self.built.call("epoch", self.code, script, *options, self.slot, limits)()

            return work

        def stop() -> None:
            team[0] = STOP

        with _own_core(lanes) as others:
            first, *rest = ((self.seen_by(at), script) for at, script in enumerate(self.script(lanes)))
            alongside(part(set(), *first), [part(others, *r) for r in rest], stop)


def apart(array: Array) -> Array:
    """Return a copy that shares no cache line with anything: lanes write to it, and others wait for that."""
    room = np.zeros(len(array) + 2 * APART, array.dtype)
    room[APART:-APART] = array
    return room[APART:-APART]


@contextmanager
def _own_core(lanes: int) -> Iterator[set[int]]:
    """Keep the caller on its core inside the block; give the other ones that it may use, for its helpers.

    Lanes that wait for each other by turns look idle, so that systems put two on one core and leave them
    there. With too few cores, or where the system has no such choice, nothing is done and no core given.
    """
    allowed = os.sched_getaffinity(0) if lanes > 1 and _core is not None else set[int]()
    own = {_core()} if _core is not None and len(allowed) >= lanes else set[int]()
    if not own or not own < allowed:
        yield set()
        return
    try:
        os.sched_setaffinity(0, own)
        yield allowed - own
    finally:
        os.sched_setaffinity(0, allowed)
