"""First values of parameters, and their checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl.errors import ArgumentError, TrainingError
from symdl.express.build import parameter
from symdl.train import weights

W = parameter("first.W", (4, 3))
b = parameter("first.b", (3,))
s = parameter("scale", ())
TENSORS = (W, b, s)


@given(st.integers(0, 2**40), st.sampled_from(["float32", "float64"]))
def test_first_values_follow_the_seed(seed: int, dtype: str) -> None:
    one = weights.initial(TENSORS, seed=seed, dtype=dtype)
    two = weights.initial(TENSORS, seed=seed, dtype=dtype)
    other = weights.initial(TENSORS, seed=seed + 1, dtype=dtype)
    assert [(k, a.shape, str(a.dtype)) for k, a in one.items()] == [
        ("first.W", (4, 3), dtype),
        ("first.b", (3,), dtype),
        ("scale", (), dtype),
    ]
    np.testing.assert_array_equal(one["first.W"], two["first.W"])
    assert not np.array_equal(one["first.W"], other["first.W"])
    assert np.abs(one["first.W"]).max() <= np.float32(np.sqrt(6 / 7))
    assert not one["first.b"].any() and not one["scale"].any()


def test_an_initializer_is_used_and_checked() -> None:
    ones = parameter("a", (2,), init=lambda shape, rng: np.ones(shape))
    assert weights.initial([ones], seed=0, dtype="float32")["a"].tolist() == [1, 1]
    for values in (np.ones(3), [np.nan, 1.0]):
        bad = parameter("a", (2,), init=lambda shape, rng, values=values: values)
        with pytest.raises(TrainingError, match="initializer of a"):
            weights.initial([bad], seed=0, dtype="float32")


def filled(seed: int = 3, dtype: str = "float32") -> weights.Weights:
    rng = np.random.default_rng(seed)
    shapes = {"first.W": (4, 3), "first.b": (3,), "scale": ()}
    return {name: np.array(rng.normal(size=shape), dtype) for name, shape in shapes.items()}


def changed(**arrays: Any) -> weights.Weights:
    return {k: a for k, a in (filled() | arrays).items() if a is not None}


def test_checked_weights() -> None:
    values = filled()
    same = weights.checked_weights(TENSORS, values, "float32")
    assert all(same[name] is values[name] for name in values)
    converted = weights.checked_weights(TENSORS, filled(dtype="float64"), "float32")
    assert {str(array.dtype) for array in converted.values()} == {"float32"}
    for bad, message in [
        (changed(scale=None), "'scale' is missing"),
        (changed(more=np.ones(1)), "'more' is unknown"),
        (changed(scale=np.ones(1)), "'scale' has the wrong shape"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            weights.checked_weights(TENSORS, bad, "float32")


def test_copies_and_putting_back() -> None:
    values = filled()
    kept = weights.copies(values)
    array = values["first.W"]
    array[...] = np.inf
    assert not weights.all_finite(values)
    weights.put_back(values, kept)
    assert weights.all_finite(values) and values["first.W"] is array
