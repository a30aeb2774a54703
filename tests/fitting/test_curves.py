"""Start values guessed from data lead to the curve that made them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.express.program import collect
from symdl.fitting.curves import (
    Curve,
    constant,
    decay,
    gaussian,
    line,
    logistic,
    lorentzian,
    oscillation,
    pseudo_voigt,
)
from symdl.fitting.equations import derived
from symdl.fitting.guesses import guess
from symdl.run.reference.interpreter import outputs

from .certified import load

X = sp.Symbol("x")
AT = np.linspace(0, 10, 200)
CASES: dict[str, tuple[Curve, dict[str, float]]] = {
    "voigt": (
        pseudo_voigt(X) + line(X),
        {"height": 3, "centre": 4, "width": 0.5, "fraction": 0.6, "intercept": 1, "slope": 0.2},
    ),
    "a dip and a peak": (
        lorentzian(X, 1) + lorentzian(X, 2) + constant(X),
        {
            "height_1": -3,
            "centre_1": 4,
            "width_1": 0.5,
            "height_2": 5,
            "centre_2": 5.5,
            "width_2": 0.3,
            "offset": 1,
        },
    ),
    "oscillation": (
        oscillation(X) + constant(X),
        {"amplitude": 2, "frequency": 1.3, "phase": 0.7, "offset": 5},
    ),
    "two decays": (
        decay(X, 1) + decay(X, 2) + constant(X),
        {"amplitude_1": 2, "rate_1": 0.4, "amplitude_2": 5, "rate_2": 3, "offset": 0.5},
    ),
    "growth": (decay(X), {"amplitude": 0.1, "rate": -0.5}),
    "step down": (
        logistic(X) + constant(X),
        {"height": -4, "middle": 6, "width": 0.4, "offset": 2},
    ),
}


def value(curve: Curve, at: Any, parameters: dict[str, float]) -> Any:
    program = collect([derived(curve.formula, data=["x"], free=[]).value])
    return outputs(program, {"x": at, **parameters})[0]


@pytest.mark.parametrize("case", CASES)
def test_a_guess_explains_most_of_the_data(case: str) -> None:
    curve, true = CASES[case]
    assert list(map(str, curve.parameters)) == list(true)
    y = value(curve, AT, true) + 0.05 * np.random.default_rng(1).normal(size=200)
    found = guess(curve, AT, y)
    assert list(found) == list(true)
    left = y - value(curve, AT, found)
    assert left @ left < 0.15 * ((y - y.mean()) @ (y - y.mean()))
    moved = np.random.default_rng(2).permutation(200)
    assert guess(curve, AT[moved], y[moved]) == pytest.approx(found)


@settings(max_examples=8)
@given(
    st.floats(0.2, 0.4), st.floats(0.55, 0.8), st.floats(0.02, 0.06), st.floats(0.5, 2), st.integers(0, 10**6)
)
def test_two_peaks_on_a_line_are_found(
    low: float, high: float, width: float, ratio: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    unit, scale = 10.0 ** rng.integers(-3, 4, 2)
    at = unit * np.sort(rng.uniform(0, 1, 150))
    curve = gaussian(X, 1) + gaussian(X, 2) + line(X)
    true = {
        "height_1": scale,
        "centre_1": unit * low,
        "width_1": unit * width,
        "height_2": scale * ratio,
        "centre_2": unit * high,
        "width_2": unit * width * 1.3,
        "intercept": 0.3 * scale,
        "slope": 0.2 * scale / unit,
    }
    y = sum(
        true[f"height_{i}"] * np.exp(-(((at - true[f"centre_{i}"]) / true[f"width_{i}"]) ** 2) / 2)
        for i in (1, 2)
    )
    y = y + true["intercept"] + true["slope"] * at + 0.02 * scale * rng.normal(size=150)
    fit = sd.fit(curve, x=at, y=y)
    for name, expected in true.items():
        assert abs(fit.values[name] - expected) < 6 * fit.errors[name], (name, fit)


@pytest.mark.parametrize("name", ["Gauss1", "Gauss3"])
def test_certified_peaks_without_a_start(name: str) -> None:
    problem = load(name)
    fit = sd.fit(decay(X) + gaussian(X, 1) + gaussian(X, 2), **problem.data)
    assert fit.quality.chi2 == pytest.approx(problem.sum_of_squares, rel=1e-9)


def test_what_is_said_comes_before_what_is_guessed() -> None:
    curve, true = CASES["a dip and a peak"]
    y = value(curve, AT, true) + 0.05 * np.random.default_rng(1).normal(size=200)
    fit = sd.fit(
        curve,
        x=AT,
        y=y,
        start={"centre_1": 4.2},
        fixed={"width_2": 0.3},
        tied={"offset": sp.Symbol("height_2") / 5},
        bounds={"height_2": (0, 4)},
    )
    assert fit.problem.parameters.start[fit.labels.index("centre_1")] == 4.2
    assert fit.values["width_2"] == 0.3 and fit.values["height_2"] <= 4
    assert fit.values["offset"] == pytest.approx(fit.values["height_2"] / 5)
    assert fit.problem.parameters.lower[fit.labels.index("width_1")] == 0  # a width is positive


def test_curves_that_do_not_fit_each_other() -> None:
    with pytest.raises(sd.SymdlError, match="both curves have a parameter height"):
        gaussian(X) + gaussian(X)
    with pytest.raises(sd.SymdlError, match="one curve is of x, the other of t"):
        gaussian(X) + line("t")
    with pytest.raises(sd.SymdlError, match="is no symbol"):
        gaussian(3)
    with pytest.raises(sd.SymdlError, match="x is the same at all points"):
        sd.fit(line(X), x=[1, 1, 1], y=[1, 2, 3])
