"""A call in blocks of samples, on several threads.

Enters: a lowered program whose samples may be computed apart, and sizes. Leaves: `Parallel`, whose `run` does
a call by the schedule that training uses (`schedule.partition`). Unlike the workers of an epoch, threads take
the tasks of a phase as they come, so that one that begins late does fewer. The blocks depend on the sizes
only, so the bits of a result do not depend on the number of threads; that number is measured.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.lower.ir.integers import Poly, evaluate, product
from symdl.lower.kernels import CheckCall, ProductCall, RepeatCall
from symdl.lower.lowered import Lowered
from symdl.lower.work import work
from symdl.run.build import Built
from symdl.run.cpu.gemm.blas import one_thread
from symdl.run.cpu.threads.epoch_threads import apart
from symdl.run.cpu.threads.thread_pool import ThreadPool
from symdl.run.epoch import Job
from symdl.run.watching import checking
from symdl.schedule.partition import partition
from symdl.schedule.verify import verify_partition

Array = NDArray[Any]
_EACH = 40.0
_WORTH = 150_000.0
"""Operations in a nanosecond, and nanoseconds of a call from which on it is cut into blocks."""
_AGAIN, _TRIALS = 2.0, 2
"""Seconds until the numbers of threads are measured again, and how often each is."""


def worth(lowered: Lowered, dims: Mapping[str, int]) -> bool:
    """Say whether a call is so long that it should be cut."""
    if not lowered.batch:
        return False
    sizes = lowered.sizes(dims)

    def value(poly: Poly) -> int:
        return evaluate(poly, sizes)

    calls = [c for c in lowered.calls if not isinstance(c, CheckCall | RepeatCall)]
    repeats = {r.name: value(r.extent) for r in lowered.program.recurrences}
    total = 0.0
    for call, step in zip(calls, lowered.steps, strict=True):
        if isinstance(call, ProductCall):
            cost = float(value(product((call.m, call.n, call.k, *call.batch))))
        else:
            cost = work(step.work, value) if isinstance(step.work, tuple) else 0.0
        total += cost * math.prod(repeats[name] for name in step.loops)
    return total / _EACH > _WORTH


class Parallel:
    """A program at one choice of sizes.

    Args:
        built: the program, with a `batch`.
        dims: the sizes.
        threads: the most threads to use.

    Attributes:
        shapes: the shape of each output.
    """

    def __init__(self, built: Built, dims: Mapping[str, int], *, threads: int) -> None:
        lowered = built.lowered
        sizes = lowered.sizes(dims)
        self._part = partition(lowered, sizes, [], [])
        if checking():
            verify_partition(lowered, self._part, sizes)
        self._job = Job(built, self._part, sizes, 0)
        self._job.ready()
        begins = self._job.launch_list.begins
        tasks = [(begins[low], begins[high]) for phase in self._part.tasks for low, high, _ in phase]
        ends = list(itertools.accumulate(map(len, self._part.tasks), initial=0))
        self._tasks = np.array(tasks, "int64")
        self._phases = np.array(list(itertools.pairwise(ends)), "int64")
        tensors = lowered.program.tensors
        self.shapes = tuple(
            tuple(evaluate(s, sizes) for s in tensors[t].shape) for t in lowered.program.outputs
        )
        views, buffers = self._part.views, self._part.buffers
        scratch = {at for at, buffer in enumerate(buffers) if buffer.kind == "scratch"}
        scratch |= {at for at, view in enumerate(views, len(buffers)) if view.buffer in scratch}
        self._bases = np.array([v.buffer for v in views], "int64")
        self._offsets = np.array([self._job.behind(0, v) for v in views], "int64")
        self._views = slice(len(buffers), len(buffers) + len(views))
        most = min(threads, max(map(len, self._part.tasks)))
        self._choices: list[int] = sorted({1, *range(2, most + 1)})
        self._seen: list[Array] = []  # places of each worker
        self._works: list[Callable[[], int]] = []
        shared = [at for at in range(len(self._job.vector)) if at not in scratch]
        self._common = np.array(shared, "int64")
        self._pool = ThreadPool(len(self._phases))
        self._times: dict[int, list[float]] = {}
        self._tried = 0.0

    def run(self, places: Iterable[tuple[int, int]]) -> None:
        """Do a call; `places` are the buffers of all arguments and results with their addresses."""
        vector = self._job.vector
        for buffer, address in places:
            vector[buffer] = address
        vector[self._views] = vector[self._bases] + self._offsets
        workers = self._workers()
        while len(self._seen) < workers:
            self._seen.append(self._job.seen_by(len(self._seen)))
            self._works.append(self._work(len(self._works)))
        for mine in self._seen:
            if mine is not vector:
                mine[self._common] = vector[self._common]
        start = time.perf_counter()
        with one_thread():
            self._pool.run(self._take, workers)
        self._times.setdefault(workers, []).append(time.perf_counter() - start)
        del self._times[workers][_TRIALS:]

    def _work(self, worker: int) -> Callable[[], int]:
        """Return what takes tasks until all are done."""
        job, seen = self._job, (self._seen[worker], apart(self._job.memory.sizes))
        numbers = (job.memory.factors, job.built.module.products)
        tables = (job.code, self._phases, self._tasks)
        return job.built.module.call("share", *tables, *seen, *numbers, self._pool.counters, worker)

    def _take(self, worker: int) -> int:
        return self._works[worker]()

    def _workers(self) -> int:
        """Return the number of threads that was the fastest, or one to be tried."""
        now = time.monotonic()
        if now - self._tried > _AGAIN:
            self._times, self._tried = {}, now
        for workers in self._choices:
            if len(self._times.get(workers, ())) < _TRIALS:
                return workers
            if min(self._times[workers]) > min(self._times[1]):
                break  # more will not be better
        best: dict[int, float] = {workers: min(times) for workers, times in self._times.items()}
        return min(best, key=best.__getitem__)
