"""Optimizers of users' own: what they may answer, and what is said about what they may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.errors import ExpressionError
from tests.nn.stepping import SLOPES, START, run
from tests.train.conftest import blobs


@pytest.fixture
def model() -> sd.Model:
    X, t = sd.tensor("X", (sd.Dim("n"), 5)), sd.tensor("t", (sd.Dim("n"),), dtype="int64")
    return sd.Model(nn.cross_entropy(nn.dense(X, 3, name="first"), t), target="python")


@dataclass(frozen=True)
class Heavy:
    """A velocity, as a generator and with the array operators."""

    learning_rate: float = 0.1

    def updates(self, parameters: Any, gradients: Any) -> Any:
        rate = nn.state("learning_rate", value=self.learning_rate)
        for p in parameters:
            velocity = nn.state(f"{p.name}.velocity", p)
            new = 0.9 * velocity + gradients[p]
            yield velocity, new
            yield p, p - rate * new


def test_an_optimizer_of_ones_own_is_one_of_the_package() -> None:
    wraps: list[Any] = [lambda o: o, lambda o: nn.Clipped(o, value=0.5), lambda o: nn.Accumulated(o, 2)]
    for wrap in wraps:
        mine, known = run(wrap(Heavy(0.1))), run(wrap(nn.Momentum(0.1)))
        assert mine.keys() == known.keys()
        for name, array in mine.items():
            np.testing.assert_allclose(array, known[name], rtol=1e-12, err_msg=name)


def test_its_rules_print_with_letters_for_its_settings() -> None:
    lines = sd.update_rules(Heavy(0.1), [sd.parameter("W", (2,))]).text().splitlines()
    rule = next(line for line in lines if line.strip().startswith("W_p+1"))
    assert "η·" in rule and [line.split() for line in lines if "η  " in line] == [["η", "0.1"]]


def test_it_may_be_told_the_loss() -> None:
    class Polyak:
        """The step for a loss whose lowest value is 0."""

        def updates(self, parameters: Any, gradients: Any, loss: Any = None) -> Any:
            length = sum((g**2).sum() for g in gradients.values())
            return [(p, p - loss / length * gradients[p]) for p in parameters]

    found = run(Polyak(), steps=1, losses=[2.0])
    length = sum((g**2).sum() for g in SLOPES[0].values())
    for name, start in START.items():
        np.testing.assert_allclose(found[name], start - 2.0 / length * SLOPES[0][name], rtol=1e-12)


def test_its_learning_rate_is_read_set_and_lowered(model: sd.Model) -> None:
    data = blobs(30, seed=0)
    trainer = model.trainer(optimizer=nn.ReduceOnPlateau(Heavy(0.5), every=1, patience=1, threshold=0.99))
    trainer.step(data)
    assert trainer.learning_rate == pytest.approx(0.5)
    trainer.step(data)
    assert trainer.learning_rate == pytest.approx(0.05)
    trainer.learning_rate = 0.25
    trainer.step(data)
    assert trainer.learning_rate == pytest.approx(0.025)


def own(updates: Callable[..., Any]) -> Any:
    """Return an optimizer with this method."""
    return type("Mine", (), {"updates": updates})()


def _frozen(self: Any, parameters: Any, gradients: Any) -> Any:
    return [(p, p) for p in parameters[1:]]


def _one_velocity(self: Any, parameters: Any, gradients: Any) -> Any:
    pairs = []
    for p in parameters:
        velocity = nn.state("velocity", p)
        pairs += [(velocity, velocity + gradients[p]), (p, p - velocity)]
    return pairs


def _wide_state(self: Any, parameters: Any, gradients: Any) -> Any:
    states = [nn.state(f"{p.name}.v") for p in parameters]
    return [(s, s + gradients[p]) for s, p in zip(states, parameters, strict=True)] + [
        (p, p) for p in parameters
    ]


WRONG: dict[str, tuple[Any, list[str]]] = {
    "arguments": (lambda self, gradients: [], ["Mine.updates(gradients)", "def updates(self, parameters"]),
    "nothing": (lambda self, parameters, gradients: None, ["Mine.updates returned None", "list of pairs"]),
    "no pairs": (
        lambda self, parameters, gradients: [p - gradients[p] for p in parameters],
        ["which is no pair", "(p, p - 0.1*gradients[p])"],
    ),
    "a number": (
        lambda self, parameters, gradients: [(p, 0.5) for p in parameters],
        ["0.5 is no tensor"],
    ),
    "a name": (
        lambda self, parameters, gradients: [(p, p - gradients[p.name]) for p in parameters],
        ["gradients['w']", "w, b, k", "gradients[p] for each p"],
    ),
    "a gradient": (
        lambda self, parameters, gradients: [(gradients[p], p) for p in parameters],
        ["w.g", "is no state", "sd.nn.state"],
    ),
    "shape": (
        lambda self, parameters, gradients: [(p, p.sum()) for p in parameters],
        ["w", "w (2, 3), next value ()", "keep the shape"],
    ),
    "shape of a state": (_wide_state, ["w.v (), next value (2, 3)", 'sd.nn.state("w.v", p)']),
    "shapes that do not fit": (
        lambda self, parameters, gradients: [(p, p - gradients[parameters[-1]].T) for p in parameters],
        ["in Mine.updates", "do not broadcast", "(2, 3)"],
    ),
    "twice": (
        lambda self, parameters, gradients: [(p, p) for p in parameters] * 2,
        ["gives w", "two next values"],
    ),
    "missing": (_frozen, ["no next value to w", "(p, p) leaves one as it is"]),
    "one state": (_one_velocity, ["'velocity' is made twice", "one (2, 3), the other (3,)", "p.name"]),
    "taken": (
        lambda self, parameters, gradients: [(p, p + nn.state("w")) for p in parameters],
        ["'w' has the name of a parameter"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_its_own_names(name: str) -> None:
    updates, texts = WRONG[name]
    with pytest.raises(ExpressionError) as caught:
        run(own(updates))
    shown = str(caught.value)
    assert "Mine" in shown and "cure:" in shown
    for text in texts:
        assert text in shown, shown


def test_a_model_says_the_same(model: sd.Model) -> None:
    with pytest.raises(ExpressionError, match=r"Mine.updates gives no next value to first.W"):
        model.fit(blobs(30, seed=0), optimizer=own(_frozen))


@pytest.mark.parametrize(
    "name, like, value", [("", (), 0.0), ("s", (), np.nan), ("s", (-1,), 0.0), ("s", (), "1")]
)
def test_states_that_cannot_be(name: str, like: Any, value: Any) -> None:
    with pytest.raises(ExpressionError):
        nn.state(name, like, value=value)
