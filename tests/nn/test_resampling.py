"""Resizing against PyTorch, and resampling by a formula of one's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl import nn
from symdl.errors import ExpressionError, ShapeError, SymdlError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

from .agreement import agrees, torch

N = Dim("n")
IMAGE = np.random.default_rng(51).normal(size=(2, 3, 5, 6))
X = tensor("x", (N, 3, 5, 6))
THEIRS = {"nearest": "nearest-exact", "linear": "bilinear", "cubic": "bicubic"}


def resized(size: int | tuple[int, int], mode: Any, **option: bool) -> None:
    """An image of another size is theirs, with an option of the same name."""
    f = torch().nn.functional
    agrees(
        nn.resize(X, size, mode=mode, name="y", **option),
        lambda x: f.interpolate(x, size, mode=THEIRS[mode], **option),
        [X],
        {"x": IMAGE},
    )


@pytest.mark.torch
@pytest.mark.parametrize("size", [(9, 7), (9, 4), (1, 12), 5])
@pytest.mark.parametrize("mode", THEIRS)
def test_resize(mode: Any, size: int | tuple[int, int]) -> None:
    if mode == "nearest" and size in ((9, 7), 5):
        size = (3, 3)  # where two elements are equally near, its rounding decides
    resized(size, mode)


@pytest.mark.torch
@pytest.mark.parametrize("size", [(9, 4), (1, 8)])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_corners_that_keep_their_places(mode: Any, size: tuple[int, int]) -> None:
    resized(size, mode, align_corners=True)


@pytest.mark.torch
@pytest.mark.parametrize("size", [(2, 3), (3, 8)])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_means_over_more_neighbours(mode: Any, size: tuple[int, int]) -> None:
    resized(size, mode, antialias=True)


@pytest.mark.torch
@pytest.mark.parametrize("scale", [2.0, 1.5, (0.5, 1.3)])
def test_scales(scale: Any) -> None:
    f = torch().nn.functional
    agrees(
        nn.resize(X, scale=scale),
        lambda x: f.interpolate(x, scale_factor=scale, mode="bilinear"),
        [X],
        {"x": IMAGE},
    )


@pytest.mark.torch
def test_other_numbers_of_axes() -> None:
    f = torch().nn.functional
    for shape, mode in (((2, 3, 5), "linear"), ((1, 2, 3, 2, 4), "trilinear")):
        x, values = tensor("x", shape), np.random.default_rng(5).normal(size=shape)
        size = tuple(n + 2 for n in shape[2:])
        agrees(nn.resize(x, size), lambda x, m=mode, s=size: f.interpolate(x, s, mode=m), [x], {"x": values})


def test_a_formula_of_ones_own() -> None:
    """The mean of three neighbours is a sampling with a weight of one third each."""
    x, values = tensor("x", (6,)), np.arange(6.0) ** 2
    third = sp.Rational(1, 3)

    def box(t: sp.Expr) -> sp.Expr:
        return sp.Piecewise((third, sp.And(t >= -1, t <= 1)), (0, True))

    kept = nn.resample(x, 0, 6, position=lambda i: i, weight=box, reach=1)
    dropped = nn.resample(
        x, 0, 6, position=lambda i: i, weight=box, reach=1, repeat_edges=False, normalized=True
    )
    found = outputs(collect([kept, dropped]), {"x": values})
    longer = np.pad(values, 1, mode="edge")
    expected = (longer[:-2] + longer[1:-1] + longer[2:]) / 3
    np.testing.assert_allclose(found[0], expected)
    np.testing.assert_allclose(found[1][1:-1], expected[1:-1])
    np.testing.assert_allclose(found[1][[0, -1]], [values[:2].mean(), values[-2:].mean()])


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: nn.resize(X), ExpressionError),
        (lambda: nn.resize(X, 3, scale=2.0), ExpressionError),
        (lambda: nn.resize(X, 3, mode="square"), ExpressionError),  # type: ignore[arg-type]
        (lambda: nn.resize(X, (3,)), ShapeError),
        (lambda: nn.resize(X, 0), ShapeError),
        (lambda: nn.resize(X, scale=0.1), ShapeError),
        (lambda: nn.resize(tensor("x", (2, 3)), 3), ShapeError),
        (lambda: nn.resize(tensor("x", (2, 3, N)), 3), ShapeError),
        (lambda: nn.resample(tensor("x", (N,)), 0, 2, position=abs, weight=abs, reach=1), ShapeError),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[], object], error: type[SymdlError]) -> None:
    with pytest.raises(error):
        build()
