"""Functions that a user brings along: values, derivatives, code, names, saving, and what is refused."""

from __future__ import annotations

import copy
import ctypes
import gc
import math
import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import sympy as sp
from scipy import special

import symdl as sd
from symdl.run import routines

x, y = sp.symbols("x y")
POINTS = np.array([0.3, 1.0, 4.5])


def _swish() -> Any:
    def slope(u: sp.Expr) -> sp.Expr:
        return swish(u) / u + swish(u) * (1 - swish(u) / u)

    swish = sd.function(
        "swish",
        derivative=slope,
        numpy=lambda u: u * special.expit(u),
        c=lambda u: u / (1 + math.exp(-u)),
    )
    return swish


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_values_and_derivatives_of_every_order(target: Literal["python", "cpu"]) -> None:
    function = sd.compile(_swish()(x), wrt=[x], target=target)
    value, slopes = function(x=POINTS)
    sigma = special.expit(POINTS)
    np.testing.assert_allclose(value, POINTS * sigma, rtol=1e-14)
    np.testing.assert_allclose(slopes["x"], sigma + POINTS * sigma * (1 - sigma), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_arguments_of_tensors(dtype: Literal["float32", "float64"]) -> None:
    grown = sd.function(
        "grown", derivative=lambda a, b: (b * grown(a, b), a * grown(a, b)), c=lambda a, b: math.exp(a * b)
    )
    A, b = sd.parameter("A", (70, 3)), sd.parameter("b", (3,))  # more than a layout block of rows
    values = {"A": np.random.default_rng(3).normal(size=(70, 3)).astype(dtype), "b": np.ones(3, dtype) / 3}
    loss = grown(A, b).mean()
    value, slopes = sd.compile(loss, wrt="parameters", dtype=dtype)(**values)
    whole = np.exp(values["A"] * values["b"])
    close = 1e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(value, whole.mean(), rtol=close)
    np.testing.assert_allclose(slopes["A"], whole * values["b"] / 210, rtol=close)
    np.testing.assert_allclose(slopes["b"], (whole * values["A"]).sum(0) / 210, rtol=1e-4)
    assert sd.check_gradients(loss, at={name: array.astype(float) for name, array in values.items()}).ok


def _in_base(function: Any, a: sp.Expr, b: sp.Expr) -> tuple[sp.Expr, None]:
    return b * function(a, b - 1), None


def test_many_arguments_and_a_c_function() -> None:
    power = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)(("pow", ctypes.CDLL(None)))
    raised = sd.function("raised", numpy=np.power, c=power, derivative=lambda a, b: _in_base(raised, a, b))
    value, slopes = sd.compile(raised(x, sp.Integer(3)), wrt=[x])(x=POINTS)
    np.testing.assert_allclose(value, POINTS**3)
    np.testing.assert_allclose(slopes["x"], 3 * POINTS**2)
    five = sd.function("five", c=lambda a, b, c, d, e: a + 2 * b + 3 * c + 4 * d + 5 * e)
    X = sd.tensor("X", (sd.Dim("n"), 5))
    rows = np.random.default_rng(0).normal(size=(64, 5))
    (i,) = sd.indices("i")
    total = sd.define("total", (i,), five(*(X[i, k] for k in range(5))))
    np.testing.assert_allclose(sd.compile(total)(X=rows), rows @ [1, 2, 3, 4, 5])


def test_two_functions_of_one_name_are_two() -> None:
    one = sd.function("f", c=lambda u: u + 1.0)
    other = sd.function("f", c=lambda u: u + 2.0)
    assert sd.compile(one(x))(x=0.0) == 1.0
    assert sd.compile(other(x))(x=0.0) == 2.0
    assert sd.compile(one(x) - other(x))(x=0.0) == -1.0


def test_code_stays_as_long_as_something_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever links code that calls a function holds the function, and that its own code."""
    held: list[Any] = []
    find = routines.called_in

    def noted(source: str) -> Any:
        held.append(find(source))
        return held[-1]

    monkeypatch.setattr(routines, "called_in", noted)
    swish = _swish()
    function = sd.compile(swish(x), target="cpu")
    np.testing.assert_allclose(function(x=POINTS), POINTS * special.expit(POINTS), rtol=1e-14)
    assert (swish.kind,) in held and swish.kind in routines._compiled


def test_saved_by_name() -> None:
    once = sd.function("once", c=lambda u: 3 * u)
    compiled = sd.compile(once(sd.tensor("X", (3,))).sum())
    data = pickle.dumps(compiled)
    again = pickle.loads(data)  # noqa: S301
    assert again(X=POINTS) == pytest.approx(3 * POINTS.sum())
    assert copy.deepcopy(compiled)(X=POINTS) == pytest.approx(3 * POINTS.sum())


def test_one_that_is_not_there_is_named() -> None:
    from symdl.express.portable.rows import Rows, expressions

    rows = Rows(lambda tensor: 0)
    rows.add(sd.function("passing", c=lambda u: u)(x))
    data = [[cell if cell != "passing" else "never_made" for cell in row] for row in rows.rows]
    gc.collect()
    with pytest.raises(sd.SymdlError, match=r'sd\.function\("never_made"'):
        expressions(data)


def test_numbers_and_derivations() -> None:
    half = sd.function("half", numpy=lambda u: u / 2, c=lambda u: u / 2, derivative=sp.Rational(1, 2))
    assert float(half(3.0)) == 1.5
    assert sd.compile(half(sp.Integer(3)) + x)(x=0.0) == 1.5
    swish = _swish()
    assert "swish" in str(sd.derive(swish(x), x))
    assert sp.diff(half(x * y), x) == y / 2


def test_refusals() -> None:
    values = sd.function("values", numpy=np.tanh, arguments=1)
    with pytest.raises(sd.SymdlError, match="no derivative in its argument number 1"):
        sd.compile(values(x), wrt=[x], target="python")
    with pytest.raises(sd.SymdlError, match="pass c="):
        sd.compile(values(x))
    with pytest.raises(sd.SymdlError, match="has no code for the function values"):
        sd.compile(values(x), target="cuda")
    with pytest.raises(sd.SymdlError, match="takes 1 arguments"):
        values(x, y)
    with pytest.raises(sd.SymdlError, match="no name of a function"):
        sd.function("a b", numpy=np.tanh, arguments=1)
    library = ctypes.CDLL(None)
    with pytest.raises(sd.SymdlError, match="nothing computes"):
        sd.function(
            "sine", c=ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(("sin", library)), arguments=1
        )
    with pytest.raises(sd.SymdlError, match="unknown number"):
        sd.function("any", numpy=lambda *given: given[0])
    with pytest.raises(sd.SymdlError, match="cannot compile the function odd"):
        sd.compile(sd.function("odd", c=lambda u: Path(u))(x))


def test_a_negative_binomial_model_finds_its_maximum() -> None:
    """The likelihood of counts, in the mean and the dispersion, is as flat as it must be at its maximum."""
    rng = np.random.default_rng(5)
    counts = rng.negative_binomial(3.0, 0.4, size=400).astype(float)
    r, p, k = sd.parameter("r", ()), sd.parameter("p", ()), sd.tensor("k", (sd.Dim("n"),))
    terms = sd.gammaln(k + r) - sd.gammaln(r) - sd.gammaln(k + 1) + r * sd.log(p) + k * sd.log(1 - p)
    function = sd.compile(-terms.mean(), wrt="parameters")
    at = np.array([3.0, 0.4])
    for _ in range(4000):
        _, slopes = function(k=counts, r=at[0], p=at[1])
        at -= np.array([0.5, 0.02]) * [slopes["r"], slopes["p"]]
    mean, variance = counts.mean(), counts.var()
    assert at[0] * (1 - at[1]) / at[1] == pytest.approx(mean, rel=1e-3)
    assert at[0] == pytest.approx(mean**2 / (variance - mean), rel=0.3)


def test_derivatives_of_a_function_that_is_not_known_have_names() -> None:
    f, g = sd.function("f"), sd.function("g", arguments=2)
    assert str(f(x * y).diff(x, 2)) == "y**2*f''(x*y)"
    assert str(f(x).diff(x, 4)) == "f^(4)(x)"
    assert g(x, y).diff(x, y) == g(x, y).diff(y, x)
    assert str(g(x, x).diff(x)) == "g_1(x, x) + g_2(x, x)"
    assert sp.latex(f(x).diff(x, 2) ** 2 + g(x, y).diff(y, 2)) == (
        r"\left(f''\left(x\right)\right)^{2} + g_{22}\left(x, y\right)"
    )
    assert f(x).diff(x).evalf() == f(x).diff(x)
    assert f(x) != sd.function("f")(x)  # another function of the same name


def test_pages_about_a_function_that_is_not_known() -> None:
    f, g = sd.function("f"), sd.function("g", arguments=2)
    page = sd.derive(f(x * y) + g(x, 2 * x), x)
    assert "∂h/∂x = g₁(x, 2·x) + 2·g₂(x, 2·x) + y·f′(x·y)" in page.text()  # named h: f and g are taken
    assert r"f^\prime(x y)" in page.latex()
    X, a = sd.parameter("X", (3,)), sd.tensor("a", (3,))
    gradient = sd.grad(f(a * X).sum(), X)
    assert str(sd.formula(gradient)) == "a ⊙ f′(X ⊙ a)"
    assert str(sd.formula(sd.grad(gradient.sum(), X))) == "a∘² ⊙ f′′(X ⊙ a)"
    assert "f^{(4)}" in sd.derive(f(x).diff(x, 3), x).latex()
    assert sd.derive(sd.function("h", derivative=sp.cos(x))(y**2), y).result == 2 * y * sp.cos(y**2)


@pytest.mark.parametrize("target", ["python", "cpu", "cuda"])
def test_a_function_that_is_not_known_has_no_values(target: Literal["python", "cpu", "cuda"]) -> None:
    f, X = sd.function("f"), sd.parameter("X", (3,))
    sloped = sd.function("sloped", derivative=sp.cos(x))
    for unknown in (f(x), f(x * y).diff(x), f(X).sum(), sloped(x)):
        with pytest.raises(sd.SymdlError, match="nothing computes its values"):
            sd.compile(unknown, target=target)
    with pytest.raises(sd.SymdlError, match="nothing computes its values"):
        sd.check_gradients(f(x))
    known = sd.function("f", derivative=sp.cos(x), numpy=np.sin, c=math.sin)  # the cure
    np.testing.assert_allclose(sd.compile(known(x), target="python")(x=POINTS), np.sin(POINTS))
