"""Jobs that people bring, as they would write them, each against a result known otherwise.

The others are examples, or stand in the tests of what they need: docs/jobs.md lists them all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, optimize, special, stats

import symdl as sd

n = sd.Dim("n")


def test_a_pendulum_is_fitted_through_its_solver() -> None:
    """Control: the length of a pendulum from its swings; the equation is solved inside the loss."""
    steps, h, true = 80, 0.05, 9.81
    g, start, seen = sd.parameter("g", ()), sd.tensor("start", (2,)), sd.tensor("seen", (steps,))

    def step(angle: Any, speed: Any) -> tuple[Any, Any]:
        a = speed, -g * sd.sin(angle)
        b = speed + h / 2 * a[1], -g * sd.sin(angle + h / 2 * a[0])
        c = speed + h / 2 * b[1], -g * sd.sin(angle + h / 2 * b[0])
        d = speed + h * c[1], -g * sd.sin(angle + h * c[0])
        return tuple(s + h / 6 * (a[k] + 2 * b[k] + 2 * c[k] + d[k]) for k, s in enumerate((angle, speed)))

    first = [start[0], start[1]]
    angle, _ = sd.recurrence(["angle", "speed"], [(steps,), (steps,)], step, initial=first)
    loss = sd.compile(((angle - seen) ** 2).mean(), wrt=[g])
    exact = integrate.solve_ivp(
        lambda _, s: [s[1], -true * np.sin(s[0])],
        (0, steps * h),
        [1.0, 0.0],
        t_eval=h * np.arange(1, steps + 1),
        rtol=1e-10,
        atol=1e-12,
    ).y[0]

    def fun(value: np.ndarray) -> tuple[float, np.ndarray]:
        found, slopes = loss(g=value[0], start=np.array([1.0, 0.0]), seen=exact)
        return float(found), np.array([slopes["g"]])

    found = optimize.minimize(fun, [9.0], jac=True, method="BFGS")
    assert abs(found.x[0] - true) < 1e-4


def test_counts_by_a_negative_binomial() -> None:
    """Regression of counts: its likelihood needs log-gamma functions and their slopes."""
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(400), rng.normal(size=400)])
    size, mean = 2.5, np.exp(x @ [0.5, 0.8])
    counts = rng.negative_binomial(size, size / (size + mean)).astype(float)
    X, y = sd.tensor("X", (n, 2)), sd.tensor("y", (n,))
    w, r = sd.parameter("w", (2,)), sd.exp(sd.parameter("log_r", ()))
    mu = sd.exp(X @ w)
    log_probability = (
        sd.gammaln(y + r)
        - sd.gammaln(r)
        - sd.gammaln(y + 1)
        + r * sd.log(r / (r + mu))
        + y * sd.log(mu / (r + mu))
    )
    flat = sd.flat(-log_probability.sum(), at={"X": x, "y": counts, "w": np.zeros(2), "log_r": 0.0})
    found = optimize.minimize(flat.fun, flat.x0, jac=flat.jac, method="BFGS")
    values = flat.unflatten(found.x)
    known = stats.nbinom.logpmf(counts, size, size / (size + mean)).sum()
    assert -found.fun >= known - 1e-6  # the best is at least as good as the truth
    np.testing.assert_allclose(values["w"], [0.5, 0.8], atol=0.15)
    assert abs(np.exp(values["log_r"]) - size) < 1.0
    assert np.abs(flat.jac(found.x)).max() < 1e-2


def test_a_gaussian_process_learns_its_length() -> None:
    """Hyper-parameters by the marginal likelihood: a Cholesky factor inside the loss."""
    count = 30
    x, y = sd.tensor("x", (count,)), sd.tensor("y", (count,))
    length, noise = sd.exp(sd.parameter("log_length", ())), sd.exp(sd.parameter("log_noise", ()))
    distance = x[:, None] - x[None, :]
    K = sd.exp(-(distance**2) / (2 * length**2)) + noise**2 * sd.eye(count)
    loss = (y @ sd.solve(K, y) + sd.logdet(K)) / 2
    rng = np.random.default_rng(0)
    places = np.sort(rng.uniform(0, 5, count))
    values = np.sin(2 * places) + 0.1 * rng.normal(size=count)
    flat = sd.flat(loss, at={"x": places, "y": values, "log_length": 0.0, "log_noise": 0.0})
    at = np.array([-0.3, -1.0])
    k = np.exp(-((places[:, None] - places) ** 2) / (2 * np.exp(-0.6))) + np.exp(-2.0) * np.eye(count)
    assert np.isclose(flat.fun(at), (values @ np.linalg.solve(k, values) + np.linalg.slogdet(k)[1]) / 2)
    assert optimize.check_grad(flat.fun, flat.jac, at) < 1e-4
    found = optimize.minimize(flat.fun, flat.x0, jac=flat.jac, method="L-BFGS-B")
    assert 0.3 < np.exp(found.x[0]) < 2 and 0.05 < np.exp(found.x[1]) < 0.25


def test_a_graph_network_adds_over_neighbours() -> None:
    """Messages along edges: a sum over given positions, in index notation."""
    nodes, edges = 40, sd.Dim("edges")
    X, W = sd.tensor("X", (nodes, 5)), sd.parameter("W", (5, 3))
    source, target = (sd.tensor(name, (edges,), dtype="int64") for name in ("source", "target"))
    messages = sd.take(X @ W, source)
    e, d, at = sd.indices("e d at")
    arrives = sp.Piecewise((messages[e, d], sp.Eq(target[e], at)), (0, True))
    sums = sd.define("sums", (at, d), sd.Sum(arrives, e), shape=(nodes, 3))
    step = sd.compile((sd.tanh(sums) ** 2).sum(), wrt=[W])
    rng = np.random.default_rng(1)
    given = {"X": rng.normal(size=(nodes, 5)), "W": rng.normal(size=(5, 3))}
    links = {"source": rng.integers(0, nodes, 200), "target": rng.integers(0, nodes, 200)}
    value, slopes = step(**given, **links)
    adjacency = np.zeros((nodes, nodes))
    np.add.at(adjacency, (links["target"], links["source"]), 1)
    z = np.tanh(adjacency @ given["X"] @ given["W"])
    assert np.isclose(value, (z**2).sum())
    expected = (adjacency @ given["X"]).T @ (2 * z * (1 - z**2))
    np.testing.assert_allclose(slopes["W"], expected, atol=1e-10)


def test_a_variational_autoencoder_draws_digits() -> None:
    """Noise inside the network, two heads, a loss of two parts; then the decoder alone."""
    from sklearn.datasets import load_digits

    images = load_digits().data / 16.0
    X = sd.tensor("X", (n, 64))
    h = sd.nn.dense(X, 48, activation=sd.relu, name="encoder")
    mean, log_variance = sd.nn.dense(h, 4, name="mean"), sd.nn.dense(h, 4, name="spread")
    z = mean + sd.exp(log_variance / 2) * sd.nn.normal_noise((n, 4), name="noise")
    hidden = sd.nn.dense(z, 48, activation=sd.relu, name="decoder")
    logits = sd.nn.dense(hidden, 64, name="pixels")
    likelihood = sd.nn.binary_cross_entropy(logits, X, reduction="none").sum(axis=1)
    divergence = ((mean**2 + sd.exp(log_variance) - 1 - log_variance) / 2).sum(axis=1)
    model = sd.Model((likelihood + divergence).mean(), output=logits)
    history = model.fit({"X": images}, optimizer=sd.nn.Adam(3e-3), epochs=12, batch_size=64, progress=False)
    assert history.epochs[-1].loss < 0.75 * history.epochs[0].loss
    code = sd.tensor("code", (n, 4))
    decoder = sd.compile(sd.sigmoid(sd.replace(logits, {z: code})), dtype="float32")
    names = {t.name for t in decoder.program.inputs} - {"code"}
    drawn = decoder(code=np.zeros((2, 4), "float32"), **{k: model.parameters[k] for k in names})
    assert drawn.shape == (2, 64) and np.abs(drawn[0] - images.mean(axis=0)).mean() < 0.25


def test_two_inputs_and_two_outputs() -> None:
    """A class and a number from two sources, each scored by its name."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(300, 4)), rng.normal(size=(300, 3))
    data = {"a": a, "b": b, "kind": (a[:, 0] + b[:, 0] > 0).astype(int), "amount": a[:, 1] - b[:, 1]}
    A, B = sd.tensor("a", (n, 4)), sd.tensor("b", (n, 3))
    kind, amount = sd.tensor("kind", (n,), dtype="int64"), sd.tensor("amount", (n,))
    h = sd.nn.dense(sd.concatenate([A, B], axis=1), 16, activation=sd.tanh, name="h")
    logits, number = sd.nn.dense(h, 2, name="kinds"), sd.nn.dense(h, 1, name="amounts")[:, 0]
    squares = sd.nn.mean_squared_error(number, amount)
    model = sd.Model(
        sd.nn.cross_entropy(logits, kind) + squares,
        output={"kind": logits, "amount": number},
        metrics={"squares": squares},
    )
    model.fit(data, optimizer=sd.nn.Adam(1e-2), epochs=40, progress=False)
    found = model.predict(a=a, b=b)
    assert np.mean(found["kind"].argmax(axis=1) == data["kind"]) > 0.95
    scores = model.evaluate(data)
    assert scores["squares"] == pytest.approx(np.mean((found["amount"] - data["amount"]) ** 2), rel=1e-4)
    assert scores["squares"] < 0.1


def test_logistic_regression_with_standard_errors() -> None:
    """Newton's steps and the errors of the estimates, from a derived Hessian."""
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(200), rng.normal(size=(200, 2))])
    labels = (rng.uniform(size=200) < special.expit(x @ [0.3, 1.0, -0.5])).astype(float)
    X, y, w = sd.tensor("X", (n, 3)), sd.tensor("y", (n,)), sd.parameter("w", (3,))
    z = X @ w
    flat = sd.flat((sd.softplus(z) - y * z).sum(), at={"X": x, "y": labels})
    at = np.zeros(3)
    for _ in range(8):
        at -= np.linalg.solve(flat.hess(at), flat.jac(at))
    p = special.expit(x @ at)
    np.testing.assert_allclose(x.T @ (p - labels), 0, atol=1e-9)
    errors = np.sqrt(np.diag(np.linalg.inv(flat.hess(at))))
    np.testing.assert_allclose(errors, np.sqrt(np.diag(np.linalg.inv((x.T * (p * (1 - p))) @ x))), rtol=1e-9)


def test_a_derivative_of_a_network_by_its_input() -> None:
    """Physics: a network's second derivative inside a loss is exact."""
    t = sp.Symbol("t")
    assert sd.compile(sp.sin(3 * t).diff(t, 2))(t=0.2) == pytest.approx(-9 * np.sin(0.6))
    x = sd.tensor("x", (n, 1))
    u = sd.nn.dense(sd.nn.dense(x, 8, activation=sd.tanh, name="a"), 1, name="b")[:, 0]
    curvature = sd.grad(sd.grad(u.sum(), x).sum(), x)
    both = sd.compile([u, curvature])
    rng = np.random.default_rng(4)
    weights = {t.name: rng.normal(size=t.shape) for t in sd.parameters(u)}
    points, step = np.linspace(-1, 1, 9)[:, None], 1e-4
    middle, found = both(x=points, **weights)
    left, right = (both(x=points + move, **weights)[0] for move in (-step, step))
    np.testing.assert_allclose(found[:, 0], (left - 2 * middle + right) / step**2, atol=1e-4)
