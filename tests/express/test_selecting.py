"""Gathers, one-hot rows and limits against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import autograd.numpy as anp
import numpy as np
import pytest

from symdl.differentiate.adjoint import differentiate
from symdl.errors import ArgumentError, ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.operators import reduce
from symdl.express.program import collect
from symdl.express.selecting import clip, one_hot, take, take_along_axis
from symdl.run.reference.interpreter import evaluate, outputs

from .agreement import agrees

RNG = np.random.default_rng(8)
X = RNG.normal(size=(3, 4))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("ids", [np.array([2, 0, 2]), np.array([[1], [1]]), np.array(2)])
def test_take(axis: int, ids: np.ndarray) -> None:
    agrees(lambda x, ids: take(x, ids, axis), lambda x, ids: anp.take(x, ids, axis), x=X, ids=ids)


# autograd has no rule for take with an axis
anp.take = lambda x, ids, axis: x[(slice(None),) * (axis % 2) + (ids,)]


def test_take_along_axis() -> None:
    ids = np.array([[3, 3], [0, 1], [2, 0]])
    rows = np.arange(3)[:, None]
    agrees(take_along_axis, lambda x, positions: x[rows, positions], x=X, positions=ids)
    columns = np.arange(4)
    ids = np.array([[2, 2, 0, 1]])
    agrees(lambda x, p: take_along_axis(x, p, 0), lambda x, p: x[p, columns], x=X, p=ids)


def test_positions_out_of_range_are_refused_when_called() -> None:
    x, ids = tensor("x", (3,)), tensor("ids", (1,), dtype="int64")
    with pytest.raises(ArgumentError):
        outputs(collect([take(x, ids)]), {"x": np.zeros(3), "ids": np.array([3])})


@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_one_hot(shape: tuple[int, ...]) -> None:
    labels = RNG.integers(0, 4, size=shape)
    agrees(lambda t: one_hot(t, 4), lambda t: np.eye(4)[t], slopes=False, t=labels)


def test_clip_and_its_slopes() -> None:
    x = np.array([-3.0, -1.0, -0.5, 0.0, 2.0, 2.5])
    for low, high in ((-1.0, 2.0), (None, 2.0), (-1.0, None)):
        t = tensor("x", (6,))
        clipped = clip(t, low, high)
        derivative = differentiate(reduce("sum", clipped), [t])
        found = evaluate(derivative.program, {"x": x})
        np.testing.assert_array_equal(outputs(collect([clipped]), {"x": x})[0], np.clip(x, low, high))
        inside = (x > (-np.inf if low is None else low)) & (x < (np.inf if high is None else high))
        np.testing.assert_array_equal(found[derivative.gradient(t)], inside.astype(float))


def test_clip_between_tensors() -> None:
    low = RNG.normal(size=(1, 4)) - 0.5
    agrees(
        lambda x, low: clip(x, low, 1),
        lambda x, low: anp.where(x < low, low + 0 * x, anp.where(x > 1, 1.0, x)),
        x=X,
        low=low,
    )


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: clip(tensor("x", (2,))), ExpressionError),
        (lambda: take(tensor("x", (2,)), tensor("i", (2,))), ExpressionError),
        (lambda: one_hot(tensor("i", (2,)), 3), ExpressionError),
        (lambda: take(tensor("x", (2,)), tensor("i", (2,), dtype="int64"), 1), ShapeError),
        (lambda: take_along_axis(tensor("x", (2,)), tensor("i", (2, 2), dtype="int64")), ShapeError),
    ],
    ids=itertools.count(),
)
def test_bad_arguments_are_refused(build: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        build()
