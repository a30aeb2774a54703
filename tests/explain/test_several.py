"""Gradients, second derivatives and Hessians of scalar functions; what cannot be told has a cure."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import symdl as sd
from symdl.explain.notation import tree as t
from symdl.explain.printers.latex import latex
from symdl.explain.printers.text import text

from .shown import Shown

x, y, z = sp.symbols("x y z")
ROSENBROCK = 100 * (y - x**2) ** 2 + (1 - x) ** 2


def same(found: Any, wanted: Any) -> bool:
    return bool(sp.simplify(found - wanted) == 0)


def test_a_gradient() -> None:
    told = sd.derive(ROSENBROCK, [x, y])
    assert all(map(same, told.result, (ROSENBROCK.diff(x), ROSENBROCK.diff(y))))
    end = told.steps[-1]
    assert text(end.left or end.right) == "∇f" and isinstance(end.right, t.Grid)
    values = Shown(symbols={x: 0.3, y: -1.2}).value(end.right)[:, 0]
    at = {x: sp.Float("0.3"), y: sp.Float("-1.2")}
    assert values == pytest.approx([float(one.subs(at)) for one in told.result])


def test_a_hessian() -> None:
    told = sd.derive(str(ROSENBROCK), ["x", "y"], order=2)
    for i, a in enumerate((x, y)):
        for j, b in enumerate((x, y)):
            assert same(told.result[i][j], ROSENBROCK.diff(a, b))
    end = told.steps[-1]
    assert end.left is not None and text(end.left) == "∇²f" and latex(end.left) == r"\nabla^2 f"
    assert text(end.right) == "[[1200·x² + 2 - 400·y, -400·x], [-400·x, 200]]"


def test_a_second_derivative() -> None:
    told = sd.derive(x**3 * sp.sin(x), x, order=2, name="g")
    assert same(told.result, (x**3 * sp.sin(x)).diff(x, 2))
    end = told.steps[-1]
    assert end.left is not None and text(end.left) == "∂²g/∂x²"
    assert latex(end.left) == r"\frac{\partial^2 g}{\partial x^2}"
    assert any("∂g_x/∂x" in text(s.left) for s in told.steps if s.left is not None)


def test_a_second_derivative_that_is_zero() -> None:
    assert sd.derive(3 * x + y, x, order=2).result == 0
    assert sd.derive(x * y, [x, y], order=2).result == ((0, 1), (1, 0))


def test_finite_sums_are_written_out() -> None:
    k = sp.Symbol("k")
    assert same(sd.derive(sp.Sum(x**k / k, (k, 1, 4)), x).result, 1 + x + x**2 + x**3)
    assert same(sd.derive(sp.Product(x + k, (k, 1, 2)), x).result, 2 * x + 3)


@pytest.mark.parametrize(
    ("f", "cure"),
    [
        (sp.Function("f")(x**2), "what the function is"),
        (sp.Integral(sp.exp(-x * y), (y, 0, 1)), "doit"),
        (sp.Derivative(sp.Function("f")(x), x), "doit"),
        (sp.Sum(x ** sp.Symbol("k"), (sp.Symbol("k"), 0, sp.Symbol("n"))), "sd.Sum"),
        (sp.MatrixSymbol("A", 2, 2), "sd.tensor"),
        (sp.Matrix([x, y]), "one by one"),
    ],
    ids=["unknown function", "integral", "derivative", "symbolic limit", "matrix symbol", "matrix"],
)
def test_what_cannot_be_told_has_a_cure(f: Any, cure: str) -> None:
    with pytest.raises(sd.SymdlError) as caught:
        sd.derive(f, x)
    assert cure in str(caught.value.cure)


def test_lists_that_are_none() -> None:
    for wrt in ([], [x, x], [x, 3]):
        with pytest.raises(sd.SymdlError, match="different symbols"):
            sd.derive(x * y, wrt)
    with pytest.raises(sd.SymdlError, match="does not depend on z"):
        sd.derive(x * y, [x, z])
    matrix = sp.MatrixSymbol("A", 2, 2)
    with pytest.raises(sd.SymdlError) as caught:
        sd.derive(sp.trace(matrix), matrix)
    assert "sd.tensor" in str(caught.value.cure)


def test_the_cure_for_an_integral_works_with_variable_limits() -> None:
    """An integral over midpoints is derived and compiled: boundary terms come by themselves."""
    t = sp.Symbol("t")
    integral = sp.Integral(sp.exp(-x * t**2), (t, 0, x))
    with pytest.raises(sd.SymdlError) as caught:
        sd.compile(integral, wrt=[x])
    assert "as_sum" in str(caught.value.cure)
    midpoints = integral.as_sum(24, "midpoint")
    value, gradient = sd.compile(midpoints, wrt=[x], target="python")(x=1.3)
    assert value == pytest.approx(0.7492396318, abs=1e-4)
    assert float(gradient["x"]) == pytest.approx(-0.1214649841, abs=1e-4)  # Leibniz: boundary and integrand
    told = sd.derive(midpoints, x)
    values: dict[Any, Any] = {x: sp.Float(1.3)}
    for name, body in told.where.items():
        values[name] = body.xreplace(values)
    assert float(told.result.xreplace(values)) == pytest.approx(float(gradient["x"]))
