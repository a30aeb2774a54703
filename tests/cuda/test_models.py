"""Models on a device: what stays there, what is copied when somebody looks, and moving between targets."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError
from symdl.run.cuda.arrays import DeviceArray
from symdl.run.runtime import Target
from symdl.train.history import Epoch
from tests.cuda.conftest import on
from tests.cuda.device import Graph, SimulatedDevice
from tests.cuda.on_hardware import HARDWARE
from tests.cuda.test_arrays import Copies, Other
from tests.cuda.toolchain import needs_compiler

pytestmark = [needs_compiler, pytest.mark.skipif(HARDWARE, reason="it counts copies of a simulated device")]
n = sd.Dim("n")
RNG = np.random.default_rng(6)
SAMPLES = {"X": RNG.normal(size=(9, 5)), "t": RNG.integers(0, 3, 9)}
MORE = {"X": RNG.normal(size=(4, 5)), "t": RNG.integers(0, 3, 4)}


@pytest.fixture
def device() -> Iterator[Copies]:
    made = Copies()
    yield made
    made.settled()


@pytest.fixture
def target(device: Copies) -> Target:
    return on(device)


def network(target: Target | str = "cpu") -> sd.Model:
    X, t = sd.tensor("X", (n, 5)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dropout(sd.nn.dense(X, 4, activation=sd.relu, name="first"), 0.3, name="drop")
    logits = sd.nn.dense(h, 3, name="second")
    return sd.Model(sd.nn.cross_entropy(logits, t), output=logits, target=target, seed=3, dtype="float64")


def fit(model: sd.Model, data: Any = SAMPLES, **options: Any) -> sd.History:
    settings: dict[str, Any] = {"batch_size": 4, "epochs": 2, "optimizer": sd.nn.Adam(0.01)}
    return model.fit(data, **(settings | options))


def same(model: sd.Model, right: sd.Model, *, atol: float = 1e-10) -> None:
    """Compare what two models hold and predict."""
    for ours, others in ((model.parameters, right.parameters), (model.running, right.running)):
        assert list(ours) == list(others)
        for name, value in others.items():
            np.testing.assert_allclose(ours[name], value, atol=atol, rtol=1e-9, err_msg=name)
    there, here = model.predict(X=MORE["X"]), right.predict(X=MORE["X"])
    np.testing.assert_allclose(there, here, atol=10 * atol, rtol=1e-9)


def pair(target: Target) -> tuple[sd.Model, sd.Model]:
    return network(target), network()


def weights_of(model: sd.Model) -> int:
    return sum(array.nbytes for array in (*model.parameters.values(), *model.running.values()))


def test_weights_and_data_stay_between_epochs(device: Copies, target: Target) -> None:
    """An epoch more costs an order of samples, totals, and what is asked whether weights are finite."""
    costs = []
    for epochs in (1, 2, 3):
        model = network(target)
        device.moved.clear()
        fit(model, epochs=epochs, validation=MORE, batch_size=5)
        costs.append(dict(device.moved))
    each = {way: costs[2][way] - costs[1][way] for way in costs[0]}
    assert each["to device"] < 200 and each["to host"] < 600
    assert {way: costs[1][way] - costs[0][way] for way in costs[0]} == each
    assert costs[0]["to device"] > SAMPLES["X"].nbytes + MORE["X"].nbytes


def test_weights_and_states_stay_between_calls(device: Copies, target: Target) -> None:
    model, right = pair(target)
    for each in (model, right):
        fit(each)
    there = {name: Other(device, array) for name, array in SAMPLES.items()}
    device.moved.clear()
    fit(model, there, resume=True, epochs=1)
    assert device.moved["to device"] < 250  # orders, totals and the sizes of nothing else
    fit(right, resume=True, epochs=1)
    device.moved.clear()
    model.predict(X=MORE["X"])
    assert device.moved == {"to device": MORE["X"].nbytes, "to host": 4 * 3 * 8}
    same(model, right)


def test_predictions_of_what_lies_there_lie_there(device: Copies, target: Target) -> None:
    model, right = pair(target)
    given = Other(device, MORE["X"])
    first: Any = model.predict(X=given)
    device.moved.clear()
    found: Any = model.predict(X=given)
    assert isinstance(first, DeviceArray) and isinstance(found, DeviceArray)
    assert device.moved["to device"] == 0
    np.testing.assert_allclose(found, right.predict(X=MORE["X"]))


def test_many_predictions_are_put_together_there(
    device: Copies, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symdl.train.forward.BATCH", 3)
    model = network(target)
    found: Any = model.predict(X=Other(device, SAMPLES["X"]))
    assert found.shape == (9, 3)
    np.testing.assert_allclose(found, network().predict(X=SAMPLES["X"]))


def test_who_has_an_array_sees_what_is_trained_and_changes_count(target: Target) -> None:
    model, right = pair(target)
    had = {each: each.parameters["first.W"] for each in (model, right)}
    part = {each: each.parameters["second.W"][1] for each in (model, right)}
    for each in (model, right):
        fit(each)
        had[each][...] *= 0.5
        part[each][...] = 0.25
        fit(each, resume=True)
    np.testing.assert_allclose(had[model], had[right], rtol=1e-9)
    np.testing.assert_allclose(part[model], part[right], rtol=1e-9)
    assert not np.allclose(part[model], 0.25)
    same(model, right)


def test_nothing_is_copied_once_nobody_looks(device: Copies, target: Target) -> None:
    model = network(target)
    fit(model)
    total = weights_of(model)  # who looked has let go
    gc.collect()
    fit(model, resume=True, epochs=1)
    device.moved.clear()
    fit(model, SAMPLES, resume=True, epochs=1)
    data = sum(array.nbytes for array in SAMPLES.values())
    assert device.moved["to device"] < data + 250 and total > 200
    held = model.parameters["first.W"]
    device.moved.clear()
    fit(model, SAMPLES, resume=True, epochs=1)
    assert device.moved["to device"] >= data + held.nbytes


def test_new_arrays_by_name_and_wrong_ones(target: Target) -> None:
    model, right = pair(target)
    fit(model, epochs=1)
    for each in (model, right):
        for name in list(each.parameters):
            each.parameters[name] = np.full(each.parameters[name].shape, 0.1)
        for name, value in each.running.items():
            value[...] = 1 if name.endswith("variance") else 0
        fit(each)
    same(model, right)
    model.parameters["first.W"] = np.ones((2, 2))
    with pytest.raises(ArgumentError, match=r"first\.W"):
        model.predict(X=MORE["X"])
    del model.parameters["first.W"]
    with pytest.raises(ArgumentError, match="missing"):
        fit(model)


def test_files(target: Target, tmp_path: Path) -> None:
    model, right = pair(target)
    fit(model)
    fit(right)
    model.save(tmp_path / "there.npz")
    right.load(tmp_path / "there.npz")
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(value, right.parameters[name])
    fresh = network(target)
    fresh.load(tmp_path / "there.npz")
    same(fresh, right)


@pytest.mark.parametrize("there_first", [True, False])
def test_moving_between_targets_goes_on(there_first: bool, target: Target) -> None:
    model = network(target if there_first else "cpu")
    right = network()
    places: list[Any] = [target, "cpu", target] if there_first else ["cpu", target, "cpu"]
    for number, place in enumerate(places):
        assert model.to(place) is model
        for each in (model, right):
            fit(each, resume=number > 0, epochs=1)
    assert model.target.name == ("cuda" if there_first else "cpu")
    same(model, right)
    model.to(target)
    same(model, right)


def test_moving_takes_running_values_and_changes(target: Target) -> None:
    model = network(target)
    fit(model)
    changed = model.parameters["second.b"]
    changed[...] = 3.0
    before = {name: value.copy() for name, value in (*model.parameters.items(), *model.running.items())}
    model.to("cpu")
    assert type(model.parameters) is dict and type(model.running) is dict
    for name, value in (model.parameters | model.running).items():
        np.testing.assert_array_equal(value, before[name])
    model.to("cpu")
    assert model.parameters["second.b"][0] == 3.0


def test_best_weights_are_kept_there(device: Copies, target: Target) -> None:
    histories = []
    models = pair(target)
    for each in models:
        options = {"optimizer": sd.nn.SGD(2.0), "epochs": 5, "patience": 2, "validation": MORE}
        histories.append(fit(each, batch_size=5, **options))
    assert histories[0].best_epoch == histories[1].best_epoch
    assert histories[0].restored
    same(*models, atol=1e-7)


def test_training_that_diverges_leaves_finite_weights(target: Target) -> None:
    model, right = pair(target)
    for each in (model, right):
        fit(each, epochs=1, optimizer=sd.nn.SGD(0.1))
        with pytest.raises(sd.SymdlError, match="diverged"):
            fit(each, optimizer=sd.nn.SGD(1e38), epochs=4, batch_size=5)
    same(model, right)


def test_a_callback_looks_and_changes(target: Target) -> None:
    seen: dict[sd.Model, list[float]] = {}

    def halve(epoch: Epoch, model: sd.Model) -> None:
        weights = model.parameters["first.W"]
        weights *= 0.5
        seen.setdefault(model, []).append(float(weights.sum()))

    models = pair(target)
    for each in models:
        fit(each, callbacks=[halve], batch_size=5)
    assert seen[models[0]] == pytest.approx(seen[models[1]], rel=1e-9)
    same(*models)


def test_an_interrupt_leaves_the_last_step(device: Copies, target: Target, monkeypatch: Any) -> None:
    """Two steps of the second epoch are done when Ctrl-C comes, however weights are looked at."""
    model, right = pair(target)
    left = 3 + 2
    replay = SimulatedDevice.replay

    def interrupted(self: SimulatedDevice, graph: Graph, *, stream: int = 0) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        replay(self, graph, stream=stream)

    monkeypatch.setattr("symdl.run.cuda.steps.MOST_STEPS", 1)
    monkeypatch.setattr(Copies, "replay", interrupted)
    had = model.parameters["first.W"]
    with pytest.raises(KeyboardInterrupt):
        fit(model, optimizer=sd.nn.SGD(0.1), shuffle=False)
    fit(right, epochs=1, optimizer=sd.nn.SGD(0.1), shuffle=False)
    fit(
        right, {name: a[:8] for name, a in SAMPLES.items()}, epochs=1, optimizer=sd.nn.SGD(0.1), shuffle=False
    )
    np.testing.assert_allclose(had, right.parameters["first.W"])
    same(model, right)


def test_held_out_samples_of_what_lies_there(device: Copies, target: Target) -> None:
    models = pair(target)
    there = {name: Other(device, array) for name, array in SAMPLES.items()}
    losses = []
    given: tuple[Any, ...] = (there, SAMPLES)
    for each, data in zip(models, given, strict=True):
        history = fit(each, data, validation=0.3, epochs=1)
        losses.append(history.epochs[0].validation_loss)
        assert each.evaluate(data)["loss"] > 0
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
    same(*models)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": SAMPLES["X"].astype("float32")}, "type float32"),
        ({"X": np.full((9, 5), np.nan)}, "X holds nan"),
        ({"t": np.full(9, 3)}, "t holds 3"),
        ({"X": SAMPLES["X"][0]}, "X has 1 axes"),
        ({"t": SAMPLES["t"][:4]}, "n = 9|shape"),
    ],
)
def test_data_that_lie_there_are_checked(changes: Any, message: str, device: Copies, target: Target) -> None:
    data = {name: Other(device, array) for name, array in (SAMPLES | changes).items()}
    with pytest.raises(ArgumentError, match=message):
        fit(network(target), data)


def test_a_model_is_made_where_there_is_no_device() -> None:
    model = network("cuda")
    assert "first.W" in model.summary()
    model.parameters["first.W"][...] = 2.0
    np.testing.assert_array_equal(model.to("cpu").parameters["first.W"], 2.0)


def test_optimizers_around_others(target: Target) -> None:
    """Gathered gradients, averages, rates by group, of which one falls: read and set where they lie."""
    lowered = sd.nn.ReduceOnPlateau(sd.nn.LAMB(0.05), every=1, patience=1, threshold=0.9)
    groups: dict[str, sd.nn.Optimizer] = {"first": lowered, "rest": sd.nn.Adafactor(0.05)}
    optimizer = sd.nn.Averaged(sd.nn.Accumulated(sd.nn.Grouped(groups), 2), 0.9)
    models = pair(target)
    for model in models:
        fit(model, MORE, optimizer=optimizer, batch_size=2)
        model.learning_rate = {"rest": 0.01}
        fit(model, MORE, optimizer=None, batch_size=2, resume=True, epochs=1)
    same(*models)
    assert models[0].learning_rate == models[1].learning_rate
    assert models[0].learning_rate["first"] < 0.01 and models[0].learning_rate["rest"] == 0.01
    same(*(model.averaged() for model in models))
