"""The same network at another input."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs


def tower(x: sd.Tensor) -> sd.Tensor:
    h = sd.nn.dense(x, 4, activation=sd.tanh, name="tower.0")
    return sd.nn.dense(h, 2, name="tower.1")


def inputs() -> tuple[sd.Tensor, sd.Tensor]:
    n = sd.Dim("n")
    return sd.tensor("x", (n, 3)), sd.tensor("y", (n, 3))


def values(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"tower.0.W": (3, 4), "tower.0.b": (4,), "tower.1.W": (4, 2), "tower.1.b": (2,)}
    return {name: rng.normal(size=shape) for name, shape in {**shapes, "x": (5, 3), "y": (5, 3)}.items()}


def test_two_towers_share_their_parameters() -> None:
    x, y = inputs()
    one = tower(x)
    other = sd.replace(one, {x: y})
    both = sd.concatenate([one, other])
    assert [p.name for p in sd.parameters(both)] == ["tower.0.W", "tower.0.b", "tower.1.W", "tower.1.b"]
    given = values()
    found = sd.compile(both, dtype="float64", target="python")(**given)
    np.testing.assert_allclose(found[:5], by_hand(given, given["x"]), rtol=1e-12)
    np.testing.assert_allclose(found[5:], by_hand(given, given["y"]), rtol=1e-12)


def by_hand(given: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    hidden = np.tanh(x @ given["tower.0.W"] + given["tower.0.b"])
    return hidden @ given["tower.1.W"] + given["tower.1.b"]


def test_gradients_add_over_the_uses() -> None:
    x, y = inputs()
    one = tower(x)
    distance = ((one - sd.replace(one, {x: y})) ** 2).mean()
    assert sd.check_gradients(distance, at=values()).ok


def test_an_intermediate_or_a_parameter_can_be_replaced() -> None:
    x, y = inputs()
    w, v = sd.parameter("w", (3,)), sd.parameter("v", (3,))
    middle = x * w
    result = (middle + x).sum()
    at = {"x": np.full((2, 3), 2.0), "y": np.ones((2, 3)), "w": np.ones(3), "v": np.full(3, 5.0)}
    run = sd.compile(sd.replace(result, {middle: y}), dtype="float64", target="python")
    assert run(x=at["x"], y=at["y"]) == 18.0
    run = sd.compile(sd.replace(result, {w: v}), dtype="float64", target="python")
    assert run(x=at["x"], v=at["v"]) == 72.0


def test_recurrences_are_replaced_as_a_whole() -> None:
    n = sd.Dim("n")
    x, y = sd.tensor("x", (n, 4, 2)), sd.tensor("y", (n, 4, 2))
    last = sd.nn.rnn(x, 3, name="rnn")[:, -1]
    again = sd.replace(last, {x: y})
    rng = np.random.default_rng(0)
    names = {p.name: rng.normal(size=p.shape) for p in sd.parameters(again)}
    data = {"x": rng.normal(size=(2, 4, 2)), "y": rng.normal(size=(2, 4, 2))}
    first = sd.compile(last, dtype="float64", target="python")(x=data["y"], **names)
    second = sd.compile(again, dtype="float64", target="python")(y=data["y"], **names)
    np.testing.assert_array_equal(first, second)


def test_modes_come_along_and_states_are_shared() -> None:
    x, y = inputs()
    h = sd.nn.batch_norm(x, name="norm")
    both = (h - sd.replace(h, {x: y})).sum()
    updates = sd.training_updates(both)
    assert [state.name for state, _ in updates] == ["norm.running_mean", "norm.running_variance"]
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4, 3))
    (mean, moved), _ = updates
    (found,) = outputs(collect([moved]), {"x": first, "y": second, str(mean.name): np.zeros(3)})
    np.testing.assert_allclose(found, 0.9 * 0.1 * first.mean(0) + 0.1 * second.mean(0))
    (still,) = sd.inference(both)
    assert {"x", "y", "norm.running_mean"} <= {t.name for t in collect([still]).inputs}


def test_what_cannot_be_replaced() -> None:
    x, _ = inputs()
    out = tower(x)
    with pytest.raises(ShapeError, match="cannot take the place"):
        sd.replace(out, {x: sd.tensor("z", (sd.Dim("m"), 3))})
    with pytest.raises(ExpressionError, match="does not depend on"):
        sd.replace(out, {sd.tensor("q", (2,)): sd.tensor("r", (2,))})
    with pytest.raises(ExpressionError, match="int64"):
        sd.replace(out, {x: sd.tensor("z", x.shape, dtype="int64")})
