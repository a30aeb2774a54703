"""Models: training, prediction, evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdl import nn
from symdl.errors import ArgumentError, DataError, SymdlError, TrainingError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.run.training import TrainingKernel
from symdl.train.history import Epoch, History
from symdl.train.model import Model

Data = dict[str, np.ndarray[Any, Any]]
ADAM = nn.Adam(0.02)


def softmax_loss(logits: np.ndarray[Any, Any], t: np.ndarray[Any, Any]) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -float(log_p[np.arange(len(t)), t].mean())


def by_hand(model: Model, X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    p = model.parameters
    hidden = np.tanh(X @ p["first.W"] + p["first.b"])
    return hidden @ p["second.W"] + p["second.b"]


def same_parameters(one: Model, two: Model) -> bool:
    assert one.parameters.keys() == two.parameters.keys()
    return all(np.array_equal(one.parameters[k], two.parameters[k]) for k in one.parameters)


def test_first_values(network: Any) -> None:
    loss, logits = network
    model = Model(loss, output=logits, seed=3)
    shapes = {"first.W": (5, 8), "first.b": (8,), "second.W": (8, 3), "second.b": (3,)}
    assert {k: a.shape for k, a in model.parameters.items()} == shapes
    assert {str(a.dtype) for a in model.parameters.values()} == {"float32"}
    assert same_parameters(model, Model(loss, output=logits, seed=3))
    assert not same_parameters(model, Model(loss, output=logits, seed=4))


def test_summary(model: Model) -> None:
    lines = model.summary().splitlines()
    assert lines[2].split() == ["first.W", "5", "x", "8", "40"]
    assert lines[-1].split() == ["total", "75"]
    assert repr(model) == "Model(X, t -> L, 75 parameters, float32)"


def test_summary_lists_running_statistics() -> None:
    x = tensor("X", (Dim("n"), 4))
    model = Model((nn.batch_norm(x, name="norm") ** 2).mean())
    lines = model.summary().splitlines()
    states = lines[lines.index("") + 1 :]
    assert states[0].split() == ["state", "shape", "count"]
    assert {line.split()[0] for line in states[2:]} == set(model.running)
    assert "total" in lines[lines.index("") - 1]


def test_predict_and_evaluate_agree_with_numpy(model: Model, data: Data) -> None:
    logits = by_hand(model, data["X"])
    np.testing.assert_allclose(model.predict(X=data["X"]), logits, rtol=1e-4, atol=1e-5)
    found = model.evaluate(data)
    assert found["loss"] == pytest.approx(softmax_loss(logits, data["t"]), rel=1e-5)
    assert found["accuracy"] == np.mean(logits.argmax(axis=1) == data["t"])
    np.testing.assert_array_equal(model.predict(**data), model.predict(X=data["X"]))


def test_large_data_pass_in_batches(model: Model, data: Data) -> None:
    many = {name: np.concatenate([array] * 30) for name, array in data.items()}
    assert len(many["t"]) > 2 * 2048
    logits = by_hand(model, many["X"])
    np.testing.assert_allclose(model.predict(X=many["X"]), logits, rtol=1e-4, atol=1e-5)
    assert model.evaluate(many)["loss"] == pytest.approx(model.evaluate(data)["loss"], rel=1e-5)


def test_training_learns(model: Model, data: Data, test_data: Data) -> None:
    before = model.evaluate(test_data)["loss"]
    history = model.fit(data, optimizer=ADAM, batch_size=16, epochs=20, validation=0.2, test=test_data)
    assert len(history.epochs) == 20 and model.history is history
    assert history.test_loss is not None and history.test_accuracy is not None
    assert history.test_loss < before / 2 and history.test_accuracy > 0.9
    assert model.evaluate(test_data) == {
        "loss": history.test_loss,
        "accuracy": history.test_accuracy,
    }
    assert history.epochs[-1].accuracy is not None
    assert history.epochs[-1].loss < history.epochs[0].loss


def test_training_is_determined_by_the_seeds(network: Any, data: Data) -> None:
    loss, logits = network

    def trained(seed: int, **options: Any) -> tuple[Model, History]:
        model = Model(loss, output=logits, seed=1)
        settings = {"batch_size": 16, "epochs": 3, "validation": 0.1, **options}
        return model, model.fit(data, optimizer=ADAM, seed=seed, **settings)

    first, one = trained(5)
    second, two = trained(5)
    other, _ = trained(6)
    assert same_parameters(first, second) and not same_parameters(first, other)
    assert [e.loss for e in one.epochs] == [e.loss for e in two.epochs]
    assert [e.validation_loss for e in one.epochs] == [e.validation_loss for e in two.epochs]
    unshuffled = trained(5, shuffle=False, validation=0)[0]
    assert same_parameters(unshuffled, trained(6, shuffle=False, validation=0)[0])


def test_a_bar_does_not_change_the_result(
    network: Any, data: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    loss, logits = network
    models = [Model(loss, output=logits) for _ in range(2)]
    histories = [
        model.fit(data, optimizer=ADAM, batch_size=7, epochs=3, progress=shown)
        for model, shown in zip(models, (False, True), strict=True)
    ]
    assert same_parameters(*models)
    assert [e.loss for e in histories[0].epochs] == [e.loss for e in histories[1].epochs]
    assert "samples/s" in capsys.readouterr().err


def test_training_equals_descent_by_hand(network: Any, data: Data) -> None:
    """Full-batch gradient descent, against gradients from central differences."""
    loss, logits = network
    model = Model(loss, output=logits, dtype="float64")
    start = {name: array.copy() for name, array in model.parameters.items()}
    history = model.fit(data, optimizer=nn.SGD(0.5), batch_size=150, epochs=1)
    moved = {name: array.copy() for name, array in model.parameters.items()}
    model.parameters.update({name: array.copy() for name, array in start.items()})
    assert history.epochs[0].loss == pytest.approx(softmax_loss(by_hand(model, data["X"]), data["t"]))
    for name, array in model.parameters.items():
        place = tuple(size // 2 for size in array.shape)
        sides = []
        for step in (1e-5, -1e-5):
            array[place] = start[name][place] + step
            sides.append(softmax_loss(by_hand(model, data["X"]), data["t"]))
        array[place] = start[name][place]
        slope = (sides[0] - sides[1]) / 2e-5
        assert moved[name][place] == pytest.approx(start[name][place] - 0.5 * slope, abs=1e-7)


def test_data_are_not_changed_and_may_have_any_layout(network: Any, data: Data) -> None:
    loss, logits = network
    layouts: list[Callable[[Any], Any]] = [
        np.array,
        lambda a: np.asfortranarray(a.astype(np.float64) if a.dtype.kind == "f" else a),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a.tolist(),
    ]
    models = []
    for layout in layouts:
        given = {name: layout(array) for name, array in data.items()}
        kept = {name: np.array(array) for name, array in given.items()}
        model = Model(loss, output=logits)
        model.fit(given, optimizer=ADAM, batch_size=16, epochs=2)
        assert all(np.array_equal(given[name], kept[name]) for name in given)
        models.append(model)
    assert all(same_parameters(models[0], model) for model in models[1:])


def test_early_stopping_restores_the_best_weights(model: Model, data: Data, test_data: Data) -> None:
    losses: list[float] = []

    def note(epoch: Epoch, current: Model) -> None:
        losses.append(current.evaluate(test_data)["loss"])

    history = model.fit(
        {name: array[:30] for name, array in data.items()},
        optimizer=nn.Adam(0.1),
        batch_size=8,
        epochs=200,
        validation=test_data,
        patience=5,
        callbacks=[note],
    )
    assert history.stopped == "no lower validation loss for 5 epochs"
    assert len(history.epochs) == history.best_epoch + 5 < 200
    assert losses == [e.validation_loss for e in history.epochs]
    assert model.evaluate(test_data)["loss"] == min(losses)


def test_callbacks_can_stop(model: Model, data: Data) -> None:
    history = model.fit(data, optimizer=ADAM, epochs=9, callbacks=[lambda epoch, _: epoch.number == 2])
    assert len(history.epochs) == 2 and "callback" in history.stopped


def test_resuming_is_like_not_having_stopped(network: Any, data: Data) -> None:
    loss, logits = network
    options: dict[str, Any] = {"batch_size": 16, "shuffle": False}
    whole, parts, fresh = (Model(loss, output=logits) for _ in range(3))
    whole.fit(data, optimizer=ADAM, epochs=4, **options)
    for model, resume in ((parts, True), (fresh, False)):
        model.fit(data, optimizer=ADAM, epochs=2, **options)
        model.fit(data, optimizer=ADAM, epochs=2, resume=resume, **options)
    assert same_parameters(whole, parts)
    assert not same_parameters(whole, fresh)
    with pytest.raises(TrainingError, match="previous fit used Adam"):
        parts.fit(data, optimizer=nn.SGD(0.1), resume=True)
    with pytest.raises(TrainingError, match="previous fit does not exist"):
        Model(loss).fit(data, optimizer=ADAM, resume=True)


def test_a_learning_rate_can_change_between_fits(network: Any, data: Data) -> None:
    loss, logits = network
    model = Model(loss, output=logits)
    model.fit(data, optimizer=ADAM, epochs=2)
    before = {name: array.copy() for name, array in model.parameters.items()}
    model.fit(data, optimizer=nn.Adam(0.0), resume=True)
    assert all(np.array_equal(before[name], model.parameters[name]) for name in before)


def test_divergence_leaves_finite_weights(network: Any, data: Data) -> None:
    n = Dim("n")
    x, y, w = tensor("x", (n,)), tensor("y", (n,)), parameter("w", ())
    model = Model(nn.mean_squared_error(x * w, y))
    points = {"x": np.full(8, 10.0), "y": np.ones(8)}
    with pytest.raises(TrainingError, match="diverged in epoch"):
        model.fit(points, optimizer=nn.SGD(1.0), batch_size=1, epochs=50)
    assert np.isfinite(model.parameters["w"]).all()


def test_save_and_load(network: Any, data: Data, tmp_path: Path) -> None:
    loss, logits = network
    model, other = Model(loss, output=logits, seed=1), Model(loss, output=logits, seed=2)
    model.fit(data, optimizer=ADAM)
    model.save(tmp_path / "model")
    array = other.parameters["first.W"]
    other.load(tmp_path / "model")
    assert same_parameters(model, other) and other.parameters["first.W"] is array
    smaller = Model(nn.cross_entropy(nn.dense(tensor("X", (Dim("n"), 5)), 3, name="first"), TARGET))
    with pytest.raises(DataError, match="does not fit"):
        smaller.load(tmp_path / "model")


TARGET = tensor("t", (Dim("n"),), dtype="int64")

OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": "adam"}, "the optimizer is 'adam'"),
    ({"optimizer": nn.Adam}, "the optimizer is <class"),
    ({"batch_size": 0}, "batch_size=0"),
    ({"batch_size": 2.5}, "batch_size=2.5"),
    ({"epochs": 0}, "epochs=0"),
    ({"epochs": True}, "epochs=True"),
    ({"patience": 0}, "patience=0"),
    ({"seed": -1}, "seed=-1"),
    ({"validation": 1.0}, "validation=1.0"),
    ({"validation": -0.1}, "validation=-0.1"),
    ({"validation": float("nan")}, "validation=nan"),
    ({"validation": "0.1"}, "validation='0.1'"),
    ({"validation": 0.999}, "leaves none to train on"),
    ({"validation": {}}, "the validation data lack 'X', 't'"),
    ({"test": {"X": np.ones((2, 5))}}, "the test data lack 't'"),
    ({"callbacks": [None]}, "callback"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_options_are_checked_first(options: dict[str, Any], message: str, model: Model, data: Data) -> None:
    before = {name: array.copy() for name, array in model.parameters.items()}
    with pytest.raises(ArgumentError, match=message):
        model.fit(data, **{"optimizer": ADAM, **options})
    assert all(np.array_equal(before[name], model.parameters[name]) for name in before)


def test_data_are_checked_first(model: Model, data: Data) -> None:
    calls: list[Callable[[Any], Any]] = [
        lambda d: model.fit(d, optimizer=ADAM),
        lambda d: model.fit(data, optimizer=ADAM, validation=d),
        lambda d: model.fit(data, optimizer=ADAM, test=d),
        model.evaluate,
        lambda d: model.predict(**d),
    ]
    bad = [{**data, "x": 1}, {"t": data["t"]}, {**data, "X": data["X"] * np.nan}]
    for call in calls:
        for given in bad:
            with pytest.raises(ArgumentError):
                call(given)
    for call in calls[:4]:
        with pytest.raises(ArgumentError, match="t holds 3 at position 0, but may hold 0 to 2"):
            call({**data, "t": data["t"] * 0 + 3})


def test_models_are_checked(network: Any) -> None:
    loss, logits = network
    n = Dim("n")
    x = tensor("x", (n,))
    with pytest.raises(TrainingError, match="not one number"):
        Model(logits)
    with pytest.raises(ArgumentError, match="float16"):
        Model(loss, dtype="float16")
    with pytest.raises(TrainingError, match="no output to predict"):
        Model(loss).predict(X=np.ones((1, 5)))
    with pytest.raises(TrainingError, match="reads no input"):
        Model((parameter("w", (3,)) ** 2).sum())
    with pytest.raises(TrainingError, match="depends on no parameter"):
        Model((x**2).mean()).fit({"x": [1.0]}, optimizer=ADAM)
    with pytest.raises(TrainingError, match="share a first axis"):
        Model((x * tensor("s", ())).mean())
    assert issubclass(TrainingError, SymdlError)


def test_without_labels_there_is_no_accuracy(data: Data) -> None:
    n = Dim("n")
    X, y = tensor("X", (n, 5)), tensor("y", (n, 1))
    prediction = nn.dense(X, 1, name="line")
    model = Model(nn.mean_squared_error(prediction, y), output=prediction)
    slope = np.arange(5.0)[:, None]
    given = {"X": data["X"], "y": data["X"] @ slope}
    history = model.fit(given, optimizer=nn.Momentum(0.02, 0.8), batch_size=10, epochs=30, validation=0.1)
    assert history.epochs[-1].accuracy is None
    assert model.evaluate(given).keys() == {"loss"}
    np.testing.assert_allclose(model.parameters["line.W"], slope, atol=0.02)


def test_a_summed_output_passes_at_once(data: Data) -> None:
    n = Dim("n")
    X, w = tensor("X", (n, 5)), parameter("w", (5,))
    model = Model(((X @ w - 1) ** 2).mean(), output=(X @ w).sum())
    many = np.concatenate([data["X"]] * 30)
    assert model.predict(X=many).shape == ()
    assert float(model.predict(X=many)) == pytest.approx(
        float((many @ model.parameters["w"]).sum()), rel=1e-3, abs=1e-3
    )


@pytest.mark.parametrize("trainable", [["second"], ["second.W", "second.b"], lambda name: name[0] == "s"])
def test_frozen_parameters_stay(model: Model, data: Data, trainable: Any) -> None:
    before = {name: array.copy() for name, array in model.parameters.items()}
    first = model.evaluate(data)["loss"]
    model.fit(data, optimizer=ADAM, epochs=3, trainable=trainable)
    moved = {n: not np.array_equal(before[n], array) for n, array in model.parameters.items()}
    assert moved == {"first.W": False, "first.b": False, "second.W": True, "second.b": True}
    assert model.evaluate(data)["loss"] < first


def test_a_frozen_layer_has_no_gradient_equations(
    model: Model, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = []

    def kept(*arguments: Any, **options: Any) -> Any:
        kernels.append(TrainingKernel(*arguments, **options))
        return kernels[-1]

    monkeypatch.setattr("symdl.train.prepared.TrainingKernel", kept)
    model.fit(data, optimizer=ADAM)
    model.fit(data, optimizer=ADAM, trainable=["second"])
    known = [{str(e.lhs.of.name) for e in k.program.equations if e.lhs.of is not None} for k in kernels]
    assert {"first.W", "first.b", "first.Z"} <= known[0]
    assert "second.W" in known[1] and not any(name.startswith("first") for name in known[1])


def test_a_weight_decay_of_nothing(model: Model, data: Data) -> None:
    for optimizer in (nn.AdamW(weight_decay={"third.W": 0.1}), nn.SGD(weight_decay={"first": 0.1})):
        for given in (optimizer, nn.Clipped(optimizer, norm=1.0)):
            with pytest.raises(ArgumentError, match=r"weight_decay: no parameter(?s:.*)second\.W"):
                model.fit(data, optimizer=given)
    decayed = nn.AdamW(weight_decay={"first.W": 0.1})  # a frozen parameter is there, too
    model.fit(data, optimizer=decayed, trainable=["second"])


@pytest.mark.parametrize(("trainable", "text"), [(["third"], "'third'"), ([], "no parameter")])
def test_wrong_choices_of_what_learns(model: Model, data: Data, trainable: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        model.fit(data, optimizer=ADAM, trainable=trainable)
