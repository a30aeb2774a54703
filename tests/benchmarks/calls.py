"""Where a step's time goes: the time of each call of the launch list, on one thread.

Enters: the names of workloads. Leaves: for each a listing with the share of every call, in place (in the
order of a step, so with the caches as they are then) and repeated (everything in cache).
``python -m tests.benchmarks.calls mlp-sgd-64``
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from symdl.emit.operations import Operation
from symdl.run.arguments import Arguments, expected
from symdl.run.build import Built
from symdl.run.cpu.gemm.blas import one_thread
from symdl.run.memory import Memory, address
from symdl.targets import CPU

from .peers.on_symdl import Function, Training
from .problem import Array, Arrays
from .report import duration
from .workloads import ALL

_PASSES = 60
_REPEATS = 20


@dataclass(frozen=True, slots=True)
class Timed:
    """One call: its listing, how often a step makes it, and the seconds of all, in place and repeated."""

    text: str
    count: int
    in_place: float
    repeated: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """A program with memory to run it in; `kept` are the arrays whose addresses the memory holds."""

    built: Built
    memory: Memory
    kept: list[Array]
    dims: dict[str, int]

    def seconds(self, code: Array) -> float:
        """Run the calls of `code`; return how long it took."""
        run = self.built.runtime.run(self.built, self.memory, code, self.dims)
        start = time.perf_counter()
        run()
        return time.perf_counter() - start


def prepare(program: Any, arrays: Arrays) -> Prepared:
    """Return a program, bound to arrays."""
    built = Built(program, dtype="float32", target=CPU, schedule="fused", training=False)
    given, dims = Arguments(expected(built.inputs, "float32")).take(arrays)
    memory, lowered = built.memory(dims), built.lowered
    kept = list(given)
    for tensor, array in zip(lowered.program.inputs, given, strict=True):
        memory.places[lowered.plan.places[tensor]] = address(array)
    for tensor, shape in zip(lowered.program.outputs, memory.shapes, strict=True):
        if tensor not in lowered.program.inputs:
            kept.append(np.empty(shape, "float32"))
            memory.places[lowered.plan.places[tensor]] = address(kept[-1])
    return Prepared(built, memory, kept, dims)


def texts(built: Built) -> list[str]:
    """Return one text for each row of the table that computes something, with its equations."""
    found: list[str] = []
    for line in built.source.partition("# The calls, in order.\n")[2].splitlines():
        body = line.removeprefix("# ")
        if body.startswith("    ") and found:
            found[-1] += "\n" + body
        elif ": back to call " not in body:
            found.append(body)
    return found


def counts(ready: Prepared) -> list[int]:
    """Return how often each row runs: the steps of its recurrence, or 0 where it only counts them."""
    code = ready.built.code
    found = [1] * len(code)
    for at, row in enumerate(code):
        if row[0] == Operation.REPEAT:
            steps = int(ready.memory.sizes[row[2]])
            found[row[3] : at] = [steps * n for n in found[row[3] : at]]
    return [
        0 if row[0] in (Operation.REPEAT, Operation.SHIFT) else n for row, n in zip(code, found, strict=True)
    ]


def timed(ready: Prepared) -> tuple[list[Timed], float]:
    """Return the time of every row of the launch list, less the overhead of calling, and of all of them."""
    code = ready.built.code
    often = counts(ready)
    rows = [np.ascontiguousarray(row[None] if n else code[:0]) for row, n in zip(code, often, strict=True)]
    taken: list[list[float]] = [[] for _ in rows]
    again: list[list[float]] = [[] for _ in rows]
    with one_thread():
        nothing = median(ready.seconds(code[:0]) for _ in range(_PASSES))
        for _ in range(_PASSES):
            for at, row in enumerate(rows):
                taken[at].append(ready.seconds(row))
        for at, row in enumerate(rows):
            block = np.repeat(row, _REPEATS, axis=0)
            again[at] = [(ready.seconds(block) - nothing) / _REPEATS for _ in range(5)]
        whole = min(ready.seconds(code) for _ in range(_PASSES)) - nothing
    kept = [at for at, n in enumerate(often) if n]
    return [
        Timed(text, often[at], often[at] * max(0.0, median(taken[at]) - nothing), often[at] * min(again[at]))
        for text, at in zip(texts(ready.built), kept, strict=True)
    ], whole


def least(run: Callable[[int], int], steps: int) -> float:
    """Return the shortest time of a step in a few runs."""
    found = []
    for _ in range(7):
        start = time.perf_counter()
        done = run(steps)
        found.append((time.perf_counter() - start) / done)
    return min(found)


def report(name: str, *, shown: int = 10) -> str:
    """Return the listing of a workload, the longest calls first."""
    workload = next(w for w in ALL if w.name == name)
    problem = workload.make(False)
    if workload.kind == "training":
        runner = Training(workload, problem)
        step = least(runner.run, len(problem.order))
        batch = {k: v[problem.order[0]] for k, v in problem.data.items()}
        ready = prepare(runner.kernel.program, {**runner.weights, **batch})
    else:
        function = Function(workload, problem)
        step = least(function.run, 1)
        inner: Any = getattr(function.function, "_compiled", function.function)
        ready = prepare(inner.program, function.arrays)
    rows, whole = timed(ready)
    total = sum(t.in_place for t in rows) or 1.0
    out = [f"\n{name}: a step as trained or called {duration(step)}, its {len(rows)} calls {duration(whole)}"]
    sums: dict[str, float] = defaultdict(float)
    for row in rows:
        head = row.text.partition("\n")[0].partition(": ")[2]
        sums["matrix products" if " @ " in head else head.partition("(")[0][:12]] += row.in_place
    longest = sorted(sums.items(), key=lambda e: -e[1])[:5]
    out.append("in all: " + ", ".join(f"{kind} {value / total:.0%}" for kind, value in longest))
    out.append("share, in place, repeated:")
    for _, t in sorted(enumerate(rows), key=lambda e: -e[1].in_place)[:shown]:
        text = t.text if len(t.text) < 400 else t.text[:400] + " ..."
        text = f"{t.count} times {text}" if t.count > 1 else text
        times = f"{duration(t.in_place):>9} {duration(t.repeated):>9}"
        out.append(f"{t.in_place / total:6.1%} {times}  {text}")
    return "\n".join(out)


if __name__ == "__main__":
    for asked in sys.argv[1:] or [w.name for w in ALL]:
        try:
            print(report(asked), flush=True)
        except Exception as error:  # one workload that fails must not hide the others
            print(f"\n{asked}: {type(error).__name__}: {error}")
