"""Comparisons that SymPy cannot settle by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd


@pytest.mark.parametrize("quantile", [0.1, sp.Rational(1, 10), 0.5, 0.9])
def test_a_comparison_that_sympy_writes_in_two_forms_by_turns_is_settled(quantile: Any) -> None:
    # SymPy's canonical form of (y - p)/10 > -9*(y - p)/10 is another one each time.
    y, p = sd.tensor("y", (6,)), sd.parameter("p", (6,))
    rng = np.random.default_rng(0)
    at = {"y": rng.normal(size=6), "p": rng.normal(size=6)}
    error, share = at["y"] - at["p"], float(quantile)
    expected = np.maximum(share * error, (share - 1) * error).mean()
    formula = sd.elementwise(lambda a, b: sp.Max(quantile * (a - b), (quantile - 1) * (a - b)), y, p)
    arrays = sd.maximum(quantile * (y - p), (quantile - 1) * (y - p))
    for loss in (formula.mean(), arrays.mean()):
        np.testing.assert_allclose(sd.compile(loss)(**at), expected)
        sd.check_gradients(loss, at=at).raise_if_failed()
        assert "p" in str(sd.derive(loss, "p"))
