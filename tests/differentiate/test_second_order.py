"""Derivatives of derivatives: the differentiator applied to its own results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import sympy as sp
from autograd import elementwise_grad
from autograd import grad as autograd
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.gradients import grad
from symdl.differentiate.tangent import hvp, jvp
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.equations import Divisible
from symdl.express.operators import elementwise, reduce
from symdl.express.program import collect
from symdl.express.surface import LogSumExp, Max, Sum, define
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate, outputs

from .formulas import ACTIVATIONS, log_softmax
from .oracles import assert_close, central, gradients
from .oracles import given as given_values

n = Dim("n")
b, c, d, i, j, k, o, p, q, r, s = indices("b c d i j k o p q r s")
Same = Callable[[dict[str, Any]], Any]


def values_of(tensors: list[Tensor], values: dict[str, Any]) -> tuple[np.ndarray, ...]:
    program = collect(tensors)
    return outputs(program, given_values(program.inputs, values))


def assert_hessian(loss: Tensor, wrt: list[Tensor], values: dict[str, Any], same: Same, rtol: float) -> None:
    """Hessian times a vector: forward over reverse, reverse over reverse, and autograd twice."""
    rng = np.random.default_rng(0)
    directions = {t: tensor(f"v.{t.name}", t.shape) for t in wrt}
    at = {**values, **{f"v.{t.name}": rng.normal(size=np.shape(values[str(t.name)])) for t in wrt}}
    forward = values_of(list(hvp(loss, wrt, directions)), at)
    inner = sum((grad(loss, t) * v).sum() for t, v in directions.items())
    assert isinstance(inner, Tensor)
    reverse = gradients(inner, wrt, at)[1]
    names = [str(t.name) for t in wrt]

    def along(*arrays: Any) -> Any:
        moved = {**at, **dict(zip(names, arrays, strict=True))}
        total = 0.0
        for name in names:
            slope = autograd(lambda value, name=name: same({**moved, name: value}))(moved[name])
            total = total + anp.sum(slope * at[f"v.{name}"])
        return total

    for number, name in enumerate(names):
        expected = autograd(along, number)(*(np.asarray(at[name]) for name in names))
        assert_close(forward[number], expected, rtol=rtol, what=f"forward over reverse {name}")
        assert_close(reverse[number], expected, rtol=rtol, what=f"reverse over reverse {name}")


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "hard tanh"])
def test_hessian_of_a_network(name: str) -> None:
    formula, again = ACTIVATIONS[name]
    rng = np.random.default_rng(1)
    x, t = tensor("X", (n, 2)), tensor("t", (n,), dtype="int64")
    w, v, u = parameter("W", (2, 3)), parameter("v", (3,)), parameter("U", (3, 2))
    z = elementwise(formula, x @ w + v) @ u
    loss = define("L", (), Sum(LogSumExp(z[i, j], j) - z[i, t[i]], i) / n)
    values = {"X": rng.normal(size=(4, 2)), "t": np.array([0, 1, 1, 0])}
    values |= {key.name: rng.normal(size=key.shape) for key in (w, v, u)}

    def same(at: dict[str, Any]) -> Any:
        rows = log_softmax(again(at["X"] @ at["W"] + at["v"]) @ at["U"])
        return -anp.mean(rows[anp.arange(4), at["t"]])

    assert_hessian(loss, [w, v, u, x], values, same, 1e-9)


@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 1), st.integers(0, 2**16))
@settings(max_examples=10)
def test_hessian_of_a_norm(rows: int, size: int, axis: int, seed: int) -> None:
    x, g = tensor("X", (rows, size)), parameter("g", (size,))
    centred = x - x.mean(axis=axis, keepdims=True)
    root = elementwise(lambda v: sp.sqrt(v + 1), (centred**2).mean(axis=axis, keepdims=True))
    loss = (elementwise(sp.sin, centred / root * g) * x).sum()
    rng = np.random.default_rng(seed)
    values = {"X": rng.normal(size=(rows, size)), "g": rng.normal(size=size)}

    def same(at: dict[str, Any]) -> Any:
        centred = at["X"] - anp.mean(at["X"], axis=axis, keepdims=True)
        root = anp.sqrt(anp.mean(centred**2, axis=axis, keepdims=True) + 1)
        return anp.sum(anp.sin(centred / root * at["g"]) * at["X"])

    assert_hessian(loss, [x, g], values, same, 1e-9)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**16))
@settings(max_examples=10)
def test_hessian_through_maxima(rows: int, size: int, seed: int) -> None:
    x, w = tensor("X", (n, size)), tensor("w", (size,))
    first = reduce("max", x * w, 1)
    both = define("M", (), Max(x[i, j] * w[j] ** 2, i, j))
    loss = (first**3).sum() + elementwise(sp.sin, both)
    rng = np.random.default_rng(seed)
    values = {"X": rng.normal(size=(rows, size)), "w": rng.normal(size=size)}

    def same(at: dict[str, Any]) -> Any:
        both = anp.max(at["X"] * at["w"] ** 2)
        return anp.sum(anp.max(at["X"] * at["w"], axis=1) ** 3) + anp.sin(both)

    assert_hessian(loss, [x, w], values, same, 1e-9)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**16))
@settings(max_examples=10)
def test_hessian_through_gathers_views_and_pools(rows: int, size: int, seed: int) -> None:
    table, ids = parameter("E", (size, 6)), tensor("ids", (n,), dtype="int64")
    w = tensor("w", (2, 3))
    taken = define("G", (i, d), table[ids[i], d])
    pooled = define("Y", (i, p), Max(taken[i, p + r] ** 2, (r, 3)), shape=(n, 4))
    cut = (taken.reshape(-1, 2, 3) * w)[:, ::-1].transpose(2, 0, 1)
    loss = (pooled**2).sum() + elementwise(sp.sin, cut).sum() + (cut[1:] * cut[:-1]).sum()
    rng = np.random.default_rng(seed)
    where = rng.integers(0, size, rows)
    values = {"E": rng.normal(size=(size, 6)), "w": rng.normal(size=(2, 3)), "ids": where}

    def same(at: dict[str, Any]) -> Any:
        taken = at["E"][where]
        pooled = anp.max(anp.array([taken[:, k : k + 4] ** 2 for k in range(3)]), axis=0)
        cut = anp.transpose((taken.reshape((rows, 2, 3)) * at["w"])[:, ::-1], (2, 0, 1))
        return anp.sum(pooled**2) + anp.sum(anp.sin(cut)) + anp.sum(cut[1:] * cut[:-1])

    assert_hessian(loss, [table, w], values, same, 1e-9)


def test_hvp_against_differences_of_the_gradient() -> None:
    x, w, v = tensor("X", (n, 3)), parameter("W", (3, 2)), tensor("V", (3, 2))
    loss = elementwise(sp.tanh, x @ w).sum() ** 2
    rng = np.random.default_rng(2)
    values = {"X": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 2)), "V": rng.normal(size=(3, 2))}
    (product,) = values_of(list(hvp(loss, [w], {w: v})), values)
    gradient = grad(loss, w)

    def along(step: np.ndarray) -> float:
        (value,) = values_of([gradient], {**values, "W": values["W"] + step * values["V"]})
        return float((value * weights).sum())

    for where in np.ndindex(3, 2):
        weights = np.zeros((3, 2))
        weights[where] = 1
        assert_close(product[where], central(along, np.array(0.0)), rtol=1e-8)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**16))
@settings(max_examples=15)
def test_jvp_against_differences(rows: int, size: int, seed: int) -> None:
    x, dx = tensor("X", (n, size)), tensor("dX", (n, size))
    w, dw = parameter("W", (size, 3)), tensor("dW", (size, 3))
    z = elementwise(sp.tanh, x @ w)
    share = define("P", (i, j), sp.exp(z[i, j] - LogSumExp(z[i, k], k)))
    peak = define("M", (i,), Max(x[i, j] * w[j, 0], j))
    named = [z, share, peak, z.reshape(-1), (z * z).sum(), z[:, ::-2]]
    rng = np.random.default_rng(seed)
    names = {"X": (rows, size), "dX": (rows, size), "W": (size, 3), "dW": (size, 3)}
    values = {name: rng.normal(size=shape) for name, shape in names.items()}
    found = values_of(list(jvp(named, {x: dx, w: dw})), values)

    def moved(step: float) -> tuple[np.ndarray, ...]:
        at = {**values, "X": values["X"] + step * values["dX"], "W": values["W"] + step * values["dW"]}
        return values_of(named, at)

    h = 1e-6
    for result, above, below in zip(found, moved(h), moved(-h), strict=True):
        assert_close(result, (above - below) / (2 * h), rtol=1e-6)


def test_a_gradient_of_a_gradient() -> None:
    x = tensor("x", (n,))
    slope = grad(elementwise(sp.sin, x).sum(), x)
    bend = grad(slope.sum(), x)
    third = grad(bend.sum(), x)
    at = {"x": np.linspace(-2, 2, 5)}
    for result, expected in zip(
        values_of([slope, bend, third], at),
        (np.cos(at["x"]), -np.sin(at["x"]), -np.cos(at["x"])),
        strict=True,
    ):
        np.testing.assert_allclose(result, expected, atol=1e-14)


def test_a_derivative_that_is_zero_is_a_zero() -> None:
    """A piecewise linear function bends nowhere; that is no error."""
    x, v = tensor("x", (n,)), tensor("v", (n,))
    slope = grad(elementwise(lambda z: sp.Max(z, 0), x).sum(), x)
    at = {"x": np.array([-1.0, 0.0, 2.0]), "v": np.ones(3)}
    np.testing.assert_array_equal(values_of([grad(slope.sum(), x)], at)[0], np.zeros(3))
    np.testing.assert_array_equal(values_of(list(jvp([slope], {x: v})), at)[0], np.zeros(3))


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "silu", "gelu"])
def test_a_loss_with_derivatives_of_the_network(activation: str) -> None:
    """Burgers' equation: the residual holds u, its slope and its bend along x; third derivatives follow."""
    formula, again = ACTIVATIONS[activation]
    x = tensor("x", (n, 1))
    w, v, u = parameter("W", (1, 4)), parameter("v", (4,)), parameter("U", (4, 1))
    field = elementwise(formula, x @ w + v) @ u
    slope = grad(field.sum(), x)
    bend = grad(slope.sum(), x)
    loss = ((field * slope - bend / 10) ** 2).mean()
    rng = np.random.default_rng(3)
    values = {"x": np.linspace(-1, 1, 5)[:, None]}
    values |= {key.name: rng.normal(size=key.shape) for key in (w, v, u)}

    def same(at: dict[str, Any]) -> Any:
        def f(x: Any) -> Any:
            return again(x @ at["W"] + at["v"]) @ at["U"]

        slope = elementwise_grad(f)
        residual = f(at["x"]) * slope(at["x"]) - elementwise_grad(slope)(at["x"]) / 10
        return anp.mean(residual**2)

    _, found = gradients(loss, [w, v, u], values)
    for wrt, actual in zip((w, v, u), found, strict=True):
        name = str(wrt.name)
        expected = autograd(lambda value, name=name: same({**values, name: value}))(values[name])
        assert_close(actual, expected)


def convolved(x: Any, w: Any, stride: int, out: int) -> Any:
    total: Any = 0.0
    for row in range(3):
        for column in range(3):
            part = x[:, :, row::stride, column::stride][:, :, :out, :out]
            total = total + anp.einsum("bcpq,oc->bopq", part, w[:, :, row, column])
    return total


@pytest.mark.parametrize(("size", "stride"), [(5, 1), (7, 2), (8, 2), (7, 3)])
def test_a_gradient_penalty_through_a_convolution(size: int, stride: int) -> None:
    out = (size - 3) // stride + 1
    x, w = tensor("X", (n, 2, size, size)), parameter("W", (2, 2, 3, 3))
    body = x[b, c, stride * p + r, stride * q + s] * w[o, c, r, s]
    y = define("Y", (b, o, p, q), Sum(body, c, r, s), shape=(n, 2, out, out))
    slope = grad(elementwise(sp.tanh, y).sum(), x)
    loss = (slope**2).sum()
    rng = np.random.default_rng(4)
    values = {"X": rng.normal(size=(2, 2, size, size)), "W": rng.normal(size=w.shape)}
    derivative, found = gradients(loss, [w, x], values)

    def same(at: dict[str, Any]) -> Any:
        def f(x: Any) -> Any:
            return anp.sum(anp.tanh(convolved(x, at["W"], stride, out)))

        return anp.sum(autograd(f)(at["X"]) ** 2)

    for name, actual in zip(("W", "X"), found, strict=True):
        expected = autograd(lambda value, name=name: same({**values, name: value}))(values[name])
        assert_close(actual, expected)
    again = [e for e in derivative.program.equations if len(e.indices) == 4 and len(e.bound) == 3]
    strided = [e for e in again if any(isinstance(g, Divisible) for g in e.guards)]
    if (size, stride) == (7, 2):
        (of_slope,) = [
            e for e in again if e.lhs.of is not None and e.lhs.of.role == "cotangent" and not e.guards
        ]
        assert any(a.tensor is w for a in of_slope.accesses())
        assert len(strided) <= 2  # the adjoint of the convolution by its input, in both sweeps


def test_the_double_adjoint_of_a_strided_convolution_is_the_convolution() -> None:
    x, w = tensor("X", (n, 2, 7, 7)), parameter("W", (3, 2, 3, 3))
    z = tensor("Z", (n, 3, 3, 3))
    body = x[b, c, 2 * p + r, 2 * q + s] * w[o, c, r, s]
    y = define("Y", (b, o, p, q), Sum(body, c, r, s), shape=(n, 3, 3, 3))
    back = grad((y * z).sum(), x)
    v = tensor("V", x.shape)
    again = differentiate((back * v).sum(), [z, w])
    for wrt, bound in ((z, 3), (w, 3)):
        equation = again.program.definitions[again.gradient(wrt)]
        assert equation.guards == ()
        assert len(equation.bound) == bound
    rng = np.random.default_rng(5)
    values = {"W": rng.normal(size=w.shape), "V": rng.normal(size=(2, 2, 7, 7))}
    values["Z"] = rng.normal(size=(2, 3, 3, 3))
    found = evaluate(again.program, given_values(again.program.inputs, values))
    assert_close(found[again.gradient(z)], convolved(values["V"], values["W"], 2, 3))


def test_the_double_adjoint_of_a_padded_stride_keeps_only_the_range() -> None:
    x, w = tensor("X", (n, 8)), parameter("w", (3,))
    where = 2 * p + r - 1
    body = sp.Piecewise((x[b, where] * w[r], sp.And(where >= 0, where < 8)), (0, True))
    y = define("Y", (b, p), Sum(body, r), shape=(n, 4))
    z, v = tensor("Z", (n, 4)), tensor("V", (n, 8))
    back = grad((y * z).sum(), x)
    again = differentiate((back * v).sum(), [z, w])
    for wrt in (z, w):
        equation = again.program.definitions[again.gradient(wrt)]
        assert not any(isinstance(g, Divisible) for g in equation.guards)
        assert len(equation.bound) == (1 if wrt is z else 2)


def test_a_loss_that_is_linear_bends_nowhere() -> None:
    w, u, v = parameter("w", (3,)), parameter("u", (3,)), tensor("v", (3,))
    of_w, of_u = hvp((w * u).sum(), [w, u], {w: v})
    at = {"w": np.ones(3), "u": np.ones(3), "v": np.arange(3.0)}
    np.testing.assert_array_equal(values_of([of_w], at)[0], np.zeros(3))
    np.testing.assert_array_equal(values_of([of_u], at)[0], at["v"])
