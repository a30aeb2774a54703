"""Matrices of narrow types, read where they are: times beside float32, and beside PyTorch.

Enters: nothing. Leaves: a listing of milliseconds, best of some runs, all on one thread.
``python -m tests.benchmarks.storage``
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import symdl as sd

SIZE, RUNS = 4000, 7
W, v = sd.tensor("W", (SIZE, SIZE)), sd.tensor("v", (SIZE,))


def matrices() -> dict[str, Any]:
    """A matrix in each type."""
    rng = np.random.default_rng(0)
    reals, wholes = rng.normal(size=(SIZE, SIZE)).astype("float32"), rng.integers(0, 255, (SIZE, SIZE))
    halves = {"float32": reals, "float16": reals.astype("float16"), "bfloat16": sd.bfloat16(reals)}
    return halves | {name: wholes.astype(name) for name in ("uint8", "int32")}


def ours(arrays: dict[str, Any], vector: Any) -> dict[str, Callable[[], Any]]:
    """What symdl is timed at: by storage, and where arrays are converted in the call."""
    found: dict[str, Callable[[], Any]] = {}
    for name, array in arrays.items():
        for told in ({}, {"W": name}):
            if name == "float32" and told:
                continue
            kind = "" if told or name == "float32" else ", no storage"
            total: Any = sd.compile(sd.sum(W), dtype="float32", threads=1, storage=told)
            product: Any = sd.compile(W @ v, dtype="float32", threads=1, storage=told)
            if name != "bfloat16" or told:
                found[f"sum {name}{kind}"] = partial(total, W=array)
                found[f"product {name}{kind}"] = partial(product, W=array, v=vector)
    return found


def theirs(arrays: dict[str, Any], vector: Any) -> dict[str, Callable[[], Any]]:
    """The same in PyTorch, on one thread; sums in float32."""
    import torch

    torch.set_num_threads(1)
    single = torch.from_numpy(arrays["float32"])
    tensors = {"float32": single, "float16": single.half(), "bfloat16": single.bfloat16()}
    tensors["uint8"] = torch.from_numpy(arrays["uint8"])
    found: dict[str, Callable[[], Any]] = {}
    for name, tensor in tensors.items():
        found[f"PyTorch: sum {name}"] = partial(tensor.sum, dtype=torch.float32)
        if name != "uint8":
            column = torch.from_numpy(vector).to(tensor.dtype)
            found[f"PyTorch: product {name}"] = partial(torch.mv, tensor, column)
    return found


def main() -> None:
    """Print the times."""
    arrays, vector = matrices(), np.random.default_rng(1).normal(size=SIZE).astype("float32")
    timed = ours(arrays, vector) | theirs(arrays, vector)
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(RUNS):
        for name, run in timed.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    for name, seconds in best.items():
        print(f"{name:32} {seconds * 1e3:9.2f} ms")


if __name__ == "__main__":
    main()
