"""Views that add, drop, exchange, stretch and reverse axes, against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest

from symdl.errors import ShapeError
from symdl.express import shaping
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.tensors import Tensor

from .agreement import agrees

X = np.random.default_rng(6).normal(size=(2, 1, 3))

VIEWS: list[tuple[Callable[[Tensor], Tensor], Callable[[Any], Any]]] = [
    (lambda x: x.squeeze(), lambda x: x.reshape(2, 3)),
    (lambda x: shaping.squeeze(x, -2), lambda x: x.reshape(2, 3)),
    (lambda x: shaping.expand_dims(x, 1), lambda x: anp.expand_dims(x, 1)),
    (lambda x: shaping.expand_dims(x, (0, -1)), lambda x: x.reshape(1, 2, 1, 3, 1)),
    (lambda x: x.swapaxes(0, -1), lambda x: anp.swapaxes(x, 0, -1)),
    (lambda x: shaping.moveaxis(x, 0, -1), lambda x: anp.moveaxis(x, 0, -1)),
    (lambda x: shaping.moveaxis(x, 2, 0), lambda x: anp.moveaxis(x, 2, 0)),
    (lambda x: shaping.broadcast_to(x, (4, 2, 5, 3)), lambda x: x * anp.ones((4, 2, 5, 3))),
    (lambda x: shaping.flip(x), lambda x: x[::-1, ::-1, ::-1]),
    (lambda x: shaping.flip(x, -1), lambda x: x[:, :, ::-1]),
    (lambda x: x.flatten(), lambda x: x.reshape(6)),
    (lambda x: shaping.flatten(x, 1), lambda x: x.reshape(2, 3)),
    (lambda x: shaping.flatten(x, -2), lambda x: x.reshape(2, 3)),
]


@pytest.mark.parametrize("place", range(len(VIEWS)))
def test_view(place: int) -> None:
    ours, numpys = VIEWS[place]
    agrees(ours, numpys, x=X)


def test_views_keep_symbolic_sizes_and_integers() -> None:
    n = Dim("n")
    x = tensor("x", (n, 1, 4), dtype="int64")
    assert shaping.flatten(x, 1).shape == (n, 4)
    assert shaping.flip(x, 0).dtype == "int64"
    assert x.squeeze().shape == (n, 4)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: shaping.squeeze(x, 0),
        lambda x: shaping.broadcast_to(x, (2, 1, 4)),
        lambda x: shaping.broadcast_to(x, (1, 3)),
        lambda x: shaping.swapaxes(x, 0, 3),
        lambda x: shaping.expand_dims(x, 4),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[Tensor], object]) -> None:
    with pytest.raises(ShapeError):
        build(tensor("x", (2, 1, 3)))
