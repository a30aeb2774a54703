"""Noise and accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ShapeError
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

n = sd.Dim("n")


def drawn(name: str = "noise", seed: int = 0, step: int = 0, target: Any = "cpu") -> np.ndarray:
    x = sd.tensor("x", (n, 3))
    run = sd.compile(x + sd.nn.normal_noise((n, 3), name=name, seed=seed), dtype="float64", target=target)
    rows = 40_000 if target == "cpu" else 20
    return np.asarray(run(**{"x": np.zeros((rows, 3)), f"{name}.step": float(step)}))


def test_noise_is_standard_normal() -> None:
    found = drawn()
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(found.T), np.eye(3), atol=0.03)
    assert (found**3).mean() == pytest.approx(0, abs=0.05) and (found**4).mean() == pytest.approx(3, abs=0.1)
    assert abs(np.corrcoef(found[:-1, 0], found[1:, 0])[0, 1]) < 0.02


def test_noise_repeats_by_name_seed_and_step() -> None:
    found = drawn()
    np.testing.assert_array_equal(found, drawn())
    np.testing.assert_allclose(found[:20], drawn(target="python"), rtol=1e-12)
    for other in (drawn("other"), drawn(seed=1), drawn(step=1)):
        assert abs(np.corrcoef(found.ravel(), other.ravel())[0, 1]) < 0.02


def test_noise_stands_still_at_inference() -> None:
    x, z = sd.tensor("x", (n, 3)), sd.tensor("z", (n, 3))
    values = np.random.default_rng(0).normal(size=(2, 4, 3))
    (still,) = sd.inference(x + sd.nn.normal_noise((n, 3), name="noise"))
    np.testing.assert_array_equal(outputs(collect([still]), {"x": values[0]})[0], values[0])
    (given,) = sd.inference(x + sd.nn.normal_noise((n, 3), name="noise", inference=z))
    found = outputs(collect([given]), {"x": values[0], "z": values[1]})[0]
    np.testing.assert_array_equal(found, values.sum(axis=0))
    with pytest.raises(ShapeError):
        sd.nn.normal_noise((n, 2), name="noise", inference=z)


def test_accuracy() -> None:
    logits, t = sd.tensor("logits", (n, 4)), sd.tensor("t", (n,), dtype="int64")
    rng = np.random.default_rng(0)
    given = {"logits": rng.normal(size=(50, 4)), "t": rng.integers(0, 4, 50)}
    (found,) = outputs(collect([sd.nn.accuracy(logits, t)]), given)
    assert found == pytest.approx((given["logits"].argmax(axis=1) == given["t"]).mean())
    with pytest.raises(ShapeError):
        sd.nn.accuracy(logits, sd.tensor("y", (n,)))
