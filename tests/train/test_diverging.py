"""Where a training leaves the finite numbers: the step, the tensor, the equation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.express.modes import with_modes
from symdl.express.program import collect
from symdl.train import diverging
from symdl.train.diverging import fault_in

n = sd.Dim("n")
i, j, t = sd.indices("i j t")
OPTIONS: dict[str, Any] = {"batch_size": 4, "epochs": 3, "progress": False}


def caught(model: sd.Model, data: Any, rate: float = 1e-3, **options: Any) -> sd.SymdlError:
    """The error that ends a training."""
    with pytest.raises(diverging.Diverged) as found:
        model.fit(data, **({"optimizer": sd.nn.SGD(rate)} | OPTIONS | options))
    assert all(np.isfinite(array).all() for array in model.parameters.values())
    return found.value


def exponential(target: str = "python") -> sd.Model:
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    grown = sd.define("grown", (i,), sp.exp(sd.parameter("w", (), init=sd.nn.fill(1.0)).at() * x[i]))
    return sd.Model(sd.nn.mean_squared_error(grown, y), output=grown, target=target)


def points(**odd: float) -> dict[str, np.ndarray[Any, Any]]:
    x = np.linspace(-1, 1, 22)
    for place, value in odd.items():
        x[int(place[1:])] = value
    return {"x": x, "y": np.zeros(22)}


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_an_exponential_that_overflows_is_named_with_its_sample_and_step(target: str) -> None:
    error = caught(exponential(target), points(_13=100.0), shuffle=False)
    assert "in epoch 1: the loss is" in error.message and "began in step 4 of the epoch" in error.message
    assert "grown[1] is inf for sample 13 of the data" in error.message and "x[1] = 100" in error.message
    assert str(error.expression).startswith("grown[i] = exp(")
    assert error.cure == "use a smaller learning rate, or scale the data"


def test_the_step_is_found_in_shuffled_data_and_in_later_epochs() -> None:
    """Sample 5 is harmless at first: the rate makes the weight grow from epoch to epoch."""
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    w = sd.parameter("w", (), init=sd.nn.fill(1.0))
    grown = sd.define("grown", (i,), sp.exp(w.at() * x[i]))
    pull = sd.define("pull", (i,), y[i] - 40 * w.at() + sd.stop_gradient(grown)[i])
    model = sd.Model(sd.mean(pull), target="python")
    error = caught(model, points(_5=20.0), rate=0.01)
    assert "for sample 5 of the data" in error.message
    assert model.history is not None and len(model.history.epochs) == 2
    assert "epoch 3:" in error.message and "those after epoch 2" in error.message


def test_nothing_divided_by_nothing() -> None:
    X, y = sd.tensor("X", (n, 2)), sd.tensor("y", (n,))
    length = sd.define("length", (i,), sp.sqrt(sd.Sum(X[i, j] ** 2, j)))
    share = sd.define("share", (i,), X[i, 0] * sd.parameter("w", ()).at() / length[i])
    data = {"X": np.ones((6, 2)), "y": np.ones(6)}
    data["X"][4] = 0
    error = caught(sd.Model(sd.nn.mean_squared_error(share, y), target="python"), data, shuffle=False)
    assert "step 2" in error.message and "share[0] is nan for sample 4" in error.message
    assert "length[0] = 0" in error.message and "where the formula has a value" in str(error.cure)


def test_a_slope_without_a_value_is_found_behind_a_finite_loss() -> None:
    """The root of 0 is 0 and has no slope."""
    x = sd.tensor("x", (n,))
    root = sd.define("root", (i,), sp.sqrt(sd.parameter("w", (), init=sd.nn.fill(0.0)).at() * x[i]))
    error = caught(sd.Model(sd.mean(root), target="python"), {"x": np.ones(3)})
    assert "a weight is no finite number" in error.message and "step 1" in error.message
    assert error.expression is not None and "w" in str(error.expression)


def test_an_update_that_overflows() -> None:
    x = sd.tensor("x", (n,))
    model = sd.Model(sd.mean(x * sd.parameter("w", ())), target="python")
    error = caught(model, {"x": np.full(4, 1e20)}, rate=1e30)
    assert "the next w, is -inf" in error.message and "learning_rate = 1e+30" in error.message
    assert error.cure == "use a smaller learning rate, or scale the data"


def test_a_parameter_that_was_wrong_before() -> None:
    model = exponential()
    model.parameters["w"][...] = np.nan
    with pytest.raises(sd.SymdlError, match="step 1 of the epoch: the parameter w was nan already"):
        model.fit(points(), optimizer=sd.nn.SGD(0.1), **OPTIONS)


def batches() -> Iterator[dict[str, Any]]:
    for each in range(5):
        yield {"x": np.array([0.0, 1.0, 200.0 if each == 3 else 2.0]), "y": np.zeros(3)}


def widen(batch: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {**batch, "x": batch["x"] * rng.uniform(1, 100, len(batch["x"]))}


@pytest.mark.parametrize(
    ("source", "options", "step", "sample"),
    [(batches, {}, 4, False), (points(), {"augment": widen}, 1, True)],
)
def test_streams_are_read_again(source: Any, options: dict[str, Any], step: int, sample: bool) -> None:
    error = caught(exponential(), source, **options)
    assert f"step {step} of the epoch: " in error.message and "grown[" in error.message
    assert ("of the data" in error.message) is sample


def test_a_stream_that_is_at_its_end_tells_the_epoch_only() -> None:
    error = caught(exponential(), batches(), epochs=1)
    assert "in epoch 1" in error.message and "step" not in error.message


def test_orders_go_on_as_if_nothing_had_been_looked_for(monkeypatch: Any) -> None:
    """What is drawn after the error is the same with and without the search."""
    found = []
    for look in (True, False):
        if not look:
            monkeypatch.setattr(diverging, "fault_in", lambda *_, **__: None)
        model = exponential()
        caught(model, points(_13=100.0))
        model.fit(points(), optimizer=sd.nn.SGD(1e-3), resume=True, **OPTIONS)
        found.append(model.parameters["w"].copy())
    np.testing.assert_array_equal(found[0], found[1])


CHANGES: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "overflow": lambda e: sp.exp(1000 + e**2),
    "logarithm": lambda e: sp.log(-1 - e**2),
}


@given(st.integers(0, 6), st.sampled_from([*CHANGES]), st.booleans())
def test_the_equation_is_the_one_that_was_broken(place: int, kind: str, masked: bool) -> None:
    """Of a chain in which each reads the one before; an infinite mask at the side is not blamed for NaN."""
    x = sd.tensor("x", (n, 3))
    value = x
    for number in range(7):
        body = 2 * value[i, j]
        value = sd.define(f"v{number}", (i, j), CHANGES[kind](body) if number == place else body)
    if masked and kind == "logarithm":
        mask = sd.define("mask", (i, j), sp.log(x[i, j] - 1))
        value = sd.exp(mask) + value
    fault = fault_in([collect([value.sum()])], {}, {"x": np.ones((2, 3))}, dtype="float64")
    assert fault is not None and fault.tensor.name == f"v{place}" and fault.where == (0, 0)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_recurrence_goes_wrong_at_a_step_of_its_own(reverse: bool) -> None:
    """The square of a square: float32 ends at 2**128, which the seventh step reaches, counted from 2."""
    x = sd.tensor("x", (n, 12))
    start = sd.define("start", (i,), 2 * x[i, 0])
    (h,) = sd.recurrence(["h"], [(n, 12)], lambda h: h**2, initial=[start], axis=1, reverse=reverse)
    fault = fault_in([collect([(h * x).sum()])], {}, {"x": np.ones((2, 12))}, dtype="float32")
    assert fault is not None and fault.where == (0, 5 if reverse else 6) and fault.value == np.inf
    assert fault.tensor is not h and [value for _, value in fault.reads] == [
        2.0**64
    ]  # h is the square's copy


def test_a_step_that_is_too_large_is_not_computed_again(monkeypatch: Any) -> None:
    monkeypatch.setattr(diverging, "MOST", 2)
    error = caught(exponential(), points(_13=100.0), shuffle=False)
    assert error.message.endswith("it began in step 4 of the epoch") and error.expression is None


def test_a_metric_that_is_infinite_is_not_blamed() -> None:
    """It is so in every step; the loss goes wrong in the fourth, and of another model the first update."""
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    far = {"far": sd.log(y).mean()}
    grown = sd.define("grown", (i,), sp.exp(sd.parameter("w", (), init=sd.nn.fill(1.0)).at() * x[i]))
    model = sd.Model(sd.nn.mean_squared_error(grown, y), metrics=far, target="python")
    error = caught(model, points(_13=100.0), shuffle=False)
    assert "began in step 4" in error.message and "grown[1] is inf for sample 13" in error.message
    model = sd.Model(sd.mean(x * sd.parameter("w", ())), metrics=far, target="python")
    error = caught(model, {"x": np.full(4, 1e20), "y": np.zeros(4)}, rate=1e30)
    assert "began in step 1" in error.message and "the next w, is -inf" in error.message


def odd(*places: int) -> dict[str, np.ndarray[Any, Any]]:
    x = np.linspace(1, 2, 30)
    x[[*places]] = -3.0
    return {"x": x, "y": np.zeros(30)}


def apart(**options: Any) -> sd.Model:
    """A model whose inference form takes a logarithm of what may be negative; its training form does not."""
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    w = sd.parameter("w", (), init=sd.nn.fill(1.0))
    after = sd.define("after", (i,), w.at() * sp.log(x[i]))
    shown = with_modes(sd.define("shown", (i,), w.at() * sp.log(1 + x[i] ** 2)), inference=after)
    return sd.Model(sd.nn.mean_squared_error(shown, y), metrics={"largest": shown.max()}, **options)


SCORED: dict[str, tuple[Any, dict[str, Any]]] = {
    "validation data": (odd(), {"validation": odd(7, 22)}),
    "what is watched": (odd(), {"validation": odd(7, 22), "watch": "largest"}),
    "a share": (odd(7, 22), {"validation": 0.9}),
    "a share of what is augmented": (odd(7, 22), {"validation": 0.9, "augment": lambda batch, rng: batch}),
    "training data": (odd(7, 22), {"patience": 2}),
}


@pytest.mark.parametrize("kind", SCORED)
def test_a_score_goes_wrong_alone(kind: str) -> None:
    data, options = SCORED[kind]
    error = caught(apart(target="python"), data, **options)
    assert "although its weights were finite" in error.message and "step" not in error.message
    given = "validation data" if isinstance(options.get("validation"), dict) else "data"
    found = re.search(r"after\[(\d+)\] is nan for sample (\d+) of the ([a-z ]+), the first", error.message)
    assert found and found[3] == given and int(found[2]) in (7, 22) and "= -3" in error.message
    assert kind.startswith("a share") or int(found[2]) == 7
    assert str(error.expression).startswith("after[i] = ")


def test_a_score_of_too_many_samples_is_looked_at_in_batches(monkeypatch: Any) -> None:
    """Of 5000 samples; the last one goes wrong, in the third batch."""
    monkeypatch.setattr(diverging, "MOST", 12_000)
    wrong = {name: np.resize(array, 5000) for name, array in odd().items()}
    wrong["x"][4999] = -3.0
    error = caught(apart(), odd(), validation=wrong)
    assert "after[903] is nan for sample 4999 of the validation data" in error.message


def test_a_mean_over_nothing_in_one_batch_is_not_blamed(monkeypatch: Any) -> None:
    """Weights of all samples of the second batch are 0, which is right: the sum over all is not."""
    monkeypatch.setattr(diverging, "MOST", 12_000)
    x, u, w = sd.tensor("x", (n,)), sd.tensor("u", (n,)), sd.parameter("w", (), init=sd.nn.fill(1.0))
    learned = sd.define("learned", (i,), u[i] * w.at() * x[i] ** 2)
    shown = with_modes(learned, inference=sd.define("after", (i,), u[i] * w.at() * sp.log(x[i])))
    model = sd.Model(shown.sum() / u.sum())
    wrong = {"x": np.ones(5000), "u": np.ones(5000)}
    wrong["u"][2048:4096] = 0
    wrong["x"][4500] = -1.0
    error = caught(model, {"x": np.ones(30), "u": np.ones(30)}, validation=wrong)
    assert "for sample" not in error.message  # nothing is said rather than something wrong


def test_lbfgs_names_the_equation_where_it_stood_or_went() -> None:
    error = caught(exponential(), points(_13=1000.0), optimizer=sd.nn.LBFGS())
    assert "grown[13] is inf for sample 13 of the data" in error.message and "step" not in error.message
    assert str(error.expression).startswith("grown[i] = exp(")
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    falling = sd.define("falling", (i,), -sp.exp(sd.parameter("w", (), init=sd.nn.fill(1.0)).at() * x[i]))
    far = {"far": sd.log(y).mean()}  # infinite from the start, and nobody minds
    data = {"x": np.ones(3), "y": np.zeros(3)}
    error = caught(sd.Model(sd.mean(falling), metrics=far), data, optimizer=sd.nn.LBFGS())
    assert "the loss is -inf" in error.message and "falling[0] is -inf for sample 0" in error.message
    assert "x[0] = 1, w = 2.7" in error.message and "far" not in error.message


def test_lbfgs_of_a_share_names_samples_of_all_data() -> None:
    """Of the samples 1, 3, 5 …, each with a value of its own, the first that is trained on."""
    wrong = points(**{f"_{place}": 1000.0 + place for place in range(1, 22, 2)})
    error = caught(exponential(), wrong, optimizer=sd.nn.LBFGS(), validation=0.3)
    found = re.search(r"for sample (\d+) of the data.*x\[\d+\] = 10(\d\d)", error.message)
    assert found and int(found[1]) == int(found[2])
