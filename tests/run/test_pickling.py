"""Compiled functions are pickled as their programs, and compiled again where they are read."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd

x, y = sp.symbols("x y")
n = sd.Dim("n")
X = sd.tensor("X", (n, 3))
Y = sd.nn.dense(X, 2, activation=sd.tanh, name="layer")
TENSORS = {"X": np.linspace(-1, 1, 12).reshape(4, 3), "layer.W": np.eye(3, 2), "layer.b": np.ones(2)}
POINTS = {"x": np.linspace(0.1, 2, 5), "y": 3.0}


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [part for key in value for part in flat(value[key])]
    return (
        [part for each in value for part in flat(each)] if isinstance(value, tuple) else [np.asarray(value)]
    )


@pytest.mark.parametrize(
    ("made", "arguments"),
    [
        (lambda: sd.compile(Y), TENSORS),
        (lambda: sd.compile((Y**2).sum(), wrt="parameters", dtype="float32"), TENSORS),
        (lambda: sd.compile([Y, Y.sum()], target="python"), TENSORS),
        (lambda: sd.compile(sp.sin(x**2 * y), wrt=[x, y]), POINTS),
        (lambda: sd.compile([x * y, sp.exp(-x)], wrt=[x]), POINTS),
    ],
    ids=["tensor", "gradients", "python", "scalar", "list"],
)
def test_a_function_comes_back_with_the_same_results(made: Any, arguments: dict[str, Any]) -> None:
    function = made()
    again = pickle.loads(pickle.dumps(function))  # noqa: S301 (written a moment ago)
    assert again.signature == function.signature
    for one, other in zip(flat(function(**arguments)), flat(again(**arguments)), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    assert copy.deepcopy(function) is function
