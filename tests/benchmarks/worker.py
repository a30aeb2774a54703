"""The process of one peer.

Enters: on standard input, one JSON object a line: ``{"open": workload, "save": path}`` makes a runner and
saves what it computes, ``{"time": seconds}`` times it. Leaves: one JSON object a line.
``python -m tests.benchmarks.worker PEER CPUS``, with CPUS such as ``0,1``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer until the input ends."""
    peer, cpus = sys.argv[1], sys.argv[2]
    if hasattr(os, "sched_setaffinity"):
        # Before any library counts the cores: XLA takes all that it sees.
        os.sched_setaffinity(0, {int(c) for c in cpus.split(",")})
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    served = Served(peer)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            found = served.open(asked) if "open" in asked else served.time(asked["time"])
        except Exception as error:  # whatever a library throws becomes a line of the report
            found = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(found) + "\n")


class Served:
    """The runner in use."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.runner: Any = None
        self.steps = 1

    def open(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Make a runner and save what it finds."""
        import numpy as np

        from .peers import runner
        from .workloads import ALL

        workload = next(w for w in ALL if w.name == asked["open"])
        problem = workload.make(bool(asked.get("tiny")))
        self.runner = None
        start = time.perf_counter()
        self.runner = runner(self.peer, workload, problem)
        found = self.runner.check()
        seconds = time.perf_counter() - start
        np.savez(asked["save"], *found)
        self.steps = 1
        return {"start": seconds}

    def time(self, seconds: float) -> dict[str, Any]:
        """Run for about `seconds`; return the seconds a step, and those of clock and CPU altogether.

        Half of that goes before, untimed: what counts is the steady state, and cores that have waited for
        others' turns are slow at first.
        """
        begin, cpu = time.perf_counter(), time.process_time()
        self.runner.run(max(1, self.steps // 2))
        while True:
            start = time.perf_counter()
            done = self.runner.run(self.steps)
            took = time.perf_counter() - start
            if took > 0.7 * seconds or self.steps > 1e8:
                break
            # Few steps at first say little about many.
            self.steps = max(done, int(done * min(seconds / max(took, 1e-7), 20)), self.steps + 1)
        self.steps = max(1, round(done * seconds / took))
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
        return {"step": took / done, "wall": wall, "cpu": cpu, "peak": peak_memory()}


def peak_memory() -> int:
    """Return the bytes that this process held at most. (`getrusage` counts the parent's, too.)"""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    lines = status.read_text("utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main()
