"""Images at computed positions against PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.errors import ExpressionError, ShapeError
from tests.kinds.test_nan import ways

from .agreement import agrees, torch

N = sd.Dim("n")
RNG = np.random.default_rng(3)
X = sd.tensor("x", (N, 2, 4, 5))
GRID = sd.tensor("grid", (N, 3, 6, 2))
POSITIONS = RNG.uniform(-1.6, 1.6, size=(2, 3, 6, 2))  # some are outside


@pytest.mark.torch
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_images_at_positions(
    mode: Literal["bilinear", "nearest"], padding: Literal["zeros", "border"], align_corners: bool
) -> None:
    sample = torch().nn.functional.grid_sample
    agrees(
        nn.grid_sample(X, GRID, mode=mode, padding=padding, align_corners=align_corners),
        lambda x, grid: sample(x, grid, mode=mode, padding_mode=padding, align_corners=align_corners),
        [X, GRID],
        {"x": RNG.normal(size=(2, 2, 4, 5)), "grid": POSITIONS},
    )


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("width", [1, 3, 4])
def test_positions_on_and_between_elements(mode: Literal["bilinear", "nearest"], width: int) -> None:
    x, grid = sd.tensor("x", (1, 1, 1, width)), sd.tensor("grid", (1, 1, 2 * width + 4, 2))
    places = np.arange(-2, 2 * width + 2) / 2  # from an element before the first to one after the last
    at = np.stack([(2 * places + 1) / width - 1, 0 * places], -1)[None, None]
    sample = torch().nn.functional.grid_sample
    agrees(
        nn.grid_sample(x, grid, mode=mode),
        lambda x, grid: sample(x, grid, mode=mode, align_corners=False),
        [x],
        {"x": RNG.normal(size=x.shape), "grid": at},
    )


@pytest.mark.torch
def test_positions_on_elements_have_slopes() -> None:
    x, grid = sd.tensor("x", (1, 1, 3, 5)), sd.tensor("grid", (1, 3, 5, 2))
    across, down = np.meshgrid(
        np.linspace(-1, 1, 5), np.linspace(-1, 1, 3)
    )  # exact in floats: the image itself
    sample = torch().nn.functional.grid_sample
    agrees(
        nn.grid_sample(x, grid, align_corners=True),
        lambda x, grid: sample(x, grid, align_corners=True),
        [x, grid],
        {"x": RNG.normal(size=x.shape), "grid": np.stack([across, down], -1)[None]},
    )


@pytest.mark.torch
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(3, 4), (2, 2)])
def test_grids_of_affine_maps(size: tuple[int, int], align_corners: bool) -> None:
    theta = sd.tensor("theta", (N, 2, 3))
    make = torch().nn.functional.affine_grid
    agrees(
        nn.affine_grid(theta, size, align_corners=align_corners),
        lambda theta: make(theta, [2, 1, *size], align_corners=align_corners),
        [theta],
        {"theta": RNG.normal(size=(2, 2, 3))},
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.grid_sample(X, sd.tensor("g", (N, 3, 6, 3))),
        lambda: nn.grid_sample(X, sd.tensor("g", (N, 6, 2))),
        lambda: nn.grid_sample(sd.tensor("y", (N, 4, 5)), GRID),
        lambda: nn.grid_sample(sd.tensor("y", (N, 1, sd.Dim("h"), 5)), GRID),
        lambda: nn.affine_grid(sd.tensor("theta", (N, 3, 3)), (4, 4)),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()


@pytest.mark.parametrize("options", [{"mode": "bicubic"}, {"padding": "wrap"}], ids=str)
def test_options_are_checked(options: Any) -> None:
    with pytest.raises(ExpressionError, match="use mode"):
        nn.grid_sample(X, GRID, **options)


@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_positions_that_are_no_numbers_are_seen_and_infinite_ones_are_outside(
    mode: Literal["bilinear", "nearest"], padding: Literal["zeros", "border"]
) -> None:
    x, grid = sd.tensor("x", (1, 1, 3, 4)), sd.tensor("grid", (1, 1, 7, 2))
    image = np.arange(1.0, 13).reshape(x.shape)
    nan, inf = np.nan, np.inf
    at = np.array([[nan, 0], [0, nan], [nan, inf], [inf, inf], [-inf, inf], [-1e300, -1e300], [9, -9]])
    y = nn.grid_sample(x, grid, mode=mode, padding=padding)
    expected = [nan, nan, nan, 12.0, 9, 1, 4] if padding == "border" else [nan, nan, 0.0, 0, 0, 0, 0]
    for found, by_image, by_grid in ways(
        [y, sd.grad(y[0, 0, 0, 3:].sum(), x), sd.grad(y[0, 0, 0, 3:].sum(), grid)],
        x=image,
        grid=at[None, None],
    ):
        np.testing.assert_array_equal(found.ravel(), expected)
        assert by_image.sum() == (4 if padding == "border" else 0)
        assert not by_grid.any()


def test_what_is_outside_does_not_see_the_image() -> None:
    x, grid = sd.tensor("x", (1, 1, 2, 2)), sd.tensor("grid", (1, 1, 3, 2))
    at = np.array([[-9.0, 0], [9, 9], [np.inf, 0]])[None, None]
    for (found,) in ways([nn.grid_sample(x, grid)], x=np.full(x.shape, np.nan), grid=at):
        np.testing.assert_array_equal(found, 0)
