"""How long until the first step: what a process does before it, with an empty cache and with a full one.

Enters: nothing. Leaves: a table on the terminal. Every row is a process of its own: the seconds that passed,
and the seconds that the processor worked in each stage and in all (without the import). ``cold`` has an empty
cache folder, ``machine code`` one that holds machine code only, ``warm`` one that holds everything.
``python -m tests.benchmarks.preparing resnet20 slides``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from .session import ROOT

Figures = dict[str, float]
STAGES = ("import", "derive", "lower", "print", "load", "all")


def slides() -> None:
    """The first gradient of the slides' network."""
    import numpy as np

    import symdl as sd

    rng = np.random.default_rng(0)
    h = sd.tensor("X", (sd.Dim("n"), 784))
    for name, width in (("first", 100), ("second", 200)):
        h = sd.nn.dense(h, width, activation=sd.relu, name=name)
    t = sd.tensor("t", (sd.Dim("n"),), dtype="int64")
    loss = sd.nn.cross_entropy(sd.nn.dense(h, 10, name="third"), t)
    step: Any = sd.compile(loss, wrt="parameters", dtype="float32")
    weights = {p.name: rng.normal(size=p.shape).astype("float32") for p in sd.parameters(loss)}
    step(X=rng.normal(size=(64, 784)).astype("float32"), t=rng.integers(0, 10, 64), **weights)


def resnet20(blocks: int = 3) -> None:
    """The first step of a residual network for 32×32 images: 3 stages of 3 blocks, with batch norms."""
    import numpy as np

    import symdl as sd
    from symdl import nn

    def conv(h: Any, channels: int, name: str, stride: int = 1, size: int = 3) -> Any:
        options: Any = {"kernel_size": size, "stride": stride, "padding": size // 2}
        return nn.batch_norm(nn.conv2d(h, channels, name=name, **options), name=f"{name}_norm")

    n = sd.Dim("n")
    h = sd.relu(conv(sd.tensor("X", (n, 3, 32, 32)), 16, "first"))
    for stage, channels in enumerate((16, 32, 64)):
        for block in range(blocks):
            name, stride = f"s{stage}b{block}", 2 if stage and not block else 1
            inner = conv(sd.relu(conv(h, channels, f"{name}c1", stride)), channels, f"{name}c2")
            around = h if stride == 1 else conv(h, channels, f"{name}p", stride, 1)
            h = sd.relu(around + inner)
    logits = nn.dense(h.mean((2, 3)), 10, name="last")
    loss = nn.cross_entropy(logits, sd.tensor("t", (n,), dtype="int64"))
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(32, 3, 32, 32)).astype("float32"), "t": rng.integers(0, 10, 32)}
    sd.Model(loss, dtype="float32").fit(data, optimizer=nn.Momentum(0.1), batch_size=32, epochs=1)


def resnet8() -> None:
    """The same with one block a stage."""
    resnet20(1)


MODELS: dict[str, Callable[[], None]] = {f.__name__: f for f in (slides, resnet8, resnet20)}


def _measure(found: Figures) -> None:
    """Add up the time of the stages from now on: what is found on disk counts, too."""
    places = {
        "derive": ("run.compile:_derived", "train.prepared:_derived"),
        "lower": ("run.build:lower",),
        "print": ("run.build:module_source",),
        "load": ("run.cpu.runtime:CpuRuntime.load",),
    }
    for stage, names in places.items():
        for name in names:
            module, _, path = name.partition(":")
            *outer, last = path.split(".")
            owner: Any = import_module(f"symdl.{module}")
            for part in outer:
                owner = getattr(owner, part)
            setattr(owner, last, _timed(getattr(owner, last), stage, found))


def _timed(function: Callable[..., Any], stage: str, found: Figures) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        start = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            found[stage] = found.get(stage, 0.0) + time.process_time() - start

    return call


def once(name: str) -> Figures:
    """Do it in this process."""
    found: Figures = {}
    worked = time.process_time()
    import symdl

    assert symdl.__name__
    found["import"] = time.process_time() - worked
    _measure(found)
    start, worked = time.perf_counter(), time.process_time()
    MODELS[name]()
    found["all"] = time.process_time() - worked
    found["seconds"] = time.perf_counter() - start
    return found


def _child(name: str, cache: Path) -> Figures:
    environment = {**os.environ, "SYMDL_CACHE": str(cache)}
    command = [sys.executable, "-m", "tests.benchmarks.preparing", "--once", name]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def report(name: str) -> None:
    """Measure one model in new processes."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        rows = {"cold": _child(name, cache)}
        for file in (*cache.glob("*.lowered"), *cache.glob("*.derived")):
            file.unlink()
        rows["machine code"] = _child(name, cache)
        rows["warm"] = _child(name, cache)
    for label, figures in rows.items():
        stages = ", ".join(f"{stage} {figures.get(stage, 0.0):.2f}" for stage in STAGES)
        print(f"{name:9} {label:12} {figures['seconds']:6.2f} s; processor: {stages}", flush=True)


def main() -> None:
    """Print the table."""
    known = ", ".join(MODELS)
    ask = argparse.ArgumentParser(prog="python -m tests.benchmarks.preparing", description=__doc__)
    ask.add_argument("models", nargs="*", default=["slides", "resnet20"], metavar="MODEL", help=known)
    ask.add_argument("--once", action="store_true", help="in this process, with the cache as it is")
    asked = ask.parse_args()
    for name in asked.models:
        if asked.once:
            print(json.dumps(once(name)))
        else:
            report(name)


if __name__ == "__main__":
    main()
