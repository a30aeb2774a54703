"""Tasks of one phase touch nothing that another one writes, for a range of models and sizes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InternalError
from symdl.express.program import Program
from symdl.lower.equations.contractions import Operand
from symdl.lower.ir.integers import ONE, Sizes, constant, product
from symdl.lower.ir.names import Rows, TensorId
from symdl.lower.kernels import GatherCall, Matrix, TotalCall
from symdl.lower.lowered import Lowered
from symdl.run.training import compile_training
from symdl.schedule.partition import partition
from symdl.schedule.plan import Partition
from symdl.schedule.touching import _matrix
from symdl.schedule.verify import verify_partition
from tests.lowering import lower

n = sd.Dim("n")


def labels() -> Any:
    return sd.tensor("t", (n,), dtype="int64")


def dense() -> Any:
    h = sd.nn.dense(sd.tensor("X", (n, 784)), 100, activation=sd.relu, name="a")
    return sd.nn.cross_entropy(sd.nn.dense(h, 10, name="c"), labels())


def deep() -> Any:
    h, y = sd.tensor("X", (n, 32)), sd.tensor("y", (n, 32))
    for layer in range(20):
        h = h + sd.nn.dense(h, 32, activation=sd.tanh, name=f"l{layer}")
    return ((h - y) ** 2).mean()


def images() -> Any:
    h = sd.nn.conv2d(sd.tensor("X", (n, 1, 12, 12)), 4, kernel_size=3, activation=sd.relu, name="c")
    return sd.nn.cross_entropy(sd.nn.dense(sd.nn.flatten(sd.nn.max_pool2d(h, 2)), 10, name="d"), labels())


def many_channels() -> Any:
    h = sd.nn.conv2d(sd.tensor("X", (n, 8, 8, 8)), 16, kernel_size=3, padding=1, name="c", activation=sd.relu)
    return sd.nn.cross_entropy(sd.nn.dense(sd.nn.flatten(sd.nn.avg_pool2d(h, 2)), 10, name="d"), labels())


def recurrent(checkpoint: int | None = None) -> Any:
    h = sd.nn.rnn(sd.tensor("X", (n, 12, 16)), 24, name="r", checkpoint=checkpoint)
    return sd.nn.cross_entropy(sd.nn.dense(h[:, -1], 5, name="c"), labels())


def normed() -> Any:
    h = sd.nn.batch_norm(sd.nn.dense(sd.tensor("X", (n, 64)), 128, name="a"), name="bn")
    return (h * h).mean()


def embedded() -> Any:
    ids = sd.tensor("ids", (n, 10), dtype="int64")
    h = sd.nn.embedding(ids, 50, 16, name="e").mean(1)
    return sd.nn.cross_entropy(sd.nn.dense(h, 40, name="c"), labels())


def attentive() -> Any:
    h = sd.nn.multi_head_attention(sd.tensor("X", (n, 10, 16)), heads=4, name="m")
    return (h * h).mean()


def mixing() -> Any:
    h = sd.nn.dense(sd.tensor("X", (n, 32)), 16, name="a")
    return (h @ h.T).mean()


MODELS = {
    "dense": dense,
    "deep": deep,
    "images": images,
    "channels": many_channels,
    "recurrent": recurrent,
    "segments": lambda: recurrent(4),
    "normed": normed,
    "embedded": embedded,
    "attentive": attentive,
    "mixing": mixing,
}


@cache
def program(model: str) -> Program:
    loss = MODELS[model]()
    made = compile_training(loss, sd.parameters(loss), sd.nn.Adam(1e-3).updates, target="python")
    return made._built.program


@cache
def lowered(model: str) -> Lowered:
    return lower(program(model), batch="n", check=False)


def schedule(model: str, batch: int, *, gathered: bool = True) -> tuple[Lowered, Partition, Sizes]:
    low = lowered(model)
    places, tensors = low.plan.places, low.program.tensors
    inputs = [tensors[t] for t in low.program.inputs if tensors[t].role == "input"]
    widths = [(t, product(t.shape[1:]).number or 0) for t in inputs if t.shape]
    takes = [GatherCall(0, places[t.number], t.integer, 0, batch, w, w) for t, w in widths if gathered]
    totals = [TotalCall(places[t], at, ONE) for at, t in enumerate(low.program.outputs)]
    dims = {"n": batch, Rows("n"): batch}
    return low, partition(low, dims, takes, totals), dims


@pytest.mark.parametrize("batch", [7, 32, 150])
@pytest.mark.parametrize("model", MODELS)
def test_no_two_tasks_race(model: str, batch: int) -> None:
    for gathered in (True, False):
        verify_partition(*schedule(model, batch, gathered=gathered))


def test_schedules_are_in_parts_here() -> None:
    several = [m for m in MODELS if any(len(phase) > 1 for phase in schedule(m, 150)[1].tasks)]
    assert len(several) >= 8


def test_what_runs_is_checked_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CHECK", "1")
    checked = []
    monkeypatch.setattr("symdl.run.bound.verify_partition", lambda *given: checked.append(given))
    loss = (sd.nn.dense(sd.tensor("X", (n, 3)), 2, name="a") ** 2).mean()
    model = sd.Model(loss, target="python")
    model.fit({"X": np.ones((8, 3))}, optimizer=sd.nn.SGD(0.1), batch_size=4, epochs=1)
    assert checked


@pytest.mark.parametrize("model", ["dense", "images", "recurrent"])
def test_a_race_is_found(model: str) -> None:
    low, made, dims = schedule(model, 150)
    together = tuple(task for phase in made.tasks for task in phase)
    buffers = tuple(replace(b, first=0, last=0) for b in made.buffers)
    with pytest.raises(InternalError, match="race at element"):
        verify_partition(low, replace(made, tasks=(together, ()), buffers=buffers), dims)


def test_a_piece_that_is_too_long_is_found() -> None:
    low, made, dims = schedule("dense", 150)
    at = next(a for a, c in enumerate(made.calls) if isinstance(c, GatherCall) and not c.integer)
    call = made.calls[at]
    assert isinstance(call, GatherCall)
    longer = replace(call, width=call.width + 1) if call.column or call.width < call.lead else None
    wrong = longer or replace(call, count=call.count + 1)
    with pytest.raises(InternalError, match="race at element"):
        verify_partition(low, replace(made, calls=(*made.calls[:at], wrong, *made.calls[at + 1 :])), dims)


def test_a_call_in_no_task_is_found() -> None:
    low, made, dims = schedule("normed", 64)
    first, *rest = made.tasks
    (begin, end, cost), *others = first
    shorter = ((begin, end - 1, cost), *others)
    with pytest.raises(InternalError, match="no task"):
        verify_partition(low, replace(made, tasks=(shorter, *rest)), dims)


@pytest.mark.parametrize("transposed", [False, True])
def test_the_places_of_the_matrices_of_a_batch(transposed: bool) -> None:
    """Right is one place after the other, by their numbers."""
    operand = Operand(TensorId(0), constant(5), transposed, constant(7), (constant(100), constant(30)))
    found = _matrix(Matrix(0, operand), (2, 3), (2, 4), {})
    want = [
        5 + 100 * a + 30 * b + (row + 7 * column if transposed else 7 * row + column)
        for a, b, row, column in itertools.product(range(2), range(4), range(2), range(3))
    ]
    assert sorted(found.tolist()) == sorted(want)
