"""The bits of the results of all workloads: what a change that only moves code must leave as it is.

Enters: nothing. Leaves: a line for each workload on the terminal, its name and a hash of what some steps of
training leave in the weights, or of the value and the gradients. Hashes are of one machine: its processor
decides how wide vectors are. ``python -m tests.benchmarks.bits`` in two checkouts, and ``diff``.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable

import numpy as np

from .peers.on_symdl import Training, make
from .problem import Array, Workload
from .workloads import ALL

STEPS = 12


def results(workload: Workload) -> list[Array]:
    """Return what `STEPS` steps leave in weights and states, or the value and the gradients."""
    problem = workload.make(False)
    if workload.kind != "training":
        return make("symdl", workload, problem, "cpu").check()
    runner = Training(workload, problem)
    totals = [runner.bound.run(rows) for rows in problem.order[:STEPS]]
    return [np.array(totals), *(runner.weights[name] for name in sorted(runner.weights))]


def digest(arrays: Iterable[Array]) -> str:
    """Return a hash of the bits of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:24]


def main() -> None:
    """Print."""
    ask = argparse.ArgumentParser(prog="python -m tests.benchmarks.bits", description=__doc__)
    ask.add_argument("--workload", action="append", choices=[w.name for w in ALL], help="default all")
    asked = ask.parse_args()
    for workload in ALL:
        if not asked.workload or workload.name in asked.workload:
            print(f"{workload.name:14} {digest(results(workload))}", flush=True)


if __name__ == "__main__":
    main()
