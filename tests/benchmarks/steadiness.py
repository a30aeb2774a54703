"""Why steps take unequal times: the same steps under several rules, piece by piece.

Enters: names of training workloads. Leaves: for each rule the median time of a step, its spread and what the
system did meanwhile. ``python -m tests.benchmarks.steadiness lstm attention deep mlp-adam-128 --cores 0,1``;
some 35 s a workload, and nothing else should run.

The rules differ in one thing each. ``one`` and ``two``: that many workers, one call for many steps.
``pinned``: one worker that the system cannot move. ``sliced``: two workers, started anew every 20 ms, as
autotuning does. ``chosen``: autotuning; below it stand all changes of the number of workers, with what was
measured then. If ``two`` is steady and ``sliced`` is not, starting threads costs; if ``sliced`` is steady
and ``chosen`` is not, the choice goes back and forth; if ``two`` itself is not, workers wait for each other
at barriers, because a core was taken away (``moved``, ``stolen``) or because a phase is unbalanced (see the
shares of phases).
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from .peers.on_symdl import Training
from .report import duration
from .workloads import by_name

_SLICE = 0.02
"""Seconds between two starts of workers when their number is measured."""


@dataclass(slots=True)
class Trace:
    """What happened under a rule: seconds a step of each piece, and the system's counters."""

    steps: list[float] = field(default_factory=list)
    busy: float = 0.0
    moved: int = 0
    stolen: float = 0.0

    @property
    def line(self) -> str:
        """The trace as a line of a table."""
        middle, high = median(self.steps), quantiles(self.steps, n=10)[-1]
        return (
            f"{duration(middle):>9} {duration(min(self.steps)):>9} {high / middle:7.2f} "
            f"{max(self.steps) / middle:7.2f} {self.busy:6.2f} {self.moved:6d} {self.stolen:7.2f}"
        )


def stolen() -> float:
    """Return the seconds that the machine's host took from all cores."""
    path = Path("/proc/stat")
    return int(path.read_text("utf-8").split("\n", 1)[0].split()[8]) * 0.01 if path.exists() else 0.0


def trace(run: Callable[[int], int], steps: int, seconds: float) -> Trace:
    """Run pieces of so many steps for a while, after as long a start."""
    found = Trace()
    for warm in (True, False):
        before, begin, lost = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter(), stolen()
        while time.perf_counter() - begin < (seconds / 4 if warm else seconds):
            start = time.perf_counter()
            done = run(steps)
            found.steps.append((time.perf_counter() - start) / done)
        if warm:
            found.steps.clear()
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - begin
    found.busy = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / wall
    found.moved, found.stolen = after.ru_nivcsw - before.ru_nivcsw, stolen() - lost
    return found


class Rules:
    """One workload under each rule."""

    def __init__(self, name: str, seconds: float) -> None:
        self.problem, self.seconds = by_name(name).make(False), seconds
        self.training = Training(by_name(name), self.problem)
        self.training.check()
        self.steps = 1
        start = time.perf_counter()
        self.training.run(8)
        self.steps = max(1, round(_SLICE * 8 / (time.perf_counter() - start)))

    def runner(self, threads: int | None, pieces: int) -> Callable[[int], int]:
        """Return what does steps on so many threads, in calls of so many."""
        batch = self.problem.order.shape[1]
        bound = self.training.kernel.bind(self.training.weights, self.problem.data, batch, threads=threads)
        order, length = self.problem.order.reshape(-1), len(self.problem.order)
        self.bound: Any = bound

        def run(steps: int) -> int:
            done = 0
            while done < steps:
                count = min(pieces, length, steps - done)
                bound.run(order, 0, count)
                done += count
            return done

        return run

    def report(self) -> None:
        """Print a line for each rule."""
        names = f"{'p90/med':>7} {'max/med':>7} {'cores':>6} {'moved':>6} {'stolen':>7}"
        print(f"{'':10} {'median':>9} {'least':>9} {names}")
        allowed, many = os.sched_getaffinity(0), 4 * self.steps
        for rule, threads, pieces in (
            ("one", 1, many),
            ("pinned", 1, many),
            ("two", 2, many),
            ("sliced", 2, self.steps),
        ):
            if rule == "pinned":
                os.sched_setaffinity(0, {min(allowed)})
            print(
                f"{rule:10} {trace(self.runner(threads, pieces), self.steps, self.seconds).line}", flush=True
            )
            os.sched_setaffinity(0, allowed)
        run = self.runner(None, many)
        changes = watch(self.bound._autotuner)
        print(f"{'chosen':10} {trace(run, self.steps, self.seconds).line}", flush=True)
        print("  changes:", "; ".join(changes[:20]) or "none", f"({len(changes)} in all)")
        print(f"  phases: {phases(self.bound)}")


def watch(tuner: Any) -> list[str]:
    """Return a list to which every change of the number of workers will be added."""
    changes: list[str] = []
    note, begin = tuner._note, time.perf_counter()

    def noted(workers: int, seconds: float, batches: int) -> None:
        before = tuner.workers
        note(workers, seconds, batches)
        if tuner.workers != before:
            times = ", ".join(f"{count}: {duration(t)}" for count, t in tuner.times.items())
            at = time.perf_counter() - begin
            step = duration(seconds / batches)
            changes.append(
                f"{at:.2f} s {before} to {tuner.workers} after {step} with {workers} (best {times})"
            )

    tuner._note = noted
    return changes


def phases(bound: Any) -> str:
    """Return each phase's share of a step by the cost model, and how full two workers are in it."""
    part = next(iter(bound._jobs.values())).partition
    total = part.cost or 1.0
    shares = []
    for phase, workers in zip(part.tasks, part.by_worker(2), strict=True):
        longest = max(sum(phase[t][2] for t in tasks) for tasks in workers)
        cost = sum(task[2] for task in phase)
        shares.append(f"{cost / total:.0%} ({len(phase)} tasks, {cost / (2 * longest or 1.0):.0%} full)")
    return "; ".join(shares)


def main(arguments: Sequence[str] | None = None) -> None:
    """Report the workloads that are asked for."""
    ask = argparse.ArgumentParser(prog="python -m tests.benchmarks.steadiness", description=__doc__)
    ask.add_argument("workload", nargs="+")
    ask.add_argument("--cores", default="0,1")
    ask.add_argument("--seconds", type=float, default=5.0, help="of each rule")
    asked = ask.parse_args(arguments)
    os.sched_setaffinity(0, {int(core) for core in asked.cores.split(",")})
    for name in asked.workload:
        print(f"\n{name}")
        Rules(name, asked.seconds).report()


if __name__ == "__main__":
    main()
