"""All libraries on a device, within a budget.

Enters: workloads, names of peers, seconds. Leaves: `Row`s with their `Outcome`s. First every library prepares
all rows in a process of its own, all processes at once, because compilers take most of the time. Then rows
are timed, one library at a time, in interleaved rounds. What the budget leaves no time for is named.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..peers import OURS, Place
from ..problem import Array, Workload, deviation
from ..report import Row
from ..session import Outcome, Process
from .rates import Rates

PREPARE = 0.6
"""The share of the budget in which libraries must be ready."""
_ENVIRONMENT = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Several libraries share the device's memory."""
NO_TIME = "no time left"


@dataclass(slots=True)
class Peer:
    """A library: how its process is started, the process, what it found for each row."""

    name: str
    start: Callable[[], Process]
    process: Process
    found: dict[str, list[Array]] = field(default_factory=dict)
    rates: Rates = field(default_factory=dict)

    def restart(self) -> None:
        """Begin anew: a device on which something failed once may fail on."""
        self.process.close()
        self.process, self.found = self.start(), {}


@dataclass(frozen=True, slots=True)
class Session:
    """How to time.

    Attributes:
        place: where.
        pythons: for each peer the Python it runs in.
        end: when the budget ends, by `time.monotonic`; `ready` when preparing must.
        rounds, seconds: samples of each row, and how long one takes.
        tiny: small sizes, for tests.
    """

    place: Place
    pythons: Mapping[str, str]
    end: float
    ready: float
    rounds: int
    seconds: float
    tiny: bool = False

    def run(self, workloads: Sequence[Workload], show: Callable[[Row], None]) -> tuple[list[Row], Rates]:
        """Prepare, time, and return all rows and the best rates that any library measured."""
        outcomes = {w.name: {p: Outcome(p) for p in self.pythons} for w in workloads}
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(self.pythons)) as pool:

            def prepared(name: str) -> Peer:
                return self.prepare(name, workloads, outcomes, Path(folder))

            peers = list(pool.map(prepared, self.pythons))
        self.measure_rates(peers)
        rows = []
        for workload in workloads:
            mine = outcomes[workload.name]
            agree(workload, peers, mine)
            self.time(workload, peers, mine)
            rows.append(Row(workload, tuple(mine.values())))
            show(rows[-1])
        for peer in peers:
            peer.process.close()
        best = {key: max(p.rates.get(key, 0.0) for p in peers) for key in ("copy", "product")}
        return rows, {key: rate for key, rate in best.items() if rate}

    def prepare(
        self,
        name: str,
        workloads: Sequence[Workload],
        outcomes: Mapping[str, Mapping[str, Outcome]],
        folder: Path,
    ) -> Peer:
        """Return a library that is ready for all rows; those that fail have an error."""
        cores = tuple(sorted(os.sched_getaffinity(0)))

        def start() -> Process:
            return Process(name, self.pythons[name], cores, self.place, **_ENVIRONMENT)

        peer = Peer(name, start, start())
        todo = list(workloads)
        while todo:
            workload = todo.pop(0)
            outcome = outcomes[workload.name][name]
            path = folder / f"{name}-{workload.name}.npz"
            asked = {"open": workload.name, "save": str(path), "tiny": self.tiny}
            answer = peer.process.ask(asked, limit=max(0.0, self.ready - time.monotonic()))
            outcome.error = answer.get("error", "")
            outcome.start = answer.get("start", 0.0)
            if not outcome.error:
                with np.load(path) as found:
                    peer.found[workload.name] = [found[key] for key in found.files]
            elif "NotImplementedError" not in outcome.error:
                todo = [w for w in workloads if w.name in peer.found] + todo
                peer.restart()
        return peer

    def measure_rates(self, peers: Sequence[Peer]) -> None:
        """Ask each library how fast it copies and multiplies."""
        for peer in peers:
            limit = max(0.0, self.end - time.monotonic())
            peer.rates = peer.process.ask({"rates": self.tiny}, limit=limit).get("rates", {})

    def time(self, workload: Workload, peers: Sequence[Peer], outcomes: Mapping[str, Outcome]) -> None:
        """Take samples of a row; libraries take turns."""
        for number in range(self.rounds + 1):
            for peer in peers[:: 1 if number % 2 else -1]:
                outcome = outcomes[peer.name]
                if outcome.error:
                    continue
                left = self.end - time.monotonic()
                if left < 2 * self.seconds:
                    outcome.error = "" if outcome.samples else NO_TIME
                    continue
                peer.process.sample(workload, self.seconds, outcome, limit=left)
                if not number:  # the first one warms up
                    outcome.samples.clear()


def agree(workload: Workload, peers: Sequence[Peer], outcomes: Mapping[str, Outcome]) -> None:
    """Compare what was found with the first other library; symdl, or who differs from it, gets an error."""
    found = {p.name: p.found[workload.name] for p in peers if workload.name in p.found}
    others = [name for name in found if name not in OURS]
    if not others:
        return
    wanted = found[others[0]]
    for name, values in found.items():
        outcome = outcomes[name]
        outcome.deviation = deviation(values, wanted)
        if not outcome.deviation <= workload.tolerance:
            outcome.error = f"differs from {others[0]} by {outcome.deviation:.1e}"
