"""Training on several workers: the bits of one worker, and up to rounding the results of a step in one
piece."""

from __future__ import annotations

import _thread
import os
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.express.selecting import take
from symdl.lower.memory.buffers import ALIGNMENT
from symdl.run.bound import BoundEpoch
from symdl.run.cpu.threads import epoch_threads
from symdl.run.training import TrainingKernel, compile_training
from symdl.schedule.plan import Partition
from symdl.train.weights import initial

n = sd.Dim("n")
OPTIMIZERS: dict[str, sd.nn.Optimizer] = {
    "sgd": sd.nn.SGD(0.05),
    "adam": sd.nn.Adam(1e-2),
    "momentum": sd.nn.Momentum(0.02),
}
KEPT: dict[Any, TrainingKernel] = {}


def mlp(features: int = 60) -> Any:
    X, t = sd.tensor("X", (n, features)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 48, activation=sd.relu, name="a")
    h = sd.nn.dense(h, 64, activation=sd.tanh, name="b")
    return sd.nn.cross_entropy(sd.nn.dense(h, 5, name="c"), t)


def normed() -> Any:
    X, t = sd.tensor("X", (n, 60)), sd.tensor("t", (n,), dtype="int64")
    h = sd.relu(sd.nn.batch_norm(sd.nn.dense(X, 64, name="a"), name="bn"))
    return sd.nn.cross_entropy(sd.nn.dense(h, 5, name="c"), t)


def recurrent() -> Any:
    X, t = sd.tensor("X", (n, 7, 20)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.rnn(X, 24, name="r")
    return sd.nn.cross_entropy(sd.nn.dense(h[:, -1], 5, name="c"), t)


def segments() -> Any:
    """States are kept at every fourth step: recurrences inside recurrences."""
    X, t = sd.tensor("X", (n, 8, 20)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.gru(sd.nn.dense(X, 24, activation=sd.tanh, name="a"), 24, name="r", checkpoint=4)
    return sd.nn.cross_entropy(sd.nn.dense(h[:, -1], 5, name="c"), t)


def embedded() -> Any:
    ids, t = sd.tensor("X", (n, 6), dtype="int64"), sd.tensor("t", (n,), dtype="int64")
    table = sd.parameter("E", (30, 16))
    h = sd.nn.dense(take(table, ids).reshape(n, 96), 64, activation=sd.relu, name="a")
    return sd.nn.cross_entropy(sd.nn.dense(h, 5, name="c"), t)


def wide() -> Any:
    """More features than four times the batch: those are shared by the workers, not the samples."""
    return mlp(530)


def deep() -> Any:
    """The way back has several legs."""
    h, t = sd.tensor("X", (n, 40)), sd.tensor("t", (n,), dtype="int64")
    for layer in range(16):
        h = sd.nn.dense(h, 40, activation=sd.tanh, name=f"l{layer}")
    return sd.nn.cross_entropy(sd.nn.dense(h, 5, name="c"), t)


MODELS = {
    "mlp": mlp,
    "wide": wide,
    "normed": normed,
    "recurrent": recurrent,
    "segments": segments,
    "embedded": embedded,
    "deep": deep,
}


def kernel(model: str, optimizer: str, schedules: str = "usual") -> TrainingKernel:
    """Return a kernel, kept for each kind of `schedules`, which stay with it."""
    if (model, optimizer, schedules) not in KEPT:
        loss = MODELS[model]()
        updates = OPTIMIZERS[optimizer].updates
        made = compile_training(loss, sd.parameters(loss), updates, dtype="float64")
        KEPT[model, optimizer, schedules] = made
    return KEPT[model, optimizer, schedules]


def data(made: TrainingKernel, samples: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    found: dict[str, np.ndarray] = {}
    for tensor in made.program.inputs:
        if tensor.role != "input":
            continue
        shape = (samples, *tensor.shape[1:])
        if tensor.dtype == "int64":
            found[str(tensor.name)] = rng.integers(0, 5 if len(shape) == 1 else 30, shape)
        else:
            found[str(tensor.name)] = rng.normal(size=shape)
    return found


def weights(made: TrainingKernel) -> dict[str, np.ndarray]:
    tensors = [t for t in made.program.inputs if t.role == "parameter"]
    return initial(tensors, seed=1, dtype="float64") | initial(made.states, seed=0, dtype="float64")


def trained(
    made: TrainingKernel, samples: int, batch: int, workers: int
) -> tuple[list[float], dict[str, np.ndarray], BoundEpoch]:
    own = weights(made)
    made._threads = workers
    bound = made.bind(own, data(made, samples), batch)
    order = np.random.default_rng(0).permutation(samples)
    return [bound.run(order) for _ in range(2)], own, bound


def in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symdl.schedule.partition.WORTH", float("inf"))


def schedule(bound: BoundEpoch) -> Partition:
    return bound._job(bound._size).partition


@pytest.mark.parametrize(
    "model, optimizer",
    [
        *(("mlp", name) for name in OPTIMIZERS),
        *((name, "adam") for name in MODELS if name != "mlp"),
    ],
)
def test_workers_do_not_change_bits(model: str, optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = kernel(model, optimizer)
    losses, own, bound = trained(made, 300, 128, 1)
    assert len(schedule(bound).tasks) > (5 if model == "deep" else 1)
    for workers in (2, 3, 4):
        again, other, _ = trained(made, 300, 128, workers)
        assert again == losses
        for name, array in own.items():
            np.testing.assert_array_equal(other[name], array)
    in_one_piece(monkeypatch)
    want, whole, bound = trained(kernel(model, optimizer, "one piece"), 300, 128, 1)
    assert [len(p) for p in schedule(bound).tasks] == [1]
    np.testing.assert_allclose(losses, want, rtol=1e-9)
    for name, array in own.items():
        np.testing.assert_allclose(array, whole[name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("workers", [1, 3])
def test_gradients_take_the_memory_of_a_block_for_each_worker(workers: int) -> None:
    made = kernel("wide", "sgd")
    _, own, bound = trained(made, 256, 128, workers)
    gradients = sum(array.nbytes for name, array in own.items() if name.endswith(".W"))
    blocks = [b.count.number or 0 for b in schedule(bound).buffers if b.kind == "scratch"]
    job = bound._job(bound._size)
    assert len(job.scratch) == workers
    extra = job.nbytes - job.memory.arena.nbytes  # what different phases use lies in one place
    assert workers * 8 * max(blocks) <= extra <= workers * (8 * sum(blocks) + ALIGNMENT)
    assert 8 * sum(blocks) < gradients / 4


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.sampled_from(["mlp", "wide", "recurrent"]))
def test_every_batch_size(samples: int, batch: int, model: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("symdl.schedule.partition.WORTH", 0.0)
        losses, own, _ = trained(kernel(model, "sgd", "pieces"), samples, batch, 3)
        in_one_piece(monkeypatch)
        want, whole, _ = trained(kernel(model, "sgd", "one piece"), samples, batch, 1)
    np.testing.assert_allclose(losses, want, rtol=1e-8)
    for name, array in own.items():
        np.testing.assert_allclose(array, whole[name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("units", [3, 8, 9, 20])
def test_updates_in_pieces(units: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows a piece has: the length of a short loop cannot be changed."""
    monkeypatch.setattr("symdl.schedule.partition.WORTH", 0.0)
    monkeypatch.setattr("symdl.schedule.block_sizes._PIECE", 1.0)
    monkeypatch.setattr("symdl.schedule.block_sizes._FEWEST", 1)
    X, y = sd.tensor("X", (n, 6)), sd.tensor("y", (n, units))
    loss = ((sd.nn.dense(X, units, name="a") - y) ** 2).mean()
    updates = sd.nn.Momentum(0.05).updates
    made, other = (compile_training(loss, sd.parameters(loss), updates, dtype="float64") for _ in range(2))
    losses, own, bound = trained(made, 40, 20, 2)
    assert len(schedule(bound).tasks[-1]) > 1
    in_one_piece(monkeypatch)
    want, whole, _ = trained(other, 40, 20, 1)
    np.testing.assert_allclose(losses, want, rtol=1e-9)
    for name, array in own.items():
        np.testing.assert_allclose(array, whole[name], rtol=1e-9, atol=1e-12)


def test_plain_python_runs_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symdl.schedule.partition.WORTH", 0.0)
    loss = mlp()
    made = compile_training(
        loss, sd.parameters(loss), sd.nn.SGD(0.05).updates, dtype="float64", target="python"
    )
    _, own, bound = trained(made, 40, 33, 4)
    _, compiled, _ = trained(kernel("mlp", "sgd", "pieces"), 40, 33, 2)
    assert len(schedule(bound).tasks) == 2
    for name, array in own.items():
        np.testing.assert_allclose(compiled[name], array, rtol=1e-9, atol=1e-12)


def test_an_error_in_one_worker_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    made = kernel("mlp", "sgd")
    _, _, bound = trained(made, 128, 128, 3)
    begin = _thread.start_new_thread
    running: list[int] = []

    def start(function: Any, given: Any) -> int:
        if running:
            raise KeyboardInterrupt

        def counted() -> None:
            function(*given)
            running[0] -= 1

        running.append(1)
        return begin(counted, ())

    monkeypatch.setattr(_thread, "start_new_thread", start)
    with pytest.raises(KeyboardInterrupt):
        bound.run(np.arange(128))
    time.sleep(0.2)
    assert running == [0]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not say which cores")
def test_other_workers_get_other_cores_and_the_caller_gets_its_own_back() -> None:
    before = os.sched_getaffinity(0)
    for workers in (1, 2, len(before), len(before) + 1):
        with pytest.raises(KeyboardInterrupt), epoch_threads._own_core(workers) as free:
            here = os.sched_getaffinity(0)
            if 1 < workers <= len(before):
                assert len(here) == 1
                assert free == before - here
            else:
                assert here == before
                assert not free
            raise KeyboardInterrupt
        assert os.sched_getaffinity(0) == before
