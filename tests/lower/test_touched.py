"""Large tables are updated where a batch adds to their gradients, with the bits of whole updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.lower.ir.loops import ItemOn, Loop, When
from symdl.lower.memory.touched import LEAST
from symdl.lower.passes import TOUCH_ELEMENTS
from symdl.run.runtime import Target
from symdl.run.training import TrainingKernel, compile_training
from symdl.targets import CPU, PYTHON
from symdl.train.weights import initial

n = sd.Dim("n")
ROWS, SIZE = 1100, 60  # the table has more than LEAST elements
Arrays = dict[str, np.ndarray]


def whole(target: Target) -> Target:
    """Return the target without the pass."""
    kept = tuple(step for step in target.lowering.binding if step is not TOUCH_ELEMENTS)
    assert len(kept) < len(target.lowering.binding)
    return replace(target, lowering=replace(target.lowering, binding=kept))


def tables(rows: int = ROWS, size: int = SIZE) -> Tensor:
    """Return the squared distance of rows of two tables; samples share rows."""
    u, v = sd.tensor("u", (n,), dtype="int64"), sd.tensor("v", (n,), dtype="int64")
    U, V = sd.nn.embedding(u, rows, size, name="U"), sd.nn.embedding(v, rows, size, name="V")
    return ((U - V) ** 2).sum(axis=1).mean()


def bags(rows: int = ROWS, size: int = SIZE) -> Tensor:
    """Return a loss of sums of three rows each, of which row 0 stays as it is."""
    u = sd.tensor("u", (n, 3), dtype="int64")
    return (sd.nn.embedding(u, rows, size, padding=0, name="U").sum(axis=1) ** 3).mean()


def single(rows: int = ROWS * SIZE, size: int = 1) -> Tensor:
    """Return a loss of a table of numbers, of which a sample takes two, perhaps one twice."""
    w, u = sd.parameter("w", (rows,)), sd.tensor("u", (n, 2), dtype="int64")
    return (sd.take(w, u).sum(axis=1) ** 2).mean()


LOSSES = {"tables": tables, "bags": bags, "single": single}
SGD = sd.nn.SGD(0.5)


def compiled(loss: Tensor, target: Target, optimizer: Any = SGD, storage: Any = None) -> TrainingKernel:
    options: Any = {"dtype": "float32", "target": target, "threads": 1, "storage": storage}
    return compile_training(loss, sd.parameters(loss), optimizer.updates, **options)


def trained(
    loss: Tensor, target: Target, data: Arrays, size: int, optimizer: Any = SGD, storage: Any = None
) -> Arrays:
    """Return the weights after an epoch, and the loss."""
    kernel = compiled(loss, target, optimizer, storage)
    rng = np.random.default_rng(0)
    own: Arrays = {str(w.name): rng.normal(size=w.shape).astype("float32") for w in sd.parameters(loss)}
    own |= initial(kernel.states, seed=0, dtype="float32")
    total = kernel.bind(own, data, size).run(np.arange(len(data["u"])))
    return own | {"loss": np.array(total)}


def positions(loss: Tensor, count: int, below: int) -> Arrays:
    """Return positions for `count` samples, of which many are named often, the first and the last too."""
    rng = np.random.default_rng(1)
    found: Arrays = {}
    for tensor in (t for t in collect([loss]).inputs if t.dtype == "int64"):
        shape = (count, *(int(size) for size in tensor.shape[1:]))
        found[str(tensor.name)] = rng.choice(
            [0, 1, below - 1, *rng.integers(0, below, max(1, count // 2))], shape
        )
    return found


def under_conditions(kernel: TrainingKernel) -> tuple[int, int]:
    """Return how many loops go over a whole table: whatever the sizes are, and under conditions."""
    found = {True: 0, False: 0}

    def count(items: Sequence[ItemOn[Any]], always: bool) -> None:
        for item in items:
            if isinstance(item, When):
                count(item.items, False)
            elif isinstance(item, Loop):
                found[always] += (item.extent.number or 0) > LEAST
                count(item.items, always)

    for step in kernel.built.lowered.steps:
        if isinstance(step.work, tuple):
            count(step.work, True)
    return found[True], found[False]


@pytest.mark.parametrize("target", [CPU, PYTHON], ids=lambda t: t.name)
@pytest.mark.parametrize("name", LOSSES)
def test_no_loop_goes_over_a_large_table(name: str, target: Target) -> None:
    loss = LOSSES[name]()
    count = len(sd.parameters(loss))
    assert under_conditions(compiled(loss, target)) == (0, 2 * count)
    assert under_conditions(compiled(loss, whole(target))) == (2 * count, 0)


@pytest.mark.parametrize("name, size", [("tables", SIZE), ("bags", SIZE), ("single", 1)])
@pytest.mark.parametrize("count, batch", [(9, 4), (1, 1), (3000, 2000)])
def test_bits_are_those_of_whole_updates(name: str, size: int, count: int, batch: int) -> None:
    loss = LOSSES[name]()
    (rows, *_) = sd.parameters(loss)[0].shape
    data = positions(loss, count, int(rows))
    few, all_ = (trained(loss, target, data, batch) for target in (CPU, whole(CPU)))
    for key, value in all_.items():
        np.testing.assert_array_equal(few[key], value)
    assert np.isfinite(few["loss"])


@pytest.mark.parametrize("target", [CPU, PYTHON], ids=lambda t: t.name)
@pytest.mark.parametrize("kind", ["int32", "uint16"])
def test_positions_of_narrow_types_are_positions(kind: str, target: Target) -> None:
    loss, storage = tables(), {"u": kind, "v": kind}
    assert under_conditions(compiled(loss, target, storage=storage)) == (0, 4)
    data = positions(loss, 9, ROWS)
    narrow = {name: array.astype(kind) for name, array in data.items()}
    found, wanted = trained(loss, target, narrow, 4, storage=storage), trained(loss, target, data, 4)
    for key, value in wanted.items():
        np.testing.assert_array_equal(found[key], value)


def test_the_plain_loops_agree() -> None:
    loss = tables()
    data = positions(loss, 7, ROWS)
    quick, slow = (trained(loss, target, data, 3) for target in (CPU, PYTHON))
    for key, value in slow.items():
        np.testing.assert_allclose(quick[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [sd.nn.SGD(0.1, weight_decay=0.01), sd.nn.Momentum(0.1), sd.nn.Adam(0.1)],
    ids=lambda o: type(o).__name__,
)
def test_what_changes_every_element_goes_over_the_table(optimizer: Any) -> None:
    """A decay, or a state that moves on where there is no gradient, is no multiple of the gradient."""
    loss = tables()
    always, _ = under_conditions(compiled(loss, CPU, optimizer))
    assert always
    data = positions(loss, 5, ROWS)
    few, all_ = (trained(loss, target, data, 2, optimizer) for target in (CPU, whole(CPU)))
    for key, value in all_.items():
        np.testing.assert_array_equal(few[key], value)


def test_a_gradient_that_is_read_twice_is_whole() -> None:
    assert under_conditions(compiled(tables(), CPU, sd.nn.Clipped(SGD, norm=1.0)))[0]


def test_small_tables_are_sums_over_blocks() -> None:
    assert under_conditions(compiled(tables(rows=64, size=8), CPU)) == (0, 0)
