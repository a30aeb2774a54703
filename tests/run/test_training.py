"""Training steps: the same as steps taken one by one in NumPy, on both targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symdl.errors import ArgumentError, ExpressionError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.express.operators import elementwise
from symdl.express.tensors import Tensor
from symdl.run.bound import BoundEpoch
from symdl.run.training import TrainingKernel, compile_training
from tests.targets import EVERY

n = Dim("n")


def kernel(target: str = "python", **options: Any) -> TrainingKernel:
    X, y, W = tensor("X", (n, 3)), tensor("y", (n,)), parameter("W", (3,))
    loss = elementwise(lambda a, b: (a - b) ** 2, X @ W, y).mean()

    def momentum(parameters: Any, gradients: Any) -> list[tuple[Tensor, Tensor]]:
        v, count = Tensor("v", (3,), role="state"), Tensor("count", (), role="state")
        (w,) = parameters
        new = elementwise(lambda v, g: v / 2 + g, v, gradients[w])
        return [(v, new), (w, w - new / 10), (count, count + 1)]

    return compile_training(loss, [W], momentum, dtype="float64", target=target, **options)


def data(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(count, 3)), "y": rng.normal(size=count)}


def weights() -> dict[str, np.ndarray]:
    return {"W": np.array([0.5, -1.0, 2.0]), "v": np.zeros(3), "count": np.zeros(())}


def by_hand(
    given: dict[str, np.ndarray], order: np.ndarray, size: int
) -> tuple[dict[str, np.ndarray], float]:
    w, total = weights(), 0.0
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        gap = given["X"][rows] @ w["W"] - given["y"][rows]
        total += float((gap**2).sum())
        w["v"] = w["v"] / 2 + 2 * given["X"][rows].T @ gap / len(rows)
        w["W"] = w["W"] - w["v"] / 10
        w["count"] = w["count"] + 1
    return w, total


@EVERY
@pytest.mark.parametrize("count, size", [(12, 4), (13, 4), (3, 8), (5, 1)])
def test_an_epoch(target: str, count: int, size: int) -> None:
    given, own = data(count), weights()
    kept = {name: array.copy() for name, array in given.items()}
    order = np.random.default_rng(0).permutation(count)
    bound = kernel(target).bind(own, given, size)
    total = bound.run(order)
    want, loss = by_hand(given, order, size)
    np.testing.assert_allclose(total, loss, rtol=1e-12)
    for name, array in own.items():
        np.testing.assert_allclose(array, want[name], rtol=1e-12)
        assert name == "count" or array is own[name]
    for name, array in given.items():
        np.testing.assert_array_equal(array, kept[name])


@EVERY
def test_parts_of_an_epoch_are_the_epoch(target: str) -> None:
    given, order = data(11), np.arange(11)
    whole, parts = weights(), weights()
    total = kernel(target).bind(whole, given, 3).run(order)
    bound = kernel(target).bind(parts, given, 3)
    pieces = bound.run(order, 0, 2) + bound.run(order, 2, 3) + bound.run(order, 3)
    np.testing.assert_allclose(pieces, total, rtol=1e-13)
    np.testing.assert_allclose(parts["W"], whole["W"], rtol=1e-13)


def test_states_and_what_is_updated() -> None:
    made = kernel()
    assert {t.name for t in made.states} == {"v", "count"}
    assert {t.name for t in made.updated} == {"W", "v", "count"}
    assert "count + 1" in made.source


def test_metrics_are_added_up() -> None:
    X, W = tensor("X", (n, 2)), parameter("W", (2,))
    Y = X @ W
    loss = (Y * Y).mean()
    made = compile_training(
        loss, [W], lambda p, g: [(W, W - g[W])], metrics=[Y.mean()], target="python", dtype="float64"
    )
    given = {"X": np.random.default_rng(0).normal(size=(5, 2))}
    bound = made.bind({"W": np.zeros(2)}, given, 2)
    bound.run(np.arange(5))
    np.testing.assert_array_equal(bound.totals, [0, 0])


def swapping(target: str) -> BoundEpoch:
    a, b = Tensor("a", (3,), role="state"), Tensor("b", (3,), role="state")
    X, W = tensor("X", (n,)), parameter("W", ())
    loss = (X * W).mean()
    made = compile_training(loss, [W], [(a, b), (b, a)], target=target, dtype="float64")
    bound = {"a": np.arange(3.0), "b": np.zeros(3), "W": np.ones(())}
    epoch = made.bind(bound, {"X": np.ones(4)}, 2)
    epoch.run(np.arange(2))
    np.testing.assert_array_equal(bound["b"], [0, 1, 2])
    np.testing.assert_array_equal(bound["a"], [0, 0, 0])
    return epoch


@EVERY
def test_states_may_change_places(target: str) -> None:
    swapping(target)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"X": np.ones((5, 2))}, "shape"),
        ({"y": np.ones(4)}, "shape"),
        ({"X": None}, "missing: X"),
        ({"q": np.ones(5)}, "unknown: q"),
        ({"X": np.ones((0, 3)), "y": np.ones(0)}, "no elements"),
    ],
    ids=range(5),
)
def test_data_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    given = {k: v for k, v in {**data(5), **change}.items() if v is not None}
    with pytest.raises(ArgumentError, match=message):
        kernel().bind(weights(), given, 2)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda w: {**w, "W": w["W"].astype("float32")}, "dtype"),
        (lambda w: {**w, "W": np.ones(4)}, "shape"),
        (lambda w: {**w, "W": np.ones(6)[::2]}, "in place"),
        (lambda w: {**w, "v": w["W"]}, "share memory"),
        (lambda w: {"W": w["W"]}, "missing"),
    ],
    ids=range(5),
)
def test_weights_that_do_not_fit(change: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        kernel().bind(change(weights()), data(5), 2)


@pytest.mark.parametrize("order", [[], [0, 5], [-1], [[0, 1]]], ids=range(4))
def test_positions_outside_the_data(order: Any) -> None:
    with pytest.raises(ArgumentError):
        kernel().bind(weights(), data(5), 2).run(np.array(order, "int64"))


def test_labels_are_checked_before_training() -> None:
    X, t = tensor("X", (n, 3)), tensor("t", (n,), dtype="int64")
    from symdl.express.dims import Index
    from symdl.express.surface import Sum, define

    i, W = Index("i"), parameter("W", (3, 3))
    Z = X @ W
    loss = define("L", (), Sum(Z[i, t[i]], i))
    made = compile_training(loss, [W], lambda p, g: [(W, W - g[W])], target="python", dtype="float64")
    with pytest.raises(ArgumentError, match="t holds 3"):
        made.bind({"W": np.zeros((3, 3))}, {"X": np.ones((2, 3)), "t": np.array([0, 3])}, 2)


@pytest.mark.parametrize("wrong", ["twice", "input", "shape", "names"])
def test_updates_that_make_no_sense(wrong: str) -> None:
    X, W = tensor("X", (n, 2)), parameter("W", (2,))
    loss = (X @ W).mean()
    pairs = {
        "twice": [(W, W * 2), (W, W * 3)],
        "input": [(X @ W, X @ W)],
        "shape": [(W, W.sum())],
        "names": [(W, W * 2), (Tensor("W", (2,), role="state"), W * 1)],
    }[wrong]
    with pytest.raises(ExpressionError):
        compile_training(loss, [W], pairs, target="python")


def test_vanishing_gradients_are_zero_and_only_there() -> None:
    x, w = tensor("x", (n, 1)), parameter("w", (1,))

    def descent(_: Any, gradients: Any) -> list[tuple[Tensor, Tensor]]:
        return [(w, w - gradients[w])]

    made = compile_training((x * w).mean(), [w], descent, dtype="float32")
    own = {"w": np.zeros(1, "float32")}
    made.bind(own, {"x": np.full((4, 1), 1e-40, "float32")}, 4).run(np.arange(4))
    assert own["w"][0] == 0.0
    assert np.float32(1e-40) * np.float32(0.5) > 0  # the caller's arithmetic is as before
