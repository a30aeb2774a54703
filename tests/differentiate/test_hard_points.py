"""Gradients where they are delicate: at corners, in ties, for large values, on empty and partial ranges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import sympy as sp
from autograd import grad as autograd

from symdl.differentiate.corners import times
from symdl.differentiate.masking import Case, _peeled
from symdl.express.build import parameter, sums_to_one, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise, reduce
from symdl.express.surface import LogSumExp, Max, Sum, define

from .formulas import ACTIVATIONS, log_softmax
from .oracles import assert_close, gradients

n = Dim("n")
i, j, k, p, r = indices("i j k p r")

HARD = np.array([0.0, -0.0, 1e-300, -1e-300, 1.0, -1.0, 40.0, -40.0, 745.0, -745.0, 1000.0, -1000.0])
LIMITS: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda z: 0.0,
    "tanh": lambda z: 0.0,
    "relu": lambda z: float(z > 0),
    "leaky relu": lambda z: 1.0 if z > 0 else 0.1,
    "softplus": lambda z: float(z > 0),
    "elu": lambda z: float(z > 0),
    "silu": lambda z: float(z > 0),
    "gelu": lambda z: float(z > 0),
    "gelu by tanh": lambda z: float(z > 0),
    "mish": lambda z: float(z > 0),
    "log cosh": lambda z: float(np.sign(z)),
    "softsign": lambda z: 0.0,
    "hard tanh": lambda z: 0.0,
    "square root": lambda z: float(np.sign(z)),
    "arctan": lambda z: 0.0,
    "power": lambda z: 0.0,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_at_hard_points(name: str) -> None:
    z = tensor("Z", (n,))
    loss = elementwise(ACTIVATIONS[name][0], z).sum()
    _, (found,) = gradients(loss, [z], {"Z": HARD})
    assert np.isfinite(found).all()
    for point, slope in zip(HARD, found, strict=True):
        if abs(point) > 700:
            assert abs(slope - LIMITS[name](point)) < 2e-3


def test_slopes_at_corners() -> None:
    z = tensor("Z", (n,))
    at = {"Z": [-1.0, 0.0, 1.0]}
    expected = {
        sp.Abs: [-1, 0, 1],
        (lambda v: sp.Max(v, 0)): [0, 0, 1],
        (lambda v: sp.Min(v, 0)): [1, 0, 0],
        (lambda v: sp.Max(v, -1)): [0, 1, 1],
        (lambda v: v * sp.sign(v)): [-1, 0, 1],
        (lambda v: sp.Piecewise((v, v > 0), (v / 10, True))): [0.1, 0.1, 1],
    }
    for function, slopes in expected.items():
        _, (found,) = gradients(elementwise(function, z).sum(), [z], at)
        np.testing.assert_array_equal(found, slopes)


@pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0])
def test_cross_entropy_at_large_logits(shift: float) -> None:
    z, t, y = tensor("Z", (n, 3)), tensor("t", (n,), dtype="int64"), tensor("Y", (n, 3))
    at = shift + np.array([[0.0, 1000.0, -1000.0], [3.0, 3.0, 3.0], [-1000.0, 0.0, 1.0]])
    hot, labels_of = np.eye(3)[[1, 2, 0]], np.array([1, 2, 0])
    expected = (np.exp(log_softmax(at)) - hot) / 3
    by_label = define("L", (), Sum(LogSumExp(z[i, j], j) - z[i, t[i]], i) / n)
    _, (found,) = gradients(by_label, [z], {"Z": at, "t": labels_of})
    np.testing.assert_allclose(found, expected, atol=1e-15)
    by_row = define("L", (), Sum(y[i, j] * (LogSumExp(z[i, k], k) - z[i, j]), i, j) / n)
    for facts in ((), (sums_to_one(y),)):
        _, (found,) = gradients(by_row, [z], {"Z": at, "Y": hot}, facts=facts)
        np.testing.assert_allclose(found, expected, atol=1e-15)


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    x = tensor("X", (n, 2, 3))
    at = {"X": [[[1.0, 2.0, 2.0], [2.0, 2.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]}
    _, (rows,) = gradients(reduce("max", x, 2).sum(), [x], at)
    np.testing.assert_array_equal(rows, [[[0, 1, 0], [1, 0, 0]], [[1, 0, 0], [1, 0, 0]]])
    _, (planes,) = gradients(reduce("max", x, (1, 2)).sum(), [x], at)
    np.testing.assert_array_equal(planes, [[[0, 1, 0], [0, 0, 0]], [[1, 0, 0], [0, 0, 0]]])
    _, (all_,) = gradients(reduce("max", x), [x], at)
    assert all_.sum() == 1 and all_[0, 0, 1] == 1


def test_ties_in_overlapping_windows() -> None:
    x = tensor("X", (5,))
    y = define("Y", (p,), Max(x[p + r], (r, 3)), shape=(3,))
    _, (found,) = gradients((y * y).sum(), [x], {"X": [1.0, 1.0, 1.0, 1.0, 1.0]})
    np.testing.assert_array_equal(found, [2, 2, 2, 0, 0])


def test_axes_without_entries() -> None:
    x, w = tensor("X", (n, 0)), parameter("W", (0, 3))
    loss = ((x @ w) ** 2).sum() + (w * 2).sum()
    _, (of_w, of_x) = gradients(loss, [w, x], {"X": np.zeros((2, 0)), "W": np.zeros((0, 3))})
    assert of_w.shape == (0, 3) and of_x.shape == (2, 0)


def test_a_fact_says_nothing_about_a_part_of_a_row() -> None:
    """A sum over some columns of probabilities is not one."""
    y, z = tensor("Y", (n, 3)), tensor("Z", (n,))
    loss = (y[:, :2] * z[:, None]).sum()
    rows = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    _, (found,) = gradients(loss, [z], {"Y": rows, "Z": [1.0, 2.0]}, facts=[sums_to_one(y)])
    np.testing.assert_allclose(found, rows[:, :2].sum(axis=1))


def test_labels_that_match_no_position_contribute_nothing() -> None:
    """A label outside the range is no error where it is only compared."""
    z, w, t = tensor("Z", (n, 3)), tensor("w", (n,)), tensor("t", (n,), dtype="int64")
    picked = define("P", (i,), Sum(sp.Piecewise((z[i, j], sp.Eq(t[i], j)), (0, True)), j))
    at = {"Z": np.arange(9.0).reshape(3, 3), "w": np.ones(3), "t": [-1, 2, 7]}
    _, (of_z, of_w) = gradients((picked * w).sum(), [z, w], at)
    np.testing.assert_array_equal(of_w, [0, 5, 0])
    np.testing.assert_array_equal(of_z, [[0, 0, 0], [0, 0, 1], [0, 0, 0]])


def test_a_condition_keeps_what_it_excludes_from_being_evaluated() -> None:
    x = tensor("X", (n, 4))
    y = define("Y", (i, j), sp.Piecewise((sp.log(x[i, j - 1]) * x[i, j], j >= 1), (0, True)), shape=(n, 4))
    at = np.array([[1.0, 2.0, 3.0, -1.0]])
    _, (found,) = gradients(y.sum(), [x], {"X": at})
    expected = [2 / 1, np.log(1) + 3 / 2, np.log(2) - 1 / 3, np.log(3)]
    np.testing.assert_allclose(found, [expected])


def test_a_named_function_of_part_of_a_tensor_is_not_read_outside_it() -> None:
    """The exponential of the first rows exists already; that of all rows does not."""
    x = tensor("X", (5,))
    head = define("H", (i,), sp.exp(x[i]), shape=(3,))
    loss = (head**2).sum() + define(None, (), Sum(sp.exp(x[i]) ** 3, i))
    at = np.linspace(-1, 1, 5)
    _, (found,) = gradients(loss, [x], {"X": at})
    np.testing.assert_allclose(found, 3 * np.exp(3 * at) + 2 * np.exp(2 * at) * (np.arange(5) < 3))


def test_a_definition_with_a_condition_on_its_own_index_is_not_mixed_up() -> None:
    x = tensor("X", (3, 3))
    upper = define("U", (i, j), sp.Piecewise((sp.exp(x[i, j]), i <= j), (0, True)))
    lower = define("V", (i, j), sp.Piecewise((sp.exp(x[j, i]), i <= j), (0, True)))
    at = np.arange(9.0).reshape(3, 3) / 9
    _, (found,) = gradients((upper**2 * lower).sum(), [x], {"X": at})

    def same(x: Any) -> Any:
        return anp.sum(anp.triu(anp.exp(x)) ** 2 * anp.triu(anp.exp(x.T)))

    assert_close(found, autograd(same)(at))


def test_the_logarithm_of_a_sum_under_a_condition() -> None:
    x = tensor("X", (n, 3))
    total = define("S", (i,), Sum(sp.exp(x[i, j]), j))
    y = define("Y", (i,), sp.Piecewise((sp.log(total[i]), i < 1), (0, True)))
    _, (found,) = gradients((y**2).sum() + y.sum(), [x], {"X": np.zeros((2, 3))})
    np.testing.assert_allclose(found, [[(1 + 2 * np.log(3)) / 3] * 3, [0, 0, 0]])


def test_a_gradient_by_an_intermediate_tensor() -> None:
    x, w = tensor("X", (n, 2)), parameter("W", (2, 3))
    z = x @ w
    loss = ((z * 2) ** 2).sum() + z.sum()
    at = {"X": np.ones((2, 2)), "W": np.arange(6.0).reshape(2, 3)}
    _, (of_z, of_w) = gradients(loss, [z, w], at)
    values = at["X"] @ at["W"]
    np.testing.assert_allclose(of_z, 8 * values + 1)
    np.testing.assert_allclose(of_w, at["X"].T @ of_z)


def test_the_same_index_twice() -> None:
    x = tensor("X", (3, 3))
    loss = define("L", (), Sum(x[i, i] ** 2 * x[i, 0], i))
    at = np.arange(1.0, 10.0).reshape(3, 3)
    _, (found,) = gradients(loss, [x], {"X": at})
    assert_close(found, autograd(lambda x: anp.sum(anp.diag(x) ** 2 * x[:, 0]))(at))


def test_a_condition_on_a_square() -> None:
    """SymPy, asked for the sign of ``X[i]**2 - 1``, must not take it for a polynomial in i."""
    x = tensor("X", (n,))
    y = elementwise(lambda v: sp.Piecewise((v**3, v**2 > 1), (v / 2, True)), x)
    _, (found,) = gradients(y.sum(), [x], {"X": [-2.0, -1.0, 0.0, 1.0, 2.0]})
    np.testing.assert_array_equal(found, [12, 0.5, 0.5, 0.5, 12])


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (i < sp.Rational(5, 2), lambda i: i < 2.5),
        (2 * i <= 5.5, lambda i: 2 * i <= 5.5),
        (3 * i > 4, lambda i: 3 * i > 4),
        (sp.And(i >= 1, 4 * n > i + 1), lambda i: 1 <= i < 7),
        (sp.Eq(i / 2, 1), lambda i: i == 2),
    ],
)
def test_conditions_on_indices_that_are_not_whole(condition: sp.Basic, holds: Callable[[int], bool]) -> None:
    x = tensor("X", (4 * n,))
    y = define("Y", (i,), sp.Piecewise((x[i] ** 2, condition), (0, True)))
    assert y.equation is not None and y.equation.guards
    at = np.arange(1.0, 9.0)
    _, (found,) = gradients(y.sum(), [x], {"X": at})
    np.testing.assert_array_equal(found, [2 * v if holds(place) else 0 for place, v in enumerate(at)])


def test_a_factor_that_may_be_infinite_is_taken_into_the_cases_of_the_other() -> None:
    """Outside of them nothing is infinite times 0; within other functions cases stay where they are."""
    x, y = sp.symbols("x y")
    cases = sp.Piecewise((y, x > 0), (0, True))
    assert times(1 / x, 3 * cases) == sp.Piecewise((3 * y / x, x > 0), (0, True))
    assert times(x, 3 * cases) == 3 * x * cases
    assert times(1 / x, 3 * sp.sin(cases)) == 3 * sp.sin(cases) / x


def test_conditions_are_taken_off_what_is_0_where_one_of_them_fails() -> None:
    x, y = sp.symbols("x y")
    two = sp.Piecewise((x, x > 0), (0, True))
    three = sp.Piecewise((x, x > 0), (y, x < -1), (0, True))
    assert _peeled(y * two) == (x * y, [Case(x > 0, True)])
    assert _peeled(y * three) == (y * three, [])
