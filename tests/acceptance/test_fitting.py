"""Fitting: (31)-(33), (40)-(46), f(x; a, b), the mean loss, three ways, operation counts, unit operations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.explain.printers.latex import latex
from symdl.explain.sections import Lines
from symdl.express.program import collect
from symdl.express.scalar import scalar_graph
from symdl.run.reference.interpreter import outputs

from .slides import lines_of, same

theta_1, theta_2, x, x_i, y_i = sp.symbols("theta_1 theta_2 x x_i y_i")
delta_i, z_i, yhat_i = sp.symbols("Delta_i z_i yhat_i")
SIGMOID = {delta_i: z_i - y_i, z_i: 1 / (1 + sp.exp(-yhat_i)), yhat_i: theta_1 * x_i + theta_2}
POINT = {theta_1: 0.5, theta_2: -0.25, x_i: 2.0, y_i: 1.0}


def test_parameters_after_a_semicolon() -> None:
    derivation = sd.derive(theta_1 * x + theta_2, theta_1, parameters=[theta_1, theta_2])
    assert r"$f(x; \theta_1, \theta_2)$" in derivation.latex()
    a, b = sp.symbols("a b")
    line = sd.derive(a * x + b, a, parameters=[a, b])
    assert "f(x; a, b)" in line.text()


def test_23_line() -> None:
    derivation = sd.derive(theta_1 * x + theta_2, theta_1, parameters=[theta_1, theta_2])
    assert r"$f(x; \theta_1, \theta_2)$ = $\theta_1 x + \theta_2$" in derivation.latex()


def test_31_32_composition_as_two_lines() -> None:
    z, yhat = sp.symbols("z yhat")
    where = {z: 1 / (1 + sp.exp(-yhat)), yhat: theta_1 * x + theta_2}
    derivation = sd.derive(z, theta_1, where=where, name="f")
    shown = lines_of(derivation, "Definitions")
    same(shown[-2], r"z = \sigma(\hat y)")
    same(shown[-1], r"\hat y = \theta_1 x + \theta_2")


def test_33_by_substitution() -> None:
    derivation = sd.derive(delta_i**2, theta_1, where=SIGMOID, name="L_i")
    (section,) = [s for s in derivation.sections if s.title == "Substituted"]
    assert isinstance(section, Lines)
    shown = [latex(s.right) for s in section.steps]
    same(shown[0], r"\Delta_i^2")
    same(shown[1], r"(z_i - y_i)^2")
    same(shown[2], r"(\sigma(\hat y_i) - y_i)^2")
    same(shown[-1], r"(\sigma(\theta_1 x_i + \theta_2) - y_i)^2")


@pytest.mark.parametrize(("wrt", "last"), [(theta_1, " x_i"), (theta_2, "")])
def test_40_41_substituted_back(wrt: sp.Symbol, last: str) -> None:
    derivation = sd.derive(delta_i**2, wrt, where=SIGMOID, name="L_i")
    inner = r"\theta_1 x_i + \theta_2"
    shown = lines_of(derivation, "Chain rule")
    same(
        shown[-2] if last else shown[-1],
        rf"= 2 (\sigma({inner}) - y_i) \sigma({inner}) (1 - \sigma({inner})){last}",
    )


def test_the_shared_prefix_is_computed_once() -> None:
    """One sweep for both parameters: the adjoint of yhat is one equation that both gradients read."""
    a, b = sd.parameter("theta_1", ()), sd.parameter("theta_2", ())
    xs, ys = sd.tensor("x_i", ()), sd.tensor("y_i", ())
    u = sd.define("yhat", (), a.at() * xs.at() + b.at())
    loss = sd.define("L", (), (1 / (1 + sp.exp(-u.at())) - ys.at()) ** 2)
    gradients = sd.grad(loss, [a, b])
    program = collect(list(gradients))
    assert sum(e.lhs.of is u for e in program.equations) == 1
    values = {"theta_1": 0.5, "theta_2": -0.25, "x_i": 2.0, "y_i": 1.0}
    found = outputs(program, {t.name: values[t.name] for t in program.inputs})
    np.testing.assert_allclose(found, [-0.279621421367, -0.139810710684], atol=1e-12)


def test_42_to_45_updates() -> None:
    a, b = sd.parameter("theta_1", ()), sd.parameter("theta_2", ())
    shown = lines_of(sd.update_rules(sd.nn.SGD(0.1), [a, b], loss="L_i"))
    for number, line in zip("12", shown, strict=True):
        same(
            line,
            rf"\theta_{{{number}_{{p+1}}}} = \theta_{{{number}_p}}"
            rf" - \eta \frac{{\partial L_i}}{{\partial \theta_{number}}}",
        )


def test_46_vector_update_is_the_scalar_ones_stacked() -> None:
    theta = sd.parameter("theta_vec", (2,))
    (line,) = lines_of(sd.update_rules(sd.nn.SGD(0.1), [theta]))
    same(line, r"\vec{\theta}_{p+1} = \vec{\theta}_p - \eta \nabla_{\vec{\theta}} L")
    a, b = sd.parameter("theta_1", ()), sd.parameter("theta_2", ())
    optimizer, eta = sd.nn.SGD(0.1), 0.1
    slopes = {p: sd.tensor(f"g_{p.name}", p.shape) for p in (theta, a, b)}
    whole = collect([new for _, new in optimizer.updates([theta], slopes)])
    parts = collect([new for _, new in optimizer.updates([a, b], slopes)])
    (stacked,) = outputs(
        whole,
        {"theta_vec": np.array([0.5, -0.25]), "g_theta_vec": np.array([3.0, 4.0]), "learning_rate": eta},
    )
    single = outputs(
        parts, {"theta_1": 0.5, "theta_2": -0.25, "g_theta_1": 3.0, "g_theta_2": 4.0, "learning_rate": eta}
    )
    np.testing.assert_allclose(stacked, single, rtol=1e-12)


def test_mean_loss_with_a_symbolic_sum() -> None:
    n = sd.Dim("n")
    i, _ = sd.indices("i j")
    xs, ys = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    a, b = sd.parameter("theta_1", ()), sd.parameter("theta_2", ())
    z = sd.define("z", (i,), ys[i] - a.at() * xs[i] - b.at())
    derivation = sd.derive((z**2).mean(), "theta_1")
    shown = [latex(s.right) for s in derivation.at("all").steps]
    assert r"\frac{1}{n} \sum_i z_i^2" in shown
    last = derivation.at("result").steps
    assert r"\sum_i" in latex(last[0].right)
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=9), rng.normal(size=9)
    assert derivation.program is not None
    _, slope = outputs(derivation.program, {"x": X, "y": Y, "theta_1": 0.3, "theta_2": 0.1})
    np.testing.assert_allclose(slope, -2 / 9 * X @ (Y - 0.3 * X - 0.1), rtol=1e-12)


def test_reverse_mode_takes_one_sweep_for_all_three() -> None:
    """Equations computed: one reverse sweep against one forward sweep for each input."""
    a, b, c = sp.symbols("x y z")
    program = scalar_graph(sp.sin(a**2 * b) + sp.exp(c))
    (f,) = program.outputs
    own = len(program.equations)
    reverse = len(collect(list(sd.grad(f, list(program.inputs)))).equations) - own
    forward = 0
    for t in program.inputs:
        one = sd.tensor(f"d{t.name}", ())
        forward += len(collect(list(sd.jvp([f], {t: one}))).equations) - 1
    assert 0 < reverse < forward + own
    assert len(sd.grad(f, list(program.inputs))) == 3


def test_multiplication_and_addition_layers() -> None:
    """(dx, dw) = (g w, g x) and (g, g); the compiled kernel leaves its inputs as they were."""
    x1, w1, g1 = (sd.tensor(name, (2,)) for name in ("x", "w", "g"))
    for layer, expected in (
        (x1 * w1, lambda x, w, g: (g * w, g * x)),
        (x1 + w1, lambda x, w, g: (g, g)),
    ):
        loss = (layer * g1).sum()
        step = sd.compile(loss, wrt=[x1, w1], dtype="float64")
        values = {"x": np.array([20.0, 30.0]), "w": np.array([2.0, 3.0]), "g": np.array([10.0, 10.0])}
        kept = {name: v.copy() for name, v in values.items()}
        used = {t.name for t in collect([loss]).inputs}
        _, slopes = step(**{name: v for name, v in values.items() if name in used})
        for found, right in zip((slopes["x"], slopes["w"]), expected(*values.values()), strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-12)
        for name, v in kept.items():
            np.testing.assert_array_equal(values[name], v)


def test_addition_sums_over_the_broadcast_axis() -> None:
    n = sd.Dim("n")
    X, b, g = sd.tensor("X", (n, 2)), sd.tensor("b", (2,)), sd.tensor("g", (n, 2))
    derivation = sd.derive(((X + b) * g).sum(), b)
    assert any(latex(s.right) == r"\sum_i g_{ij}" for s in derivation.at("result").steps)
