"""One library's times, in a process of its own: ``python -m symdl.cli.peers.worker torch 0.5 full``.

Enters: the name of a library, seconds to measure for, whether it is to be quick. Leaves: on standard output a
list in JSON, a dictionary for each workload and way of running it.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from symdl.cli.peers.workloads import WORKLOADS, Way, Workload

LIBRARIES = ("symdl", "torch", "jax")
"""What is timed where it is installed; each has a file here."""
_LEAST = 5


def times(
    library: str, workloads: Iterable[Workload], *, seconds: float, quick: bool
) -> list[dict[str, Any]]:
    """Return what a library takes: ``{"workload", "way", "figure", "first", "seconds"}`` for each way.

    Args:
        library: one of `LIBRARIES`, which must be installed.
        workloads: what to time.
        seconds: how long to measure each way.
        quick: whether to leave out ways that take long to compile.

    A way that fails has an ``"error"`` instead, its first line.
    """
    make: Callable[..., list[Way]] = importlib.import_module(f"symdl.cli.peers.on_{library}").ways
    found = []
    for workload in workloads:
        for way in make(workload, quick=quick):
            told = {"workload": workload.name, "way": way.name}
            try:
                found.append({**told, **_timed(way, workload.steps, seconds)})
            except Exception as error:  # of another library: whatever it is, it is said
                found.append({**told, "error": f"{type(error).__name__}: {error}".splitlines()[0][:200]})
    return found


def _timed(way: Way, steps: int, seconds: float) -> dict[str, float]:
    """Return the number of the first run, what that took, and what a step takes in the fastest run later."""
    start = time.perf_counter()
    figure = way.first()
    first = time.perf_counter() - start
    way.run()
    taken: list[float] = []
    while len(taken) < _LEAST or sum(taken) < seconds:
        start = time.perf_counter()
        way.run()
        taken.append(time.perf_counter() - start)
    return {"figure": figure, "first": first, "seconds": min(taken) / steps}


if __name__ == "__main__":
    name, limit, speed = sys.argv[1:]
    json.dump(times(name, WORKLOADS, seconds=float(limit), quick=speed == "quick"), sys.stdout)
