"""Lowering for the processor, which most tests look at."""

from __future__ import annotations

from functools import partial

from symdl.lower import pipeline
from symdl.lower.cpu.lowering import CPU
from symdl.schedule.plan import Partition

lower = partial(pipeline.lower, lowering=CPU, check=True)


def speedup(found: Partition, count: int) -> float:
    """Return by how much `count` workers are faster than one, apart from waiting."""
    longest = 0.0
    for phase, workers in zip(found.tasks, found.by_worker(count), strict=True):
        longest += max(sum(phase[t][2] for t in tasks) for tasks in workers)
    return found.cost / longest
