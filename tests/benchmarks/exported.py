"""Training steps of symdl beside those of its exported files: ``python -m tests.benchmarks.exported``.

The step of a network (batches of 64, Adam, float32) as a trainer takes it, as a Python file and as C,
compiled by ``cc -O3 -march=native``. All take turns; what is printed is the least time of a step, and how
many times symdl's on one core that is.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import symdl as sd

ROUNDS, STEPS = 12, 10


def dense() -> sd.Tensor:
    h = sd.tensor("X", (sd.Dim("n"), 784))
    t = sd.tensor("t", (h.shape[0],), dtype="int64")
    for number, size in enumerate((100, 200)):
        h = sd.nn.dense(h, size, activation=sd.relu, name=f"layer{number}")
    return sd.nn.cross_entropy(sd.nn.dense(h, 10, name="last"), t)


def convolutional() -> sd.Tensor:
    h = sd.tensor("X", (sd.Dim("n"), 1, 28, 28))
    t = sd.tensor("t", (h.shape[0],), dtype="int64")
    for number, channels in enumerate((8, 16)):
        h = sd.nn.conv2d(h, channels, kernel_size=3, padding=1, activation=sd.relu, name=f"layer{number}")
        h = sd.nn.max_pool2d(h, 2)
    return sd.nn.cross_entropy(sd.nn.dense(sd.nn.flatten(h), 10, name="last"), t)


def recurrent() -> sd.Tensor:
    x = sd.tensor("X", (sd.Dim("n"), 28, 28))
    t = sd.tensor("t", (x.shape[0],), dtype="int64")
    states, _ = sd.nn.lstm(x, 64, name="cell")
    return sd.nn.cross_entropy(sd.nn.dense(states[:, -1], 10, name="last"), t)


def steps(loss: sd.Tensor, shape: tuple[int, ...], folder: Path) -> dict[str, Callable[[], Any]]:
    """Return what takes a step, by who does."""
    rng = np.random.default_rng(0)
    batch = {"X": rng.normal(size=(64, *shape)).astype("float32"), "t": rng.integers(0, 10, 64)}
    model = sd.Model(loss)
    alone, all_cores = (model.trainer(optimizer=sd.nn.Adam(1e-3), threads=n) for n in (1, None))
    for ending in (".py", ".c"):
        alone.export(folder / f"step{ending}")
    sys.path.insert(0, str(folder))
    sys.modules.pop("step", None)
    import step  # type: ignore[import-not-found]

    sys.path.pop(0)
    state = step.start()
    library = folder / "step.so"
    command = ["cc", "-O3", "-march=native", "-std=c99", "-shared", "-fPIC", str(folder / "step.c"), "-lm"]
    subprocess.run([*command, "-o", str(library)], check=True)
    opened = ctypes.CDLL(str(library))
    opened.step_workspace.restype = ctypes.c_size_t
    room = np.empty(opened.step_workspace(ctypes.c_int64(64)) // 8 + 1)
    order = [str(t.name) for t in alone.learner.made.step.derived.inputs if t.role != "input"]
    arrays = [*batch.values(), *(state[name].copy() for name in order), np.zeros(1, "float32"), room]

    def in_c() -> None:
        opened.step(ctypes.c_int64(64), *(ctypes.c_void_p(array.ctypes.data) for array in arrays))

    return {
        "symdl": lambda: alone.step(batch),
        "symdl, all cores": lambda: all_cores.step(batch),
        "Python file": lambda: step.step(state, **batch),
        "C file": in_c,
    }


def main() -> None:
    networks = {
        "784-100-200-10": (dense(), (784,)),
        "two convolutions of 28 x 28": (convolutional(), (1, 28, 28)),
        "LSTM, 28 steps of 28, 64 units": (recurrent(), (28, 28)),
    }
    for name, (loss, shape) in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            found = steps(loss, shape, Path(folder))
            least = dict.fromkeys(found, float("inf"))
            for _ in range(ROUNDS):
                for who, step in found.items():
                    step()
                    start = time.perf_counter()
                    for _ in range(STEPS):
                        step()
                    least[who] = min(least[who], (time.perf_counter() - start) / STEPS)
        print(name)
        for who, seconds in least.items():
            print(f"  {who:<17} {1e3 * seconds:8.3f} ms  {seconds / least['symdl']:6.2f}")


if __name__ == "__main__":
    main()
