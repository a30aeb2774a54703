"""Copies, turns, ranges and triangles against NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import autograd.numpy as anp
import numpy as np
import pytest

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.patterns import arange, full, tril, triu
from symdl.express.program import collect
from symdl.express.repeating import repeat, roll, tile
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs

from .agreement import agrees

N = Dim("n")
X = np.random.default_rng(8).normal(size=(3, 4))


@pytest.mark.parametrize("times", [1, 2, (2, 1), (2, 3), (2, 1, 3)])
def test_tile(times: int | Sequence[int]) -> None:
    reps = (1, times) if isinstance(times, int) else times
    agrees(lambda x: tile(x, times), lambda x: anp.tile(x, reps), x=X)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("times", [1, 3])
def test_repeat(times: int, axis: int) -> None:
    agrees(lambda x: repeat(x, times, axis), lambda x: anp.repeat(x, times, axis), x=X)


@pytest.mark.parametrize("shape", [(1, 4), (3, 1)])
def test_axes_of_size_one(shape: tuple[int, int]) -> None:
    x = X[: shape[0], : shape[1]]
    agrees(lambda x: tile(x, (3, 2)), lambda x: anp.tile(x, (3, 2)), x=x)
    agrees(lambda x: repeat(x, 2, 0), lambda x: anp.repeat(x, 2, 0), x=x)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shift", [0, 1, -2, 7])
def test_roll(shift: int, axis: int) -> None:
    agrees(lambda x: roll(x, shift, axis), lambda x: anp.roll(x, shift, axis), x=X)


@pytest.mark.parametrize("diagonal", [-5, -1, 0, 2, 9])
def test_triangles(diagonal: int) -> None:
    agrees(lambda x: tril(x, diagonal), lambda x: anp.tril(x, diagonal), x=X)
    agrees(lambda x: triu(x, diagonal), lambda x: anp.triu(x, diagonal), x=X)


SYMBOLIC: list[tuple[Callable[[Tensor], Tensor], np.ndarray]] = [
    (lambda x: tile(x, (2, 1)), np.tile(X, (2, 1))),
    (lambda x: repeat(x, 2, 0), np.repeat(X, 2, 0)),
    (lambda x: roll(x, 1, 0), np.roll(X, 1, 0)),
    (lambda x: tril(x), np.tril(X)),
]


@pytest.mark.parametrize(("ours", "expected"), SYMBOLIC)
def test_a_symbolic_axis(ours: Callable[[Tensor], Tensor], expected: np.ndarray) -> None:
    (found,) = outputs(collect([ours(tensor("x", (N, 4)))]), {"x": X})
    np.testing.assert_array_equal(found, expected)


def test_ranges_and_constants() -> None:
    made = [arange(4), arange(3, start=5, step=-2), arange(3, step=0.5), full((2, 1), 3), full((), 0.5)]
    found = outputs(collect(made), {})
    assert [t.dtype for t in made] == ["int64", "int64", "real", "int64", "real"]
    right = [np.arange(4), [5, 3, 1], [0, 0.5, 1], [[3], [3]], 0.5]
    for ours, expected in zip(found, right, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ExpressionError):
        tile(tensor("x", (2,)), 0)
    with pytest.raises(ExpressionError):
        repeat(tensor("x", (2,)), 0)
    with pytest.raises(ShapeError):
        roll(tensor("x", (N,)), 2)
    with pytest.raises(ShapeError):
        tril(tensor("x", (2,)))
