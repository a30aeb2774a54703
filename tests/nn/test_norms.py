"""Normalizations against PyTorch, and batch norm's running statistics and inference form."""

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
from symdl.express.modes import inference, training_updates
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate, outputs

from .agreement import agrees, torch

pytestmark = pytest.mark.torch
N = Dim("n")
RNG = np.random.default_rng(32)


def values_of(layer: Any, **given: Any) -> dict[str, Any]:
    return given | {str(p.name): RNG.normal(size=p.shape) for p in parameters(layer)}


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("shape", "axes"), [((3, 5), 1), ((2, 4, 3), 2), ((2, 1), 1)])
def test_layer_norm(shape: tuple[int, ...], axes: int, affine: bool) -> None:
    f = torch().nn.functional
    x = tensor("x", (N, *shape[1:]))
    y = nn.layer_norm(x, axes=axes, affine=affine, name="l")
    sizes = shape[len(shape) - axes :]
    agrees(
        y,
        lambda x, l_gain=None, l_shift=None: f.layer_norm(x, sizes, l_gain, l_shift),
        [x, *parameters(y)],
        values_of(y, x=RNG.normal(size=shape)),
    )


@pytest.mark.parametrize("affine", [True, False])
def test_rms_norm(affine: bool) -> None:
    x = tensor("x", (N, 2, 5))
    y = nn.rms_norm(x, affine=affine, epsilon=1e-4, name="r")

    def outside(x: Any, r_gain: Any = 1.0) -> Any:
        return x / (x.pow(2).mean(-1, keepdim=True) + 1e-4).sqrt() * r_gain

    agrees(y, outside, [x, *parameters(y)], values_of(y, x=RNG.normal(size=(3, 2, 5))))


@pytest.mark.parametrize("shape", [(2, 6, 3, 2), (3, 6), (2, 6, 1)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm(groups: int, shape: tuple[int, ...]) -> None:
    f = torch().nn.functional
    x = tensor("x", (N, *shape[1:]))
    y = nn.group_norm(x, groups, name="g")
    agrees(
        y,
        lambda x, g_gain, g_shift: f.group_norm(x, groups, g_gain, g_shift),
        [x, *parameters(y)],
        values_of(y, x=RNG.normal(size=shape)),
    )


@pytest.mark.parametrize("affine", [True, False])
def test_instance_norm(affine: bool) -> None:
    f = torch().nn.functional
    x = tensor("x", (N, 3, 4, 2))
    y = nn.instance_norm(x, affine=affine, name="i")
    agrees(
        y,
        lambda x, i_gain=None, i_shift=None: f.instance_norm(x, weight=i_gain, bias=i_shift),
        [x, *parameters(y)],
        values_of(y, x=RNG.normal(size=(2, 3, 4, 2))),
    )


@pytest.mark.parametrize("size", [1, 2, 3, 9])
@pytest.mark.parametrize("shape", [(2, 5), (2, 4, 3)])
def test_local_response_norm(size: int, shape: tuple[int, ...]) -> None:
    f = torch().nn.functional
    x = tensor("x", (N, *shape[1:]))
    y = nn.local_response_norm(x, size, alpha=0.3, beta=0.6, bias=1.5)

    def outside(x: Any) -> Any:
        whole = x if x.ndim > 2 else x[..., None]
        return f.local_response_norm(whole, size, 0.3, 0.6, 1.5).reshape(x.shape)

    agrees(y, outside, [x], {"x": RNG.normal(size=shape)})


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (3, 2, 2, 3)])
def test_batch_norm(shape: tuple[int, ...], affine: bool) -> None:
    f = torch().nn.functional
    x = tensor("x", (N, *shape[1:]))
    y = nn.batch_norm(x, affine=affine, name="b")
    agrees(
        y,
        lambda x, b_gain=None, b_shift=None: f.batch_norm(x, None, None, b_gain, b_shift, training=True),
        [x, *parameters(y)],
        values_of(y, x=RNG.normal(size=shape)),
    )


def test_the_gradient_of_batch_norm_is_the_textbooks() -> None:
    """For one channel: ``x_bar = gain*rstd*(g - mean(g) - unit*mean(g*unit))``."""
    x, g = tensor("x", (N, 1)), tensor("g", (N, 1))
    y = nn.batch_norm(x, epsilon=0, name="b")
    derivative = differentiate((g * y).sum(), [x])
    values = {"x": RNG.normal(size=(6, 1)), "g": RNG.normal(size=(6, 1))}
    values |= {"b.gain": np.array([1.7]), "b.shift": np.array([0.3])}
    program = derivative.program
    found = evaluate(program, {str(t.name): values[str(t.name)] for t in program.inputs})
    a, slope = values["x"], values["g"]
    unit = (a - a.mean()) / a.std()
    expected = 1.7 / a.std() * (slope - slope.mean() - unit * (slope * unit).mean())
    np.testing.assert_allclose(found[derivative.gradient(x)], expected, rtol=1e-10)


def _network(x: Any) -> Any:
    z = nn.conv2d(x, 4, kernel_size=2, name="c")
    z = nn.relu(nn.batch_norm(z, name="b1", momentum=0.2), name="a")
    return nn.batch_norm(nn.dense(nn.flatten(z), 3, name="d"), name="b2")


def test_running_statistics_and_inference_against_pytorch() -> None:
    lib = torch()
    x = tensor("x", (N, 2, 3, 3))
    y = _network(x)
    updates = training_updates(y)
    assert [old.name for old, _ in updates] == [
        "b1.running_mean",
        "b1.running_variance",
        "b2.running_mean",
        "b2.running_variance",
    ]
    net = lib.nn.Sequential(
        lib.nn.Conv2d(2, 4, 2),
        lib.nn.BatchNorm2d(4, momentum=0.2),
        lib.nn.ReLU(),
        lib.nn.Flatten(),
        lib.nn.Linear(16, 3),
        lib.nn.BatchNorm1d(3),
    ).double()
    values: dict[str, Any] = {}
    for place, names in ((0, ("c.W", "c.b")), (1, ("b1.gain", "b1.shift")), (5, ("b2.gain", "b2.shift"))):
        for name, p in zip(names, net[place].parameters(), strict=True):
            p.data = lib.tensor(RNG.normal(size=tuple(p.shape)))
            values[name] = p.detach().numpy()
    values["d.W"], values["d.b"] = net[4].weight.detach().numpy().T, net[4].bias.detach().numpy()
    for state, _ in updates:
        assert state.role == "state"
        assert state.init is not None
        values[str(state.name)] = state.init(state.shape, np.random.default_rng(0))
    training = collect([y], updates=updates)
    for _ in range(3):
        batch = RNG.normal(size=(5, 2, 3, 3))
        found = evaluate(training, {**values, "x": batch})
        np.testing.assert_allclose(found[y], net(lib.tensor(batch)).detach().numpy(), rtol=1e-9, atol=1e-11)
        values |= {str(old.name): found[new] for old, new in updates}
    for prefix, place in (("b1", 1), ("b2", 5)):
        np.testing.assert_allclose(values[f"{prefix}.running_mean"], net[place].running_mean, rtol=1e-9)
        np.testing.assert_allclose(values[f"{prefix}.running_variance"], net[place].running_var, rtol=1e-9)
    net.eval()
    (fixed,) = inference(y)
    program = collect([fixed])
    assert not any("mean" in str(e.lhs.name) for e in program.equations)
    one = RNG.normal(size=(1, 2, 3, 3))
    (predicted,) = outputs(program, {**values, "x": one})
    np.testing.assert_allclose(predicted, net(lib.tensor(one)).detach().numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.layer_norm(tensor("x", (3, N)), name="l"),
        lambda: nn.layer_norm(tensor("x", (3,)), axes=2, name="l"),
        lambda: nn.rms_norm(tensor("x", ()), name="l"),
        lambda: nn.group_norm(tensor("x", (N, 5, 2)), 2, name="l"),
        lambda: nn.group_norm(tensor("x", (N,)), 1, name="l"),
        lambda: nn.instance_norm(tensor("x", (N, 3)), name="l"),
        lambda: nn.local_response_norm(tensor("x", (N,)), 2),
        lambda: nn.local_response_norm(tensor("x", (N, 3)), 0),
        lambda: nn.batch_norm(tensor("x", (N, N)), name="l"),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()


def test_an_index_is_not_called_as_the_size_of_a_batch() -> None:
    x = tensor("x", (N, 4, 6, 6))
    y = nn.batch_norm(nn.max_pool2d(nn.conv2d(x, 4, kernel_size=3, groups=2, name="c"), 2), name="b")
    y = nn.avg_pool2d(nn.group_norm(nn.conv_transpose2d(y, 4, kernel_size=2, name="t"), 2, name="g"), 2)
    names = {str(index) for e in collect([y]).equations for index in e.extents}
    assert names and "n" not in names  # 1/n times a sum over n would be read wrongly
