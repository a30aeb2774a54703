"""Where a step's time goes: the time of each call of the call table.

Enters: the names of workloads. Leaves: for each a listing with the share of every call, in place (in the
order of a step, so with the caches as they are then) and repeated (everything in cache).
``python -m tests.benchmarks.calls mlp-sgd-64``
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from symdl.run.blas import one_thread
from symdl.run.compiled import Built
from symdl.run.memory import Memory

from .peers.on_symdl import Function, Training
from .problem import Array
from .report import duration
from .workloads import ALL

_PASSES = 60
_REPEATS = 20


@dataclass(frozen=True, slots=True)
class Timed:
    """One call: its listing, and seconds in place and repeated."""

    text: str
    in_place: float
    repeated: float


def lines(built: Built) -> list[str]:
    """Return one text for each row of the table, with the equations it computes."""
    texts: list[str] = []
    checked = len(built.code) == len(built.lowered.calls)
    for line in built.source.partition("# The calls, in order.\n")[2].splitlines():
        body = line.removeprefix("# ")
        if body.startswith("    ") and texts:
            texts[-1] += "\n" + body
        else:
            texts.append(body)
    if not checked:  # training tests labels once, not in every step
        texts = [t for t in texts if not t.partition(": ")[2].startswith("check")]
    return texts


def timed_rows(built: Built, places: Array, memory: Memory) -> list[Timed]:
    """Time every row of the call table, with the overhead of a call from Python taken off."""
    run: Callable[..., int] = built.module.execute
    rest = (places, memory.sizes, memory.factors, built.blas)
    rows = [np.ascontiguousarray(row[None]) for row in built.code]
    many = [np.repeat(row, _REPEATS, axis=0) for row in rows]
    clock = time.perf_counter
    taken: list[list[float]] = [[] for _ in rows]
    again: list[list[float]] = [[] for _ in rows]
    nothing = []
    empty = built.code[:0]
    for _ in range(_PASSES):
        for at, row in enumerate(rows):
            start = clock()
            run(row, *rest)
            taken[at].append(clock() - start)
        start = clock()
        run(empty, *rest)
        nothing.append(clock() - start)
    for at, block in enumerate(many):
        for _ in range(5):
            start = clock()
            run(block, *rest)
            again[at].append((clock() - start) / _REPEATS)
    overhead = median(nothing)
    texts = lines(built)
    texts += ["?"] * (len(rows) - len(texts))
    return [
        Timed(text, max(0.0, median(t) - overhead), min(a))
        for text, t, a in zip(texts, taken, again, strict=False)
    ]


def training(runner: Training) -> tuple[list[Timed], dict[str, float]]:
    """Time the calls of a training step, the whole step, and a step that only gathers its batch."""
    bound, built = runner.bound, runner.bound._built
    steps = len(runner.problem.order)

    def per_step() -> float:
        start = time.perf_counter()
        bound.run(runner.problem.order.reshape(-1))
        return (time.perf_counter() - start) / steps

    whole = median([per_step() for _ in range(5)])
    code, built.code = built.code, built.code[:0]
    gather = median([per_step() for _ in range(5)])
    built.code = code
    with one_thread():
        rows = timed_rows(built, bound._places, bound._memory)
        execute = _execute(built, bound._places, bound._memory)
    return rows, {"a step": whole, "its calls": execute, "gather and loop": gather}


def function(runner: Function) -> tuple[list[Timed], dict[str, float]]:
    """Time the calls of a compiled function, and a whole call."""
    f: Any = runner.function
    compiled = getattr(f, "_compiled", f)
    runner.run(2)
    built, memory = compiled._built, next(iter(compiled._memories.values()))
    # The addresses of the last call's results are gone: give the outputs arrays that stay.
    kept = [np.empty(shape, kind) for shape, kind in zip(memory.shapes, compiled._dtypes, strict=True)]
    given, _ = compiled._arguments.take(
        {e.name: np.ravel(runner.arrays[e.name]) if hasattr(f, "_compiled") else runner.arrays[e.name]
         for e in compiled._arguments.inputs}
    )  # fmt: skip
    compiled._fill(memory, given, kept)
    start = time.perf_counter()
    runner.run(5)
    whole = (time.perf_counter() - start) / 5
    compiled._fill(memory, given, kept)
    with one_thread():
        rows = timed_rows(built, memory.places, memory)
        execute = _execute(built, memory.places, memory)
    return rows, {"a call": whole, "generated code": execute, "Python around it": whole - execute}


def _execute(built: Built, places: Array, memory: Memory) -> float:
    times = []
    for _ in range(20):
        start = time.perf_counter()
        built.module.execute(built.code, places, memory.sizes, memory.factors, built.blas)
        times.append(time.perf_counter() - start)
    return median(times)


def report(name: str, *, shown: int = 12) -> str:
    """Return the listing of a workload, the longest calls first."""
    workload = next(w for w in ALL if w.name == name)
    problem = workload.make(False)
    if workload.kind == "training":
        rows, sums = training(Training(workload, problem))
    else:
        rows, sums = function(Function(workload, problem))
    whole = sum(t.in_place for t in rows) or 1.0
    out = [f"\n{name}: " + ", ".join(f"{what} {duration(s)}" for what, s in sums.items())]
    out.append(f"{len(rows)} calls; share, in place, repeated:")
    for at, t in sorted(enumerate(rows), key=lambda e: -e[1].in_place)[:shown]:
        text = t.text if len(t.text) < 400 else t.text[:400] + " ..."
        out.append(
            f"{t.in_place / whole:6.1%} {duration(t.in_place):>9} {duration(t.repeated):>9}  #{at} {text}"
        )
    return "\n".join(out)


if __name__ == "__main__":
    for asked in sys.argv[1:] or [w.name for w in ALL]:
        try:
            print(report(asked), flush=True)
        except Exception as error:  # one workload that fails must not hide the others
            print(f"\n{asked}: {type(error).__name__}: {error}")
