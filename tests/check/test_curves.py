"""The error of central differences: it falls with the square of the step, then rounding takes over."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdl.check.curves import error_curve
from symdl.errors import ArgumentError

x, y, z = sp.symbols("x y z")
F = sp.sin(x**2 * y) + sp.exp(z)
POINT = {x: 1.3, y: 0.7, z: -0.4}


@pytest.mark.parametrize("wrt", [x, y, z])
def test_three_ways(wrt: sp.Symbol) -> None:
    curve = error_curve(F, wrt, POINT)
    assert curve.exact == pytest.approx(float(F.diff(wrt).evalf(subs=POINT)), rel=1e-14)
    assert curve.reverse == pytest.approx(curve.exact, rel=1e-13)
    falling = (curve.deltas <= 1e-1) & (curve.deltas >= 1e-3)
    order = np.polyfit(np.log(curve.deltas[falling]), np.log(curve.errors[falling]), 1)[0]
    assert order == pytest.approx(2, abs=0.1)
    assert 1e-7 < curve.best < 1e-3
    assert curve.errors[-1] > 100 * curve.errors.min()


def test_plot() -> None:
    pytest.importorskip("matplotlib")
    curve = error_curve(F, x, POINT)
    (axes,) = curve.plot().axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.maximum(curve.errors, 1e-17))


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="no number for y"):
        error_curve(F, x, {x: 1.0, z: 0.0})
    with pytest.raises(ArgumentError, match="is 0 there"):
        error_curve(F, x, {x: 0.0, y: 1.0, z: 0.0})
