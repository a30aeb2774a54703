"""Many points, block by block, on several cores.

Enters: a lowered scalar function. Leaves: `Blocks`, whose `run` computes it at more points than one block
has. A block is so small that its intermediate values stay in cache. Threads take blocks until there are none
left, so one that is slowed down by another program does less; what a block holds depends neither on them nor
on how many there are, so the bits of a result do not either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.lower.kernels import KernelCall
from symdl.lower.work import work
from symdl.run.build import Built
from symdl.run.cpu.threads.thread_pool import ThreadPool
from symdl.run.memory import Memory, memory, numbers

Array = NDArray[Any]
_CACHE = 1 << 18
"""Bytes that the intermediate values of a block may take."""
_SMALLEST, _LARGEST = 256, 16384
_EACH = 1e5
"""Operations for which a thread pays."""


def block_size(built: Built) -> int:
    """Return how many points a block of a scalar function has, a power of two."""
    buffers = built.lowered.plan.buffers
    row = sum(b.kind == "arena" for b in buffers) * np.dtype(built.dtype).itemsize
    size = _LARGEST
    while size > _SMALLEST and row * size > _CACHE:
        size //= 2
    return size


class Blocks:
    """The blocks of a scalar function.

    Args:
        built: the function; it has `points`.
        threads: the most threads to use.

    Attributes:
        size: how many points a block has, a power of two.
    """

    def __init__(self, built: Built, *, threads: int) -> None:
        self._built, self._threads = built, threads
        self.size, itemsize = block_size(built), np.dtype(built.dtype).itemsize
        outside = [b.kind != "arena" for b in built.lowered.plan.buffers]
        self._steps = np.array(outside, "int64") * self.size * itemsize
        self._moves = self._steps.copy()
        kernels, calls = built.lowered.kernels, built.lowered.calls
        trees = (kernels[c.kernel].items for c in calls if isinstance(c, KernelCall))
        self._work = sum(work(items, lambda _: 1) for items in trees)
        self._rest, self._blocks = self._numbers(self.size), np.zeros(1, "int64")
        self._workers: list[tuple[Memory, Callable[[], int]]] = []
        self._pool = ThreadPool(1)

    def run(self, count: int, places: Sequence[tuple[int, int]], fixed: Sequence[int] = ()) -> None:
        """Compute all points.

        Args:
            count: how many there are.
            places: the buffers of all arguments and results with their addresses.
            fixed: buffers that every block reads from their begin: they hold a number, once for each point.
        """
        blocks = -(-count // self.size)
        self._blocks[0], self._rest[:] = blocks, self._numbers(count - (blocks - 1) * self.size)
        self._moves[:] = self._steps
        self._moves[list(fixed)] = 0
        threads = max(1, min(self._threads, blocks, int(count * self._work / _EACH)))
        while len(self._workers) < threads:
            self._workers.append(self._worker())
        for made, _ in self._workers:
            for buffer, address in places:
                made.places[buffer] = address
        self._pool.run(self._take, threads)

    def _numbers(self, points: int) -> Array:
        """Return the sizes of a block of so many points."""
        return numbers(self._built.launch_list, {self._built.lowered.points: points})[0]

    def _worker(self) -> tuple[Memory, Callable[[], int]]:
        """Return the memory of a thread, and what takes blocks until all are done."""
        built, sizes = self._built, {self._built.lowered.points: self.size}
        plan = built.lowered.plan
        made = memory(built.launch_list, plan.buffers, (), sizes, dtype=built.dtype, runtime=built.runtime)
        here = np.zeros_like(made.places)  # where the arrays of its block begin
        arrays = (made.places, self._moves, here, made.sizes, self._rest, made.factors)
        shared = (built.module.products, self._blocks, self._pool.counters)
        return made, built.module.call("points", built.code, *arrays, *shared, len(self._workers))

    def _take(self, worker: int) -> int:
        return self._workers[worker][1]()
