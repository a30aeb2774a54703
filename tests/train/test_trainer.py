"""Training steps one by one: the same bits as `fit`, and everything can be read and set between two."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.errors import ArgumentError, TrainingError
from symdl.train.model import Model
from tests.train.conftest import Data, Network, blobs


def batches(data: Data, size: int) -> list[Data]:
    count = len(data["t"])
    return [{k: a[i : i + size] for k, a in data.items()} for i in range(0, count, size)]


def assert_same(one: Model, other: Model) -> None:
    for name, array in one.parameters.items():
        np.testing.assert_array_equal(array, other.parameters[name], err_msg=name)


@pytest.mark.parametrize("target", ["cpu", "python"])
def test_steps_have_the_bits_of_fit(network: Network, target: str) -> None:
    data = blobs(70 if target == "cpu" else 20, seed=0)
    models = [Model(network[0], output=network[1], target=target) for _ in range(2)]
    history = models[0].fit(data, optimizer=nn.Adam(0.01), batch_size=16, epochs=2, shuffle=False)
    trainer = models[1].trainer(optimizer=nn.Adam(0.01))
    for _ in range(2):
        losses = [(trainer.step(batch)["loss"], len(batch["t"])) for batch in batches(data, 16)]
    assert_same(*models)
    mean = sum(loss * count for loss, count in losses) / sum(count for _, count in losses)
    assert mean == pytest.approx(history.epochs[-1].loss, rel=1e-6)


def test_batches_of_any_length(network: Network) -> None:
    data = blobs(60, seed=3)
    cuts = [(0, 5), (5, 30), (30, 31), (31, 60)]
    models = [Model(network[0]) for _ in range(2)]
    trainer = models[0].trainer(optimizer=nn.Momentum(0.05))
    for begin, end in cuts:
        part = {k: a[begin:end] for k, a in data.items()}
        trainer.step(part)
        first = begin == 0
        models[1].fit(
            part, optimizer=nn.Momentum(0.05), batch_size=100, shuffle=False, resume=not first, progress=False
        )
    assert_same(*models)


def test_a_batch_is_not_changed_and_not_kept(model: Model, data: Data) -> None:
    trainer = model.trainer(optimizer=nn.SGD(0.1))
    batch = batches(data, 20)[0]
    before = copy.deepcopy(batch)
    trainer.step(batch)
    trainer.step(batches(data, 20)[1])
    for name, array in batch.items():
        np.testing.assert_array_equal(array, before[name])


def test_states_and_learning_rate_between_steps(model: Model, data: Data) -> None:
    trainer = model.trainer(optimizer=nn.Clipped(nn.Adam(0.5), norm=1.0))
    batch = batches(data, 32)[0]
    trainer.step(batch)
    assert trainer.states["step"] == 1
    assert {"learning_rate", "step", "first.W.m", "first.W.v"} <= trainer.states.keys()
    before = {name: array.copy() for name, array in model.parameters.items()}
    trainer.learning_rate = 0.0
    assert trainer.learning_rate == model.learning_rate == 0.0
    trainer.step(batch)
    assert all(np.array_equal(array, before[name]) for name, array in model.parameters.items())
    assert trainer.states["step"] == 2
    trainer.states["first.W.m"][...] = 0
    trainer.learning_rate = 0.5
    trainer.step(batch)
    assert not np.array_equal(model.parameters["first.W"], before["first.W"])


def test_a_parameter_replaced_between_steps_is_taken_over(model: Model, data: Data) -> None:
    trainer = model.trainer(optimizer=nn.SGD(0.1))
    batch = batches(data, 32)[0]
    trainer.step(batch)
    model.parameters["first.b"] = np.full(8, 3.0, np.float32)
    trainer.step(batch)
    np.testing.assert_allclose(model.parameters["first.b"], 3.0, atol=0.5)
    assert not np.array_equal(model.parameters["first.b"], np.full(8, 3.0, np.float32))


def test_two_trainers_take_turns(network: Network, data: Data) -> None:
    model = Model(network[0])
    first = model.trainer(optimizer=nn.SGD(0.1), trainable=["first"])
    second = model.trainer(optimizer=nn.Adam(0.1), trainable=["second"])
    batch = batches(data, 32)[0]
    for trainer, moved in ((first, "first.W"), (second, "second.W"), (first, "first.W")):
        before = {name: array.copy() for name, array in model.parameters.items()}
        trainer.step(batch)
        changed = {n.split(".")[0] for n, a in model.parameters.items() if not np.array_equal(a, before[n])}
        assert changed == {moved.split(".")[0]}


def test_going_on_after_saving(network: Network, data: Data, tmp_path: Path) -> None:
    parts = batches(data, 30)
    whole = Model(network[0])
    trainer = whole.trainer(optimizer=nn.Adam(0.02))
    for batch in parts[:3]:
        trainer.step(batch)
    trainer.learning_rate = 0.007
    whole.save(tmp_path / "m.safetensors")
    again = sd.load(tmp_path / "m.safetensors")
    other = again.trainer(resume=True)
    assert other.learning_rate == pytest.approx(0.007)
    for batch in parts[3:]:
        assert trainer.step(batch) == other.step(batch)
    assert_same(whole, again)


def test_several_losses_and_metrics(network: Network, data: Data) -> None:
    loss, _ = network
    model = Model({"a": loss, "b": 2 * loss}, metrics={"double": 2 * loss})
    trainer = model.trainer(optimizer=nn.SGD(0.1))
    found = trainer.step(batches(data, 32)[0])
    assert found.keys() == {"loss", "a", "b", "double"}
    assert found["double"] == pytest.approx(2 * found["a"])
    assert trainer.learning_rate == {"a": pytest.approx(0.1), "b": pytest.approx(0.1)}
    trainer.learning_rate = {"b": 0.0}
    assert trainer.learning_rate == {"a": pytest.approx(0.1), "b": 0.0}


def test_a_callback_sets_the_learning_rate(network: Network, data: Data) -> None:
    def halve(epoch: object, model: Model) -> None:
        model.learning_rate = model.learning_rate / 2

    models = [Model(network[0]) for _ in range(2)]
    options: dict[str, Any] = {"batch_size": 32, "shuffle": False, "progress": False}
    models[0].fit(data, optimizer=nn.SGD(0.1), epochs=3, callbacks=[halve], **options)
    for number, rate in enumerate((0.1, 0.05, 0.025)):
        models[1].fit(data, optimizer=nn.SGD(rate), resume=bool(number), **options)
    assert_same(*models)
    assert models[0].learning_rate == pytest.approx(0.0125)


def test_a_schedule_is_read_and_not_set(model: Model, data: Data) -> None:
    trainer = model.trainer(optimizer=nn.SGD(nn.ExponentialDecay(0.1, factor=0.5)))
    trainer.step(batches(data, 32)[0])
    assert trainer.learning_rate == pytest.approx(0.05)
    with pytest.raises(TrainingError, match="schedule"):
        trainer.learning_rate = 0.1


def test_errors(model: Model, data: Data) -> None:
    with pytest.raises(TrainingError, match="before training"):
        _ = model.learning_rate
    with pytest.raises(ArgumentError, match="no optimizer"):
        model.trainer()
    trainer = model.trainer(optimizer=nn.SGD(0.1))
    before = model.parameters["first.W"].copy()
    with pytest.raises(ArgumentError, match="t holds 3"):
        trainer.step({"X": data["X"][:2], "t": np.array([0, 3])})
    with pytest.raises(ArgumentError, match="lack 't'"):
        trainer.step({"X": data["X"][:2]})
    wrongs: list[Any] = [-1.0, float("nan"), "0.1"]
    for wrong in wrongs:
        with pytest.raises(ArgumentError, match="learning_rate"):
            trainer.learning_rate = wrong
    np.testing.assert_array_equal(model.parameters["first.W"], before)
