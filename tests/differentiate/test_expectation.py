"""Means over normal tensors, against quadrature, closed formulas of NumPy and samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.expectations.pairings import pairings
from symdl.errors import DerivativeError, ExpressionError, ShapeError

x, y = sp.symbols("x y")
m, v, p, q = (sp.Symbol(name, real=True) for name in "mvpq")
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
WEIGHTS = WEIGHTS / np.sqrt(2 * np.pi)
AT = {m: 0.4, v: 0.7, p: -0.3, q: 1.2}
rng = np.random.default_rng(3)
B, C, b, mean = rng.normal(size=(3, 3)), rng.normal(size=(2, 3)), rng.normal(size=2), rng.normal(size=3)
S = np.cov(rng.normal(size=(3, 9)))
z = sd.tensor("z", (3,))
M, K = sd.tensor("M", (3,)), sd.tensor("K", (3, 3), symmetric=True)
LAW = {z: sd.Normal(M, K)}
GIVEN: dict[str, Any] = {"M": mean, "K": S}


def value(tensor: Any, **arrays: Any) -> Any:
    return sd.compile(tensor, target="python")(**arrays)


def number(expr: sp.Expr) -> float:
    return float(expr.subs(AT))


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=5))
def test_polynomials_have_the_mean_that_quadrature_gives(terms: list[tuple[int, int, int]]) -> None:
    f = sum((c * x**i * (y + 2 * x) ** j for c, i, j in terms), x)
    found = sd.expectation(f, {x: sd.Normal(m, v), y: sd.Normal(p, q)})
    first, second = AT[m] + np.sqrt(AT[v]) * NODES[:, None], AT[p] + np.sqrt(AT[q]) * NODES
    wanted = sum(c * first**i * (second + 2 * first) ** j for c, i, j in terms) + first + 0 * second
    assert number(found) == pytest.approx(float(WEIGHTS @ wanted @ WEIGHTS), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "f",
    [
        *(sp.exp(2 * x - 1), x**3 * sp.exp(-x), sp.cos(3 * x + 1), x**2 * sp.sin(2 * x), sp.sin(x) ** 2),
        *(sp.exp(x) * sp.cos(x) ** 3 * x, 2 ** (x / 2), sp.cosh(x) * x, sp.sinh(x) ** 2),
        *(sp.sin(x) * sp.cos(2 * x), sp.cos(x) * sp.sin(2 * x), sp.sin(x) * sp.sin(x + 1)),
    ],
)
def test_smooth_functions_have_the_mean_that_quadrature_gives(f: sp.Expr) -> None:
    points = AT[m] + np.sqrt(AT[v]) * NODES
    wanted = float(WEIGHTS @ sp.lambdify(x, f)(points))
    assert number(sd.expectation(f, {x: sd.Normal(m, v)})) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize(
    ("f", "plain"),
    [
        (sp.erf(2 * x - 1), None),
        (sp.Abs(x - 1), lambda u: np.abs(u - 1)),
        (sp.Max(2 * x, 1 - m), lambda u: np.maximum(2 * u, 1 - AT[m])),
        (sp.Min(x, p), lambda u: np.minimum(u, AT[p])),
        (3 * sp.sign(x) + x, lambda u: 3 * np.sign(u) + u),
    ],
)
def test_functions_with_corners_have_the_mean_of_a_fine_grid(
    f: sp.Expr, plain: Callable[..., Any] | None
) -> None:
    step = 1e-5
    points = np.arange(-9, 9, step) + step / 2
    density = np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi) * step
    place = AT[m] + np.sqrt(AT[v]) * points
    values = plain(place) if plain else sp.lambdify(x, f, "scipy")(place)
    found = sd.expectation(f, {x: sd.Normal(m, v)})
    assert number(found) == pytest.approx(float(density @ values), abs=2e-5)


def test_a_quadratic_form_has_a_trace() -> None:
    matrix = sd.tensor("B", (3, 3))
    found = sd.expectation(z @ matrix @ z, LAW)
    assert value(found, B=B, **GIVEN) == pytest.approx(np.trace(B @ S) + mean @ B @ mean, rel=1e-12)
    slope = value(sd.grad(found, matrix), B=B, **GIVEN)
    np.testing.assert_allclose(slope, S + np.outer(mean, mean), rtol=1e-12)
    np.testing.assert_allclose(value(sd.grad(found, M), B=B, **GIVEN), (B + B.T) @ mean, rtol=1e-12)


def test_fourth_moments() -> None:
    i, j, k, n = sd.indices("i j k n")
    found = sd.expectation(sd.define("F", (i, j, k, n), z[i] * z[j] * z[k] * z[n]), {z: sd.Normal(0, K)})
    pairs = [np.einsum(f"{one},{two}->ijkl", S, S) for one, two in (("ij", "kl"), ("ik", "jl"), ("il", "jk"))]
    np.testing.assert_allclose(value(found, K=S), sum(pairs), rtol=1e-12)


def test_the_moment_generating_function_and_its_slope() -> None:
    a = sd.tensor("a", (3,))
    found = sd.expectation(sd.exp(a @ z), LAW)
    wanted = np.exp(mean @ mean + mean @ S @ mean / 2)
    assert value(found, a=mean, **GIVEN) == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(
        value(sd.grad(found, a), a=mean, **GIVEN), wanted * (mean + S @ mean), rtol=1e-11
    )


def test_affine_maps_are_expanded_first_and_products_of_sums_keep_apart() -> None:
    w, c = sd.tensor("w", (2, 3)), sd.tensor("c", (2,))
    h = w @ z + c
    square = sd.expectation((h**2).sum() * (z**2).sum(), LAW)
    few, shares = np.polynomial.hermite_e.hermegauss(5)  # exact up to degree 9
    points = np.stack(np.meshgrid(few, few, few), -1).reshape(-1, 3)
    weights = np.prod(np.stack(np.meshgrid(*[shares / np.sqrt(2 * np.pi)] * 3), -1).reshape(-1, 3), -1)
    place = mean + points @ np.linalg.cholesky(S).T
    values = ((place @ C.T + b) ** 2).sum(1) * (place**2).sum(1)
    found = value(square, w=C, c=b, **GIVEN)
    assert found == pytest.approx(float(weights @ values), rel=1e-10)


def test_rows_of_a_batch_are_independent() -> None:
    rows, v3 = sd.tensor("X", (4, 3)), sd.tensor("v", (3,))
    law = {rows: sd.Normal(M, K)}
    found = value(sd.expectation(rows.sum() ** 2 + (rows.sum(axis=0) ** 2).sum(), law), **GIVEN)
    wanted = 16 * mean.sum() ** 2 + 4 * S.sum() + 16 * mean @ mean + 4 * np.trace(S)
    assert found == pytest.approx(wanted, rel=1e-12)
    found = value(sd.expectation(rows.sum() ** 2, {rows: sd.Normal(0, variance=v3)}), v=[1, 2, 3])
    assert found == pytest.approx(24, rel=1e-12)


def test_the_bound_of_a_linear_autoencoder() -> None:
    seen, w, e = sd.tensor("x", (3,)), sd.parameter("W", (3, 2)), sd.parameter("V", (2, 3))
    s, code, noise = sd.parameter("s", (2,)), sd.tensor("code", (2,)), sp.Rational(1, 4)
    middle = e @ seen
    likely = -((seen - w @ code) ** 2).sum() / (2 * noise) - 1.5 * sp.log(2 * sp.pi * noise)
    prior = -(code**2).sum() / 2
    inverse = -((code - middle) ** 2 / s**2).sum() / 2 - sd.log(s).sum()
    bound = sd.expectation(likely + prior - inverse, {code: sd.Normal(middle, variance=s**2)})
    loss, slopes = sd.compile(bound, wrt="parameters", target="python")(
        x=mean, W=C.T, V=C, s=np.array([0.5, 0.8])
    )

    def plain(W: Any, V: Any, s: Any) -> float:
        mu, var = V @ mean, s**2
        rest = mean - W @ mu
        quadratic = rest @ rest + np.sum(W**2 * var)
        divergence = (np.sum(mu**2 + var) - 2) / 2 - np.log(s).sum()
        return float(-quadratic / 0.5 - 1.5 * np.log(2 * np.pi / 4) - divergence)

    at = {"W": C.T, "V": C, "s": np.array([0.5, 0.8])}
    assert float(loss) == pytest.approx(plain(**at), rel=1e-12)
    for name, array in at.items():
        for place in np.ndindex(array.shape):
            step = np.zeros(array.shape)
            step[place] = 1e-5
            difference = (plain(**{**at, name: array + step}) - plain(**{**at, name: array - step})) / 2e-5
            assert slopes[name][place] == pytest.approx(difference, rel=1e-6, abs=1e-6)


def test_samples_come_near_and_have_slopes() -> None:
    f = sd.exp(z / 4).sum() + z @ z
    exact, drawn = (sd.expectation(f, LAW, samples=k) for k in (None, 3000))
    assert value(drawn, **GIVEN) == pytest.approx(value(exact, **GIVEN), rel=0.1)
    for wrt in (M, K):
        first, second = (value(sd.grad(t, wrt), **GIVEN) for t in (exact, drawn))
        symmetric = (lambda g: g + g.T) if wrt is K else (lambda g: g)
        np.testing.assert_allclose(symmetric(second), symmetric(first), atol=0.3)
    other = sd.expectation(sd.tanh(z).sum(), LAW, samples=500, seed=1)
    assert value(other, **GIVEN) != value(sd.expectation(sd.tanh(z).sum(), LAW, samples=500), **GIVEN)


@given(st.integers(0, 4))
def test_the_pairings_are_counted(half: int) -> None:
    found = pairings(["x"] * (2 * half))
    assert found[(), (("x", "x"),) * half] == sp.factorial2(2 * half - 1)


def test_what_has_no_closed_form_offers_samples() -> None:
    for f in (sd.tanh(z).sum(), sd.log(z).sum(), sd.exp(z @ z), z.max(), sd.relu(z) * z, 1 / z):
        with pytest.raises(DerivativeError, match="samples"):
            sd.expectation(f, LAW)
    with pytest.raises(DerivativeError, match="samples"):
        sd.expectation(sd.prod(z + 1), LAW)


def test_what_cannot_be_asked_for_is_refused() -> None:
    wrong: Mapping[Any, Any] = {x: 3}
    positive = sp.Symbol("t", positive=True)
    cases: list[Callable[[], Any]] = [
        lambda: sd.Normal(0),
        lambda: sd.Normal(0, 1, 2),
        lambda: sd.expectation(positive, {positive: sd.Normal(0, 1)}),
        lambda: sd.expectation(M, LAW),
        lambda: sd.expectation(y, {x: sd.Normal(0, 1)}),
        lambda: sd.expectation(x, wrong),
        lambda: sd.expectation(x, {}),
        lambda: sd.expectation(x, {x: sd.Normal(0, 1)}, samples=5),
        lambda: sd.expectation(z, LAW, samples=0),
        lambda: sd.expectation(z + 1, {z + 1: sd.Normal(0, 1)}),
        lambda: sd.expectation(z, {"z": sd.Normal(0, 1)}),
    ]
    for case in cases:
        with pytest.raises(ExpressionError):
            case()
    for law in (sd.Normal(sd.tensor("u", (2,)), K), sd.Normal(0, M), sd.Normal(0, variance=K)):
        with pytest.raises(ShapeError):
            sd.expectation(z, {z: law})


def test_the_page_names_the_steps() -> None:
    page = sd.derive_expectation(z @ sd.tensor("B", (3, 3)) @ z, LAW).at("all")
    text = page.text()
    for line in (
        "E(z[i]·u[i]) = E(z[i])·E(u[i]) + Cov(z[i], u[i])",
        "E(u[i])         = ∑ⱼ B[j,i]·E(z[j])",
        "(Isserlis: 2 factors, alone or in pairs)",
        "(the covariance of an affine map)",
    ):
        assert line in text, text
    assert r"\operatorname{Cov}" in page.latex() and "Isserlis" in page.html()
    assert page.result.shape == ()
    text = sd.derive_expectation(sd.exp(M @ z), LAW).text()
    assert "E(e^s) = e^(Cov(s, s)/2 + E(s))" in text, text
