"""Joining and cutting against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest

from symdl.errors import ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.joining import concatenate, split, stack
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

from .agreement import agrees

RNG = np.random.default_rng(5)
N = Dim("n")


@pytest.mark.parametrize(("sizes", "axis"), [((1, 3), 0), ((2, 1, 4), 1), ((3,), -1), ((0, 2), 1)])
def test_concatenate(sizes: tuple[int, ...], axis: int) -> None:
    shape = [2, 3]
    parts: dict[str, Any] = {}
    for name, size in zip("abc", sizes, strict=False):
        shape[axis] = size
        parts[name] = RNG.normal(size=shape)
    agrees(
        lambda **t: concatenate(list(t.values()), axis),
        lambda **v: anp.concatenate(list(v.values()), axis=axis),
        **parts,
    )


def test_concatenate_along_a_symbolic_axis() -> None:
    x, y = tensor("x", (N, 2)), tensor("y", (3, 2))
    joined = concatenate([x, y, x])
    assert joined.shape == (2 * N + 3, 2)
    a, b = RNG.normal(size=(4, 2)), RNG.normal(size=(3, 2))
    (found,) = outputs(collect([joined]), {"x": a, "y": b})
    np.testing.assert_array_equal(found, np.concatenate([a, b, a]))


def test_a_part_that_is_not_finite_stays_in_its_place() -> None:
    x, y = tensor("x", (1,)), tensor("y", (1,))
    (found,) = outputs(collect([concatenate([x, y])]), {"x": [np.inf], "y": [np.nan]})
    np.testing.assert_array_equal(found, [np.inf, np.nan])


def test_integers_stay_integers() -> None:
    x = tensor("x", (2,), dtype="int64")
    for joined, shape in ((concatenate([x, x]), (4,)), (stack([x, x]), (2, 2))):
        assert joined.dtype == "int64"
        (found,) = outputs(collect([joined]), {"x": np.array([3, 4])})
        assert found.shape == shape
        assert found.dtype == np.int64


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("count", [1, 3])
def test_stack(axis: int, count: int) -> None:
    parts: dict[str, Any] = {name: RNG.normal(size=(2, 1)) for name in "abc"[:count]}
    agrees(
        lambda **t: stack(list(t.values()), axis),
        lambda **v: anp.stack(list(v.values()), axis=axis),
        **parts,
    )


@pytest.mark.parametrize("parts", [2, 1, [1, 3], [0, 4]])
@pytest.mark.parametrize("piece", [0, -1])
def test_split(parts: int | list[int], piece: int) -> None:
    agrees(
        lambda x: split(x, parts, axis=1)[piece],
        lambda x: anp.split(x, parts, axis=1)[piece],
        x=RNG.normal(size=(3, 4)),
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda: concatenate([]),
        lambda: concatenate([tensor("x", (2, 3)), tensor("y", (3, 2))]),
        lambda: concatenate([tensor("x", (2, 3)), tensor("y", (2,))]),
        lambda: stack([tensor("x", (2,)), tensor("y", (3,))]),
        lambda: split(tensor("x", (3,)), 2),
        lambda: split(tensor("x", (N,)), 2),
        lambda: concatenate([tensor("x", (2,))], axis=1),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()
