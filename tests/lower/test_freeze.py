"""Freezing chooses forms that are right where the written ones overflow or cancel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl.errors import LoweringError
from symdl.express.build import tensor
from symdl.express.dims import Dim, Index
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.lower.freeze.freeze import freeze
from symdl.lower.verify import verify_program
from symdl.run.compiled import Compiled
from symdl.run.reference.interpreter import outputs

n = Dim("n")
X = tensor("X", (n,))


def value(function: Callable[[Any], Any], at: list[float], dtype: str = "float64") -> np.ndarray:
    compiled = Compiled(collect([elementwise(function, X)]), target="python", dtype=dtype)
    return compiled(X=np.array(at, dtype))[0]


def test_the_logarithm_of_a_hyperbolic_cosine_does_not_overflow() -> None:
    at = [-1e4, -800.0, -1.0, 0.0, 1e-3, 3.0, 800.0]
    expected = np.logaddexp(at, -np.array(at)) - np.log(2)
    found = value(lambda x: sp.log(sp.cosh(x)), at)
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=1e-15)


def test_softplus_and_its_relatives_at_large_arguments() -> None:
    at = [-1000.0, -1e-3, 0.0, 1e-3, 1000.0]
    np.testing.assert_allclose(value(lambda x: sp.log(1 + sp.exp(x)), at), np.logaddexp(0, at), rtol=1e-15)
    minus = value(lambda x: sp.log(1 / (1 + sp.exp(-x))), at)
    np.testing.assert_allclose(minus, -np.logaddexp(0, -np.array(at)), rtol=1e-15)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_quotients_of_exponentials_do_not_overflow(power: int) -> None:
    at = [-1000.0, -30.0, 0.0, 30.0, 1000.0]

    def logistic(x: Any) -> Any:
        return sp.exp(x) / (1 + sp.exp(x)) ** power

    found = value(logistic, at)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(
        found[1:4], [np.exp(x) / (1 + np.exp(x)) ** power for x in at[1:4]], rtol=1e-13
    )


def test_small_arguments_keep_their_digits() -> None:
    at = [1e-20, -1e-20, 1e-300]
    np.testing.assert_array_equal(value(lambda x: sp.log(1 + x), at), at)
    np.testing.assert_array_equal(value(lambda x: 2 * sp.exp(x) - 2, at), 2 * np.array(at))


@pytest.mark.parametrize("relation", [sp.Ge, sp.Gt, sp.Le, sp.Lt, sp.Eq, sp.Ne])
def test_fractions_of_positions_are_compared_exactly(relation: Any) -> None:
    i, k = Index("i"), Index("k")
    meets = relation(sp.Rational(1, 49) * i - sp.Rational(1, 7), sp.Rational(3, 49) * k)
    y = define("y", (i, k), sp.Piecewise((2, meets), (1, True)), shape=(30, 9))
    right = {(a, b): 2 if bool(relation(a - 7, 3 * b)) else 1 for a in range(30) for b in range(9)}
    expected = np.array([[right[a, b] for b in range(9)] for a in range(30)])
    np.testing.assert_array_equal(Compiled(collect([y]), target="python", dtype="float32")()[0], expected)
    np.testing.assert_array_equal(outputs(collect([y]), {})[0], expected)


def test_a_choice_keeps_what_it_does_not_choose_out() -> None:
    at = [-1.0, 0.0, 4.0]
    found = value(lambda x: sp.Piecewise((sp.sqrt(x), x > 0), (0, True)), at)
    np.testing.assert_array_equal(found, [0, 0, 2])
    found = value(lambda x: sp.Piecewise((1 / x, x < 0), (sp.log(x), x > 0), (7, True)), at)
    np.testing.assert_allclose(found, [-1, 7, np.log(4)])


def test_not_a_number_passes_through() -> None:
    assert np.isnan(value(lambda x: sp.log(1 + sp.exp(x)), [np.nan])).all()
    assert np.isnan(value(lambda x: x**3 / 7, [np.nan])).all()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x**-3 + x ** sp.Rational(3, 2) - 1 / sp.sqrt(x),
        lambda x: sp.pi * x + sp.E**x + x ** sp.Rational(1, 3),
        lambda x: sp.erf(x) + sp.erfc(x) + sp.loggamma(x + 1) + sp.atan2(x, 2),
        lambda x: sp.sinh(x) + sp.cosh(x) + sp.tan(x) + sp.asinh(x) + sp.atan(x),
        lambda x: sp.floor(x) + sp.Mod(x, 2) + sp.sign(x - 1) + abs(x - 1),
        lambda x: sp.Max(x, 1) * sp.Min(x, 2, 3),
        lambda x: sp.Piecewise(
            (x, sp.And(x > 1, sp.Not(x > 2))), (2, sp.Or(x < 1, sp.Eq(x, 3))), (x**2, True)
        ),
    ],
    ids=("powers", "constants", "special", "hyperbolic", "steps", "extrema", "conditions"),
)
def test_functions(function: Callable[[Any], Any]) -> None:
    at, x = [0.3, 1.7, 2.5], sp.Symbol("x", real=True)
    expected = [float(function(x).subs(x, sp.Float(v, 30)).evalf(20)) for v in at]
    np.testing.assert_allclose(value(function, at), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(value(function, at, "float32"), expected, rtol=5e-5, atol=1e-6)


def test_sizes_and_indices_are_numbers_too() -> None:
    i = Index("i")
    y = define("y", (i,), X[i] / n + i * n**2 - 3 * i)
    found = Compiled(collect([y]), target="python")(X=[1.0, 2.0, 3.0])[0]
    np.testing.assert_allclose(found, [1 / 3, 2 / 3 + 6, 1 + 12])


def test_equations_of_one_structure_freeze_alike() -> None:
    other = tensor("other", (n,))
    frozen = [freeze(collect([elementwise(lambda x: x**2 + 1, t)])).equations[0] for t in (X, other)]
    assert frozen[0].body == frozen[1].body


def test_unknown_functions_are_refused() -> None:
    made, strange = elementwise(sp.sin, X).equation, Tensor("strange", X.shape)  # the language has none
    assert made is not None
    body = made.body.replace(sp.sin, lambda u: sp.polylog(3, u))
    strange.attach(replace(made, lhs=strange, body=body))
    with pytest.raises(LoweringError, match="polylog") as caught:
        freeze(collect([strange]))
    assert "cure" in str(caught.value)


def test_the_frozen_program_is_checked() -> None:
    frozen = freeze(collect([elementwise(sp.exp, X)]))
    assert verify_program(frozen) is frozen
