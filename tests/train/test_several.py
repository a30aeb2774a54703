"""Models with several losses, outputs, inputs and metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, TrainingError
from symdl.train.history import History

Data = dict[str, np.ndarray[Any, Any]]


def rivals(**options: Any) -> sd.Model:
    """A generator of two-dimensional points from noise, and what it is up against."""
    n = sd.Dim("n")
    x, z = sd.tensor("x", (n, 2)), sd.tensor("z", (n, 3))
    real = sd.nn.dense(sd.nn.dense(x, 8, activation=sd.tanh, name="d.0"), 1, name="d.1")
    noise = sd.nn.normal_noise((n, 3), name="noise", inference=z)
    drawn = sd.nn.dense(sd.nn.dense(noise, 8, activation=sd.tanh, name="g.0"), 2, name="g.1")
    fake = sd.replace(real, {x: drawn})
    losses = {
        "judge": sd.softplus(-real).mean() + sd.softplus(fake).mean(),
        "maker": sd.softplus(-fake).mean(),
    }
    return sd.Model(losses, output=drawn, metrics={"right": sd.sigmoid(real).mean()}, **options)


TURNS = {"judge": "d", "maker": "g"}
RATES = {"judge": sd.nn.Adam(0.02, beta1=0.5), "maker": sd.nn.Momentum(0.02)}


def points(count: int = 70) -> Data:
    return {"x": np.random.default_rng(0).normal(3.0, 0.5, size=(count, 2))}


def trained(model: sd.Model, **options: Any) -> History:
    settings = {"optimizer": RATES, "trainable": TURNS, "batch_size": 16, **options}
    return model.fit(points(), **settings)


def test_two_losses_take_turns() -> None:
    model = rivals()
    before = {k: a.copy() for k, a in model.parameters.items()}
    history = trained(model, epochs=3)
    assert all(not np.array_equal(before[k], a) for k, a in model.parameters.items())
    assert model.running["noise.step"] == 2 * 3 * 5  # both losses draw, in each of five batches
    last = history.epochs[-1]
    assert list(last.values) == ["judge", "maker", "right"]
    assert last.loss == pytest.approx(last.values["judge"] + last.values["maker"])
    assert str(history).splitlines()[0].split()[:5] == ["epoch", "loss", "judge", "maker", "right"]
    assert [axes.get_ylabel() for axes in history.plot().axes] == ["loss", "judge", "maker", "right"]


def test_each_loss_moves_its_own_parameters() -> None:
    model = rivals(dtype="float64")
    start = {k: a.copy() for k, a in model.parameters.items()}
    still = sd.nn.SGD(0.0)
    trained(model, optimizer={"judge": still, "maker": sd.nn.SGD(0.1)})
    assert {k for k, a in model.parameters.items() if not np.array_equal(a, start[k])} == {
        "g.0.W",
        "g.0.b",
        "g.1.W",
        "g.1.b",
    }


def test_results_repeat_by_seed_on_any_number_of_cores() -> None:
    models = [rivals() for _ in range(3)]
    for model, threads in zip(models, (1, 1, 2), strict=True):
        trained(model, epochs=2, threads=threads)
    for other in models[1:]:
        assert all(np.array_equal(a, other.parameters[k]) for k, a in models[0].parameters.items())


def test_evaluation_and_validation_of_several_losses() -> None:
    model = rivals()
    data = {**points(40), "z": np.random.default_rng(1).normal(size=(40, 3))}
    history = trained(model, validation=data, epochs=2)
    found = model.evaluate(data)
    assert list(found) == ["loss", "judge", "maker", "right"]
    assert found["loss"] == pytest.approx(found["judge"] + found["maker"])
    best = history.best
    assert best.validation_loss == pytest.approx(found["loss"])
    assert best.validation_values == pytest.approx({k: found[k] for k in ("judge", "maker", "right")})
    assert model.predict(z=data["z"]).shape == (40, 2)
    with pytest.raises(ArgumentError, match="only the inference form reads z"):
        trained(model, validation=0.2)


def test_resuming_goes_on_with_both_optimizers() -> None:
    whole, parts = rivals(), rivals()
    trained(whole, epochs=4, shuffle=False)
    trained(parts, epochs=2, shuffle=False)
    trained(parts, epochs=2, shuffle=False, resume=True)
    assert all(np.array_equal(a, parts.parameters[k]) for k, a in whole.parameters.items())
    with pytest.raises(TrainingError, match="previous fit used Momentum"):
        trained(parts, optimizer=sd.nn.Adam(), resume=True)


def branches() -> sd.Model:
    """Two inputs, one encoder path, two outputs, one weighted loss."""
    n = sd.Dim("n")
    left, right = sd.tensor("left", (n, 3)), sd.tensor("right", (n, 2))
    t, y = sd.tensor("t", (n,), dtype="int64"), sd.tensor("y", (n, 1))
    h = sd.concatenate([left, right], axis=1)
    for layer in range(2):
        h = sd.nn.dense(h, 8, activation=sd.tanh, name=f"encoder.{layer}")
    kind = sd.nn.dense(h, 3, name="kind")
    size = sd.nn.dense(h, 1, name="size")
    of_kind, of_size = sd.nn.cross_entropy(kind, t), sd.nn.mean_squared_error(size, y)
    metrics = {"of kind": of_kind, "of size": of_size, "share": sd.nn.accuracy(kind, t)}
    return sd.Model(of_kind + 0.5 * of_size, output={"kind": kind, "size": size}, metrics=metrics)


def samples(count: int, seed: int) -> Data:
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(count, 3)), rng.normal(size=(count, 2))
    both = np.concatenate([left[:, :2], right[:, :1]], axis=1)
    return {"left": left, "right": right, "t": both.argmax(axis=1), "y": left[:, :1] * right[:, 1:]}


def test_several_inputs_outputs_and_metrics() -> None:
    model = branches()
    assert [*model.parameters][:3] == ["encoder.0.W", "encoder.0.b", "encoder.1.W"]
    before = model.evaluate(samples(100, 1))
    history = model.fit(samples(400, 0), optimizer=sd.nn.Adam(0.01), epochs=40, test=samples(100, 1))
    found = model.evaluate(samples(100, 1))
    assert list(found) == ["loss", "accuracy", "of kind", "of size", "share"]
    assert found["loss"] == pytest.approx(found["of kind"] + 0.5 * found["of size"], rel=1e-5)
    assert found["share"] == pytest.approx(found["accuracy"]) and found["accuracy"] > 0.85
    assert found["of size"] < before["of size"] / 2 and history.test_accuracy == found["accuracy"]
    given = {k: a for k, a in samples(100, 1).items() if k in ("left", "right")}
    outputs = model.predict(**given)
    assert {k: a.shape for k, a in outputs.items()} == {"kind": (100, 3), "size": (100, 1)}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"optimizer": {"judge": sd.nn.SGD()}}, "losses are 'judge', 'maker'"),
        ({"trainable": {"d": "d", "g": "g"}}, "trainable is given for"),
        ({"optimizer": {"judge": sd.nn.SGD(), "maker": 3}}, "the optimizer is 3"),
        ({"trainable": {"judge": "d", "maker": "nothing"}}, "no parameter is called 'nothing'"),
    ],
)
def test_choices_that_do_not_fit(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        trained(rivals(), **options)


def test_models_that_make_no_sense() -> None:
    n = sd.Dim("n")
    x, w = sd.tensor("x", (n,)), sd.parameter("w", ())
    loss = (w * x).mean()
    with pytest.raises(TrainingError, match="needs a loss"):
        sd.Model({})
    with pytest.raises(ArgumentError, match="cannot be called 'accuracy'"):
        sd.Model(loss, metrics={"accuracy": loss})
    with pytest.raises(TrainingError, match="the metric is"):
        sd.Model(loss, metrics={"all": w * x})
    with pytest.raises(ArgumentError, match="share a name"):
        sd.Model({"a": loss, "b": loss}, metrics={"a": loss})
    with pytest.raises(TrainingError, match="is no tensor"):
        sd.Model(loss, output={"a": 3})  # type: ignore[dict-item]


def test_a_parameter_passed_twice_is_shared() -> None:
    """Tied weights: the decoder reads the encoder's matrix."""
    x = sd.tensor("x", (sd.Dim("n"), 6))
    W, b = sd.parameter("tied.W", (6, 2)), sd.parameter("tied.b", (6,))
    again = sd.tanh(x @ W) @ W.T + b
    loss = sd.nn.mean_squared_error(again, x)
    data = np.random.default_rng(0).normal(size=(50, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    assert sd.check_gradients(loss, at={"x": data[:4]}).ok
    model = sd.Model(loss, output=again)
    assert list(model.parameters) == ["tied.W", "tied.b"]
    before = model.evaluate({"x": data})["loss"]
    model.fit({"x": data}, optimizer=sd.nn.Adam(0.02), epochs=60)
    assert model.evaluate({"x": data})["loss"] < 0.5 * before


def test_a_loss_is_the_same_number_with_and_without_gradients() -> None:
    n = sd.Dim("n")
    x, y, w = sd.tensor("x", (n,)), sd.tensor("y", (n,)), sd.parameter("w", ())
    p = sd.sigmoid(w * x)
    loss = -(y * sd.log(p) + (1 - y) * sd.log(1 - p)).mean()
    data = {"x": np.array([1.0, -1.0, 1000.0, -1000.0]), "y": np.array([1.0, 0.0, 0.0, 1.0])}
    expected = (2 * np.log1p(np.exp(-1.0)) + 2000) / 4
    value, _ = sd.compile(loss, wrt="parameters")(w=1.0, **data)
    np.testing.assert_allclose([value, sd.compile(loss)(w=1.0, **data)], expected)
    penalty = (w**2).sum()
    model = sd.Model(penalty, metrics={"fit": loss})
    model.parameters["w"][...] = 1
    assert model.evaluate(data)["fit"] == pytest.approx(expected, rel=1e-6)
    epoch = model.fit(data, optimizer=sd.nn.SGD(0.0), batch_size=4, progress=False).epochs[0]
    assert epoch.values["fit"] == pytest.approx(expected, rel=1e-6)


def test_early_stopping_watches_what_is_named() -> None:
    n = sd.Dim("n")
    x, y = sd.tensor("x", (n, 2)), sd.tensor("y", (n,))
    fast, slow = (x @ sd.parameter(name, 2) for name in ("fast", "slow"))
    losses = {"fast": ((fast - y) ** 2).mean(), "slow": ((slow - y) ** 2).mean()}
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 2))
    data = {"x": inputs, "y": inputs @ [1.0, 2.0] + 0.1 * rng.normal(size=60)}
    rates = {"fast": sd.nn.SGD(0.2), "slow": sd.nn.SGD(1e-4)}

    def fitted(**options: Any) -> History:
        model = sd.Model(losses, output=fast, metrics={"error": sd.absolute(fast - y).mean()})
        return model.fit(data, optimizer=rates, epochs=80, patience=3, **options)

    assert len(fitted(validation=0.2).epochs) == 80  # the sum goes on to fall
    for name in ("fast", "error"):
        history = fitted(validation=0.2, watch=name)
        watched = [epoch.validation_values[name] for epoch in history.epochs]
        assert history.best_epoch == 1 + int(np.argmin(watched)) < len(watched) < 80
        assert history.stopped == f"no lower validation {name} for 3 epochs"
    assert fitted(watch="fast").stopped == "no lower fast for 3 epochs"


def test_early_stopping_by_accuracy(network: Any, data: Data) -> None:
    loss, logits = network
    options: dict[str, Any] = {
        "optimizer": sd.nn.Adam(0.05),
        "epochs": 60,
        "patience": 4,
        "watch": "accuracy",
    }
    model = sd.Model(loss, output=logits)
    history = model.fit(data, validation=0.3, **options)
    shares = [epoch.accuracy or 0.0 for epoch in history.epochs]
    assert history.best_epoch == 1 + int(np.argmax(shares))
    assert history.stopped == "no higher accuracy for 4 epochs"
    with pytest.raises(ArgumentError, match="without validation data"):
        model.fit(data, **options)
    with pytest.raises(ArgumentError, match="'nothing' is nothing that is followed(.|\n)*'accuracy'"):
        model.fit(data, **options | {"watch": "nothing"})
