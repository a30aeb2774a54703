"""Values at the edges of arithmetic: empty axes, floors and remainders, limits, overflow, order.

The kind: a formula that is right for ordinary numbers is not what NumPy's function computes where an axis is
empty, a quotient is almost whole, limits cross, squares overflow or an element is NaN. Right values come from
NumPy, from Python's numbers and from closed forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.errors import ShapeError
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference import evaluate

N = sd.Dim("n")
NOTHING = np.zeros((2, 0))


def everywhere(
    tensors: Mapping[str, Tensor], values: Mapping[str, Any], dtype: Any = "float64"
) -> list[dict[str, np.ndarray]]:
    """The values of tensors by every way to compute them."""
    wanted = list(tensors.values())
    program = collect(wanted)
    used = {str(t.name): values[str(t.name)] for t in program.inputs if t.value is None}
    found = evaluate(program, used, dtype=dtype)
    ways = [[found[t] for t in wanted]]
    ways += [sd.compile(wanted, target=target, dtype=dtype)(**used) for target in ("cpu", "python")]
    return [dict(zip(tensors, way, strict=True)) for way in ways]


def test_empty_axes() -> None:
    x, z = sd.tensor("x", (2, 0)), sd.tensor("z", (0, 2))
    expected = {
        "sum": (x.sum(1), 0),
        "prod": (x.prod(1), 1),
        "mean": (x.mean(1), np.nan),
        "mean of all": (x.mean(), np.nan),
        "mean, axis kept": (x.mean(1, keepdims=True), np.nan),
        "mean of the first axis": (z.mean(0), np.nan),
        "var": (x.var(1), np.nan),
        "std": (z.std(0), np.nan),
        "var, correction": (x.var(1, correction=1), np.nan),
        "max": (x.max(1), -np.inf),
        "min": (x.min(1), np.inf),
        "split": (x.max(1, ties="split"), -np.inf),
        "logsumexp": (sd.logsumexp(x, 1), -np.inf),
        "norm": (sd.norm(x), 0),
        "loss": (nn.mean_squared_error(x, x), np.nan),
        "absolute loss": (nn.mean_absolute_error(x, x), np.nan),
    }
    for found in everywhere({k: t for k, (t, _) in expected.items()}, {"x": NOTHING, "z": NOTHING.T}):
        for name, value in found.items():
            np.testing.assert_array_equal(value, np.full(value.shape, expected[name][1]), err_msg=name)
    for find in (sd.argmax, sd.argmin):
        with pytest.raises(ShapeError, match="no element"):
            find(x, 1)


def test_masks_that_leave_nothing() -> None:
    y, m = sd.tensor("y", (3,)), sd.tensor("m", (3,), dtype="int64")
    expected = {
        "sum": (y.sum(where=m), 0),
        "prod": (y.prod(where=m), 1),
        "mean": (y.mean(where=m), np.nan),
        "var": (y.var(where=m), np.nan),
        "var, correction": (y.var(where=m, correction=1), np.nan),
        "max": (y.max(where=m), -np.inf),
        "max, split": (y.max(where=m, ties="split"), -np.inf),
        "min, split": (y.min(where=m, ties="split"), np.inf),
        "split, axis kept": (y.max(where=m, keepdims=True, ties="split"), -np.inf),
        "logsumexp": (sd.logsumexp(y, where=m), -np.inf),
    }
    values = {"y": np.array([1.0, 2, 2]), "m": np.array([0, 0, 0])}
    for found in everywhere({k: t for k, (t, _) in expected.items()}, values):
        for name, value in found.items():
            np.testing.assert_array_equal(value, np.full(value.shape, expected[name][1]), err_msg=name)
    for build in (y.max, y.min):
        slopes = sd.compile(build(where=m, ties="split"), wrt=[y])
        np.testing.assert_array_equal(slopes(**values)[1]["y"], [0, 0, 0])
        np.testing.assert_allclose(slopes(**values | {"m": np.array([0, 1, 1])})[1]["y"], [0, 0.5, 0.5])
        assert np.isnan(slopes(y=[1.0, np.nan, 2], m=[1, 1, 1])[0])


def test_degrees_of_freedom() -> None:
    """NumPy divides by the count less the correction, or by 0."""
    x, s = sd.tensor("x", (2,)), sd.tensor("s", (N,))
    build = {(t.name, ddof): t.var(ddof=ddof) for t in (x, s) for ddof in (0, 1, 2, 3)}
    named = {f"{name} {ddof}": t for (name, ddof), t in build.items()}
    for numbers in ([1.0, 4.0], [3.0, 3.0]):
        for found in everywhere(named, {"x": numbers, "s": numbers}):
            for name, ddof in build:
                with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if ddof > 1 else np.errstate():
                    expected = np.var(numbers, ddof=ddof)
                np.testing.assert_array_equal(found[f"{name} {ddof}"], expected)


def test_clip_with_any_limits() -> None:
    """``min(max(x, low), high)``, also where the limits cross; NaN stays."""
    special = [-np.inf, -2.0, -1.0, 0.0, 0.5, 1.0, 3.0, np.inf, np.nan]
    grid = np.array(np.meshgrid(special, special, special)).reshape(3, -1)
    x, low, high = (sd.tensor(name, (grid.shape[1],)) for name in ("x", "low", "high"))
    tensors = {
        "both": sd.clip(x, low, high),
        "low": sd.clip(x, low),
        "high": sd.clip(x, high=high),
        "number and tensor": sd.clip(x, low, 1),
        "tensor and number": sd.clip(x, -1, high),
        "numbers": sd.clip(x, -1, 1),
        "crossed": sd.clip(x, 3, 1),
    }
    a, b, c = grid
    expected = {
        "both": np.minimum(np.maximum(a, b), c),
        "low": np.maximum(a, b),
        "high": np.minimum(a, c),
        "number and tensor": np.minimum(np.maximum(a, b), 1),
        "tensor and number": np.minimum(np.maximum(a, -1), c),
        "numbers": np.clip(a, -1, 1),
        "crossed": np.minimum(np.maximum(a, 3), 1),
    }
    for found in everywhere(tensors, {"x": a, "low": b, "high": c}):
        for name, value in found.items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_the_slope_of_a_clipped_value() -> None:
    """1 strictly between the limits and 0 at and beyond them; what is returned gets the slope."""
    x, low, high = sd.tensor("x", (7,)), sd.tensor("low", (7,)), sd.tensor("high", (7,))
    given = {
        "x": [0.0, -1, 1, -2, 2, 0, 5],
        "low": [-1.0, -1, -1, -1, -1, 3, 3],
        "high": [1.0, 1, 1, 1, 1, 1, 1],
    }
    _, slopes = sd.compile(sd.clip(x, low, high).sum(), wrt=[x, low, high])(**given)
    np.testing.assert_array_equal(slopes["x"], [1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(slopes["low"], [0, 1, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(slopes["high"], [0, 0, 1, 0, 1, 1, 1])
    _, slopes = sd.compile(sd.clip(x, -1, 1).sum(), wrt=[x])(x=given["x"])
    np.testing.assert_array_equal(slopes["x"], [1, 0, 0, 0, 0, 1, 0])
