"""Sigma and the other activations: (8)-(10), (29), (30), the plots' functions, degrees, approximation."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.explain.notation.notation import Notation
from symdl.explain.printers.latex import latex
from symdl.explain.sections import Lines
from symdl.explain.stories.closing import has_sigmoid
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

from .slides import lines_of, same

x = sp.Symbol("x", real=True)
SIGMA = 1 / (1 + sp.exp(-x))
TANH = (sp.exp(x) - sp.exp(-x)) / (sp.exp(x) + sp.exp(-x))
LEAKY = sp.Piecewise((x, x >= 0), (x / 10, True))


def test_8_29_definition_of_sigma() -> None:
    same(latex(Notation(sigmoid=False).read(SIGMA)), r"\frac{1}{1 + e^{-x}}")
    derivation = sd.derive(SIGMA, x, name="sigma")
    assert r"$\sigma(x)$ = $\frac{1}{1 + e^{-x}}$" in derivation.latex().replace("$ = $", "$ = $")


def test_9_30_derivative_of_sigma_with_steps() -> None:
    derivation = sd.derive(SIGMA, x, name="sigma")
    shown = lines_of(derivation, "Chain rule")
    same(shown[1], r"= \left( -\frac{1}{v_4^2} \right) \cdot 1 \cdot e^{v_2} \cdot (-1) \cdot 1")
    same(shown[2], r"= \frac{e^{v_2}}{v_4^2}")
    same(shown[-2], r"= \frac{e^{-x}}{(1 + e^{-x})^2}")
    same(shown[-1], r"= \sigma(x) (1 - \sigma(x))")
    assert has_sigmoid(derivation.result)
    assert sp.cancel((derivation.result - SIGMA * (1 - SIGMA)).subs(sp.exp(-x), sp.Symbol("E"))) == 0
    for place in (-2.0, 0.0, 0.7):
        value = 1 / (1 + np.exp(-place))
        assert float(derivation.result.subs(x, place)) == pytest.approx(value * (1 - value), rel=1e-9)


def test_10_jacobian_of_sigma_of_a_column() -> None:
    z = sd.tensor("z", (3,))
    i, _ = sd.indices("i j")
    s = sd.define("s", (i,), 1 / (1 + sp.exp(-z[i])))
    shown = lines_of(sd.generic_jacobian(s, z))[1]
    same(
        shown,
        r"= \begin{bmatrix} s_1 (1 - s_1) & 0 & 0 \\ 0 & s_2 (1 - s_2) & 0 \\ 0 & 0 & s_3 (1 - s_3)"
        r" \end{bmatrix}",
    )


@pytest.mark.parametrize(
    ("f", "end"),
    [
        (TANH, "= 1 - f(x)^2"),
        (sp.Max(x, 0), "= [x > 0]"),
        (LEAKY, r"= \begin{cases} 1 & \text{if } x \ge 0 \\ \frac{1}{10} & \text{otherwise} \end{cases}"),
    ],
    ids=["tanh", "relu", "leaky"],
)
def test_activations(f: sp.Expr, end: str) -> None:
    derivation = sd.derive(f, x)
    last = derivation.at("result").steps[-1]
    same(f"= {latex(last.right)}", end)
    for place in (-1.3, 0.4, 2.0):
        h = 1e-6
        slope = float((f.subs(x, place + h) - f.subs(x, place - h)) / (2 * h))
        assert float(derivation.result.subs(x, place)) == pytest.approx(slope, rel=1e-6)


def test_values_at_the_kink() -> None:
    assert sd.derive(sp.Max(x, 0), x).result.subs(x, 0) == 0
    assert sd.derive(LEAKY, x).result.subs(x, 0) == 1
    for f, value in ((sp.Max(x, 0), "0"), (LEAKY, "1")):
        (section,) = [s for s in sd.derive(f, x).sections if s.title == "At the kink"]
        assert isinstance(section, Lines)
        assert latex(section.steps[0].right) == value


def test_a_polynomial_activation_gives_a_polynomial() -> None:
    """Degree p in L hidden layers: at most p**L in x. (Leshno et al., 1993, say what follows.)"""
    a, b, c = sp.symbols("a b c")
    for p, layers in ((2, 1), (2, 3), (3, 2)):
        value = x
        for _ in range(layers):
            value = (a * value + b) ** p + c
        assert sp.degree(sp.expand(value), x) == p**layers


def test_a_sigmoid_layer_fits_a_bump() -> None:
    """One hidden layer of sigmoids comes within 0.05 of a bump; Cybenko (1989) allows any error."""
    n = sd.Dim("n")
    grid = np.linspace(-1, 1, 101)[:, None]
    bump = np.exp(-8 * grid[:, 0] ** 2)
    X = sd.tensor("X", (n, 1))
    hidden = sd.nn.dense(X, 30, activation=sd.sigmoid, name="hidden")
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(1, 30)) * 10, rng.uniform(-10, 10, size=30)
    (h,) = outputs(collect([hidden]), {"X": grid, "hidden.W": W, "hidden.b": b})
    weights, *_ = np.linalg.lstsq(h, bump, rcond=None)
    assert np.max(np.abs(h @ weights - bump)) < 0.05
