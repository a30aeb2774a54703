"""Mini-batches, epochs, the two spaces, and the architectures of the second part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.check.curves import error_curve
from symdl.explain.drawings.plots import two_spaces
from symdl.explain.printers.latex import latex
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

n = sd.Dim("n")


def line_model() -> tuple[sd.Tensor, sd.Model]:
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    a, b = sd.parameter("theta_1", ()), sd.parameter("theta_2", ())
    loss = ((y - a * x - b) ** 2).mean()
    return loss, sd.Model(loss, target="python", dtype="float64")


@pytest.mark.parametrize("batch", [64, 128])
def test_an_epoch_is_one_pass_in_mini_batches(batch: int) -> None:
    """Compute the predicted values, the loss, the gradients, then update: as NumPy does it by hand."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = 2 * x - 1 + 0.1 * rng.normal(size=300)
    _, model = line_model()
    theta = np.array([float(model.parameters["theta_1"]), float(model.parameters["theta_2"])])
    steps, losses = 0, []
    for start in range(0, 300, batch):
        X, Y = x[start : start + batch], y[start : start + batch]
        error = Y - theta[0] * X - theta[1]
        losses.append((float(np.mean(error**2)), len(X)))
        theta = theta - 0.1 * np.array([-2 * np.mean(error * X), -2 * np.mean(error)])
        steps += 1
    history = model.fit({"x": x, "y": y}, optimizer=sd.nn.SGD(0.1), batch_size=batch, epochs=1, shuffle=False)
    assert steps == -(-300 // batch)
    assert len(history.epochs) == 1
    found = [float(model.parameters[name]) for name in ("theta_1", "theta_2")]
    np.testing.assert_allclose(found, theta, rtol=1e-9)
    mean = sum(loss * count for loss, count in losses) / 300
    assert history.epochs[0].loss == pytest.approx(mean, rel=1e-9)


def test_two_spaces_of_a_fit() -> None:
    pytest.importorskip("matplotlib")
    x = np.linspace(-2, 2, 40)
    y = 2 * x - 1
    _, model = line_model()
    path = []
    for _ in range(6):
        path.append([float(model.parameters[name]) for name in ("theta_1", "theta_2")])
        model.fit({"x": x, "y": y}, optimizer=sd.nn.SGD(0.1), batch_size=40, epochs=4, restore_best=False)
    figure = two_spaces(x, y, lambda x, a, b: a * x + b, path)
    way = figure.axes[1].lines[0].get_xydata()
    distance = np.hypot(way[:, 0] - 2, way[:, 1] + 1)
    assert np.all(np.diff(distance) < 0)


def test_three_ways_and_the_error_against_the_step() -> None:
    x, y, z = sp.symbols("x y z")
    curve = error_curve(sp.sin(x**2 * y) + sp.exp(z), x, {x: 1.3, y: 0.7, z: -0.4})
    assert curve.exact == pytest.approx(0.688231719321, rel=1e-11)
    assert curve.reverse == pytest.approx(curve.exact, rel=1e-13)
    assert curve.errors[0] > 1e-4 > 1e-8 > curve.errors.min()


def test_linear_autoencoder_finds_the_subspace_of_pca() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 2)) @ np.array([[3.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 1.0]])
    X += 0.05 * rng.normal(size=X.shape)
    X -= X.mean(axis=0)
    x = sd.tensor("X", (n, 4))
    encode, decode = sd.parameter("E", (4, 2)), sd.parameter("D", (2, 4))
    code = x @ encode
    loss = ((code @ decode - x) ** 2).mean()
    model = sd.Model(loss, target="python", dtype="float64")
    model.fit({"X": X}, optimizer=sd.nn.Adam(0.02), batch_size=60, epochs=700)
    learnt, _ = np.linalg.qr(np.asarray(model.parameters["D"]).T)
    principal = np.linalg.svd(X, full_matrices=False)[2][:2].T
    angles = np.linalg.svd(learnt.T @ principal, compute_uv=False)
    assert angles.min() > 0.999


def test_gradient_of_a_convolution_is_a_correlation() -> None:
    x = sd.tensor("x", (n, 1, 6))
    layer = sd.nn.conv1d(x, 1, kernel_size=3, bias=False, name="conv")
    g = sd.tensor("g", (n, 1, 4))
    loss = (layer * g).sum()
    derivation = sd.derive(loss, "conv.W")
    assert any(r"\sum" in latex(s.right) for s in derivation.at("result").steps)
    rng = np.random.default_rng(4)
    X, G = rng.normal(size=(1, 1, 6)), rng.normal(size=(1, 1, 4))
    gradient = collect([sd.grad(loss, next(p for p in sd.parameters(loss)))])
    used = {t.name for t in gradient.inputs}
    values = {"x": X, "g": G, "conv.W": rng.normal(size=(1, 1, 3))}
    (found,) = outputs(gradient, {k: v for k, v in values.items() if k in used})
    np.testing.assert_allclose(np.ravel(found), np.correlate(X[0, 0], G[0, 0], "valid"), rtol=1e-12)


def test_recurrent_derivation_runs_the_other_way() -> None:
    x = sd.tensor("x", (n, 4, 2))
    h = sd.nn.rnn(x, 3, name="rnn")
    loss = (h**2).mean()
    parameter = sd.parameters(loss)[0]
    derivation = sd.derive(loss, parameter)
    text = derivation.text()
    assert "t + 1" in text or "+ 1" in text
    rng = np.random.default_rng(5)
    at = {t.name: rng.normal(size=[2 if s == n else s for s in t.shape]) for t in collect([loss]).inputs}
    report = sd.check_gradients(loss, at=at)
    assert report.ok, str(report)


def test_frozen_parameters_stay() -> None:
    """Transfer learning: what is given and not learned gets no update, whatever the data."""
    x, y = sd.tensor("X", (n, 3)), sd.tensor("y", (n, 1))
    base = sd.tensor("base", (3, 4))  # the first layer of another model, given
    head = sd.nn.dense(sd.tanh(x @ base), 1, name="head")
    loss = sd.nn.mean_squared_error(head, y)
    assert {p.name for p in sd.parameters(loss)} == {"head.W", "head.b"}
    step = sd.compile(loss, wrt="parameters", dtype="float64", target="python")
    rng = np.random.default_rng(6)
    frozen = rng.normal(size=(3, 4))
    values: dict[str, Any] = {
        "X": rng.normal(size=(5, 3)),
        "y": rng.normal(size=(5, 1)),
        "base": frozen.copy(),
    }
    values |= {"head.W": rng.normal(size=(4, 1)), "head.b": np.zeros(1)}
    _, slopes = step(**values)
    assert set(slopes) == {"head.W", "head.b"}
    np.testing.assert_array_equal(values["base"], frozen)


def test_losses_of_a_generative_adversarial_pair() -> None:
    """d/dD(-log D) = -1/D of real samples and d/dD(-log(1 - D)) = 1/(1 - D) of made-up ones."""
    real, fake = sp.symbols("D_r D_g", positive=True)
    assert sp.simplify(sd.derive(-sp.log(real) - sp.log(1 - fake), real).result + 1 / real) == 0
    slope = sd.derive(-sp.log(real) - sp.log(1 - fake), fake).result
    assert sp.cancel(slope - 1 / (1 - fake)) == 0
    logit = sp.Symbol("u", real=True)
    for sign in (1, -1):
        loss = sp.log(1 + sp.exp(-sign * logit))
        found = sd.derive(loss, logit).result
        for place in (-2.0, 0.3):
            expected = -sign / (1 + np.exp(sign * place))
            assert float(found.subs(logit, place)) == pytest.approx(expected, rel=1e-9)
