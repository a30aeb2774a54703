"""Every scalar operation against SymPy's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdl.run.reference.scalars import FUNCTIONS, Scope, UnknownFunctionError

x, y = sp.symbols("x y", real=True)
POINTS = [(0.3, 0.7), (0.9, -1.4), (0.45, 2.5), (0.1, 0.1)]


def value(expr: sp.Basic, a: float, b: float) -> float:
    at = {x: np.array([a]), y: np.array([b])}
    with np.errstate(all="ignore"):
        found = Scope(lambda leaf, mask: at[leaf], np.ones(1, bool)).value(expr)
    return float(np.ravel(found)[0])


SMOOTH = [
    *(f(x) for f in (sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc)),
    *(f(x) for f in (sp.asin, sp.acos, sp.atan, sp.sinh, sp.cosh, sp.tanh, sp.coth)),
    *(f(x) for f in (sp.asinh, sp.atanh, sp.erf, sp.erfc, sp.gamma, sp.loggamma)),
    sp.acosh(x + 1),
    sp.atan2(y, x),
    sp.polygamma(0, x),
    sp.polygamma(1, x),
    x**2,
    x**-1,
    x**-3,
    sp.sqrt(x),
    1 / sp.sqrt(x),
    x**y,
    2**x,
    x + y - 2 * x * y / 3,
    sp.pi * x + sp.E + sp.Float("0.5"),
]
CORNERS = [
    sp.Abs(y),
    sp.sign(y),
    sp.Max(x, y, sp.Rational(1, 2)),
    sp.Min(x, y, sp.Rational(1, 2)),
    sp.floor(3 * y),
    sp.ceiling(3 * y),
    sp.Mod(y, x),
    sp.Piecewise((x, y > 1), (y, sp.And(y < 0, x > 0)), (x * y, True)),
    sp.Piecewise((1, sp.Or(y > 1, sp.Not(x > y))), (2, sp.Xor(x > 0, y > 0)), (3, True)),
    sp.Piecewise((1, sp.Eq(x, y)), (2, sp.Ne(x, y))),
    sp.Piecewise((1, x >= y), (2, x <= y)),
    sp.Piecewise((1, sp.ITE(x > y, y > 0, x > 0)), (2, True)),
]


@pytest.mark.parametrize("expr", SMOOTH + CORNERS, ids=str)
def test_agrees_with_sympy(expr: sp.Expr) -> None:
    for a, b in POINTS:
        expected = float(expr.subs({x: a, y: b}))
        assert value(expr, a, b) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name[0].islower()])
def test_the_table_names_functions_of_sympy(name: str) -> None:
    from sympy.codegen import cfunctions

    assert hasattr(sp, name) or hasattr(cfunctions, name)


def test_codegen_functions() -> None:
    from sympy.codegen.cfunctions import expm1, log1p

    assert value(log1p(x), 1e-20, 0.0) == 1e-20
    assert value(expm1(x), 1e-20, 0.0) == 1e-20


def test_special_numbers() -> None:
    assert value(sp.oo, 0, 0) == np.inf
    assert value(-sp.oo, 0, 0) == -np.inf
    assert np.isnan(value(sp.nan, 0, 0))
    assert np.isnan(value(sp.Piecewise((x, x > 1)), 0.0, 0.0))


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(UnknownFunctionError, match="besselj"):
        value(sp.besselj(0, x), 0.3, 0.3)


def test_negative_powers_of_integers() -> None:
    at = {x: np.array([2, 4])}
    found = Scope(lambda leaf, mask: at[leaf], np.ones(2, bool)).value(x**-2)
    assert np.array_equal(found, [0.25, 0.0625])
