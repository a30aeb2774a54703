"""How samples get into a batch: rows of every width, batches of every size, from the place where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.lower.memory.buffers import ALIGNMENT
from symdl.run.memory import address, aligned
from symdl.run.training import TrainingKernel, compile_training

n, w = sd.Dim("n"), sd.Dim("w")
KEPT: dict[tuple[str, str, bool], TrainingKernel] = {}


def kernel(dtype: str, target: str, *, narrow: bool) -> TrainingKernel:
    """Return a step whose loss is a sum over all elements of the batch, weighed by what integers choose."""
    if (dtype, target, narrow) not in KEPT:
        shape = (n,) if narrow else (n, w)
        X, ids, E = sd.tensor("X", shape), sd.tensor("ids", shape, dtype="int64"), sd.parameter("E", (5,))
        i, j = sd.indices("i j")
        at = (i,) if narrow else (i, j)
        loss = sd.define("L", (), sd.Sum(X[at] * E[ids[at]] / n, *at))
        KEPT[dtype, target, narrow] = compile_training(loss, [E], (), dtype=dtype, target=target, threads=1)
    return KEPT[dtype, target, narrow]


@pytest.mark.parametrize("target", ["cpu", "python"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [0, 1, 2, 3, 4, 5, 8, 11, 32, 33, 70])
def test_every_width_and_batch(width: int, dtype: str, target: str) -> None:
    rng = np.random.default_rng(width)
    count = 70
    shape = (count, width) if width else (count,)
    data: dict[str, Any] = {
        "X": rng.integers(-9, 9, shape).astype(dtype),
        "ids": rng.integers(0, 5, shape),
    }
    weights = {"E": rng.integers(-9, 9, 5).astype(dtype)}
    order = rng.permutation(count)
    for batch in (1, 2, 7, 8, 9, 16, 31, 70):
        bound = kernel(dtype, target, narrow=not width).bind(weights, data, batch)
        for last in (1, None):
            seen = order[: batch if last else count]
            want = (data["X"][seen] * weights["E"][data["ids"][seen]]).sum()
            np.testing.assert_allclose(bound.run(order, 0, last), want, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5)])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_memory_begins_with_a_cache_line(shape: tuple[int, ...], dtype: str) -> None:
    found = aligned(shape, dtype)
    assert found.shape == shape and found.dtype == dtype and not found.any()
    assert found.flags.c_contiguous and found.flags.writeable
    assert not found.size or address(found) % ALIGNMENT == 0
