"""Central differences of functions whose gradients are known."""

from __future__ import annotations

import numpy as np
import pytest

from symdl.check.central import central_gradient

rng = np.random.default_rng(3)
A, u, w = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=2)


def function(at: dict[str, np.ndarray]) -> float:
    return float(np.sin(at["u"]) @ A @ np.exp(at["w"]))


def test_smooth_functions_get_ten_digits() -> None:
    found = central_gradient(function, {"u": u, "w": w})
    expected = {"u": np.cos(u) * (A @ np.exp(w)), "w": (np.sin(u) @ A) * np.exp(w)}
    for name, array in expected.items():
        assert np.abs(found[name] - array).max() / np.abs(array).max() < 1e-10


def test_large_values_take_large_steps() -> None:
    found = central_gradient(lambda at: float(at["x"] ** 2), {"x": 1e6})
    assert found["x"] == pytest.approx(2e6, rel=1e-8)


def test_chosen_entries_and_names() -> None:
    at = {"x": np.arange(6.0).reshape(2, 3), "y": np.ones(2)}
    found = central_gradient(lambda v: float((v["x"] ** 2).sum()), at, wrt=["x"], entries={"x": [1, 5]})
    assert list(found) == ["x"]
    assert np.allclose(found["x"].ravel()[[1, 5]], [2.0, 10.0])
    assert np.isnan(found["x"].ravel()[[0, 2, 3, 4]]).all()


def test_the_point_is_not_changed() -> None:
    x = np.array([1, 2, 3])
    found = central_gradient(lambda at: float((at["x"] ** 3).sum()), {"x": x})
    assert np.allclose(found["x"], [3, 12, 27])
    assert np.array_equal(x, [1, 2, 3])
