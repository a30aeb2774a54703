"""Comparisons of tensors: choosing with them, joining them, and what they refuse."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.conditions import Condition, equal, not_equal, where
from symdl.express.dims import indices
from symdl.express.program import collect
from symdl.express.surface import define
from symdl.run.compile import compile
from symdl.run.reference.interpreter import outputs

from .agreement import agrees

RNG = np.random.default_rng(10)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=(4,))


@pytest.mark.parametrize("relation", [operator.lt, operator.le, operator.gt, operator.ge])
def test_where_with_a_comparison(relation: Callable[[Any, Any], Any]) -> None:
    agrees(
        lambda x, y: where(relation(x, y), 2 * x, y),
        lambda x, y: anp.where(relation(x, y), 2 * x, y + 0 * x),
        x=X,
        y=Y,
    )
    agrees(lambda x: where(relation(0, x), x, 1), lambda x: anp.where(relation(0, x), x, 1.0), x=X)


def test_joined_conditions() -> None:
    agrees(
        lambda x, y: where(((x > 0) & (y > x)) | ~(y < 0.5), x, y),
        lambda x, y: anp.where(((x > 0) & (y > x)) | ~(y < 0.5), x, y + 0 * x),
        x=X,
        y=Y,
    )


def test_one_of_two_conditions() -> None:
    agrees(
        lambda x, y: where((x > 0) ^ (y > x), x, y),
        lambda x, y: anp.where((x > 0) ^ (y > x), x, y + 0 * x),
        x=X,
        y=Y,
    )


def test_equality_of_integers_and_masks() -> None:
    t = RNG.integers(0, 3, size=(3, 4))
    agrees(lambda x, t: where(equal(t, 1), x, 0), lambda x, t: anp.where(t == 1, x, 0.0), x=X, t=t)
    agrees(lambda x, t: where(not_equal(t, 1), x, 0), lambda x, t: anp.where(t != 1, x, 0.0), x=X, t=t)
    mask = (t > 0).astype(int)
    agrees(lambda x, m: where(m, x**2, x), lambda x, m: anp.where(m == 1, x**2, x), x=X, m=mask)


def test_what_is_not_chosen_is_not_evaluated() -> None:
    x = tensor("x", (3,))
    (found,) = outputs(collect([where(x > 0, x**-1, 0)]), {"x": [0.0, 2.0, -1.0]})
    np.testing.assert_array_equal(found, [0, 0.5, 0])


def test_conditions_on_elements() -> None:
    i, j = indices("i j")
    x = tensor("x", (3, 3))
    lower = define("L", (i, j), where(i >= j, x[i, j], 0))
    values = RNG.normal(size=(3, 3))
    np.testing.assert_array_equal(outputs(collect([lower]), {"x": values})[0], np.tril(values))
    assert isinstance(tensor("s") > x[i, j], sp.Rel)


def test_tensors_are_still_equal_only_to_themselves() -> None:
    x, y = tensor("x", (2,)), tensor("x", (2,))
    assert x == x
    assert x != y
    assert {x: 1, y: 2}[x] == 1


def test_a_condition_has_no_truth_value() -> None:
    x = tensor("x", (2,))
    condition = x > 0
    assert isinstance(condition, Condition)
    assert condition.shape == (2,)
    with pytest.raises(ExpressionError, match="truth value"):
        bool(condition)
    with pytest.raises(ExpressionError, match="truth value"):
        0 < x < 1  # noqa: B015


@pytest.mark.parametrize(
    "formula",
    [
        lambda x, y: (x > y) * x,
        lambda x, y: x * (x > y),
        lambda x, y: 1 - (x > y),
        lambda x, y: (x > y) - 0.5 * x,
        lambda x, y: ((x > 0) & (y < 0)) + 2 * (x > y),
        lambda x, y: (x > y) / 2 + 0 * x,
        lambda x, y: (x > y).sum(1, keepdims=True) * x,
        lambda x, y: (x >= y).mean(0) * y,
        lambda x, y: (x > y)[:, ::-1] * x,
        lambda x, y: (y > x)[0] * x,
    ],
    ids=itertools.count(),
)
def test_a_comparison_counts_as_ones_and_zeros(formula: Callable[[Any, Any], Any]) -> None:
    agrees(formula, formula, slopes=False, x=X, y=Y)
    agrees(lambda x: formula(x, x) * x, lambda x: formula(x, x) * x, x=X[:, :3] + 2)


def test_a_comparison_is_an_output() -> None:
    x, y = tensor("x", (3, 4)), tensor("y", (4,))
    single = compile(x > y, target="python")
    np.testing.assert_array_equal(single(x=X, y=Y), X > Y)
    several = compile([~(x > y), x + y], target="python")
    np.testing.assert_array_equal(several(x=X, y=Y)[0], X <= Y)
    i, j = indices("i j")
    for relation in (x[i, j] > y[j], (x > y)[i, j]):
        (found,) = outputs(collect([define(None, (i, j), relation)]), {"x": X, "y": Y})
        np.testing.assert_array_equal(found, X > Y)


def test_bad_comparisons_are_refused() -> None:
    x = tensor("x", (2,))
    with pytest.raises(ShapeError):
        _ = x > tensor("y", (3,))
    with pytest.raises(ExpressionError):
        _ = x > ["0", "0"]
    with pytest.raises(ShapeError):
        _ = x > np.zeros(3)
    with pytest.raises(ExpressionError):
        where(x, 1, 0)
    with pytest.raises(ExpressionError):
        _ = (x > 0) & "yes"
