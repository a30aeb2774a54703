"""Steps of training as a graph: what is launched, captured, replayed and copied, and that it stays right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.emit.launch_list import FIRST_SAMPLE, launch_list_of
from symdl.lower.ir.integers import atoms
from symdl.lower.ir.names import FirstSample
from symdl.lower.kernels import GatherCall
from symdl.run.bound import BoundEpoch
from symdl.run.cuda import steps
from symdl.run.epoch import Job
from symdl.run.runtime import Target
from symdl.run.training import TrainingKernel, compile_training
from tests.cuda.conftest import on
from tests.cuda.device import Graph, SimulatedDevice
from tests.cuda.toolchain import needs_compiler

n = sd.Dim("n")
RNG = np.random.default_rng(8)


class Counting(SimulatedDevice):
    """A device that counts what it is asked for; launches inside a graph are `captured launch`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def launch(self, *arguments: Any, **options: Any) -> None:
        self.asked["launch" if self.graph is None else "captured launch"] += 1
        super().launch(*arguments, **options)

    @contextmanager
    def capture(self, stream: int) -> Iterator[Graph]:
        self.asked["capture"] += 1
        with super().capture(stream) as graph:
            yield graph

    def repeated(self, graph: Graph, count: int) -> Graph:
        self.asked[f"graph of {count} steps"] += 1
        return super().repeated(graph, count)

    def replay(self, graph: Graph, *, stream: int = 0) -> None:
        self.asked["replay"] += 1
        super().replay(graph, stream=stream)

    def to_device(self, *arguments: Any, **options: Any) -> None:
        self.asked["to device"] += 1
        super().to_device(*arguments, **options)

    def to_host(self, *arguments: Any, **options: Any) -> None:
        self.asked["to host"] += 1
        super().to_host(*arguments, **options)

    def allocate(self, size: int, *, name: str = "") -> int:
        self.asked["allocate"] += 1
        return super().allocate(size, name=name)

    def since(self) -> Counter[str]:
        """Return what was asked for since the last time."""
        asked, self.asked = self.asked, Counter()
        return asked


@pytest.fixture
def counting() -> Iterator[Counting]:
    made = Counting()
    yield made
    made.settled()


def kernel(target: Target | str) -> TrainingKernel:
    """Steps of a dense layer with dropout, which counts its steps in a state."""
    X, t = sd.tensor("X", (n, 5)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dropout(sd.nn.dense(X, 4, activation=sd.relu, name="first"), 0.3, name="drop")
    loss = sd.nn.cross_entropy(sd.nn.dense(h, 3, name="second"), t)
    weights, counted = sd.parameters(loss), sd.nn.training_updates(loss)
    return compile_training(
        loss,
        weights,
        lambda p, g: [*((w, w - 0.1 * g[w]) for w in p), *counted],
        dtype="float64",
        target=target,
    )


def weights(made: TrainingKernel) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(1)
    tensors = [t for t in made.program.inputs if t.role in ("parameter", "state")]
    return {t.name: np.zeros(t.shape) if t.role == "state" else rng.normal(size=t.shape) for t in tensors}


def data(count: int) -> dict[str, Any]:
    return {"X": RNG.normal(size=(count, 5)), "t": RNG.integers(0, 3, count)}


class Pair:
    """The same training on a device and on the processor, side by side."""

    def __init__(self, device: SimulatedDevice, count: int, size: int) -> None:
        self.samples = data(count)
        self.kernels = kernel(on(device)), kernel("cpu")
        self.weights = [weights(made) for made in self.kernels]
        self.bind(size)

    def bind(self, size: int) -> None:
        pairs = zip(self.kernels, self.weights, strict=True)
        self.bound = [made.bind(own, self.samples, size) for made, own in pairs]

    def run(self, *arguments: Any) -> None:
        ours, right = (bound.run(*arguments) for bound in self.bound)
        assert ours == pytest.approx(right, rel=1e-12)
        assert self.bound[0].totals == pytest.approx(self.bound[1].totals, rel=1e-12)
        for name, value in self.weights[0].items():
            np.testing.assert_allclose(value, self.weights[1][name], rtol=1e-11, atol=1e-13, err_msg=name)


@needs_compiler
def test_a_step_is_captured_once_and_then_replayed(counting: Counting) -> None:
    pair = Pair(counting, 21, 4)  # five batches of 4 and one of 1
    pair.run(np.arange(21)[::-1])
    first = counting.since()
    assert (first["capture"], first["replay"]) == (2, 6)
    assert first["captured launch"] > 20 and first["launch"] == 0  # nothing but whole steps
    pair.run(RNG.permutation(21))
    second = counting.since()
    assert (second["captured launch"], second["capture"], second["replay"]) == (0, 0, 6)
    assert second["allocate"] == 0


@needs_compiler
def test_many_steps_are_one_graph(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 4)
    pair = Pair(counting, 21, 2)  # ten batches of 2 and one of 1
    pair.run(RNG.permutation(21))
    asked = counting.since()
    assert asked["graph of 4 steps"] == 1
    assert asked["replay"] == 2 + 2 + 1
    pair.run(RNG.permutation(21), 3, 10)  # seven batches of 2
    assert counting.since() == {"to device": 7, "to host": 6, "replay": 4}


@needs_compiler
@pytest.mark.parametrize("launches", [1, 10**9])
def test_graphs_have_a_limit(launches: int, counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MOST_LAUNCHES", launches)
    monkeypatch.setattr(steps, "MOST_STEPS", 2)
    Pair(counting, 4, 2).run(np.arange(4))
    assert counting.asked["replay"] == (2 if launches == 1 else 1)


@needs_compiler
def test_an_interrupt_leaves_whole_steps(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever Ctrl-C comes, weights are those after as many steps as were replayed."""
    samples, replays = data(8), 0
    made = kernel(on(counting))
    right = kernel("cpu")
    done = [weights(right)]
    for first in range(4):
        done.append({name: value.copy() for name, value in done[-1].items()})
        right.bind(done[-1], samples, 2).run(np.arange(8), first, first + 1)

    def interrupted(graph: Graph, *, stream: int = 0) -> None:
        nonlocal replays
        if replays == 2:
            raise KeyboardInterrupt
        replays += 1
        SimulatedDevice.replay(counting, graph, stream=stream)

    monkeypatch.setattr(counting, "replay", interrupted)
    monkeypatch.setattr(steps, "MOST_STEPS", 1)
    ours = weights(made)
    with pytest.raises(KeyboardInterrupt):
        made.bind(ours, samples, 2).run(np.arange(8))
    for name, value in ours.items():
        np.testing.assert_allclose(value, done[2][name], rtol=1e-11, atol=1e-13, err_msg=name)


@needs_compiler
def test_copies_of_an_epoch(counting: Counting) -> None:
    pair = Pair(counting, 21, 4)
    updated = len(pair.kernels[0].updated)
    assert updated == 5  # two layers, and the steps of dropout
    pair.run(np.arange(21))
    pair.run(np.arange(21))
    counting.since()
    pair.run(np.arange(21))
    copies = counting.since()
    orders = 2  # for batches of 4, and for the last one
    assert copies["to device"] == updated + 1 + orders  # with the totals
    assert copies["to host"] == updated + 1


@needs_compiler
def test_parts_of_an_epoch_and_longer_orders(counting: Counting) -> None:
    pair = Pair(counting, 12, 3)
    order = RNG.permutation(12)
    for part in ((0, 1), (1, 3), (3, 4)):
        pair.run(order, *part)
    pair.run(np.repeat(order, 2))  # longer than the room for an order, so captured anew
    pair.run(order[:2])  # less than a batch
    pair.run(order)
    asked = counting.since()
    assert asked["capture"] == 3  # the last batch of two is a step of its own


@needs_compiler
def test_what_the_host_writes_between_epochs_counts(counting: Counting) -> None:
    pair = Pair(counting, 8, 4)
    pair.run(np.arange(8))
    for own in pair.weights:
        for value in own.values():
            value *= 0.5
    pair.run(np.arange(8))
    pair.samples["X"] *= -2.0  # in place, where the first binding found it
    pair.bind(4)
    pair.run(np.arange(8))


@needs_compiler
def test_recurrences_are_captured_step_by_step(counting: Counting) -> None:
    X, y = sd.tensor("X", (n, 6, 3)), sd.tensor("y", (n, 4))
    model = sd.Model(
        sd.nn.mean_squared_error(sd.nn.lstm(X, 4, name="memory")[0][:, -1], y), target=on(counting)
    )
    right = sd.Model(model.loss)
    samples = {"X": RNG.normal(size=(9, 6, 3)), "y": RNG.normal(size=(9, 4))}
    for each in (model, right):
        each.fit(samples, optimizer=sd.nn.SGD(0.1), batch_size=3, epochs=2, seed=2)
    for name, value in model.parameters.items():
        np.testing.assert_allclose(value, right.parameters[name], atol=2e-6)
    assert counting.asked["capture"] == 1


def job_of(bound: BoundEpoch) -> Job:
    return bound._job(4)


def test_only_gathering_asks_for_the_position_of_a_batch() -> None:
    """All else that a launch is given stays the same from batch to batch, so that a graph can be replayed."""
    made = kernel(on(SimulatedDevice()))
    job = job_of(made.bind(weights(made), data(9), 4))
    calls = job.partition.calls
    assert FIRST_SAMPLE in launch_list_of(calls, job.order).sizes
    others = [call for call in calls if not isinstance(call, GatherCall)]
    sizes = launch_list_of(others, job.order).sizes
    assert sizes and not any(isinstance(a, FirstSample) for size in sizes for a in atoms(size))
