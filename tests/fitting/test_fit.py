"""What a fit finds: linear models have a closed form; SciPy's curve_fit and simulations say the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd

x, a, b, c, k, A1, A2, x1, x2, y1, y2 = sp.symbols("x a b c k A1 A2 x1 x2 y1 y2")
DECAY = a * sp.exp(-b * x) + c
X = np.linspace(0, 4, 30)
SIGMA = 0.05 + 0.02 * X
Y = 3 * np.exp(-1.2 * X) + 0.5 + SIGMA * np.random.default_rng(7).normal(size=30)
START = {a: 1.0, b: 1.0, c: 0.0}


def decay(x: Any, a: float, b: float, c: float) -> Any:
    return a * np.exp(-b * x) + c


@settings(max_examples=12)
@given(st.integers(4, 30), st.booleans(), st.integers(0, 10**6), st.sampled_from([1e-4, 1.0, 1e5]))
def test_a_linear_model_has_its_closed_form(points: int, weighted: bool, seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=points) * 3 + 1
    ys = unit * (rng.normal(size=3) @ np.array([np.ones(points), xs, xs**2]) + rng.normal(size=points))
    sigma = unit * rng.uniform(0.5, 2, points) if weighted else None
    fit = sd.fit(
        a + b * x + c * x**2, x=xs, y=ys, sigma=sigma, start={a: 0, b: 0, c: 0}, absolute_sigma=weighted
    )
    weights = np.ones(points) if sigma is None else 1 / sigma
    design = np.array([np.ones(points), xs, xs**2]).T * weights[:, None]
    best, squares, _, _ = np.linalg.lstsq(design, ys * weights)
    covariance = np.linalg.inv(design.T @ design) * (1 if weighted else squares[0] / (points - 3))
    scale = np.abs(best) + np.sqrt(np.diag(covariance))
    assert np.abs(list(fit.values.values()) - best).max() <= 1e-8 * scale.max()
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-6, atol=1e-9 * covariance.max())
    assert fit.quality.chi2 == pytest.approx(squares[0], rel=1e-9)
    np.testing.assert_allclose(fit.fitted + fit.residuals, ys, rtol=1e-12)


@pytest.mark.parametrize("absolute", [True, False])
def test_covariance_is_that_of_curve_fit(absolute: bool) -> None:
    fit = sd.fit(DECAY, x=X, y=Y, sigma=SIGMA, absolute_sigma=absolute, start=START)
    best, covariance = scipy.optimize.curve_fit(
        decay, X, Y, (1, 1, 0), SIGMA, absolute, xtol=1e-12, ftol=1e-12
    )
    np.testing.assert_allclose(list(fit.values.values()), best, rtol=1e-6)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-4)
    correlation = covariance / np.outer(*2 * [np.sqrt(np.diag(covariance))])
    np.testing.assert_allclose(fit.correlation, correlation, rtol=1e-4)


def test_several_sets_of_unequal_lengths_share_a_rate() -> None:
    rng = np.random.default_rng(3)
    data = {"x1": np.linspace(0, 3, 9), "x2": np.linspace(0, 1, 25)}
    data["y1"] = 2 * np.exp(-1.5 * data["x1"]) + 0.01 * rng.normal(size=9)
    data["y2"] = 7 * np.exp(-1.5 * data["x2"]) + 0.03 * rng.normal(size=25)
    formulas = {y1: a * sp.exp(-k * x1), y2: b * sp.exp(-k * x2)}
    fit = sd.fit(formulas, data=data, sigma={y1: 0.01, y2: 0.03}, start={a: 1, b: 1, k: 1})

    def both(_: Any, a: float, b: float, k: float) -> Any:
        return np.concatenate([a * np.exp(-k * data["x1"]), b * np.exp(-k * data["x2"])])

    together = np.concatenate([data["y1"], data["y2"]])
    sigma = np.repeat([0.01, 0.03], [9, 25])
    best, covariance = scipy.optimize.curve_fit(both, together, together, (1, 1, 1), sigma, xtol=1e-12)
    np.testing.assert_allclose([fit.values[n] for n in ("a", "b", "k")], best, rtol=1e-7)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-4)
    assert fit.fitted["y1"].shape == (9,) and fit.residuals["y2"].shape == (25,)
    assert fit.problem.models[0].function is fit.problem.models[1].function  # one program for one structure
    np.testing.assert_allclose(fit.predict(of=y2, x2=[0.0]), [fit.values["b"]])
    with pytest.raises(sd.SymdlError, match="which of what was measured"):
        fit.predict(x2=[0.0])


def test_tied_parameters_are_put_in_and_have_errors() -> None:
    tied = sd.fit(A1 * sp.exp(-b * x) + A2, x=X, y=Y, start={A1: 1, b: 1}, tied={A2: A1 / 6})
    alone = sd.fit(a * (sp.exp(-b * x) + sp.Rational(1, 6)), x=X, y=Y, start={a: 1, b: 1})
    assert tied.values["A1"] == pytest.approx(alone.values["a"], rel=1e-9)
    assert tied.values["A2"] == pytest.approx(alone.values["a"] / 6, rel=1e-9)
    assert tied.errors["A2"] == pytest.approx(alone.errors["a"] / 6, rel=1e-9)


def test_fixed_parameters_stay_and_cost_no_freedom() -> None:
    fit = sd.fit(DECAY, x=X, y=Y, start={a: 1, b: 1}, fixed={c: 0.5})
    same = sd.fit(DECAY, x=X, y=Y, start={a: 1, b: 1, c: 0.5}, fixed=[c])
    assert fit.values["c"] == 0.5 and fit.errors["c"] == 0 and fit.quality.freedom == 28
    assert fit.values == same.values and fit.labels == ("a", "b")


def test_a_bound_that_holds_is_reached_and_named() -> None:
    fit = sd.fit(DECAY, x=X, y=Y, start={**START, c: 1.0}, bounds={c: (0.6, None), b: (None, 50)})
    free = sd.fit(DECAY, x=X, y=Y, start={a: 1, b: 1}, fixed={c: 0.6})
    assert fit.values["c"] == 0.6 and fit.errors["c"] == 0
    assert fit.values["a"] == pytest.approx(free.values["a"], rel=1e-9)
    assert fit.errors["a"] == pytest.approx(free.errors["a"], rel=1e-6)
    assert "c lies at its lower bound 0.6" in fit.warnings[0] and "at bound" in str(fit)


def test_bounds_that_do_not_hold_change_nothing() -> None:
    wide = sd.fit(DECAY, x=X, y=Y, start=START, bounds={c: (0, 5), a: (0.5, 100)})
    free = sd.fit(DECAY, x=X, y=Y, start=START)
    assert wide.values == pytest.approx(free.values, rel=1e-9) and not wide.warnings


def test_what_the_data_leave_open_is_named() -> None:
    fit = sd.fit(a * b * sp.exp(-k * x), x=X, y=Y, start={a: 1, b: 2, k: 1})
    assert any("only a combination of a, b" in warning for warning in fit.warnings)
    assert np.isnan(fit.errors["a"]) and np.isnan(fit.errors["b"]) and 0 < fit.errors["k"] < 1
    assert fit.quality.freedom == 28
    product = fit.values["a"] * fit.values["b"]
    assert product == pytest.approx(
        sd.fit(a * sp.exp(-k * x), x=X, y=Y, start={a: 1, k: 1}).values["a"], rel=1e-6
    )


def test_outliers_count_less() -> None:
    spoilt = Y.copy()
    spoilt[[4, 17]] += 3
    robust = sd.fit(DECAY, x=X, y=spoilt, sigma=SIGMA, start=START, loss="soft_l1")
    plain = sd.fit(DECAY, x=X, y=spoilt, sigma=SIGMA, start=START)
    clean = sd.fit(DECAY, x=X, y=Y, sigma=SIGMA, start=START)
    assert abs(robust.values["c"] - clean.values["c"]) < 0.2 * abs(plain.values["c"] - clean.values["c"])
    assert robust.errors["c"] < 0.5 * plain.errors["c"]

    def residuals(p: Any) -> Any:
        return (decay(X, *p) - spoilt) / SIGMA

    tight: Any = dict.fromkeys(("xtol", "ftol", "gtol"), 1e-12)
    theirs = scipy.optimize.least_squares(residuals, (1, 1, 0), loss="soft_l1", **tight)
    np.testing.assert_allclose(list(robust.values.values()), theirs.x, rtol=1e-5)
    assert robust.solution.cost == pytest.approx(theirs.cost, rel=1e-10)


def test_other_starts_find_what_the_first_one_misses() -> None:
    wave = sp.sin(k * x + b)
    ys = np.sin(5.3 * X + 0.3)
    once = sd.fit(wave, x=X, y=ys + 0.01 * X, start={k: 1.5, b: 0}, bounds={k: (0.5, 10), b: (-3, 3)})
    many = sd.fit(
        wave, x=X, y=ys + 0.01 * X, start={k: 1.5, b: 0}, bounds={k: (0.5, 10), b: (-3, 3)}, tries=12, seed=1
    )
    assert once.quality.chi2 > 1 and many.quality.chi2 < 0.1
    assert many.values["k"] == pytest.approx(5.3, abs=0.05) and len(many.tries) == 12


def test_a_constant_is_the_weighted_mean() -> None:
    fit = sd.fit(a, y=Y, sigma=SIGMA, absolute_sigma=True, start={a: 0})
    weights = SIGMA**-2
    assert fit.values["a"] == pytest.approx(weights @ Y / weights.sum(), rel=1e-12)
    assert fit.errors["a"] == pytest.approx(weights.sum() ** -0.5, rel=1e-10)


def test_parameters_that_are_tensors() -> None:
    rng = np.random.default_rng(0)
    n = sd.Dim("n")
    U, W, s = sd.tensor("U", (n, 3)), sd.parameter("W", (3, 2)), sd.parameter("s", ())
    inputs, true = rng.normal(size=(40, 3)), rng.normal(size=(3, 2))
    seen = inputs @ true + 0.7 + 0.01 * rng.normal(size=(40, 2))
    fit = sd.fit(U @ W + s, U=inputs, V=seen, start={W: np.zeros((3, 2)), "s": 0})
    design = np.kron(inputs, np.eye(2))
    design = np.hstack([design, np.ones((80, 1))])
    best, squares, _, _ = np.linalg.lstsq(design, seen.ravel())
    np.testing.assert_allclose(fit.values["W"].ravel(), best[:6], rtol=1e-9)
    spread = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * squares[0] / 73)
    np.testing.assert_allclose(fit.errors["W"].ravel(), spread[:6], rtol=1e-7)
    assert fit.labels[1] == "W[0,1]" and fit.residuals.shape == (40, 2)
    assert fit.predict(U=inputs[:5]).shape == (5, 2)


def test_a_differential_equation_by_a_recurrence() -> None:
    rate, level, first = (sd.parameter(name, ()) for name in ("rate", "level", "first"))
    (u,) = sd.recurrence(["u"], [(20,)], lambda u: u + 0.1 * rate * (level - u), initial=[first])
    seen = 4 - 3 * (1 - 0.1 * 1.7) ** np.arange(1, 21)
    noise = 1e-3 * np.random.default_rng(5).normal(size=20)
    fit = sd.fit(u, u_seen=seen + noise, start={rate: 1, level: 1, first: 0})
    expected = {"rate": 1.7, "level": 4, "first": 1}
    assert all(abs(fit.values[n] - value) < 4 * fit.errors[n] for n, value in expected.items())
    assert max(fit.errors.values()) < 0.02


def test_an_exact_fit_and_one_that_is_stopped() -> None:
    exact = sd.fit(
        a + b * x + c * x**2, x=X, y=2 + 3 * X, start={a: 0, b: 0, c: 1}, bounds={a: np.array([0, 9])}
    )
    assert exact.values == pytest.approx({"a": 2, "b": 3, "c": 0}, abs=1e-9) and exact.quality.r2 == 1
    stopped = sd.fit(DECAY, x=X, y=Y, start=START, max_evaluations=2)
    assert stopped.solution.evaluations == 2 and "not converged after 2" in stopped.warnings[0]
    assert "not converged" in str(stopped)


def test_every_array_of_a_set_may_have_axes() -> None:
    u, v = sp.symbols("u v")
    us, vs = np.meshgrid(np.arange(4.0), np.arange(3.0))
    seen = 2 * us - 3 * vs + 1 + 0.1 * np.sin(us * vs)
    fit = sd.fit(a * u + b * v + c, u=us, v=vs, z=seen, start={a: 0, b: 0, c: 0})
    assert fit.fitted.shape == (3, 4) and fit.predict(u=us, v=1.0).shape == (3, 4)
    assert fit.predict(u=1.0, v=2.0) == pytest.approx(fit.values["a"] + 2 * fit.values["b"] + fit.values["c"])
