"""Special functions and their derivatives beside mpmath: small, large, negative arguments, poles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import mpmath
import numpy as np
import pytest
import sympy as sp

import symdl as sd

Target = Literal["python", "cpu"]
x = sp.Symbol("x")
INSIDE, ABOVE = (0.05, 0.37, 0.9), (0.3, 1.7, 6.2, 25.0)
AROUND = (*ABOVE, -1.5, -7.25)
SMALL = (1e-8, 1e-3, 0.4, 3.0)
MPMATH: dict[str, Any] = {
    "erfcinv": lambda u: mpmath.erfinv(1 - u),
    "airyaiprime": lambda u: mpmath.airyai(u, derivative=1),
    "airybiprime": lambda u: mpmath.airybi(u, derivative=1),
}

CASES = [
    *((f(x), ABOVE) for f in (sp.coth, sp.sec, sp.csc, sp.cot, sp.sech, sp.csch, sp.acot, sp.acsch)),
    *((f(x), (1.3, 2.7, 26.0)) for f in (sp.acoth, sp.asec, sp.acsc, sp.li)),
    (sp.asech(x), INSIDE),
    (sp.sinc(x), (*ABOVE, 0.0)),
    *((f(x), AROUND) for f in (sp.gamma, sp.digamma, sp.trigamma)),
    (sp.loggamma(x), (*SMALL, *ABOVE, 1e6)),
    (sp.polygamma(2, x), AROUND),
    (sp.polygamma(5, x), (1e-3, *ABOVE)),
    (sp.beta(x, sp.Rational(3, 2)), ABOVE),
    (sp.factorial(x), ABOVE),
    (sp.binomial(x, 2), (3.3, 4.7, 9.2)),
    *((f(n, x), ABOVE) for f in (sp.besselj, sp.bessely, sp.besseli, sp.besselk)
      for n in (0, 1, 4, sp.Rational(5, 2), sp.Rational(1, 3))),
    *((f(x), INSIDE) for f in (sp.erfinv, sp.erfcinv, sp.erfi)),
    *((sp.expint(n, x), ABOVE) for n in (1, 2, 3)),
    (sp.Ei(x), (*ABOVE, -1.0)),
    (sp.Si(x), (*AROUND, 0.0)),
    (sp.Ci(x), ABOVE),
    *((f(x), SMALL) for f in (sp.Shi, sp.Chi, sp.fresnels, sp.fresnelc)),
    *((sp.zeta(s, x), ABOVE) for s in (2, sp.Rational(7, 2))),
    (sp.lowergamma(sp.Rational(5, 2), x), ABOVE),
    (sp.uppergamma(sp.Rational(5, 2), x), ABOVE),
    (sp.LambertW(x), (*ABOVE, 0.0, 1e-20, -0.2, -0.36, 1e300)),
    (sp.LambertW(x, -1), (-0.36, -0.1, -0.01)),
    *((f(x), (*INSIDE, 0.0, -5.0)) for f in (sp.elliptic_k, sp.elliptic_e)),
    *((f(x), (-3.0, 0.0, 2.0, 9.0)) for f in (sp.airyai, sp.airybi, sp.airyaiprime, sp.airybiprime)),
]  # fmt: skip


def exact(f: sp.Expr, at: float) -> tuple[Any, Any]:
    """Return the value and the derivative at a point, to far more digits than a double has."""
    function: Callable[[Any], Any] = sp.lambdify(x, f, [MPMATH, "mpmath"])
    with mpmath.workdps(40):
        point = mpmath.mpf(at)
        near = mpmath.mpf(10) ** -12 * (abs(point) or 1)
        return mpmath.re(function(point)), mpmath.re(mpmath.diff(function, point, h=near))


@pytest.mark.parametrize("target", ["python", "cpu"])
@pytest.mark.parametrize(("f", "points"), CASES, ids=[str(f) for f, _ in CASES])
def test_values_and_derivatives(f: sp.Expr, points: tuple[float, ...], target: Target) -> None:
    function = sd.compile(f, wrt=[x], target=target)
    values, slopes = function(x=np.array(points))
    wanted = [exact(f, point) for point in points]
    np.testing.assert_allclose(values, [float(value) for value, _ in wanted], rtol=2e-12, atol=0)
    np.testing.assert_allclose(slopes["x"], [float(slope) for _, slope in wanted], rtol=5e-12, atol=1e-15)


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_where_there_is_no_real_value(target: Target) -> None:
    def value(f: sp.Expr, *points: float) -> Any:
        return sd.compile(f, target=target)(x=np.array(points))

    assert np.isnan(value(sp.LambertW(x), -0.4, np.nan)).all()
    assert np.isnan(value(sp.LambertW(x, -1), -0.4, 0.5)).all()
    assert np.isinf(value(sp.polygamma(1, x), 0.0, -3.0)).all()
    assert not np.isfinite(value(sp.gamma(x), -2.0)).any()
    assert np.isnan(value(sp.erfinv(x), 1.5)).all() and np.isinf(value(sp.erfinv(x), 1.0)).all()
    assert np.isnan(value(sp.bessely(0, x), -1.0)).all()


def test_an_order_has_no_derivative() -> None:
    n = sp.Symbol("n")
    with pytest.raises(sd.SymdlError, match="no derivative is known"):
        sd.compile(sp.besselj(n, x), wrt=[n])
