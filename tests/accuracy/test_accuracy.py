"""Coefficients are those that the fit finds, and errors are what the docstrings say."""

from __future__ import annotations

import numpy as np
import pytest

from symdl.run.cpu.intrinsics import elementary
from symdl.run.elementary.formats import DOUBLE, SINGLE, Format
from symdl.run.elementary.trigonometric import LEFT

from .fit import cases, half_pi, left_by_turns
from .measure import BOUNDS, errors, worst
from .remez import fit


@pytest.mark.parametrize("name", ["sin", "cos", "exp"])  # a minute for all
def test_the_fit_finds_the_coefficients_in_use(name: str) -> None:
    case = cases()[name]
    found = fit(case.problem)
    assert found.coefficients == case.used
    assert found.best <= found.error < 1.2 * found.best


@pytest.mark.parametrize("f", [SINGLE, DOUBLE], ids=lambda f: f.kind)
def test_parts_of_a_quarter_turn(f: Format) -> None:
    assert half_pi(f.kind) == f.half_pi


def test_what_turns_leave_of_powers_of_two() -> None:
    assert [left_by_turns(power) for _, power, _, _ in LEFT] == [(high, low) for _, _, high, low in LEFT]


@pytest.mark.parametrize(("name", "dtype"), BOUNDS)
def test_errors_stay_below_what_is_said(name: str, dtype: str) -> None:
    most, where = worst(name, dtype, step=65521)
    assert 0.5 < most <= BOUNDS[name, dtype], where


def test_every_function_is_measured() -> None:
    exact = (
        "reach",
        "ratio",
        "floor_divide",
        "remainder",
        "near_floor_divide",
        "near_remainder",
        "reach_of_two",
    )
    assert {name for name, _ in BOUNDS} == set(elementary.BODIES) - set(exact)


def test_an_error_is_seen() -> None:
    x = np.linspace(0.1, 5, 100).astype("float32")
    right = np.exp(x.astype("float64")).astype("float32")
    assert errors("exp", right, x).max() <= 0.51
    assert errors("exp", np.nextafter(np.nextafter(right, np.float32(9e9)), np.float32(9e9)), x).min() > 1
