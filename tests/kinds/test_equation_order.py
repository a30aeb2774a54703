"""Passes that assume an order.

Kind: something that goes over equations once, from top to bottom, is wrong where equations use each other, as
those of a recurrence do. Cause: a dependency through an earlier step runs against the order of the list.
Cure: whatever follows dependencies asks `symdl.express.ordering.depending` or `needed`, which go by groups
and repeat a group until nothing is added. Right values: closed forms, and PyTorch's Jacobians and Hessians
through the same mathematics written as a Python loop, at 1e-9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.express.ordering import depending, needed, real_reads
from symdl.express.program import collect
from symdl.express.recurrent import recurrence
from symdl.run.reference.interpreter import outputs

Arrays = Mapping[str, Any]


def torch() -> Any:
    return pytest.importorskip("torch")


def value(tensor: sd.Tensor, at: Arrays) -> np.ndarray:
    program = collect([tensor])
    return outputs(program, {t.name: at[t.name] for t in program.inputs if t.value is None})[0]


def test_hessian_through_a_recurrence() -> None:
    p, start = sd.parameter("p", ()), sd.tensor("start", ())
    (y,) = recurrence(["y"], [(3,)], lambda before: p * before, initial=[start])
    at = {"p": 2.0, "start": 1.0}
    assert value(sd.hessian(y.sum(), p), at) == 14
    assert value(sd.grad(sd.grad(y.sum(), p), p), at) == 14
    assert sd.compile(sd.hessian(y.sum(), p))(**at) == 14
    np.testing.assert_array_equal(value(sd.jacobian(y, p), at), [1, 4, 12])
    np.testing.assert_array_equal(sd.compile(sd.jacobian(y, p))(**at), [1, 4, 12])
    np.testing.assert_array_equal(value(sd.hessian(y.sum(), p, start), at), 1 + 2 * 2 + 3 * 4)


def pendulum(lib: Any, theta: Any, omega: Any, g: Any, damping: Any, h: float) -> tuple[Any, Any]:
    """One step of Runge and Kutta's method for ``theta'' = -g sin(theta) - damping theta'``."""

    def slope(a: Any, b: Any) -> tuple[Any, Any]:
        return b, -g * lib.sin(a) - damping * b

    k1 = slope(theta, omega)
    k2 = slope(theta + h / 2 * k1[0], omega + h / 2 * k1[1])
    k3 = slope(theta + h / 2 * k2[0], omega + h / 2 * k2[1])
    k4 = slope(theta + h * k3[0], omega + h * k3[1])
    return tuple(
        z + h / 6 * (a + 2 * b + 2 * c + d)
        for z, a, b, c, d in zip((theta, omega), k1, k2, k3, k4, strict=True)
    )


@pytest.mark.torch
def test_runge_kutta_of_a_pendulum() -> None:
    """Jacobians of the trajectory and Hessians of the misfit, by parameters and start: what fits an ODE."""
    lib, steps, h = torch(), 12, 0.1
    g, damping, start = sd.parameter("g", ()), sd.parameter("damping", ()), sd.parameter("start", (2,))
    seen = sd.tensor("seen", (steps,))
    theta, _ = recurrence(
        ["theta", "omega"],
        [(steps,), (steps,)],
        lambda a, b: pendulum(sd, a, b, g, damping, h),
        initial=[start[0], start[1]],
    )
    loss = ((theta - seen) ** 2).sum()
    rng = np.random.default_rng(0)
    at = {"g": 9.0, "damping": 0.3, "start": np.array([0.9, -0.2]), "seen": rng.normal(size=steps)}

    def outside(g: Any, damping: Any, start: Any) -> Any:
        a, b, found = start[0], start[1], []
        for _ in range(steps):
            a, b = pendulum(lib, a, b, g, damping, h)
            found.append(a)
        return lib.stack(found)

    leaves = tuple(lib.tensor(at[n], dtype=lib.float64) for n in ("g", "damping", "start"))
    jacobians = lib.autograd.functional.jacobian(outside, leaves)
    for tensor, right in zip((g, damping, start), jacobians, strict=True):
        np.testing.assert_allclose(value(sd.jacobian(theta, tensor), at), right, rtol=1e-9, atol=1e-11)
    wanted = lib.tensor(at["seen"])
    hessians = lib.autograd.functional.hessian(lambda *v: ((outside(*v) - wanted) ** 2).sum(), leaves)
    for a, row in zip((g, damping, start), hessians, strict=True):
        for b, right in zip((g, damping, start), row, strict=True):
            np.testing.assert_allclose(value(sd.hessian(loss, a, b), at), right, rtol=1e-8, atol=1e-9)
    found = sd.compile(sd.jacobian(theta, start))(**{k: at[k] for k in ("g", "damping", "start")})
    np.testing.assert_allclose(found, jacobians[2], rtol=1e-9, atol=1e-11)


def rnn_outside(lib: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    h, found = lib.zeros(x.shape[0], u.shape[0], dtype=lib.float64), []
    for t in range(x.shape[1]):
        h = lib.tanh(x[:, t] @ w + h @ u + b)
        found.append(h)
    return lib.stack(found, 1)


def gru_outside(lib: Any, x: Any, w: Any, u: Any, b: Any, d: Any) -> Any:
    n = u.shape[0]
    h, found = lib.zeros(x.shape[0], n, dtype=lib.float64), []
    for t in range(x.shape[1]):
        p, q = x[:, t] @ w + b, h @ u + d
        r, z = lib.sigmoid(p[:, :n] + q[:, :n]), lib.sigmoid(p[:, n : 2 * n] + q[:, n : 2 * n])
        h = (1 - z) * lib.tanh(p[:, 2 * n :] + r * q[:, 2 * n :]) + z * h
        found.append(h)
    return lib.stack(found, 1)


def lstm_outside(lib: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    n = u.shape[0]
    h = c = lib.zeros(x.shape[0], n, dtype=lib.float64)
    found = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w + h @ u + b).split(n, 1)
        c = lib.sigmoid(f) * c + lib.sigmoid(i) * lib.tanh(g)
        h = lib.sigmoid(o) * lib.tanh(c)
        found.append(h)
    return lib.stack(found, 1)


CELLS: list[tuple[str, Callable[[sd.Tensor], sd.Tensor], Callable[..., Any]]] = [
    ("rnn", lambda x: sd.nn.rnn(x, 2, name="r"), rnn_outside),
    ("gru", lambda x: sd.nn.gru(x, 2, name="r"), gru_outside),
    ("lstm", lambda x: sd.nn.lstm(x, 2, name="r")[0], lstm_outside),
]


@pytest.mark.torch
@pytest.mark.parametrize("build, outside", [c[1:] for c in CELLS], ids=[c[0] for c in CELLS])
def test_jacobians_and_hessians_of_recurrent_layers(
    build: Callable[[sd.Tensor], sd.Tensor], outside: Callable[..., Any]
) -> None:
    lib = torch()
    x = sd.tensor("x", (2, 4, 2))
    h = build(x)
    rng = np.random.default_rng(3)
    tensors = [x, *sd.parameters(h)]
    at = {t.name: rng.normal(size=t.shape) * 0.7 for t in tensors}
    leaves = tuple(lib.tensor(at[t.name]) for t in tensors)
    jacobians = lib.autograd.functional.jacobian(lambda *v: outside(lib, *v), leaves)
    for tensor, right in zip(tensors, jacobians, strict=True):
        np.testing.assert_allclose(value(sd.jacobian(h, tensor), at), right, rtol=1e-9, atol=1e-11)
    hessians = lib.autograd.functional.hessian(lambda *v: (outside(lib, *v) ** 3).sum(), leaves)
    for first, second in ((0, 0), (2, 2), (1, 3), (3, 0)):
        found = value(sd.hessian((h**3).sum(), tensors[first], tensors[second]), at)
        np.testing.assert_allclose(found, hessians[first][second], rtol=1e-8, atol=1e-10)


def test_a_product_that_is_zero_takes_its_direction() -> None:
    x, v, w = sd.tensor("x", (3,)), sd.tensor("v", (3,)), sd.tensor("w", (2, 3))
    ones = {"x": np.ones(3), "v": np.ones(3)}
    for product in (sd.hvp((2 * x).sum(), x, v), sd.jvp(sd.floor(x), {x: v})):
        np.testing.assert_array_equal(sd.compile(product)(**ones), 0)
    both = sd.hvp((2 * x).sum() + w.sum(), [x, w], [v, sd.tensor("u", (2, 3))])
    found = sd.compile(both)(**ones, w=np.ones((2, 3)), u=np.ones((2, 3)))
    assert all(not part.any() for part in found)
    # one of several directions drops out
    mixed = sd.hvp((x**2).sum() + w.sum(), [x, w], [v, sd.tensor("u", (2, 3))])
    found = sd.compile(mixed)(**ones, w=np.ones((2, 3)), u=np.ones((2, 3)))
    np.testing.assert_array_equal(found[0], 2)


def test_gradients_taken_one_by_one_share_a_recurrence() -> None:
    """Equal cotangents are computed once, also where a recurrence reads one that comes after its reader."""
    x = sd.tensor("x", (2, 5, 2))
    h = sd.nn.gru(x, 3, name="r", reverse=True)
    loss = (h**2).sum()
    weights = sd.parameters(h)
    rng = np.random.default_rng(1)
    at = {t.name: rng.normal(size=t.shape) for t in (x, *weights)}
    single = [sd.grad(loss, w) for w in weights]
    together = sd.grad(loss, weights)
    joint = sum(((g * g).sum() for g in single), start=sd.grad(loss, x).sum())
    second = value(sd.grad(joint, weights[0]), at)
    whole = sum(((g * g).sum() for g in together), start=sd.grad(loss, x).sum())
    np.testing.assert_allclose(second, value(sd.grad(whole, weights[0]), at), rtol=1e-9)


def test_dependencies_are_found_against_the_order_of_a_recurrence() -> None:
    """`a` reads `b` of the step before; in the list `b` comes after `a`, and only `b` reads `s`."""
    s, start = sd.tensor("s", (4,)), sd.tensor("start", ())
    a, _ = recurrence(["a", "b"], [(4,), (4,)], lambda a, b: (2 * b, a + s * b), initial=[start, start])
    program = collect([a])
    assert a in depending(program.groups, [s], real_reads)
    assert s in needed(program.groups, [a], real_reads)
    at = {"s": np.array([0.5, -1.0, 2.0, 0.3]), "start": 1.3}

    def states(s: np.ndarray) -> np.ndarray:
        x = y = 1.3
        found = []
        for each in s:
            x, y = 2 * y, x + each * y
            found.append(x)
        return np.array(found)

    right = np.array([np.imag(states(at["s"] + 1e-30j * np.eye(4)[n])) / 1e-30 for n in range(4)]).T
    np.testing.assert_allclose(value(sd.jacobian(a, s), at), right, rtol=1e-12)
    d = sd.tensor("d", (4,))
    np.testing.assert_allclose(value(sd.jvp(a, {s: d}), {**at, "d": np.ones(4)}), right.sum(1), rtol=1e-12)


OPERATIONS: list[Callable[[Any, Any], Any]] = [
    lambda u, v: u * v / 2,
    lambda u, v: u + v / 3,
    lambda u, v: (u - v) * 0.5,
    lambda u, v: u * u / 4 + v,
]


@settings(max_examples=12, deadline=None)
@given(
    picks=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=3
    ),
    reverse=st.booleans(),
)
def test_random_systems_of_recurrences(picks: list[tuple[int, int, int]], reverse: bool) -> None:
    """Three states, each a random formula of the other states, a parameter and a series; by complex
    steps of a plain loop, which are exact to rounding."""
    p, s = sd.parameter("p", ()), sd.tensor("s", (4,))
    start = sd.parameter("start", (3,))

    def step(lib_p: Any, lib_s: Any, states: tuple[Any, ...]) -> list[Any]:
        parts = [*states, lib_p, lib_s]
        made: list[Any] = []
        for which, first, second in picks:
            made.append(OPERATIONS[which](parts[first], parts[second]) + states[len(made)] * lib_p)
        return made

    trajectories = recurrence(
        ["a", "b", "c"],
        [(4,)] * 3,
        lambda *states: [t + 0 * s for t in step(p, s, states)],
        initial=[start[0], start[1], start[2]],
        reverse=reverse,
    )
    total: Any = sum((t * (n + 1)).sum() for n, t in enumerate(trajectories))
    at: dict[str, Any] = {"p": 0.7, "s": np.array([0.4, -0.8, 1.1, 0.2]), "start": np.array([0.3, -0.6, 0.9])}

    def plain(p: Any, start: Any) -> Any:
        now, result = tuple(start), 0.0
        order = reversed(range(4)) if reverse else range(4)
        for t in order:
            now = tuple(step(p, at["s"][t], now))
            result = result + sum((n + 1) * v for n, v in enumerate(now))
        return result

    by_p = np.imag(plain(0.7 + 1e-30j, at["start"])) / 1e-30
    np.testing.assert_allclose(value(sd.jacobian(total, p), at), by_p, rtol=1e-10, atol=1e-12)
    moved = [np.imag(plain(0.7, at["start"] + 1e-30j * e)) / 1e-30 for e in np.eye(3)]
    np.testing.assert_allclose(value(sd.jacobian(total, start), at), moved, rtol=1e-10, atol=1e-12)
    bent = value(sd.hessian(total, start, p), at)
    again = value(sd.jacobian(sd.grad(total, start), p), at)
    direction = value(sd.hvp(total, [start, p], [start * 0, p * 0 + 1])[0], at)
    np.testing.assert_allclose(bent, direction, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(bent, again, rtol=1e-9, atol=1e-12)
