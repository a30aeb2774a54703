"""Several threads inside one step.

Enters: the steps of training on batches of one size. Leaves: `run_epoch`, which takes batches on any number
of threads. Each does its tasks of a phase, then waits for the others at a barrier; inside an epoch none
returns to Python.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.run.cpu.limits import APART, STOP
from symdl.run.cpu.threads.workers import alongside
from symdl.run.epoch import Job

Array = NDArray[Any]
_core: Callable[[], int] | None = (
    getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
)
"""Says on which core the calling thread runs, if threads can be kept on cores here."""


def run_epoch(job: Job, span: tuple[int, int, int], workers: int) -> None:
    """Take the batches of a span: first sample, the one after the last, samples a batch."""
    arrivals, limits = apart(np.zeros(1, "int64")), np.array(span, "int64")
    module = job.built.module
    owned = dict(job.arrays)  # compiled code has their addresses only

    def part(cores: set[int], places: Any, script: Array) -> Callable[[], object]:
        def work(*, _alive: Any = owned) -> None:
            if cores:
                with suppress(OSError):  # some containers forbid it
                    os.sched_setaffinity(0, cores)  # of this thread alone, which ends with the span
            mine = apart(job.memory.sizes)
            options = (places, mine, job.memory.factors, module.products, arrivals, workers)
            module.call("epoch", job.code, script, *options, job.slot, limits)()

        return work

    def stop() -> None:
        arrivals[0] = STOP

    with _own_core(workers) as others:
        first, *rest = ((job.seen_by(at), script) for at, script in enumerate(job.script(workers)))
        alongside(part(set(), *first), [part(others, *r) for r in rest], stop)


def apart(array: Array) -> Array:
    """Return a copy that shares no cache line with anything: workers write to it, and others wait for
    that."""
    room = np.zeros(len(array) + 2 * APART, array.dtype)
    room[APART:-APART] = array
    return room[APART:-APART]


@contextmanager
def _own_core(workers: int) -> Iterator[set[int]]:
    """Keep the caller on its core inside the block; give the other ones that it may use, for the other
    workers.

    Workers that wait for each other at barriers look idle, so that systems put two on one core and leave them
    there. With too few cores, or where the system has no such choice, nothing is done and no core given.
    """
    allowed = os.sched_getaffinity(0) if workers > 1 and _core is not None else set[int]()
    own = {_core()} if _core is not None and len(allowed) >= workers else set[int]()
    if not own or not own < allowed:
        yield set()
        return
    try:
        with suppress(OSError):
            os.sched_setaffinity(0, own)
        yield allowed - own
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, allowed)
