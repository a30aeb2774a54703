"""Pooling against PyTorch: overlapping and padded windows, ties, whole images."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symdl import nn
from symdl.errors import ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim

from .agreement import agrees, torch

pytestmark = pytest.mark.torch
N = Dim("n")
RNG = np.random.default_rng(31)
IMAGE = RNG.normal(size=(2, 3, 5, 6))

WINDOWS: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 2},
    "overlapping": {"kernel_size": 3, "stride": 1},
    "padded": {"kernel_size": 3, "stride": 2, "padding": 1},
    "uneven": {"kernel_size": (2, 3), "stride": (3, 1), "padding": (1, 0)},
    "stride beyond the window": {"kernel_size": 1, "stride": 2},
    "whole": {"kernel_size": (5, 6)},
}


@pytest.mark.parametrize("name", WINDOWS)
def test_max_pool2d(name: str) -> None:
    x = tensor("x", (N, 3, 5, 6))
    f = torch().nn.functional
    settings = WINDOWS[name]
    agrees(nn.max_pool2d(x, **settings), lambda x: f.max_pool2d(x, **settings), [x], {"x": IMAGE})


@pytest.mark.parametrize("name", WINDOWS)
def test_the_first_of_equal_values_wins(name: str) -> None:
    x = tensor("x", (N, 3, 5, 6))
    f = torch().nn.functional
    settings = WINDOWS[name]
    ties = RNG.integers(-1, 1, size=IMAGE.shape).astype(float)
    agrees(nn.max_pool2d(x, **settings), lambda x: f.max_pool2d(x, **settings), [x], {"x": ties})


def test_dilated_max_pool() -> None:
    x = tensor("x", (N, 3, 5, 6))
    pool = torch().nn.functional.max_pool2d
    agrees(
        nn.max_pool2d(x, 2, stride=1, dilation=2),
        lambda x: pool(x, 2, stride=1, dilation=2),
        [x],
        {"x": IMAGE},
    )


@pytest.mark.parametrize("count_padding", [True, False])
@pytest.mark.parametrize("name", WINDOWS)
def test_avg_pool2d(name: str, count_padding: bool) -> None:
    x = tensor("x", (N, 3, 5, 6))
    f = torch().nn.functional
    settings = WINDOWS[name]
    agrees(
        nn.avg_pool2d(x, **settings, count_padding=count_padding),
        lambda x: f.avg_pool2d(x, **settings, count_include_pad=count_padding),
        [x],
        {"x": IMAGE},
    )


def test_pooling_of_sequences() -> None:
    x = tensor("x", (N, 3, 7))
    f = torch().nn.functional
    values = {"x": RNG.normal(size=(2, 3, 7))}
    agrees(nn.max_pool1d(x, 3, stride=2, padding=1), lambda x: f.max_pool1d(x, 3, 2, 1), [x], values)
    agrees(nn.avg_pool1d(x, 2), lambda x: f.avg_pool1d(x, 2), [x], values)
    agrees(
        nn.avg_pool1d(x, 3, stride=2, padding=1, count_padding=False),
        lambda x: f.avg_pool1d(x, 3, 2, 1, count_include_pad=False),
        [x],
        values,
    )


CEILED: dict[str, dict[str, Any]] = {
    "one more": {"kernel_size": 2, "stride": 3},
    "overlapping": {"kernel_size": 3, "stride": 2},
    "padded": {"kernel_size": 3, "stride": 2, "padding": 1},
    "none that begins beyond": {"kernel_size": (3, 2), "stride": (3, 4), "padding": 1},
    "nothing left over": {"kernel_size": 1, "stride": 1},
}


@pytest.mark.parametrize("name", CEILED)
def test_one_more_window_where_elements_are_left(name: str) -> None:
    x = tensor("x", (N, 3, 5, 6))
    f = torch().nn.functional
    settings, other = CEILED[name], CEILED[name] | {"ceil_mode": True}
    agrees(nn.max_pool2d(x, **settings, ceil=True), lambda x: f.max_pool2d(x, **other), [x], {"x": IMAGE})
    for counted in (True, False):
        agrees(
            nn.avg_pool2d(x, **settings, ceil=True, count_padding=counted),
            lambda x, counted=counted: f.avg_pool2d(x, **other, count_include_pad=counted),
            [x],
            {"x": IMAGE},
        )


@pytest.mark.parametrize("order", [1, 2, 3])
def test_norms_of_windows(order: int) -> None:
    x = tensor("x", (N, 3, 5, 6))
    f = torch().nn.functional
    pool = f.avg_pool2d  # its own norm pooling forgets signs where the order is odd

    def outside(x: Any) -> Any:
        return (pool(x.abs() ** order, 2, stride=1) * 4) ** (1 / order)

    agrees(nn.lp_pool(x, 2, stride=1, order=order), outside, [x], {"x": IMAGE})


def test_any_number_of_axes() -> None:
    x, values = tensor("x", (N, 2, 3, 4, 5)), {"x": RNG.normal(size=(2, 2, 3, 4, 5))}
    f = torch().nn.functional
    agrees(nn.max_pool(x, 2, stride=1, padding=1), lambda x: f.max_pool3d(x, 2, 1, 1), [x], values)
    agrees(nn.avg_pool(x, (1, 2, 3)), lambda x: f.avg_pool3d(x, (1, 2, 3)), [x], values)


def test_uneven_padding_and_dilation() -> None:
    x, values = tensor("x", (N, 3, 7)), {"x": RNG.normal(size=(2, 3, 7))}
    f = torch().nn.functional
    agrees(
        nn.max_pool1d(x, 3, stride=2, padding=((2, 0),)),
        lambda x: f.max_pool1d(f.pad(x, (2, 0), value=-float("inf")), 3, 2),
        [x],
        values,
    )
    agrees(
        nn.avg_pool1d(x, 2, stride=1, dilation=3),
        lambda x: (x[..., :-3] + x[..., 3:]) / 2,
        [x],
        values,
    )


def test_global_pooling() -> None:
    x = tensor("x", (N, 3, 5, 6))
    agrees(nn.global_pool(x), lambda x: x.mean((2, 3)), [x], {"x": IMAGE})
    agrees(nn.global_pool(x, op="max"), lambda x: x.flatten(2).max(2)[0], [x], {"x": IMAGE})


X = tensor("x", (N, 3, 5, 6))


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.max_pool2d(X, 6),
        lambda: nn.max_pool2d(X, 2, padding=2),
        lambda: nn.max_pool2d(X, 2, stride=0),
        lambda: nn.max_pool1d(X, 2),
        lambda: nn.max_pool(tensor("x", (N, 3)), 2),
        lambda: nn.lp_pool(X, 2, padding=2),
        lambda: nn.avg_pool2d(tensor("x", (N, 3, N, 6)), 2),
        lambda: nn.global_pool(tensor("x", (N, 3))),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()
