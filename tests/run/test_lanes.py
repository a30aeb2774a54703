"""Values with a lane for each sample: what they compute is what numbers compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit, types

from symdl.express.random import uniform_numbers
from symdl.lower.ir.loops import LAYOUT_BLOCK
from symdl.run.cpu.intrinsics import elementary as vectors
from symdl.run.cpu.intrinsics.pointers import REALS
from symdl.run.cpu.intrinsics.simd import (
    choose,
    each,
    each_of_three,
    each_of_two,
    put_rows,
    put_samples,
    rows_at,
    sample_numbers,
    samples_at,
    spread,
    total,
)
from symdl.run.memory import address

OPTIONS: dict[str, Any] = {"error_model": "numpy"}
HARD = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1e-30,
    -1e-30,
    0.6,
    0.7,
    -1.0,
    100.0,
    -100.0,
    1000.0,
    3.9,
    1.0,
    5e-324,
]


def over_samples(compute: Callable[[Any], Any], dtype: str) -> Callable[[np.ndarray], np.ndarray]:
    at, inner = REALS[dtype], njit(**OPTIONS)(compute)

    @njit(types.void(types.int64, types.int64, types.int64), **OPTIONS)
    def run(source: int, target: int, count: int) -> None:
        given, made = at(source), at(target)
        for block in range(count):
            put_samples(made, LAYOUT_BLOCK * block, inner(samples_at(given, LAYOUT_BLOCK * block)))

    def called(values: np.ndarray) -> np.ndarray:
        result = np.empty_like(values)
        run(address(values), address(result), len(values) // LAYOUT_BLOCK)
        return result

    return called


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "tanh", "log", "erf", "log1p"])
def test_functions_give_the_same_bits(name: str, dtype: str) -> None:
    function = getattr(vectors, name)
    values = np.concatenate([HARD, 4 * np.random.default_rng(0).normal(size=4 * LAYOUT_BLOCK)]).astype(dtype)
    found = over_samples(lambda x: each(function, x), dtype)(values)
    scalar = njit(**OPTIONS)(lambda x: function(x))
    np.testing.assert_array_equal(found, np.array([scalar(v) for v in values]))


def test_arithmetic_comparisons_and_choices() -> None:
    def compute(x: Any) -> Any:
        y = (2 * x - x / 4 + 1) * x
        y += spread(0.5)
        inside = ((y > 0.0) & (x <= 1.0)) | ~(x == x)
        return choose(inside, each(abs, -y), choose(x < y, 0.0, each(math.sqrt, y * y)))

    def plain(x: np.ndarray) -> np.ndarray:
        y = (2 * x - x / 4 + 1) * x + 0.5
        inside = ((y > 0) & (x <= 1)) | np.isnan(x)
        return np.where(inside, abs(y), np.where(x < y, 0.0, np.sqrt(y * y)))

    values = np.random.default_rng(1).normal(size=2 * LAYOUT_BLOCK)
    values[5] = np.nan
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(over_samples(compute, "float64")(values), plain(values), rtol=1e-14)


def test_functions_of_several_numbers() -> None:
    def compute(x: Any) -> Any:
        drawn = each_of_three(vectors.uniform, 3.0, 1.0, sample_numbers())
        return each_of_two(math.atan2, x, 2.0) + each(np.float64, sample_numbers()) + drawn

    values = np.random.default_rng(2).normal(size=LAYOUT_BLOCK)
    drawn = uniform_numbers(3.0, 1.0, np.arange(LAYOUT_BLOCK))
    want = np.arctan2(values, 2) + np.arange(LAYOUT_BLOCK) + drawn
    np.testing.assert_allclose(over_samples(compute, "float64")(values), want, rtol=1e-14)


@pytest.mark.parametrize("count", [1, 5, LAYOUT_BLOCK])
def test_only_live_samples_are_read_written_and_added_up(count: int) -> None:
    at = REALS["float64"]

    @njit(types.float64(types.int64, types.int64, types.int64), **OPTIONS)
    def run(source: int, target: int, live: int) -> float:
        values = rows_at(at(source), 1, 3, live)
        put_rows(at(target), 0, 2, values, live)
        return total(values + 1.0, live)

    given, made = np.random.default_rng(3).normal(size=3 * count), np.zeros(2 * LAYOUT_BLOCK)
    added = run(address(given), address(made), count)
    want = np.zeros(2 * LAYOUT_BLOCK)
    want[: 2 * count : 2] = given[1::3]
    np.testing.assert_array_equal(made, want)
    assert added == pytest.approx(given[1::3].sum() + count, rel=1e-14)
