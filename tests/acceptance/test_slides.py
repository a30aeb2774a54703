"""The equations of the slides, one test each, named after the equation."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl.explain.derive import derive
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.notation import Notation
from symdl.explain.printers.latex import latex
from symdl.explain.sections import Lines

x, y, z = sp.symbols("x y z")
F = sp.sin(x**2 * y) + sp.exp(z)
POINT = {x: 1.3, y: 0.7, z: -0.4}
VALUES = {x: 0.688231719321, y: 0.639072310798, z: 0.670320046036}

theta_1, theta_2, x_i, y_i, z_i = sp.symbols("theta_1 theta_2 x_i y_i z_i")
delta_i, yhat_i = sp.symbols("Delta_i yhat_i")
LINE = {z_i: y_i - theta_1 * x_i - theta_2}
SIGMOID = {
    delta_i: z_i - y_i,
    z_i: 1 / (1 + sp.exp(-yhat_i)),
    yhat_i: theta_1 * x_i + theta_2,
}


def squeezed(text: str) -> str:
    """LaTeX without the spacing and the braces that change nothing."""
    text = re.sub(r"\\left|\\right|\\,|\s", "", text)
    return re.sub(r"([_^])\{(.)\}", r"\1\2", text)


def chain(derivation: Derivation) -> list[str]:
    """The lines of the chain rule, left side first where there is one."""
    (section,) = [s for s in derivation.sections if s.title == "Chain rule"]
    assert isinstance(section, Lines)
    return [(latex(s.left) if s.left is not None else "") + "=" + latex(s.right) for s in section.steps]


def same(shown: str, slide: str) -> None:
    assert squeezed(shown) == squeezed(slide)


def result(derivation: Derivation) -> str:
    (step,) = derivation.at("result").steps
    assert step.left is not None
    return f"{latex(step.left)} = {latex(step.right)}"


@pytest.mark.parametrize("wrt", [x, y, z])
def test_11_12_13_partial_derivatives(wrt: sp.Symbol) -> None:
    derivation = derive(F, wrt)
    slide = {
        x: r"\frac{\partial f}{\partial x} = 2 x y \cos(x^2 y)",
        y: r"\frac{\partial f}{\partial y} = x^2 \cos(x^2 y)",
        z: r"\frac{\partial f}{\partial z} = e^z",
    }
    same(result(derivation), slide[wrt])
    assert derivation.result == F.diff(wrt)
    assert float(derivation.result.evalf(subs=POINT)) == pytest.approx(VALUES[wrt], rel=1e-11)


def test_compute_graph() -> None:
    graph = derive(F, y).graph
    operations = ["x", "y", "z", "v_1^2", "v_2 v_4", r"\sin(v_5)", "e^{v_3}", "v_6 + v_7"]
    assert [latex(node.operation) for node in graph] == operations
    edges = {(s + 1, t): latex(d) for t, node in enumerate(graph, 1) for s, d in node.edges}
    assert edges == {
        (1, 4): "2 v_1",
        (2, 5): "v_4",
        (4, 5): "v_2",
        (5, 6): r"\cos(v_5)",
        (3, 7): "e^{v_3}",
        (6, 8): "1",
        (7, 8): "1",
    }


def test_14_15_16_chain_rule_for_z() -> None:
    lines = chain(derive(F, z))
    same(
        lines[0],
        r"\frac{\partial v_8}{\partial z} = \frac{\partial v_8}{\partial v_7}"
        r" \frac{\partial v_7}{\partial v_3} \frac{\partial v_3}{\partial z}",
    )
    same(lines[1], r"= 1 \cdot e^{v_3} \cdot 1")
    same(lines[2], "= e^{v_3}")
    same(lines[3], "= e^z")


def test_17_to_22_chain_rule_for_y() -> None:
    lines = chain(derive(F, y))
    same(
        lines[0],
        r"\frac{\partial v_8}{\partial y} = \frac{\partial v_8}{\partial v_6}"
        r" \frac{\partial v_6}{\partial v_5} \frac{\partial v_5}{\partial v_2}"
        r" \frac{\partial v_2}{\partial y}",
    )
    slides = [r"1 \cdot \cos(v_5) \cdot v_4 \cdot 1", r"\cos(v_5) v_4", r"\cos(v_2 v_4) v_4"]
    slides += [r"\cos(v_1^2 y) v_1^2", r"\cos(x^2 y) x^2"]
    assert len(lines) == 2 + len(slides)
    for line, slide in zip(lines[1:], [*slides, r"x^2 \cos(x^2 y)"], strict=True):
        same(line, f"= {slide}")


def test_chain_rule_for_x_ends_in_11() -> None:
    derivation = derive(F, x)
    same(chain(derivation)[-2], r"= \cos(x^2 y) y \cdot 2 x")
    same(chain(derivation)[-1], r"= 2 x y \cos(x^2 y)")
    assert sp.expand(derivation.result - F.diff(x)) == 0


def test_adjoints_in_reverse_order() -> None:
    (section,) = [s for s in derive(F, x).sections if str(s.title).startswith("Adjoints")]
    assert isinstance(section, Lines)
    order = [latex(s.left) for s in section.steps if s.left is not None]
    assert order == [rf"\bar v_{n}" for n in range(8, 0, -1)]


def test_23_26_definitions() -> None:
    same(latex(Notation().read(theta_1 * x + theta_2)), r"\theta_1 x + \theta_2")
    derivation = derive(z_i**2, theta_1, where=LINE, name="L_i")
    lines = definitions(derivation)
    assert lines == {"L_i": "z_i^2", "z_i": r"y_i - \theta_1 x_i - \theta_2"}


def definitions(derivation: Derivation) -> dict[str, str]:
    (section,) = [s for s in derivation.sections if s.title == "Definitions"]
    assert isinstance(section, Lines)
    return {latex(s.left): latex(s.right) for s in section.steps if s.left is not None}


@pytest.mark.parametrize(
    ("wrt", "local", "end"),
    [
        (theta_1, "(-x_i)", r"-2 (y_i - \theta_1 x_i - \theta_2) x_i"),
        (theta_2, "(-1)", r"-2 (y_i - \theta_1 x_i - \theta_2)"),
    ],
)
def test_27_28_squared_error(wrt: sp.Symbol, local: str, end: str) -> None:
    derivation = derive(z_i**2, wrt, where=LINE, name="L_i")
    lines = chain(derivation)
    by = latex(Notation().read(wrt))
    same(
        lines[0],
        rf"\frac{{\partial L_i}}{{\partial {by}}} = \frac{{\partial z_i^2}}{{\partial z_i}}"
        rf" \frac{{\partial z_i}}{{\partial {by}}}",
    )
    same(lines[1], rf"= 2 z_i \cdot {local}")
    same(lines[2], "= -2 z_i x_i" if wrt == theta_1 else "= -2 z_i")
    same(lines[3], f"= {end}")
    whole = ((y_i - theta_1 * x_i - theta_2) ** 2).diff(wrt)
    assert sp.expand(derivation.result - whole) == 0


def test_34_to_37_definitions() -> None:
    derivation = derive(delta_i**2, theta_1, where=SIGMOID, name="L_i")
    assert list(definitions(derivation).items()) == [
        ("L_i", r"\Delta_i^2"),
        (r"\Delta_i", "z_i - y_i"),
        ("z_i", r"\sigma(\hat y_i)"),
        (r"\hat y_i", r"\theta_1 x_i + \theta_2"),
    ]


@pytest.mark.parametrize(
    ("wrt", "value", "last"),
    [(theta_1, -0.279621421367, "x_i"), (theta_2, -0.139810710684, "1")],
)
def test_38_39_underbraced_chain_rule(wrt: sp.Symbol, value: float, last: str) -> None:
    derivation = derive(delta_i**2, wrt, where=SIGMOID, name="L_i")
    lines = chain(derivation)
    by = latex(Notation().read(wrt))
    same(
        lines[0],
        rf"\frac{{\partial L_i}}{{\partial {by}}} = \underbrace{{"
        r"\frac{\partial \Delta_i^2}{\partial \Delta_i}"
        r" \frac{\partial \Delta_i}{\partial z_i} \frac{\partial z_i}{\partial \hat y_i}}_{\text{chain rule}}"
        rf" \frac{{\partial \hat y_i}}{{\partial {by}}}",
    )
    same(lines[1], rf"= 2 \Delta_i \cdot 1 \cdot \sigma(\hat y_i) (1 - \sigma(\hat y_i)) \cdot {last}")
    point: dict[Any, float] = {theta_1: 0.5, theta_2: -0.25, x_i: 2.0, y_i: 1.0}
    assert float(derivation.result.evalf(subs=point)) == pytest.approx(value, abs=1e-12)


def test_linear_regression_with_a_symbolic_sum() -> None:
    from symdl.express.build import parameter, tensor
    from symdl.express.dims import Dim, indices
    from symdl.express.surface import Sum, define

    n = Dim("n")
    i, j = indices("i j")
    X, target, theta = tensor("X", (n, 3)), tensor("y", (n,)), parameter("theta", (3,))
    error = define("r", (i,), target[i] - Sum(X[i, j] * theta[j], j))
    derivation = derive((error**2).mean(), "theta")
    shown = [latex(s.right) for s in derivation.steps]
    assert r"-\frac{2}{n} X^\top r" in shown
    assert r"\frac{2}{n} r_i" in shown
    assert r"y - X \theta" in shown
    rng = np.random.default_rng(0)
    from symdl.run.reference.interpreter import outputs

    a, b, c = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=3)
    assert derivation.program is not None
    _, gradient = outputs(derivation.program, {"X": a, "y": b, "theta": c})
    np.testing.assert_allclose(gradient, -2 / 7 * a.T @ (b - a @ c), rtol=1e-12)
