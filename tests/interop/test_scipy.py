"""A loss as functions of one vector, as SciPy's minimizers take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import sympy as sp

import symdl as sd
from symdl.errors import ArgumentError, DerivativeError

n = sd.Dim("n")


def network() -> tuple[sd.Tensor, dict[str, np.ndarray]]:
    X, y = sd.tensor("X", (n, 3)), sd.tensor("y", (n,))
    hidden = sd.nn.dense(X, 2, activation=sd.tanh, name="first")
    out = sd.nn.dense(hidden, 1, name="last")
    rng = np.random.default_rng(0)
    return ((out[:, 0] - y) ** 2).mean(), {"X": rng.normal(size=(8, 3)), "y": rng.normal(size=8)}


def test_value_gradient_and_hessian_of_a_network() -> None:
    loss, data = network()
    f = sd.flat(loss, at=data)
    assert list(f.layout.shapes) == ["first.W", "first.b", "last.W", "last.b"]
    assert f.x0.shape == (11,)
    np.testing.assert_array_equal(f.flatten(f.unflatten(f.x0)), f.x0)
    x = np.random.default_rng(1).normal(size=11)
    value, gradient = f.value_and_jac(x)
    assert value == f.fun(x) and isinstance(value, float)
    step = 1e-6 * np.eye(11)
    differences = [(f.fun(x + e) - f.fun(x - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(gradient, differences, atol=1e-7)
    H = f.hess(x)
    np.testing.assert_allclose(H, H.T, atol=1e-12)
    np.testing.assert_allclose(H, [(f.jac(x + e) - f.jac(x - e)) / 2e-6 for e in step], atol=1e-6)
    p = np.random.default_rng(2).normal(size=11)
    np.testing.assert_allclose(f.hessp(x, p), H @ p, atol=1e-12)
    assert H[f.layout.slices["last.b"], f.layout.slices["last.b"]] == pytest.approx(2)


@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG", "trust-exact", "trust-ncg"])
def test_minimizers(method: str) -> None:
    loss, data = network()
    f = sd.flat(loss, at=data, seed=3)
    second: dict[str, Any] = {
        "Newton-CG": {"hessp": f.hessp},
        "trust-exact": {"hess": f.hess},
        "trust-ncg": {"hessp": f.hessp},
    }
    options: Any = {"method": method, **second.get(method, {})}
    found = scipy.optimize.minimize(f.value_and_jac, f.x0, jac=True, **options)
    assert found.fun < f.fun(f.x0) / 2
    assert np.abs(f.jac(found.x)).max() < 1e-3


def test_least_squares_of_an_expression_at_points() -> None:
    a, b, x, y = sp.symbols("a b x y")
    points = np.linspace(0, 2, 30)
    values = 3 * np.exp(-1.5 * points)
    r = sd.flat(a * sp.exp(-b * x) - y, at={"x": points, "y": values, "a": 1, "b": 1}, wrt=[a, b])
    np.testing.assert_array_equal(r.x0, [1, 1])
    assert r.fun(r.x0).shape == (30,) and r.jac(r.x0).shape == (30, 2)
    np.testing.assert_allclose(r.jac([2, 3.0])[:, 1], -2 * points * np.exp(-3 * points), atol=1e-12)
    found = scipy.optimize.least_squares(r.fun, r.x0, jac=r.jac)
    np.testing.assert_allclose(found.x, [3, 1.5], rtol=1e-6)
    with pytest.raises(DerivativeError, match="no Hessian"):
        r.hess(r.x0)


def test_expressions_without_points() -> None:
    u, v = sp.symbols("u v")
    rosenbrock = sd.flat([10 * (v - u**2), 1 - u], at={"u": -1.2, "v": 1}, wrt=[u, v])
    found = scipy.optimize.least_squares(rosenbrock.fun, rosenbrock.x0, jac=rosenbrock.jac)
    np.testing.assert_allclose(found.x, [1, 1])
    alone = sd.flat((1 - u) ** 2 + 100 * (v - u**2) ** 2, at={"u": -1.2, "v": 1}, wrt=[u, v])
    np.testing.assert_allclose(alone.hess([1.0, 1.0]), [[802, -400], [-400, 200]])


def test_least_squares_of_a_tensor_of_residuals() -> None:
    X, w, y = sd.tensor("X", (n, 2)), sd.parameter("w", (2,)), sd.tensor("y", (n,))
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(9, 2)), "y": rng.normal(size=9)}
    r = sd.flat(X @ w - y, at=data)
    np.testing.assert_allclose(r.jac(np.ones(2)), data["X"])
    found = scipy.optimize.least_squares(r.fun, r.x0, jac=r.jac)
    np.testing.assert_allclose(found.x, np.linalg.lstsq(data["X"], data["y"])[0], rtol=1e-8)


def test_one_call_gives_value_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    loss, data = network()
    f = sd.flat(loss, at=data)
    calls = []
    step = f._step

    def counted(**values: Any) -> Any:
        calls.append(1)
        return step(**values)

    monkeypatch.setattr(f, "_step", counted)
    gradient = f.jac(f.x0)
    gradient[:] = 0  # what was returned is the caller's
    assert f.fun(f.x0) > 0 and np.abs(f.jac(f.x0)).max() > 0
    assert len(calls) == 1
    f.fun(f.x0 + 1)
    assert len(calls) == 2


def test_refusals() -> None:
    loss, data = network()
    a, x = sp.symbols("a x")
    with pytest.raises(ArgumentError, match="no value for y"):
        sd.flat(loss, at={"X": data["X"]})
    with pytest.raises(ArgumentError, match="nothing is called 'z'"):
        sd.flat(loss, at={**data, "z": 1})
    with pytest.raises(ArgumentError, match="nothing is called 'z'"):
        sd.flat(loss, at=data, wrt=["z"])
    with pytest.raises(ArgumentError, match="name the symbols"):
        sd.flat(a * x, at={"x": 1, "a": 2})
    with pytest.raises(ArgumentError, match="no value for a"):
        sd.flat(a * x, at={"x": 1}, wrt=[a])
    with pytest.raises(ArgumentError, match="needed"):
        sd.flat(loss, at=data).fun(np.zeros(3))
