"""The vectorised functions: a few units in the last place everywhere, and right at the ends."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdl.run.compile import compile as build

x = sp.Symbol("x")
FUNCTIONS = {"exp": (sp.exp, np.exp), "tanh": (sp.tanh, np.tanh)}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_few_units_in_the_last_place(name: str, dtype: str) -> None:
    ours, theirs = FUNCTIONS[name]
    f = build(ours(x), dtype=dtype)  # type: ignore[arg-type]
    ends = 87.3 if dtype == "float32" else 708.3
    ranges = [(-ends, ends + 0.5), (-2, 2), (-0.7, 0.7), (-1e-3, 1e-3)]
    for low, high in ranges:
        points = np.linspace(low, high, 20_001).astype(dtype)
        exact = theirs(points.astype(np.longdouble))
        np.testing.assert_allclose(f(x=points), exact, rtol=3 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinities_zeros_and_nan(dtype: str) -> None:
    points = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e4, -1e4], dtype)
    found = build(sp.exp(x), dtype=dtype)(x=points)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, [np.nan, np.inf, 0, 1, 1, np.inf, 0])
    found = build(sp.tanh(x), dtype=dtype)(x=points)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, [np.nan, 1, -1, 0, -0.0, 1, -1])
