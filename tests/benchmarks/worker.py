"""The process of one peer.

Enters: on standard input, one JSON object a line: ``{"open": workload, "save": path}`` makes a runner and
saves what it computes, ``{"time": seconds, "of": workload}`` times it, ``{"rates": tiny}`` asks for the rates
of the device. Leaves: one JSON object a line.
``python -m tests.benchmarks.worker PEER CPUS PLACE``, with CPUS such as ``0,1``.
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
    peer, cpus, place = sys.argv[1:4]
    if hasattr(os, "sched_setaffinity"):
        # Before any library counts the cores: XLA takes all that it sees.
        os.sched_setaffinity(0, {int(c) for c in cpus.split(",")})
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    served = Served(peer, place)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            found = served.answer(asked)
        except Exception as error:  # whatever a library throws becomes a line of the report
            found = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(found) + "\n")


_PARTS = 12
"""Pieces of a sample that are timed apart: how much they differ says how steady steps are."""


class Served:
    """The runners in use, by workload, and how many steps of each were a sample."""

    def __init__(self, peer: str, place: Any) -> None:
        self.peer, self.place = peer, place
        self.runners: dict[str, Any] = {}
        self.steps: dict[str, int] = {}

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question."""
        if "rates" in asked:
            from .gpu.rates import rates

            return {"rates": rates(self.peer, self.place, tiny=asked["rates"])}
        return self.open(asked) if "open" in asked else self.time(asked["of"], asked["time"])

    def open(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Make a runner and save what it finds."""
        import numpy as np

        from .peers import imported, runner
        from .workloads import by_name

        name = asked["open"]
        workload = by_name(name)
        problem = workload.make(bool(asked.get("tiny")))
        start = time.perf_counter()
        imported(self.peer)
        importing = time.perf_counter() - start
        start = time.perf_counter()
        made = self.runners[name] = runner(self.peer, workload, problem, self.place)
        found = made.check()
        seconds = time.perf_counter() - start
        np.savez(asked["save"], *found)
        self.steps[name] = 1
        return {"start": seconds, "import": importing}

    def time(self, name: str, seconds: float) -> dict[str, Any]:
        """Run for about `seconds`; return the seconds a step, those of parts, of clock and CPU altogether.

        Half of that goes before, untimed: what counts is the steady state, and cores that have waited for
        others' turns are slow at first.
        """
        begin, cpu = time.perf_counter(), time.process_time()
        made, steps = self.runners[name], self.steps[name]
        made.run(max(1, steps // 2))
        while True:
            took, done, parts = 0.0, 0, []
            while done < steps:
                start = time.perf_counter()
                new = made.run(max(1, steps // _PARTS))
                seconds_ = time.perf_counter() - start
                took, done = took + seconds_, done + new
                parts.append(seconds_ / new)
            if took > 0.7 * seconds or steps > 1e8:
                break
            # Few steps at first say little about many.
            steps = max(done, int(done * min(seconds / max(took, 1e-7), 20)), steps + 1)
        self.steps[name] = max(1, round(done * seconds / took))
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
        return {"step": took / done, "parts": parts, "wall": wall, "cpu": cpu, "peak": peak_memory()}


def peak_memory() -> int:
    """Return the bytes that this process held at most. (`getrusage` counts the parent's, too.)"""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    lines = status.read_text("utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main()
