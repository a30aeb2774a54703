"""What is derived is compiled: every function of SymPy's beside its digits, or a cure that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from sympy.codegen import cfunctions
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.core.function import Application

import symdl as sd

from .sympy_functions import NO_FUNCTIONS, NUMBERS_ONLY, ROWS, Computed, Constant, NoSlope, Refused, r, x, y

_KINDS = (Application, ExprWithLimits, sp.Derivative, sp.Subs, sp.Limit, sp.Order, sp.UnevaluatedExpr)


def _exported() -> set[str]:
    classes = {
        name
        for room in (sp, cfunctions)
        for name in getattr(room, "__all__", dir(room))
        if isinstance(getattr(room, name), type) and issubclass(getattr(room, name), _KINDS)
    }
    return (set(sp.functions.__all__) | classes) - NO_FUNCTIONS


def _of(kind: type) -> dict[str, Any]:
    return {name: row for name, row in ROWS.items() if isinstance(row, kind)}


def test_every_function_has_a_row() -> None:
    assert sorted(_exported() - set(ROWS) - NUMBERS_ONLY) == []
    assert len(_of(Computed)) >= 150


def _exact(row: Any, point: float) -> tuple[float, float]:
    """Return the value and the slope at a point, to far more digits than a double has."""
    (symbol,) = row.expr.free_symbols
    known = getattr(row, "reference", None)

    def value(at: Any) -> Any:
        if known is not None:
            return mpmath.mpmathify(known(at))
        return row.expr.subs(symbol, sp.Float(at, 50)).doit().expand(func=True).evalf(40)._to_mpmath(150)

    with mpmath.workdps(40):
        at, gap = mpmath.mpf(point), mpmath.mpf(10) ** -12
        here = mpmath.re(value(at))
        if getattr(row, "slope", None) is not None:
            return float(here), float(row.slope)
        return float(here), float(mpmath.re(value(at + gap) - value(at - gap)) / (2 * gap))


@pytest.mark.parametrize("name", _of(Computed))
def test_values_and_slopes(name: str) -> None:
    row = ROWS[name]
    assert isinstance(row, Computed)
    (symbol,) = row.expr.free_symbols
    at = {str(symbol): np.array(row.points)}
    values, slopes = sd.compile(row.expr, wrt=[symbol], target="python")(**at)
    wanted = [_exact(row, point) for point in row.points]
    np.testing.assert_allclose(values, [value for value, _ in wanted], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(slopes[str(symbol)], [slope for _, slope in wanted], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", _of(NoSlope))
def test_values_without_a_slope(name: str) -> None:
    row = ROWS[name]
    assert isinstance(row, NoSlope)
    values = sd.compile(row.expr, target="python")(x=np.array(row.points))
    wanted = [float(row.reference(point)) for point in row.points]
    np.testing.assert_allclose(values, wanted, rtol=1e-12)
    for whoever in (lambda: sd.derive(row.expr, x), lambda: sd.compile(row.expr, wrt=[x])):
        with pytest.raises(sd.SymdlError, match=r"no derivative is known[^$]*sd\.function"):
            whoever()


@pytest.mark.parametrize("name", _of(Refused))
def test_what_is_refused_has_a_cure_that_works(name: str) -> None:
    row = ROWS[name]
    assert isinstance(row, Refused)
    symbol = max(row.expr.free_symbols, key=lambda s: (s in (x, r), str(s)))
    of_tensor = [lambda: sd.define("Z", (), row.expr.subs(symbol, sd.tensor("X", ()).at()))]
    doors = (
        lambda: sd.derive(row.expr, symbol),
        lambda: sd.compile(row.expr),
        lambda: sd.compile(row.expr, wrt=[symbol]),
        *(of_tensor if name in ("lerchphi", "mobius") else []),
    )
    for door in doors:
        with pytest.raises(sd.SymdlError) as refused:
            door()
        assert refused.value.stage == "express" and row.words in str(refused.value)
    cured = sp.sympify(row.cured(row.expr))
    given = {str(s): 0.5 for s in cured.free_symbols}
    assert np.isfinite(sd.compile(cured, target="python")(**given))


@pytest.mark.parametrize("name", _of(Constant))
def test_numbers_are_computed(name: str) -> None:
    row = ROWS[name]
    assert isinstance(row, Constant)
    assert np.isclose(sd.compile(x + row.expr, target="python")(x=1.0), 1 + float(sp.N(row.expr)))


def test_a_slope_that_is_no_real_number_is_refused() -> None:
    """The value of ``(-1)**x`` is real at whole numbers, its derivative nowhere."""
    wave = (-1) ** x
    assert sd.compile(wave, target="python")(x=3.0) == -1
    for whoever in (lambda: sd.derive(wave, x), lambda: sd.compile(wave, wrt=[x])):
        with pytest.raises(sd.SymdlError, match=r"no real number[^$]*cos\(pi\*x\)"):
            whoever()
    assert np.isclose(sd.compile(sp.cos(sp.pi * x), wrt=[x], target="python")(x=0.5)[1]["x"], -np.pi)


def test_a_remainder_by_a_variable_is_derived() -> None:
    """At 0 it has no value with which the limits on both sides could be compared."""
    assert sd.derive(sp.Rem(2, x), x).result.subs(x, 3) == 0


def test_tensors_take_the_same_functions() -> None:
    X = sd.tensor("X", (3,))
    (i,) = sd.indices("i")
    Z = sd.define("Z", (i,), sp.frac(X[i]) + sp.legendre(2.5, X[i]) + sp.Heaviside(X[i]))
    at = np.array([-0.5, 0.0, 0.25])
    found = sd.compile(Z, target="python")(X=at)
    wanted = [float(sp.frac(u) + sp.legendre(2.5, u).evalf() + sp.Heaviside(u)) for u in at]
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


POLYNOMIALS: dict[sp.Expr, Callable[[Any, Any], Any]] = {
    sp.chebyshevt(y, x): mpmath.chebyt,
    sp.chebyshevu(y, x): mpmath.chebyu,
    sp.legendre(y, x): mpmath.legendre,
    sp.laguerre(y, x): lambda n, u: mpmath.laguerre(n, 0, u),
    sp.assoc_laguerre(y, 2, x): lambda n, u: mpmath.laguerre(n, 2, u),
    sp.gegenbauer(y, 2, x): lambda n, u: mpmath.gegenbauer(n, 2, u),
    sp.jacobi(y, 1, 2, x): lambda n, u: mpmath.jacobi(n, 1, 2, u),
    sp.assoc_legendre(y, 1, x): lambda n, u: mpmath.legenp(n, 1, u),
}
ROUTINES = (
    "jn elliptic_f elliptic_pi polylog marcumq RisingFactorial FallingFactorial Li harmonic catalan"
    " erf2inv dirichlet_eta"
).split()


def test_polynomials_of_any_degree() -> None:
    point, degree = 0.35, 2.5
    values, slopes = sd.compile(sum(POLYNOMIALS), wrt=[x], target="python")(x=point, y=degree)
    wanted = mpmath.fsum(f(degree, point) for f in POLYNOMIALS.values())
    slope = mpmath.fsum(mpmath.diff(lambda u, f=f: f(degree, u), point) for f in POLYNOMIALS.values())
    np.testing.assert_allclose([values, slopes["x"]], [float(wanted), float(slope)], rtol=1e-10)


def test_the_routines_are_there_for_the_processor() -> None:
    """All functions that a routine of SciPy's computes, in one program."""
    every = [*(ROWS[name].expr for name in ROUTINES), *POLYNOMIALS]
    point = {"x": np.array([0.2, 0.35]), "y": 2.5}
    found = sd.compile(every, target="cpu")(**point)
    wanted = sd.compile(every, target="python")(**point)
    np.testing.assert_allclose(np.array(found), np.array(wanted), rtol=1e-13)
