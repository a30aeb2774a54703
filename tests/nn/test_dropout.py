"""Dropout: the same mask forward and backward, new in each step, the identity at inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ExpressionError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.modes import inference, training_updates
from symdl.express.program import collect
from symdl.express.random import uniform_numbers
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate
from tests.targets import EVERY

N = Dim("n")


def test_the_gradient_has_the_mask_of_the_value() -> None:
    x = tensor("x", (N, 40))
    y = nn.dropout(x, 0.3, name="d")
    derivative = differentiate(y.sum(), [x])
    values = evaluate(derivative.program, {"x": np.ones((50, 40)), "d.step": 7.0})
    np.testing.assert_array_equal(values[derivative.gradient(x)], values[y])
    assert set(np.unique(values[y])) == {0.0, 1 / 0.7}
    assert np.mean(values[y] == 0) == pytest.approx(0.3, abs=0.03)


def test_steps_names_and_seeds_give_other_masks() -> None:
    x = tensor("x", (N, 40))
    found = []
    for name, seed, step in [("d", 0, 0.0), ("d", 0, 1.0), ("e", 0, 0.0), ("d", 1, 0.0)]:
        y = nn.dropout(x, name=name, seed=seed)
        found.append(evaluate(collect([y]), {"x": np.ones((9, 40)), f"{name}.step": step})[y])
    assert all(np.any(a != b) for k, a in enumerate(found) for b in found[:k])


def test_names_come_from_the_tensor() -> None:
    x, y = tensor("x", (N, 4)), tensor("y", (N, 4))
    first, second = nn.dropout(x, 0.5), nn.dropout(y, 0.5)
    assert [t.name for t in collect([first, second]).inputs if t.role == "state"] == [
        "x.dropout.step",
        "y.dropout.step",
    ]
    with pytest.raises(ExpressionError, match=r"two tensors are called 'x.dropout.step'(?s:.*)own name"):
        collect([first, nn.dropout(x, 0.1)])


def test_modes() -> None:
    x = tensor("x", (N, 3))
    y = nn.dropout(x, 0.5, name="d") * 2
    ((state, following),) = training_updates(y)
    assert state.name == "d.step"
    assert evaluate(collect([following]), {"d.step": 4.0})[following] == 5
    (plain,) = inference(y)
    data = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(evaluate(collect([plain]), {"x": data})[plain], 2 * data)


@given(seed=st.integers(0, 2**24 - 1), step=st.integers(0, 10**6))
def test_numbers_are_spread_evenly(seed: int, step: int) -> None:
    numbers = uniform_numbers(seed, step, np.arange(4096))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, bins=8, range=(0, 1))[0]
    assert np.sum((counts - 512) ** 2 / 512) < 45  # chi-squared, 7 degrees of freedom: below 1e-7
    after = uniform_numbers(seed, step + 1, np.arange(4096))
    assert abs(np.corrcoef(numbers, after)[0, 1]) < 0.09
    assert np.array_equal(numbers, numbers.astype("float32"))


@pytest.mark.parametrize("rate", [-0.1, 1.0, True, "half"], ids=str)
def test_rates_are_checked(rate: float) -> None:
    with pytest.raises(ExpressionError, match="rate"):
        nn.dropout(tensor("x", (N, 3)), rate, name="d")


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_draw_the_same_numbers(target: Any, dtype: Any) -> None:
    x = tensor("x", (N, 7))
    y = nn.dropout(x, 0.4, name="d")
    data = np.random.default_rng(0).random((5, 7)) + 0.5
    for step in (0.0, 1.0, 1e6):
        expected = evaluate(collect([y]), {"x": data, "d.step": step})[y]
        found, slopes = compile(y.sum(), wrt=[x], dtype=dtype, target=target)(**{"x": data, "d.step": step})
        np.testing.assert_array_equal(slopes["x"] > 0, expected > 0)
        assert found == pytest.approx(expected.sum(), rel=1e-5)


def test_elements_along_shared_axes_are_dropped_together() -> None:
    x = tensor("x", (40, 6, 3, 2))
    y = nn.dropout(x, 0.4, shared=(2, -1), name="channels")
    found = evaluate(collect([y]), {"x": np.ones((40, 6, 3, 2)), "channels.step": 0.0})[y]
    assert (found == found[:, :, :1, :1]).all()
    assert np.mean(found == 0) == pytest.approx(0.4, abs=0.1)
