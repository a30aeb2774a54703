"""The steps of training on batches of one size.

Enters: a schedule in blocks for one choice of sizes. Leaves: `Job`: launch list, memory, the places of all
arrays, and what each worker does. Its `run` takes batches on any number of workers, in the way of the target;
results do not depend on how many (`symdl.run.autotune` chooses).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.launch_list import FIRST_SAMPLE, launch_list_of
from symdl.lower.ir.integers import Sizes
from symdl.lower.ir.names import FirstSample
from symdl.run.build import Built
from symdl.run.memory import Reserved, memory, placed
from symdl.schedule.plan import Partition, View

Array = NDArray[Any]


class Job:
    """The steps on batches of one size: launch list, memory and places, and scripts for each number of
    workers."""

    def __init__(self, built: Built, part: Partition, dims: Sizes, sources: int) -> None:
        self.built, self.partition, self.runtime = built, part, built.runtime
        order = len(part.buffers) + len(part.views)
        self.launch_list = launch_list_of(part.calls, order)
        self.code = built.linked(self.launch_list)
        dims = {**dims, FirstSample(): 0}
        made = memory(self.launch_list, part.buffers, (), dims, dtype=built.dtype, runtime=built.runtime)
        self.memory, self.order = made, order
        self.places: list[Any] = [*made.places, *([0] * (len(part.views) + 2 + sources))]
        self.slot = self._first_sample()
        self.arrays: dict[int, Array] = {}  # what the places outside the arena are kept alive by
        self.scripts: dict[int, list[Array]] = {}
        self.scratch: list[tuple[Reserved, dict[int, Any]]] = []  # of each worker
        self.vector: Any = None

    def _first_sample(self) -> int:
        """Return where the position of the batch is among the sizes, even if nothing needs it."""
        if FIRST_SAMPLE in self.launch_list.sizes:
            return self.launch_list.sizes.index(FIRST_SAMPLE)
        self.memory = replace(self.memory, sizes=np.append(self.memory.sizes, 0))
        return len(self.memory.sizes) - 1

    def put(self, place: int, array: Array) -> None:
        """Say where a buffer that is not in the arena is."""
        self.places[place] = self.runtime.place(array)
        self.arrays[place] = array

    def ready(self) -> None:
        """Fill in the places inside buffers."""
        buffers = self.partition.buffers
        for number, view in enumerate(self.partition.views, len(buffers)):
            if buffers[view.buffer].kind != "scratch":
                self.places[number] = self.behind(self.places[view.buffer], view)
        self.vector = self.runtime.vector(self.places)

    def behind(self, base: Any, view: View) -> Any:
        """Return the place of a view of a buffer that begins at `base`."""
        size = self.partition.buffers[view.buffer].itemsize(np.dtype(self.built.dtype).itemsize)
        return self.runtime.behind(base, view.offset, size)

    def script(self, workers: int) -> list[Array]:
        """Return what each worker does in a step: ranges of rows, and -1 where it waits."""
        if workers not in self.scripts:
            begins = self.launch_list.begins
            lines: list[list[tuple[int, int]]] = [[] for _ in range(workers)]
            shares = self.partition.by_worker(workers)
            for phase, shared in zip(self.partition.tasks, shares, strict=True):
                for mine, tasks in zip(lines, shared, strict=True):
                    mine += [(begins[phase[t][0]], begins[phase[t][1]]) for t in tasks]
                    mine += [(-1, -1)] * (workers > 1)
            self.scripts[workers] = [np.array(mine, "int64").reshape(-1, 2) for mine in lines]
        return self.scripts[workers]

    def seen_by(self, worker: int) -> Any:
        """Return the places of all buffers for a worker, which has scratch blocks of its own."""
        dtype, runtime = self.built.dtype, self.runtime
        while len(self.scratch) <= worker:
            self.scratch.append(placed(self.partition.buffers, {}, "scratch", dtype=dtype, runtime=runtime))
        _, found = self.scratch[worker]
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
        """The bytes of intermediate values, and of the scratch blocks of all workers so far."""
        return self.memory.arena.nbytes + sum(room.nbytes for room, _ in self.scratch)

    def run(self, order: Array, totals: Array, span: tuple[int, int, int], workers: int) -> None:
        """Take the batches of a span: first sample, the one after the last, samples a batch."""
        self.give(order, totals)
        self.runtime.epoch(self, span, workers)

    def give(self, order: Array, totals: Array) -> None:
        """Say where the order of the samples is, and where totals are added up."""
        for at, array in enumerate((order, totals), self.order):
            self.put(at, array)
            self.vector[at] = self.places[at]
