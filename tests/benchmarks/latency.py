"""How long until something happens: imports, first gradients, calls, deriving; and a step's memory.

Enters: nothing. Leaves: ``latency.json`` and a listing. Every figure comes from a process of its own, with a
cache folder of its own; the package is read as bytecode, as it is once installed.
``python -m tests.benchmarks --latency``
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from .session import ROOT

Figures = dict[str, float]


def first_import() -> Figures:
    """Seconds of ``import symdl``."""
    start = time.perf_counter()
    import symdl

    assert symdl.__name__
    return {"import": time.perf_counter() - start}


def first_gradient(name: str) -> Figures:
    """From the import to the first gradient of a network, and to its first training step."""
    start = time.perf_counter()
    import symdl as sd

    imported = time.perf_counter()
    workload, problem = _problem(name)
    made = time.perf_counter()
    loss = workload.symdl(problem)
    step = sd.compile(loss, wrt="parameters", dtype="float32")
    rows = problem.order[0]
    step(**problem.params, **{k: v[rows] for k, v in problem.data.items()})
    gradient = time.perf_counter()
    return {"import": imported - start, "model to first gradient": gradient - made}


def first_step(name: str) -> Figures:
    """The same for a training step."""
    from .peers.on_symdl import Training

    workload, problem = _problem(name)
    start = time.perf_counter()
    runner = Training(workload, problem)
    runner.bound.run(problem.order[0])
    return {"model to first training step": time.perf_counter() - start}


def call() -> Figures:
    """Seconds of a call from Python, and of those the generated code's."""
    import numpy as np
    import sympy as sp

    import symdl as sd

    x, y = sp.symbols("x y")
    scalar: Any = sd.compile(sp.sin(x) * y, wrt=[x, y])
    workload, problem = _problem("mlp-sgd-64")
    step: Any = sd.compile(workload.symdl(problem), wrt="parameters", dtype="float32")
    batch = {k: np.ascontiguousarray(v[:1]) for k, v in problem.data.items()}
    found = {"scalar call": _each(lambda: scalar(x=0.5, y=2.0))}
    found["slides' network, batch 1, call"] = _each(lambda: step(**problem.params, **batch))
    kept = step(**problem.params, **batch)  # generated code writes into the results of the latest call
    found["... of which generated code"] = _each(lambda: _memory(step).run())
    del kept
    return found


def depth(layers: str) -> Figures:
    """Deriving, lowering and compiling a network of many layers; an equation's share."""
    import symdl as sd

    n = sd.Dim("n")
    start = time.perf_counter()
    h = sd.tensor("x", (n, 8))
    for at in range(int(layers)):
        h = sd.nn.dense(h, 8, activation=sd.tanh, name=f"l{at}")
    return _stages((h * h).mean(), start)


def steps(length: str) -> Figures:
    """The same for a recurrence of many steps."""
    import symdl as sd

    n = sd.Dim("n")
    start = time.perf_counter()
    h = sd.nn.rnn(sd.tensor("x", (n, int(length), 8)), 8, name="r")
    return _stages((h * h).mean(), start)


def space(name: str) -> Figures:
    """Bytes of a step's intermediate values, and of what must live: parameters, states, batch."""
    from .peers.on_symdl import Training

    workload, problem = _problem(name)
    runner = Training(workload, problem)
    runner.bound.run(problem.order[0])
    rows = {k: v[problem.order[0]] for k, v in problem.data.items()}
    batch = sum(v.nbytes for v in rows.values())
    weights = sum(v.nbytes for v in runner.weights.values())
    return {
        "intermediate bytes": float(runner.bound.intermediate),
        "parameters, states, batch, bytes": float(weights + batch),
    }


def _problem(name: str) -> Any:
    from .workloads import ALL

    workload = next(w for w in ALL if w.name == name)
    return workload, workload.make(False)


def _stages(loss: Any, start: float) -> Figures:
    import symdl as sd
    from symdl.differentiate.adjoint import differentiate
    from symdl.run.build import Built
    from symdl.targets import CPU

    learned = tuple(sd.parameters(loss))
    built = time.perf_counter()
    program = differentiate(loss, learned).program
    derived = time.perf_counter()
    Built(program, dtype="float32", target=CPU, schedule="fused", training=False)
    end = time.perf_counter()
    return {"write": built - start, "derive": derived - built, "lower, emit, compile": end - derived,
            "equations": float(len(program.equations))}  # fmt: skip


def _each(f: Callable[[], Any]) -> float:
    for _ in range(200):
        f()
    times = []
    for _ in range(15):
        start = time.perf_counter()
        for _ in range(500):
            f()
        times.append((time.perf_counter() - start) / 500)
    return median(times)


def _memory(step: Any) -> Any:
    return step._memories.free[0][0]


CASES: tuple[tuple[str, str, int], ...] = (
    ("first_import", "", 5),
    ("first_gradient", "mlp-sgd-64", 3),
    ("first_step", "mlp-sgd-64", 3),
    ("first_step", "mlp-adam-64", 1),
    ("first_step", "deep", 1),
    ("call", "", 1),
    *(("depth", n, 1) for n in ("10", "100", "1000")),
    *(("steps", n, 1) for n in ("10", "10000")),
    ("space", "mlp-sgd-64", 1),
    ("space", "mlp-adam-64", 1),
    ("space", "deep", 1),
)
"""Function, argument, repetitions."""
WARM = ("first_gradient", "first_step")
"""Measured once more with the cache that the first process filled."""


def _child(function: str, argument: str, cache: str, cores: tuple[int, ...]) -> Figures:
    environment = {**os.environ, "SYMDL_CACHE": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
        environment[f"{name}_NUM_THREADS"] = str(len(cores))
    command = [sys.executable, "-m", "tests.benchmarks.latency", function, *([argument] if argument else [])]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {function} {argument}: {done.stderr.strip().splitlines()[-1][:200]}")
        return {}
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def report(folder: Path, cores: tuple[int, ...]) -> None:
    """Measure and write everything."""
    results: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as cache:  # writes bytecode
        _child("first_gradient", "mlp-sgd-64", cache, cores)
    for function, argument, times in CASES:
        runs: dict[str, list[Figures]] = {"": [], " warm": []}
        for _ in range(times):
            with tempfile.TemporaryDirectory() as cache:
                runs[""].append(_child(function, argument, cache, cores))
                if function in WARM:
                    runs[" warm"].append(_child(function, argument, cache, cores))
        for which, found in runs.items():
            if found and found[0]:
                label = f"{function} {argument}{which}".strip()
                results[label] = {k: median(f[k] for f in found if k in f) for k in found[0]}
                print(
                    f"{label:28}",
                    ", ".join(f"{k} {_shown(k, v)}" for k, v in results[label].items()),
                    flush=True,
                )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latency.json").write_text(json.dumps(results, indent=1), "utf-8")


def _shown(name: str, value: float) -> str:
    if name.endswith("bytes"):
        return f"{value / 1024:.0f} KiB"
    if name == "equations":
        return str(int(value))
    return f"{value * 1e6:.1f} µs" if value < 1e-3 else f"{value:.2f} s"


def _answer(name: str, *argument: str) -> Figures:
    known: tuple[Callable[..., Figures], ...] = (
        *(first_import, first_gradient, first_step),
        *(call, depth, steps, space),
    )
    return {f.__name__: f for f in known}[name](*argument)


if __name__ == "__main__":
    print(json.dumps(_answer(*sys.argv[1:])))
