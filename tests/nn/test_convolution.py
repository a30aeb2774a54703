"""Convolutions and their transposes against PyTorch: values and gradients, forms of the derived equations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ShapeError
from symdl.express.build import parameters, tensor
from symdl.express.dims import Dim
from symdl.express.equations import Divisible, InRange
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

from .agreement import agrees, torch

pytestmark = pytest.mark.torch
N = Dim("n")
RNG = np.random.default_rng(30)

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 3},
    "one by one": {"kernel_size": 1},
    "padded": {"kernel_size": 3, "padding": 1},
    "strided": {"kernel_size": 3, "stride": 2, "padding": 1},
    "stride beyond the kernel": {"kernel_size": 2, "stride": 3},
    "dilated": {"kernel_size": 2, "dilation": 2, "padding": 2},
    "all at once": {"kernel_size": (3, 2), "stride": (2, 1), "padding": (2, 1), "dilation": (1, 2)},
    "groups": {"kernel_size": 2, "groups": 2, "stride": 2},
    "depthwise": {"kernel_size": 3, "groups": 4, "padding": 1},
    "whole image": {"kernel_size": (5, 6)},
    "without bias": {"kernel_size": 2, "bias": False},
}


def values_of(layer: Any, batch: int = 2, **given: Any) -> dict[str, Any]:
    return given | {str(p.name): RNG.normal(size=p.shape) for p in parameters(layer)}


def theirs(function: Any, settings: dict[str, Any]) -> Callable[..., Any]:
    rest = {k: v for k, v in settings.items() if k not in ("kernel_size", "bias")}
    return lambda x, c_W, c_b=None: function(x, c_W, c_b, **rest)


@pytest.mark.parametrize("name", SETTINGS)
def test_conv2d(name: str) -> None:
    settings = SETTINGS[name]
    x = tensor("x", (N, 4, 5, 6))
    z = nn.conv2d(x, 4, name="c", **settings)
    values = values_of(z, x=RNG.normal(size=(2, 4, 5, 6)))
    agrees(z, theirs(torch().nn.functional.conv2d, settings), [x, *parameters(z)], values)


@pytest.mark.parametrize("name", SETTINGS)
def test_conv_transpose2d(name: str) -> None:
    settings = SETTINGS[name]
    x = tensor("x", (N, 4, 5, 4))
    z = nn.conv_transpose2d(x, 8, name="c", **settings)
    values = values_of(z, x=RNG.normal(size=(2, 4, 5, 4)))
    agrees(z, theirs(torch().nn.functional.conv_transpose2d, settings), [x, *parameters(z)], values)


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
        {"kernel_size": (2, 1), "stride": (3, 2), "output_padding": (2, 0)},
        {"kernel_size": 2, "dilation": 2, "padding": 1, "output_padding": 1},
    ],
    ids=["half", "uneven", "dilated"],
)
def test_a_longer_transpose(settings: dict[str, Any]) -> None:
    x = tensor("x", (N, 4, 3, 4))
    z = nn.conv_transpose2d(x, 2, name="c", **settings)
    values = values_of(z, x=RNG.normal(size=(2, 4, 3, 4)))
    agrees(z, theirs(torch().nn.functional.conv_transpose2d, settings), [x, *parameters(z)], values)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    "settings", [{"kernel_size": 3}, {"kernel_size": 2, "stride": 2, "padding": 1}], ids=["plain", "strided"]
)
def test_sequences(transposed: bool, settings: dict[str, Any]) -> None:
    f = torch().nn.functional
    layer, function = (nn.conv_transpose1d, f.conv_transpose1d) if transposed else (nn.conv1d, f.conv1d)
    x = tensor("x", (N, 3, 7))
    z = layer(x, 2, name="c", **settings)
    values = values_of(z, x=RNG.normal(size=(1, 3, 7)))
    agrees(z, theirs(function, settings), [x, *parameters(z)], values)


def test_same_padding_and_symbolic_length() -> None:
    t = Dim("t")
    x = tensor("x", (N, 3, t))
    z = nn.conv1d(x, 2, kernel_size=4, padding="same", name="c")
    assert z.shape == (N, 2, t)
    values = values_of(z, x=RNG.normal(size=(2, 3, 5)))
    f = torch().nn.functional
    agrees(z, lambda x, c_W, c_b: f.conv1d(f.pad(x, (1, 2)), c_W, c_b), [x, *parameters(z)], values)


def test_uneven_padding() -> None:
    x = tensor("x", (N, 1, 4, 3))
    z = nn.conv2d(x, 1, kernel_size=2, padding=((0, 2), (1, 0)), name="c")
    f = torch().nn.functional
    values = values_of(z, x=RNG.normal(size=(2, 1, 4, 3)))
    agrees(z, lambda x, c_W, c_b: f.conv2d(f.pad(x, (1, 0, 0, 2)), c_W, c_b), [x, *parameters(z)], values)


def test_a_kernel_may_be_shared() -> None:
    x, w = tensor("x", (N, 2, 6)), tensor("w", (2, 2, 3))
    y = nn.convolution(nn.convolution(x, w, padding=1), w, stride=2)
    f = torch().nn.functional
    values = {"x": RNG.normal(size=(2, 2, 6)), "w": RNG.normal(size=(2, 2, 3))}
    agrees(y, lambda x, w: f.conv1d(f.conv1d(x, w, padding=1), w, stride=2), [x, w], values)


def test_three_axes() -> None:
    x, w = tensor("x", (N, 2, 3, 4, 3)), tensor("w", (3, 2, 2, 2, 1))
    y = nn.convolution(x, w, stride=(1, 2, 1), padding=(0, 1, 0))
    f = torch().nn.functional
    values = {"x": RNG.normal(size=(1, 2, 3, 4, 3)), "w": RNG.normal(size=(3, 2, 2, 2, 1))}
    agrees(y, lambda x, w: f.conv3d(x, w, stride=(1, 2, 1), padding=(0, 1, 0)), [x, w], values)


def test_the_transpose_is_the_gradient_of_the_convolution() -> None:
    """One equation: the derived input gradient reads what the transposed convolution is defined by."""
    x, w, y = tensor("x", (N, 3, 7, 7)), tensor("w", (4, 3, 3, 3)), tensor("y", (N, 4, 4, 4))
    z = nn.convolution(x, w, stride=2, padding=1)
    assert z.shape == y.shape
    derivative = differentiate((z * y).sum(), [x, w])
    equation = derivative.program.definitions[derivative.gradient(x)]
    assert {type(g) for g in equation.guards} == {Divisible, InRange}
    assert len(equation.bound) == 3
    assert {t.name for t in equation.reads()} == {"w", "y"}
    weight = derivative.program.definitions[derivative.gradient(w)]
    assert len(weight.bound) == 3
    assert {t.name for t in weight.reads()} == {"x", "y"}
    back = nn.convolution(y, w, stride=2, padding=1, transposed=True)
    assert back.shape == x.shape
    values = {"x": np.zeros((2, 3, 7, 7)), "w": RNG.normal(size=w.shape), "y": RNG.normal(size=(2, 4, 4, 4))}
    program = collect([back, derivative.gradient(x)])
    found = outputs(program, {str(t.name): values[str(t.name)] for t in program.inputs})
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12, atol=1e-12)


def test_parameters_have_names_shapes_and_spread() -> None:
    x = tensor("x", (N, 8, 9, 9))
    w, b = parameters(nn.conv2d(x, 64, kernel_size=3, activation=nn.relu, name="c"))
    assert (w.name, w.shape, b.name, b.shape) == ("c.W", (64, 8, 3, 3), "c.b", (64,))
    assert w.init is not None
    drawn = w.init(w.shape, np.random.default_rng(0))
    assert drawn.std() == pytest.approx(np.sqrt(2 / 72), rel=0.05)
    (back, _) = parameters(nn.conv_transpose2d(x, 6, kernel_size=2, groups=2, name="t"))
    assert back.shape == (8, 3, 2, 2)


X = tensor("x", (N, 4, 5, 6))


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.conv2d(X, 3, kernel_size=6, name="c"),
        lambda: nn.conv2d(X, 3, kernel_size=0, name="c"),
        lambda: nn.conv2d(X, 3, kernel_size=(2, 2, 2), name="c"),
        lambda: nn.conv2d(X, 3, kernel_size=2, groups=2, name="c"),
        lambda: nn.conv2d(X, 3, kernel_size=2, padding=-1, name="c"),
        lambda: nn.conv2d(X, 3, kernel_size=2, stride=2, padding="same", name="c"),
        lambda: nn.conv2d(tensor("x", (N, N, 5, 6)), 3, kernel_size=2, name="c"),
        lambda: nn.conv2d(tensor("x", (N, 4, N, 6)), 3, kernel_size=1, stride=2, name="c"),
        lambda: nn.conv1d(X, 3, kernel_size=2, name="c"),
        lambda: nn.conv2d(X, 3, kernel_size=1.5, name="c"),  # type: ignore[arg-type]
        lambda: nn.conv2d(X, 3, kernel_size="3", name="c"),  # type: ignore[arg-type]
        lambda: nn.conv2d(X, 3, kernel_size=2, padding=0.5, name="c"),  # type: ignore[arg-type]
        lambda: nn.conv2d(X, 3, kernel_size=2, padding=None, name="c"),  # type: ignore[arg-type]
        lambda: nn.conv2d(X, 3, kernel_size=2, padding=(1, 0.5), name="c"),  # type: ignore[arg-type]
        lambda: nn.conv2d(X, 4, kernel_size=2, groups=2.0, name="c"),  # type: ignore[arg-type]
        lambda: nn.conv2d(X, 2.5, kernel_size=2, name="c"),  # type: ignore[arg-type]
        lambda: nn.conv_transpose2d(X, 3, kernel_size=2, stride=2, output_padding=0.5, name="c"),  # type: ignore[arg-type]
        lambda: nn.conv_transpose2d(X, 3, kernel_size=1, padding=3, name="c"),
        lambda: nn.conv_transpose2d(X, 3, kernel_size=2, stride=2, output_padding=2, name="c"),
        lambda: nn.conv_transpose2d(X, 3, kernel_size=2, stride=2, output_padding=(1,), name="c"),
        lambda: nn.convolution(X, tensor("w", (2, 3, 2, 2))),
        lambda: nn.convolution(X, tensor("w", (2, 4, 2))),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()


def test_a_window_that_does_not_fit_names_its_layer() -> None:
    with pytest.raises(ShapeError, match=r"layer deep\.c(?s:.*)cure"):
        nn.conv2d(X, 3, kernel_size=6, name="deep.c")
    with pytest.raises(ShapeError, match=r"layer deep\.c(?s:.*)cure"):
        nn.conv2d(tensor("x", (N, 4, N, 6)), 3, kernel_size=1, stride=2, name="deep.c")


def test_sizes_of_numpy() -> None:
    two, three = np.int64(2), np.int32(3)
    z = nn.conv2d(X, two, kernel_size=three, stride=(two, 1), padding=np.int64(1), name="c")  # type: ignore[arg-type]
    assert z.shape == nn.conv2d(X, 2, kernel_size=3, stride=(2, 1), padding=1, name="c").shape
    assert all(type(size) is int for size in z.shape[1:])
