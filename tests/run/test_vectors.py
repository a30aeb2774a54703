"""The vectorised functions: two units in the last place everywhere, and right at the ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from numba import njit, types
from scipy import special

import symdl as sd
from symdl.run.cpu.intrinsics import elementary as vectors
from symdl.run.cpu.intrinsics.pointers import OPTIONS, disjoint
from symdl.run.elementary.formats import SINGLE

x = sp.Symbol("x")
FUNCTIONS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "exp": (sp.exp(x), np.exp),
    "tanh": (sp.tanh(x), np.tanh),
    "log": (sp.log(x), np.log),
    "log1p": (sp.log(1 + x), np.log1p),
    "expm1": (sp.exp(x) - 1, np.expm1),
    "sin": (sp.sin(x), np.sin),
    "cos": (sp.cos(x), np.cos),
    "erf": (sp.erf(x), special.erf),
}
NAN, INF = np.nan, np.inf
ENDS = {  # at NaN, infinity, minus infinity, 0, -0
    "exp": (NAN, INF, 0, 1, 1),
    "tanh": (NAN, 1, -1, 0, -0.0),
    "log": (NAN, INF, NAN, -INF, -INF),
    "log1p": (NAN, INF, NAN, 0, -0.0),
    "expm1": (NAN, INF, -1, 0, -0.0),
    "sin": (NAN, NAN, NAN, 0, -0.0),
    "cos": (NAN, NAN, NAN, 1, 1),
    "erf": (NAN, 1, -1, 0, -0.0),
}


def build(body: Any, dtype: Any) -> Any:
    """Compile a body as one equation, so that safe forms such as log1p are found."""
    n, (i,) = sd.Dim("n"), sd.indices("i")
    points = sd.tensor("x", (n,))
    return sd.compile(sd.define("y", (i,), body.subs(x, points[i])), dtype=dtype)


def test_sin_is_not_a_library_call() -> None:
    assert "math." not in build(sp.sin(x) + sp.erf(x) + sp.log(x), "float32").source


def units(found: Any, exact: Any) -> Any:
    """Return errors in units in the last place; 0 where both are equal, or no numbers."""
    near = exact.astype(found.dtype)
    same = (found == near) | (np.isnan(found) & np.isnan(near))
    return np.where(same, 0, abs(found - exact) / np.spacing(abs(near)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_units_in_the_last_place_for_all_floats(name: str) -> None:
    body, exact = FUNCTIONS[name]
    f = build(body, "float32")
    every = np.arange(0, 2**32, 8191, dtype=np.uint32).view("float32")  # half a million of all bit patterns
    dense = [np.linspace(-top, top, 100_001).astype("float32") for top in (1e-3, 0.7, 2, 20, 88.6)]
    with np.errstate(all="ignore"):
        for points in (every, *dense):
            wanted = exact(points.astype("float64"))
            if name == "exp":
                wanted = np.where(wanted < SINGLE.smallest, 0, wanted)
            assert units(f(x=points), wanted).max() <= 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_three_units_for_doubles(name: str) -> None:
    body, exact = FUNCTIONS[name]
    f = build(body, "float64")
    for low, high in [(1e-3, 700), (1e-300, 1e-290), (1e9, 1e10)]:
        points = np.geomspace(low, high, 20_001)
        with np.errstate(all="ignore"):
            for signed in (points, -points):
                wanted = exact(signed.astype(np.longdouble) if name != "erf" else signed)
                assert units(f(x=signed), wanted).max() <= 3


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinities_zeros_and_nan(name: str, dtype: str) -> None:
    points = np.array([NAN, INF, -INF, 0.0, -0.0], dtype)
    with np.errstate(all="ignore"):
        found = build(FUNCTIONS[name][0], dtype)(x=points)
    np.testing.assert_array_equal(found, ENDS[name])
    zeros = np.signbit(found[3:])
    assert list(zeros) == [np.signbit(end) for end in ENDS[name][3:]]


def test_large_arguments_go_to_the_right_ends() -> None:
    points = np.array([1e4, -1e4], "float32")
    for name, ends in {"exp": (INF, 0), "expm1": (INF, -1), "tanh": (1, -1), "erf": (1, -1)}.items():
        np.testing.assert_array_equal(build(FUNCTIONS[name][0], "float32")(x=points), ends)


@pytest.mark.parametrize("name", [*FUNCTIONS, "near_sin", "near_cos"])
def test_a_loop_over_it_becomes_one_over_vectors(name: str) -> None:
    function = getattr(vectors, name)
    options = {key: value for key, value in OPTIONS.items() if key != "cache"}

    @njit(types.void(types.CPointer(types.float32), types.CPointer(types.float32), types.int64), **options)
    def loop(source: Any, target: Any, count: Any) -> None:
        disjoint()
        for at in range(count):
            target[at] = function(source[at])

    (code,) = loop.inspect_llvm().values()
    assert re.search(r"<\d+ x float> @llvm\.fma\.v", code)
