"""Medians and quantiles against NumPy, the most frequent value against SciPy; NaN, infinities."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import scipy.stats

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.express.program import collect
from symdl.express.quantiles import Method
from symdl.run.reference.interpreter import outputs

RNG = np.random.default_rng(9)
X = sd.tensor("X", (3, 8))
A = RNG.integers(-4, 4, size=(3, 8)).astype(float) / 2


def value(tensor: Any, **values: Any) -> Any:
    return outputs(collect([tensor]), values)[0]


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_quantiles_are_those_of_numpy(method: Any, axis: int | None) -> None:
    shares = [0.0, 0.05, 0.25, 0.5, 0.6, 0.95, 1.0]
    holes = np.where(A > 1, np.nan, A)
    for keep in (False, True):
        found = value(sd.quantile(X, shares, axis, method=method, keepdims=keep), X=A)
        np.testing.assert_allclose(found, np.quantile(A, shares, axis=axis, method=method, keepdims=keep))
        found = value(sd.nanquantile(X, 0.3, axis, method=method, keepdims=keep), X=holes)
        wanted = np.nanquantile(holes, 0.3, axis=axis, method=method, keepdims=keep)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_one_nan_makes_all_quantiles_nan() -> None:
    holes = A.copy()
    holes[1, 3] = np.nan
    np.testing.assert_array_equal(
        value(sd.quantile(X, [0.0, 0.4], 1), X=holes), np.quantile(holes, [0, 0.4], axis=1)
    )
    np.testing.assert_array_equal(value(sd.nanmedian(X, 0), X=np.full((3, 8), np.nan)), np.full(8, np.nan))


def test_infinite_elements_do_no_harm() -> None:
    far = np.array([[-np.inf, 1, 2, 5, np.inf]])
    found = value(sd.quantile(sd.tensor("X", (1, 5)), [0.25, 0.6, 1], 1), X=far)
    np.testing.assert_allclose(found[:, 0], [1, 3.2, np.inf])


def test_the_number_of_elements_may_be_a_symbol_and_the_share_a_tensor() -> None:
    n = sd.Dim("n")
    x, q = sd.tensor("x", (n,)), sd.tensor("q", ())
    for count in (1, 4, 7):
        data = RNG.normal(size=count)
        assert value(sd.quantile(x, q), x=data, q=0.37) == pytest.approx(np.quantile(data, 0.37))
        assert value(sd.median(x), x=data) == pytest.approx(np.median(data))


def test_the_mode_is_the_smallest_of_the_most_frequent() -> None:
    for axis in (0, 1):
        np.testing.assert_array_equal(value(sd.mode(X, axis), X=A), scipy.stats.mode(A, axis=axis).mode)


def test_cumulative_extremes_of_integers() -> None:
    whole = sd.tensor("W", (6,), dtype="int64")
    data = np.array([3, 1, 4, -1, 5, np.iinfo("int64").min])
    np.testing.assert_array_equal(value(sd.cummin(whole), W=data), np.minimum.accumulate(data))
    np.testing.assert_array_equal(value(sd.cummax(whole), W=data), np.maximum.accumulate(data))


def test_a_derivation_of_cases_among_compared_elements_ends() -> None:
    loss = sd.nanquantile(sd.where(X > 1, float("nan"), X), 0.3)
    assert "in the given symbols" not in sd.derive(loss, X).text()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sd.quantile(X, 1.5), ExpressionError, "q = 1.5"),
        (lambda: sd.quantile(X, [0.5, -1]), ExpressionError, "q ="),
        (lambda: sd.quantile(X, 0.5, method="weibull"), ExpressionError, "method"),  # type: ignore[arg-type]
        (lambda: sd.median(sd.tensor("E", (2, 0)), 1), ShapeError, "no elements"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
