"""Many points, block by block, on several cores.

Enters: a lowered scalar function. Leaves: `Blocks`, whose `run` computes it at more points than one block
has. A block is so small that its intermediate values stay in cache. Threads take blocks until there are none
left, so one that is slowed down by another program does less; what a block holds depends neither on them nor
on how many there are, so the bits of a result do not either.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.table import Table
from symdl.lower.pipeline import Lowered
from symdl.lower.rows import work
from symdl.run.memory import Memory, memory, numbers

Array = NDArray[Any]
_CACHE = 1 << 18
"""Bytes that the intermediate values of a block may take."""
_SMALLEST, _LARGEST = 256, 16384
_EACH = 1e5
"""Operations for which a thread pays."""


class Blocks:
    """The blocks of a scalar function.

    Args:
        lowered: the function; it has `points`.
        table: its calls.
        threads: the most threads to use.

    Attributes:
        size: how many points a block has, a power of two.
    """

    def __init__(self, lowered: Lowered, table: Table, *, dtype: str, threads: int) -> None:
        self._lowered, self._table, self._dtype, self._threads = lowered, table, dtype, threads
        self._itemsize = np.dtype(dtype).itemsize
        buffers = lowered.plan.buffers
        rows = sum(b.kind == "arena" for b in buffers)
        self.size = _LARGEST
        while self.size > _SMALLEST and rows * self.size * self._itemsize > _CACHE:
            self.size //= 2
        self._moves = np.array([b.kind != "arena" for b in buffers], "int64") * self.size * self._itemsize
        self._work = sum(work(s.work, lambda _: 1) for s in lowered.steps if isinstance(s.work, tuple))
        self._lanes: list[tuple[Memory, Array]] = []

    def run(self, module: Any, code: Array, count: int, inputs: Sequence[tuple[int, int]], blas: int) -> None:
        """Compute all points; `inputs` are the buffers of all arguments and results with their addresses."""
        blocks = -(-count // self.size)
        rest, _ = numbers(self._table, {self._lowered.points: count - (blocks - 1) * self.size})
        team = np.zeros(8, "int64")
        stream: Callable[..., None] = module.stream
        lanes = [self._lane(at) for at in range(self._count(count, blocks))]

        def take(lane: tuple[Memory, Array]) -> None:
            made, here = lane
            places = made.places.copy()
            for buffer, address in inputs:
                places[buffer] = address
            stream(code, places, self._moves, here, made.sizes, rest, made.factors, blas, team, blocks)

        helpers = [_Helper(partial(take, lane)) for lane in lanes[1:]]
        try:
            take(lanes[0])
        except BaseException:  # such as an interrupt: the others shall not go on
            team[0] = blocks
            raise
        finally:
            for helper in helpers:
                helper.wait()

    def _count(self, count: int, blocks: int) -> int:
        """Return how many threads pay."""
        return max(1, min(self._threads, blocks, int(count * self._work / _EACH)))

    def _lane(self, at: int) -> tuple[Memory, Array]:
        """Return the memory of a thread, kept for the next call."""
        while len(self._lanes) <= at:
            sizes = {self._lowered.points: self.size}
            made = memory(self._table, self._lowered.plan.buffers, (), sizes, dtype=self._dtype, target="cpu")
            self._lanes.append((made, np.zeros_like(made.places)))
        return self._lanes[at]


class _Helper:
    """A thread that takes blocks. One that begins only when all are taken is not waited for."""

    def __init__(self, take: Callable[[], None]) -> None:
        self._take, self._begun, self._end = take, False, _thread.allocate_lock()
        self._end.acquire()
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        self._begun = True
        try:
            self._take()
        finally:
            self._end.release()

    def wait(self) -> None:
        """Wait for the end of what was begun."""
        if self._begun:
            self._end.acquire()
