"""Rotary embedding as a product of complex numbers."""

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
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

from .agreement import agrees, torch

N = Dim("n")
RNG = np.random.default_rng(41)


@pytest.mark.torch
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("pairs", [1, 3])
def test_turned_pairs(interleaved: bool, pairs: int) -> None:
    lib = torch()
    angles = RNG.normal(size=(4, pairs))
    x, c, s = tensor("x", (N, 4, 6)), tensor("c", angles.shape), tensor("s", angles.shape)
    values = {"x": RNG.normal(size=(2, 4, 6)), "c": np.cos(angles), "s": np.sin(angles)}

    def outside(x: Any, c: Any, s: Any) -> Any:
        part, rest = x[..., : 2 * pairs], x[..., 2 * pairs :]
        halves = part.unflatten(-1, (pairs, 2)) if interleaved else part.unflatten(-1, (2, pairs)).mT
        turned = lib.view_as_real(lib.view_as_complex(halves.contiguous()) * lib.complex(c, s))
        turned = turned.flatten(-2) if interleaved else turned.mT.flatten(-2)
        return lib.cat([turned, rest], -1)

    agrees(nn.rotary(x, c, s, interleaved=interleaved), outside, [x, c, s], values)


def test_products_depend_on_the_distance() -> None:
    length = 6
    x = tensor("x", (length, 4))
    y = nn.rotary(x, *nn.rotary_angles(length, 4, base=100.0))
    (found,) = outputs(collect([y @ y.T]), {"x": np.tile(RNG.normal(size=4), (length, 1))})
    for distance in range(length):
        diagonal = np.diagonal(found, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-12)


def test_angles() -> None:
    cosine, sine = nn.rotary_angles(5, 6)
    found = outputs(collect([cosine, sine]), {})
    expected = np.arange(5)[:, None] * 10000.0 ** (-np.arange(3) / 3)
    np.testing.assert_allclose(found[0], np.cos(expected), atol=1e-12)
    np.testing.assert_allclose(found[1], np.sin(expected), atol=1e-12)


X, C = tensor("x", (N, 4, 6)), tensor("c", (4, 3))


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.rotary(X, C, tensor("s", (4, 2))),
        lambda: nn.rotary(tensor("x", (N, 4, 5)), C, C),
        lambda: nn.rotary(tensor("x", (N, 3, 6)), C, C),
        lambda: nn.rotary_angles(4, 5),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()
