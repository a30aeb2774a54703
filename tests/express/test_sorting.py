"""Sorting against NumPy: order, ties, gradients that go to where an element came from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symdl.errors import ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.sorting import argsort, sort, top_k
from symdl.run.compile import compile

from .agreement import agrees

N = Dim("n")
RNG = np.random.default_rng(12)
X = RNG.normal(size=(3, 5))
TIES = RNG.integers(0, 3, size=(3, 5)).astype(float)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("values", ["distinct", "ties"])
def test_sort(axis: int, values: str) -> None:
    x = X if values == "distinct" else TIES
    where = np.argsort(x, axis=axis, kind="stable")
    grid: list[Any] = list(np.indices(x.shape))
    grid[axis] = where
    agrees(lambda x: sort(x, axis), lambda x: x[tuple(grid)], x=x)
    np.testing.assert_array_equal(compile(argsort(tensor("x", x.shape), axis))(x=x), where)


def test_falling_order_keeps_equal_elements_in_place() -> None:
    x = tensor("x", (4,))
    where, values = compile([argsort(x, descending=True), sort(x, descending=True)])(x=[2, 1, 2, 3])
    np.testing.assert_array_equal(where, [3, 0, 2, 1])
    np.testing.assert_array_equal(values, [3, 2, 2, 1])


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_top_k(count: int, largest: bool) -> None:
    where = np.argsort(-X if largest else X, axis=1, kind="stable")[:, :count]
    rows = np.arange(3)[:, None]
    agrees(lambda x: top_k(x, count, largest=largest)[0], lambda x: x[rows, where], x=X)
    positions = top_k(tensor("x", X.shape), count, largest=largest)[1]
    assert positions.dtype == "int64"
    np.testing.assert_array_equal(compile(positions)(x=X), where)


def test_symbolic_sizes_and_integers() -> None:
    run = compile(sort(tensor("x", (N,))))
    for size in (1, 4):
        np.testing.assert_array_equal(run(x=X[0, :size]), np.sort(X[0, :size]))
    assert sort(tensor("t", (N,), dtype="int64")).dtype == "int64"


def test_infinite_elements() -> None:
    x = np.array([1.0, np.inf, -np.inf, 0.0])
    np.testing.assert_array_equal(compile(sort(tensor("x", (4,))))(x=x), np.sort(x))


@pytest.mark.parametrize("count", [0, 4])
def test_what_is_not_there_is_refused(count: int) -> None:
    with pytest.raises(ShapeError):
        top_k(tensor("x", (3,)), count)


def test_no_more_than_are_surely_there() -> None:
    with pytest.raises(ShapeError):
        top_k(tensor("x", (N,)), 2)
