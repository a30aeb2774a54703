"""Derivatives in which a logistic function occurs with both signs."""

from __future__ import annotations

import pytest
import sympy as sp

from symdl.differentiate.local import one_logistic

y, z = sp.symbols("y z", real=True)
up, down = 1 / (1 + sp.exp(-z)), 1 / (1 + sp.exp(z))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (y * down - (1 - y) * up, y - up),
        (y * down + (down - 1) * (1 - y), y - up),
        (down - 1, -up),
        (down, down),
        (up * down, up * down),  # quadratic: 1 - s would lose what a large z makes small
        (z * down + up, z * down + up),
        (sp.exp(z) + down - 1, sp.exp(z) + down - 1),
    ],
)
def test_one_logistic(before: sp.Expr, after: sp.Expr) -> None:
    found = one_logistic(before)
    assert sp.simplify(found - after) == 0
    assert found.count(sp.exp) <= before.count(sp.exp)
    if after == before:
        assert found == before
    for at in (-30.0, -1.5, 0.0, 2.0, 30.0):
        values = {z: at, y: 0.25}
        assert float(found.subs(values)) == pytest.approx(float(before.subs(values)), abs=1e-15)
