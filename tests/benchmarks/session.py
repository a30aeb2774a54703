"""One workload, all peers, in interleaved rounds.

Enters: a workload and the names of peers. Leaves: `Outcome`s: every peer's agreement with the reference and
its samples. One process a peer; they take turns, so that a slow minute of the machine hits all of them.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np

from .load import busy, foreign
from .peers import FLOORS, Place
from .problem import Array, Workload, deviation, expected

ROOT = Path(__file__).resolve().parents[2]
_DISTURBED = 0.1
"""The share of a sample's time on the cores that others may have used."""
_TRIES = 3


@dataclass(slots=True)
class Outcome:
    """What one peer did.

    Attributes:
        samples: seconds a step, one a round.
        parts: the same of pieces of all samples.
        disturbed: how many of them were taken while others used the cores.
        error: why there are none.
        deviation: from the reference.
        start: seconds to build, compile and do the checked steps, with empty caches and the library loaded:
            the time to the first gradient.
        importing: seconds to load the library.
        peak: bytes, the process's largest memory.
    """

    peer: str
    samples: list[float] = field(default_factory=list)
    parts: list[float] = field(default_factory=list)
    disturbed: int = 0
    error: str = ""
    deviation: float = 0.0
    start: float = 0.0
    importing: float = 0.0
    peak: int = 0

    @property
    def median(self) -> float:
        """The median of the samples."""
        return median(self.samples) if self.samples else float("nan")

    @property
    def least(self) -> float:
        """The smallest sample."""
        return min(self.samples, default=float("nan"))

    @property
    def spread(self) -> float:
        """How much longer than the median nine in ten pieces take at most: 1 if all take the same time."""
        return quantiles(self.parts, n=10)[-1] / median(self.parts) if len(self.parts) > 1 else float("nan")


class Process:
    """A peer's process, on cores and a device (`peers.Place`)."""

    def __init__(
        self, peer: str, python: str, cores: tuple[int, ...], place: Place = "cpu", **more: str
    ) -> None:
        # Some libraries take a thread for each core that they see, so one thread means one core.
        cores = cores[:1] if peer.endswith(" 1t") else cores
        self.peer, self.cores, threads = peer, cores, str(len(cores))
        names = ("OMP", "MKL", "OPENBLAS", "NUMBA")
        env = {**os.environ, **{f"{name}_NUM_THREADS": threads for name in names}, **more}
        if threads == "1":
            env["SYMDL_THREADS"] = threads
        shared = [peer, ",".join(map(str, cores)), place]
        command = [python, "-W", "ignore", "-m", "tests.benchmarks.worker", *shared]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ask(self, question: dict[str, Any], *, limit: float | None = None) -> dict[str, Any]:
        """Return the answer, or one with an error if the process has died or takes longer than `limit`."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], limit)[0]:
                self.process.kill()
                return {"error": "no time left"}
            line = self.process.stdout.readline()
        except OSError:
            line = ""
        return json.loads(line) if line else {"error": "the process ended"}

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def sample(
        self, workload: Workload, seconds: float, outcome: Outcome, *, limit: float | None = None
    ) -> None:
        """Add a sample, the least disturbed of a few tries."""
        best, quietest = None, float("inf")
        for _ in range(_TRIES):
            before = busy()
            answer = self.ask({"time": seconds, "of": workload.name}, limit=limit)
            if "error" in answer:
                outcome.error = answer["error"]
                return
            others = foreign(before, busy(), self.cores, answer["cpu"])
            share = others / (answer["wall"] * len(self.cores))
            if share < quietest:
                best, quietest = answer, share
            if share <= _DISTURBED:
                break
        assert best is not None
        outcome.samples.append(best["step"])
        outcome.parts += best["parts"]
        outcome.disturbed += quietest > _DISTURBED
        outcome.peak = best["peak"]


def measure(
    workload: Workload,
    peers: list[str],
    *,
    rounds: int,
    seconds: float,
    cores: tuple[int, ...],
    pythons: dict[str, str] | None = None,
    tiny: bool = False,
) -> list[Outcome]:
    """Time a workload. Peers that fail or disagree have an error and no samples."""
    wanted = expected(workload, workload.make(tiny))
    outcomes = {peer: Outcome(peer) for peer in peers}
    processes = {}
    with tempfile.TemporaryDirectory() as folder:
        for peer, outcome in outcomes.items():
            python, path = (pythons or {}).get(peer, sys.executable), Path(folder) / peer.replace(" ", "-")
            process = Process(peer, python, cores, "cpu", **_empty_caches(path))
            _open(process, outcome, workload, wanted, path / "found.npz", tiny)
            if outcome.error:
                process.close()
            else:
                process.ask({"time": seconds, "of": workload.name})  # warm-up
                processes[peer] = process
        for number in range(rounds):
            for peer in list(processes)[:: 1 if number % 2 else -1]:
                if not outcomes[peer].error:
                    processes[peer].sample(workload, seconds, outcomes[peer])
        for process in processes.values():
            process.close()
    return list(outcomes.values())


def _empty_caches(folder: Path) -> dict[str, str]:
    """Return variables that make libraries keep what they compile in a new folder."""
    folder.mkdir()
    names = {"SYMDL_CACHE": "symdl", "TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
    flags = f"base_compiledir={folder / 'pytensor'}"
    return {**{name: str(folder / part) for name, part in names.items()}, "PYTENSOR_FLAGS": flags}


def _open(
    process: Process, outcome: Outcome, workload: Workload, wanted: list[Array], path: Path, tiny: bool
) -> None:
    """Start a peer and compare what it finds with the reference."""
    answer = process.ask({"open": workload.name, "save": str(path), "tiny": tiny})
    outcome.error = answer.get("error", "")
    outcome.start, outcome.importing = answer.get("start", 0.0), answer.get("import", 0.0)
    if outcome.error or outcome.peer in FLOORS:
        return
    with np.load(path) as found:
        outcome.deviation = deviation([found[name] for name in found.files], wanted)
    if not outcome.deviation <= workload.tolerance:
        outcome.error = f"disagrees with the reference by {outcome.deviation:.1e}"
