"""Optimizers around others while a model trains: on every target, step by step, saved, resumed, averaged."""

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

GROUPS: dict[str, nn.Optimizer] = {
    "first": nn.Momentum(0.1),
    "rest": nn.AdamW(0.02, weight_decay={"second.W": 0.1}),
}
INNER = nn.Accumulated(nn.Grouped(GROUPS), 3)
OPTIMIZER = nn.ReduceOnPlateau(nn.Averaged(INNER, 0.9), factor=0.5, patience=1, every=4, threshold=0.5)
"""All of them, and together: every one has states of its own."""


def parts(data: Data, size: int) -> list[Data]:
    return [{k: a[i : i + size] for k, a in data.items()} for i in range(0, len(data["t"]), size)]


def assert_same(one: Model, other: Model) -> None:
    assert one.resumable is not None and other.resumable is not None
    for mine, theirs in ((one.parameters, other.parameters), (one.resumable.states, other.resumable.states)):
        assert mine.keys() == theirs.keys()
        for name, array in mine.items():
            np.testing.assert_array_equal(array, theirs[name], err_msg=name)


@pytest.fixture(scope="module")
def trained(network: Network) -> Model:
    """Four epochs of eight batches."""
    model = Model(network[0], output=network[1])
    model.fit(blobs(150, seed=0), optimizer=OPTIMIZER, batch_size=20, epochs=4, seed=1)
    return model


def test_the_targets_agree(trained: Model, network: Network) -> None:
    model = Model(network[0], target="python")
    model.fit(blobs(150, seed=0), optimizer=OPTIMIZER, batch_size=20, epochs=4, seed=1)
    for name, array in trained.parameters.items():
        np.testing.assert_allclose(model.parameters[name], array, rtol=1e-4, atol=1e-5)
    rates = trained.learning_rate
    assert model.learning_rate == rates and rates.keys() == {"first", "rest"}
    assert rates["first"] == pytest.approx(5 * rates["rest"]) and rates["first"] < 0.1


def test_two_and_two_epochs_are_four(trained: Model, tmp_path: Path) -> None:
    model = trained.fresh()
    options: dict[str, Any] = {"batch_size": 20, "epochs": 2, "seed": 1}
    model.fit(blobs(150, seed=0), optimizer=OPTIMIZER, **options)
    model.save(tmp_path / "m.safetensors")
    for again in (sd.load(tmp_path / "m.safetensors"), copy.deepcopy(model)):
        again.fit(blobs(150, seed=0), resume=True, **options)
        assert_same(again, trained)


def test_steps_have_the_bits_of_fit(trained: Model) -> None:
    models = [trained.fresh() for _ in range(2)]
    data = blobs(150, seed=3)
    models[0].fit(data, optimizer=OPTIMIZER, batch_size=30, epochs=2, shuffle=False)
    trainer = models[1].trainer(optimizer=OPTIMIZER)
    for _ in range(2):
        for batch in parts(data, 30):
            trainer.step(batch)
    assert_same(*models)
    assert trainer.states["gathered"] == 10 % 3 and trainer.states["averaged"] == 10


def test_the_model_of_the_averages(trained: Model) -> None:
    assert trained.resumable is not None
    averaged, data = trained.averaged(), blobs(60, seed=1)
    for name, array in averaged.parameters.items():
        np.testing.assert_array_equal(array, trained.resumable.states[f"{name}.average"])
        assert not np.shares_memory(array, trained.resumable.states[f"{name}.average"])
        assert not np.array_equal(array, trained.parameters[name])
    assert averaged.evaluate(data)["loss"] != trained.evaluate(data)["loss"]
    with pytest.raises(TrainingError, match=r"optimizer=sd.nn.Averaged"):
        averaged.averaged()
    fresh = trained.fresh()
    fresh.trainer(optimizer=OPTIMIZER)
    with pytest.raises(TrainingError, match="no step has made averages"):
        fresh.averaged()


def test_averages_of_frozen_parts_and_of_several_losses(network: Network) -> None:
    loss, _ = network
    model = Model({"a": loss, "b": 2 * loss}, target="python")
    optimizers: dict[str, nn.Optimizer] = {"a": nn.Averaged(nn.SGD(0.1), 0.5), "b": nn.SGD(0.1)}
    trainer = model.trainer(optimizer=optimizers, trainable={"a": ["first"], "b": ["second"]})
    for batch in parts(blobs(60, seed=0), 20):
        trainer.step(batch)
    averaged = model.averaged()
    np.testing.assert_array_equal(averaged.parameters["second.W"], model.parameters["second.W"])
    np.testing.assert_array_equal(averaged.parameters["first.W"], trainer.states["a.first.W.average"])


def test_rates_of_groups_are_read_and_set(network: Network) -> None:
    model = Model({"a": network[0], "b": 2 * network[0]}, target="python")
    trainer = model.trainer(optimizer={"a": nn.Clipped(nn.Grouped(GROUPS), norm=1.0), "b": nn.SGD(0.3)})
    known = {"a.first": 0.1, "a.rest": 0.02, "b": 0.3}
    assert trainer.learning_rate == pytest.approx(known)
    trainer.learning_rate = {"a.rest": 0.5, "b": 0.0}
    assert trainer.learning_rate == pytest.approx({**known, "a.rest": 0.5, "b": 0.0})
    assert model.resumable is not None
    kept: Any = model.resumable.optimizers["a"]
    assert (
        kept.optimizer.groups["rest"].learning_rate == 0.5
        and kept.optimizer.groups["first"] == GROUPS["first"]
    )
    with pytest.raises(ArgumentError, match=r"'first'[\s\S]*'a.first', 'a.rest', 'b'"):
        trainer.learning_rate = {"first": 1.0}


def test_groups_name_what_the_model_has(network: Network) -> None:
    model, data = Model(network[0], target="python"), blobs(30, seed=0)
    with pytest.raises(ArgumentError, match=r"groups: no parameter is called 'third'[\s\S]*first.W, first.b"):
        model.fit(data, optimizer=nn.Averaged(nn.Grouped({**GROUPS, "third": nn.SGD()})))
    model.fit(data, optimizer=nn.Grouped(GROUPS), trainable=["first"], epochs=1)  # a group may be frozen
    with pytest.raises(ArgumentError, match="weight_decay: no parameter is called 'w'"):
        model.fit(data, optimizer=nn.Grouped({"rest": nn.SGD(weight_decay={"w": 0.1})}))
