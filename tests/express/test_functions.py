"""Elementary functions against NumPy and SciPy, their slopes against an outside library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import autograd.scipy.special as special
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from symdl.differentiate.adjoint import differentiate
from symdl.errors import ExpressionError
from symdl.express import functions as f
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.express.stopping import stop_gradient
from symdl.nn.activations import sigmoid
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate, outputs

from .agreement import agrees

POINTS = np.array([[-0.9, -0.5, -1e-3], [0.2, 0.5, 0.9]])

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], np.ndarray]] = {
    "tan": (f.tan, anp.tan, POINTS),
    "asin": (f.asin, anp.arcsin, POINTS),
    "acos": (f.acos, anp.arccos, POINTS),
    "atan": (f.atan, anp.arctan, 5 * POINTS),
    "sinh": (f.sinh, anp.sinh, 5 * POINTS),
    "cosh": (f.cosh, anp.cosh, 5 * POINTS),
    "asinh": (f.asinh, anp.arcsinh, 5 * POINTS),
    "acosh": (f.acosh, anp.arccosh, POINTS + 2),
    "atanh": (f.atanh, anp.arctanh, POINTS),
    "mod": (lambda x: f.mod(x, 2), lambda x: anp.mod(x, 2), 5 * POINTS),
    "negative mod": (lambda x: f.mod(x, -0.75), lambda x: anp.mod(x, -0.75), 5 * POINTS),
    "erf": (f.erf, special.erf, 3 * POINTS),
    "log1p": (f.log1p, anp.log1p, POINTS),
    "expm1": (f.expm1, anp.expm1, POINTS),
    "absolute": (f.absolute, anp.abs, POINTS),
    "square": (f.square, anp.square, POINTS),
    "reciprocal": (f.reciprocal, lambda x: 1 / x, POINTS),
    "rsqrt": (f.rsqrt, lambda x: x**-0.5, POINTS + 1),
    "power": (lambda x: f.power(x, 3), lambda x: x**3, POINTS),
    "root": (lambda x: f.power(x, 0.3), lambda x: x**0.3, POINTS + 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    ours, outside, points = FUNCTIONS[name]
    agrees(lambda x: ours(x), lambda x: outside(x), x=points)


@pytest.mark.parametrize("text", ["x", "().__class__", "not a formula"])
def test_text_is_never_evaluated(text: str) -> None:
    rest: tuple[Any, ...] = (f.exp, f.log, f.rint, f.floor, f.sign, stop_gradient, sigmoid)
    for function in (*rest, *(ours for ours, _, _ in FUNCTIONS.values())):
        with pytest.raises(ExpressionError):
            function(text)
    with pytest.raises(ExpressionError, match=r"holds text[^$]*cure"):
        f.exp(np.array(["x"]))


def test_the_sign_never_changes() -> None:
    x = tensor("x", (3,))
    derivative = differentiate((f.sign(x) * x).sum(), [x])
    found = evaluate(derivative.program, {"x": [-2.0, 0.0, 3.0]})
    np.testing.assert_array_equal(found[derivative.gradient(x)], [-1, 0, 1])


WHOLE = np.array([-2.5, -1.5, -0.5, -0.2, 0.0, 0.5, 0.6, 1.5, 2.5, 3.0])


@pytest.mark.parametrize("name", ["floor", "ceil", "rint"])
def test_whole_numbers_are_constant_between_jumps(name: str) -> None:
    x = tensor("x", WHOLE.shape)
    y = getattr(f, name)(x)
    derivative = differentiate((y * x).sum(), [x])
    found = evaluate(derivative.program, {"x": WHOLE})
    expected = getattr(np, name)(WHOLE)
    np.testing.assert_array_equal(found[derivative.gradient(x)], expected)
    np.testing.assert_array_equal(outputs(collect([y]), {"x": WHOLE})[0], expected)


def test_a_remainder_by_a_tensor() -> None:
    agrees(
        lambda x, divisor: f.mod(x, divisor),
        lambda x, divisor: anp.mod(x, divisor),
        slopes=False,
        x=5 * POINTS,
        divisor=POINTS + 2,
    )
    x, d = tensor("x", ()), tensor("d", ())
    derivative = differentiate(f.mod(x, d), [x, d])
    found = evaluate(derivative.program, {"x": 7.5, "d": 2.0})
    assert [found[derivative.gradient(t)] for t in (x, d)] == [1, -3]


@settings(max_examples=30, deadline=None)
@given(st.integers(-60, 200), st.integers(-5, 5), st.sampled_from(["cpu", "python"]))
def test_whole_numbers_are_divided_exactly(divisor: int, shift: int, target: Any) -> None:
    """``49*(1/49) < 1`` in floating point."""
    assume(divisor)
    x, y = tensor("x", (Dim("n"),)), tensor("y", (Dim("n"),))
    formulas = [f.floor_divide(x - shift, divisor), f.mod(x, divisor), f.floor_divide(x, y), f.mod(x, y)]
    points = np.arange(-300.0, 1200.0)
    values = {"x": points, "y": np.full(len(points), float(divisor))}
    expected = [(points - shift) // divisor, points % divisor, points // divisor, points % divisor]
    made = compile(formulas, target=target)(**values)
    for found, same, want in zip(made, outputs(collect(formulas), values), expected, strict=True):
        np.testing.assert_array_equal(found, want)
        np.testing.assert_array_equal(same, want)


def test_remainders_of_positions_are_positions() -> None:
    assert (tensor("i", (2,), dtype="int64") % 3).dtype == "int64"
    assert (3 % tensor("i", (2,), dtype="int64")).dtype == "int64"
    assert f.mod(tensor("i", (2,), dtype="int64"), 0.5).dtype == "real"


def test_power_of_tensors() -> None:
    agrees(f.power, lambda base, exponent: base**exponent, base=POINTS + 1, exponent=POINTS[0])


def test_expressions_stay_expressions() -> None:
    z = sp.Symbol("z", real=True)
    assert f.tan(z) == sp.tan(z)
    assert f.expm1(z) == sp.exp(z) - 1


def test_a_remainder_of_a_division_by_zero_is_refused() -> None:
    with pytest.raises(ExpressionError, match="divided by 0"):
        f.mod(tensor("x", (2,)), 0)


def test_slopes_of_powers_at_zero() -> None:
    x, y = tensor("x", (5,)), tensor("y", (5,))
    derivative = differentiate(f.power(x, y).sum(), [x])
    found = evaluate(derivative.program, {"x": [0.0, 0.0, 0.0, 2.0, -3.0], "y": [2.0, 3.0, 1.0, -1.0, 3.0]})
    np.testing.assert_allclose(found[derivative.gradient(x)], [0, 0, 1, -0.25, 27])
