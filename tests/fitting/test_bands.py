"""Bands, intervals and derived quantities, against simulated experiments and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.stats import f as fisher

import symdl as sd

x, a, b, c = sp.symbols("x a b c")
X = np.linspace(0, 4, 12)
TRUE = 3 * np.exp(-1.2 * X)
CURVE = a * sp.exp(-b * x)
RNG = np.random.default_rng(11)
FIT = sd.fit(CURVE, x=X, y=TRUE + 0.1 * RNG.normal(size=12), start={a: 1, b: 1})


def test_bands_hold_what_they_promise_in_simulated_experiments() -> None:
    inside, predicted, slope = [], [], []
    for _ in range(150):
        fit = sd.fit(CURVE, x=X, y=TRUE + 0.1 * RNG.normal(size=12), start={a: 3, b: 1})
        band, more = fit.band(x=1.1, level=0.9), fit.band(x=1.1, level=0.9, prediction=True)
        inside.append(band.lower < 3 * np.exp(-1.32) < band.upper)
        predicted.append(more.lower < 3 * np.exp(-1.32) + 0.1 * RNG.normal() < more.upper)
        value, error = fit.quantity(sp.log(2) / b)
        slope.append((value - np.log(2) / 1.2) / error)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.07)
    assert np.mean(predicted) == pytest.approx(0.9, abs=0.07)
    assert np.std(slope) == pytest.approx(1, abs=0.25)  # t with 10 degrees of freedom


def test_a_band_is_the_root_of_j_c_jt() -> None:
    grid = np.linspace(0, 5, 7)
    band = FIT.band(x=grid)
    top, rate = FIT.values["a"], FIT.values["b"]
    jacobian = np.array([np.exp(-rate * grid), -top * grid * np.exp(-rate * grid)]).T
    np.testing.assert_allclose(
        band.error, np.sqrt(np.diag(jacobian @ FIT.covariance @ jacobian.T)), rtol=1e-9
    )
    np.testing.assert_allclose(band.value, FIT.predict(x=grid))
    more = FIT.band(x=grid, prediction=True)
    np.testing.assert_allclose(more.error**2 - band.error**2, FIT.spread.scale**2)
    assert (FIT.band(x=grid, level=0.5).upper < band.upper).all()
    assert FIT.band().value.shape == (12,)


def test_profile_intervals_end_where_the_sum_of_squares_says() -> None:
    intervals = FIT.intervals(level=0.95)
    allowed = FIT.quality.chi2 * (1 + fisher.ppf(0.95, 1, 10) / 10)
    for end in intervals["b"]:
        basis = np.exp(-end * X)
        y = FIT.fitted + FIT.residuals
        best = basis @ y / (basis @ basis)
        assert ((y - best * basis) ** 2).sum() == pytest.approx(allowed, rel=1e-5)
    low, high = FIT.intervals(b, method="linear")["b"]
    assert low < FIT.values["b"] < high and (low, high) == pytest.approx(intervals["b"], rel=0.05)
    assert intervals["b"][1] - FIT.values["b"] > FIT.values["b"] - intervals["b"][0]


def test_a_profile_of_a_linear_model_is_the_linear_interval() -> None:
    fit = sd.fit(a + b * x, x=X, y=TRUE, start={a: 0, b: 0})
    for name, ends in fit.intervals().items():
        assert ends == pytest.approx(fit.intervals(name, method="linear")[name], rel=1e-5)


def test_a_profile_ends_at_a_bound_or_nowhere() -> None:
    flat = np.array([1.0, 1.02, 0.97, 1.01, 0.99, 1.0])
    fit = sd.fit(a * sp.exp(-b * x), x=X[:6], y=flat, start={a: 1, b: 0.01}, bounds={b: (0.0, 0.02)})
    low, high = fit.intervals(b)["b"]
    assert low == 0.0 and high == 0.02


def test_quantities_of_several_parameters_use_correlations() -> None:
    value, error = FIT.quantity(a - 2 * b)
    gradient = np.array([1, -2])
    assert value == pytest.approx(FIT.values["a"] - 2 * FIT.values["b"])
    assert error == pytest.approx(np.sqrt(gradient @ FIT.covariance @ gradient), rel=1e-12)
    assert str(FIT.quantity(a)).startswith(f"{FIT.values['a']:.4f} ± ")
    with pytest.raises(sd.SymdlError, match="no parameter is called 'c'"):
        FIT.quantity(a + c)
