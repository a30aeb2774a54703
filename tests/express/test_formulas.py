"""Formulas that need values which are not known yet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExpressionError

X = sd.tensor("X", (3,))


@pytest.mark.parametrize(
    ("formula", "cure"),
    [
        (lambda z: z if z > 0 else 0, "sp.Piecewise"),
        (lambda z: math.exp(z), "not those of math"),
        (np.exp, "not NumPy's"),
    ],
)
def test_a_formula_of_values_is_refused_with_its_cure(formula: Any, cure: str) -> None:
    with pytest.raises(ExpressionError, match=f"not known yet(.|\n)*{cure}"):
        sd.elementwise(formula, X)


def test_so_is_a_schedule() -> None:
    with pytest.raises(ExpressionError, match="sp.Piecewise"):
        sd.update_rules(sd.nn.SGD(lambda step: 0.1 if step < 10 else 0.01), [sd.parameter("w", 2)])


def test_other_errors_pass() -> None:
    with pytest.raises(TypeError, match="missing"):
        sd.elementwise(lambda z, other: z, X)
