"""Convolutions are computed in sample layout: they agree with the interpreter and keep their form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise
from symdl.express.program import Program, collect
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.lower.cpu import register_blocking as blocked
from symdl.lower.ir.integers import constant, variables
from symdl.lower.ir.loops import LAYOUT_BLOCK, Item, Loop, Update, When, statements
from symdl.lower.ir.names import LANE, Local, LoopVar, TensorId
from symdl.lower.lowered import Lowered
from symdl.run.training import compile_training
from tests.lowering import lower

from .programs import assert_agrees

n = Dim("n")
Layers = Callable[[Tensor], Tensor]


def convolution(channels: int = 4, **options: Any) -> Layers:
    return lambda x: nn.conv2d(x, channels, kernel_size=3, name=f"c{x.serial}", **options)


def channel_means(x: Tensor) -> Tensor:
    """Means over channels' pixels: the sums of the convolution stand inside of a running value."""
    h = nn.conv2d(x, 5, kernel_size=2, activation=nn.softplus, name="means")
    return nn.dense(nn.flatten(nn.avg_pool2d(h, 2)), 2, name="out")


def mixed(x: Tensor, channels: int) -> Tensor:
    """A sum over channels at each point."""
    i, o, c, h, w = indices("i o c h w")
    weight = parameter("m.W", (channels, x.shape[1]))
    body = Sum(x.at(i, c, h, w) * weight[o, c], c)
    return define("m.Z", (i, o, h, w), body, shape=(n, channels, *x.shape[2:]))


def chain(*layers: Layers) -> Layers:
    def apply(x: Tensor) -> Tensor:
        for layer in layers:
            x = layer(x)
        return x

    return apply


NETS: dict[str, tuple[Layers, tuple[int, ...]]] = {
    "plain": (convolution(), (2, 5, 6)),
    "padding": (convolution(padding=1), (3, 4, 5)),
    "stride": (convolution(stride=2, padding=1), (2, 6, 7)),
    "dilation": (convolution(dilation=2, padding=2), (2, 5, 5)),
    "mean around": (channel_means, (1, 3, 4)),
    "groups": (convolution(groups=2, padding=1), (4, 4, 4)),
    "each channel": (convolution(groups=4, padding=1), (4, 4, 4)),
    "groups at one place": (convolution(groups=2, bias=False), (4, 3, 3)),
    "transposed": (lambda x: nn.conv_transpose2d(x, 3, kernel_size=3, stride=2, name="t"), (2, 3, 3)),
    "points": (
        chain(
            convolution(4, padding=1, activation=nn.relu),
            lambda x: mixed(x, 6),
            convolution(2),
        ),
        (2, 4, 5),
    ),
    "sequences": (lambda x: nn.conv1d(x, 5, kernel_size=4, padding=2, name="s"), (3, 9)),
    "network": (
        chain(
            convolution(4, padding=1, activation=nn.relu),
            lambda x: nn.max_pool2d(x, 2),
            convolution(6, padding=1, activation=nn.tanh),
            lambda x: nn.max_pool2d(x, 3, stride=1, padding=1),
            lambda x: nn.dense(x.reshape(n, 6 * 9), 3, name="d"),
        ),
        (2, 6, 7),
    ),
    "means and norms": (
        chain(
            convolution(4, padding=1),
            lambda x: nn.group_norm(x, 2, name="g"),
            nn.gelu,
            lambda x: nn.avg_pool2d(x, 2),
            convolution(3),
        ),
        (2, 8, 8),
    ),
}


def program(name: str) -> Program:
    layers, shape = NETS[name]
    loss = elementwise(sp.sin, layers(tensor("X", (n, *shape)))).sum()
    wanted = [t for t in collect([loss]).inputs if t.role == "parameter"]
    return differentiate(loss, wanted).program


def values(chosen: Program, batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(batch)
    shapes = {str(t.name): [batch if s == n else int(s) for s in t.shape] for t in chosen.inputs}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def lanes(lowered: Lowered) -> list[Loop]:
    items = [i for s in lowered.steps if isinstance(s.work, tuple) for i in s.work]
    return [i for i in items if isinstance(i, Loop) and i.kind == "lanes"]


@pytest.mark.parametrize("name", NETS)
def test_positions_in_sample_layout_agree(name: str) -> None:
    chosen = program(name)
    assert any(info.sample_layout for info in lower(chosen).program.tensors)
    for batch in (1, LAYOUT_BLOCK + 2):
        assert_agrees(chosen, values(chosen, batch))


@pytest.mark.parametrize(
    "name", ["stride", "groups", "mean around", "transposed", "network", "means and norms"]
)
def test_compiled_lanes_agree(name: str) -> None:
    chosen = program(name)
    assert lanes(lower(chosen))
    assert_agrees(chosen, values(chosen, LAYOUT_BLOCK + 3), targets=("cpu",), schedules=("fused",))


def test_full_layout_blocks_of_single_precision_agree() -> None:
    chosen = program("network")
    single = {k: v.astype("float32") for k, v in values(chosen, 2 * LAYOUT_BLOCK).items()}
    assert_agrees(chosen, single, targets=("cpu",), schedules=("fused",), dtype="float32")


def test_a_network_runs_in_lanes_and_lays_nothing_out() -> None:
    lowered = lower(program("network"))
    names = [info.name for info in lowered.program.tensors]
    assert not any("windows" in name for name in names)
    found = [
        s
        for s in lowered.steps
        if any(lowered.program.tensors[t].sample_layout for t in (*s.read, *s.written))
    ]
    assert all(
        isinstance(s.work, tuple) and any(isinstance(i, Loop) and i.kind == "lanes" for i in s.work)
        for s in found
    )
    kept = {lowered.program.tensors[b.tensor].name for b in lowered.plan.buffers}
    assert not any("(each)" in name for name in kept)


@pytest.mark.parametrize("op", ["sum", "max", "prod"])
def test_a_reduction_over_rows_is_run_up_in_memory_for_each_sample(op: str) -> None:
    """The innermost loop is over columns, so that there are as many running values as columns."""
    image = convolution()(tensor("X", (n, 2, 5, 6)))
    rows = {"sum": image.sum(2), "max": image.max(2), "prod": image.prod(2)}[op]
    loss = elementwise(sp.sin, rows).sum()
    wanted = [t for t in collect([loss]).inputs if t.role == "parameter"]
    chosen = differentiate(loss, wanted).program
    updates = [s for loop in lanes(lower(chosen)) for s in statements(loop.items) if isinstance(s, Update)]
    assert [s for s in updates if s.op == op and any(LANE in variables(p) for p in s.where)]
    for batch in (1, LAYOUT_BLOCK, LAYOUT_BLOCK + 2):
        given = values(chosen, batch)
        assert_agrees(chosen, given, targets=("python", "cpu"))
        given["X"][0, 0, :2, 0] = np.nan, np.inf
        given["X"][batch - 1, 1, 3, 4] = -np.inf
        shown = collect([elementwise(sp.atan, rows)])
        known = {str(t.name): given[str(t.name)] for t in shown.inputs}
        assert_agrees(shown, known, targets=("cpu",))


def test_between_convolutions_sums_over_channels_stay_in_sample_layout() -> None:
    assert "gemm" not in lower(program("points")).structures
    assert "gemm" in lower(collect([mixed(tensor("X", (n, 2, 4, 5)), 6)])).structures


def test_a_pixel_serves_several_channels() -> None:
    lowered = lower(program("padding"))
    forward = next(found for loop in lanes(lowered) if (found := _terms(loop.items)))
    assert all(len(block) == 1 + 4 for block in forward)  # one read for the sums of four channels


def _terms(items: tuple[Item, ...]) -> list[tuple[Item, ...]]:
    """Return the blocks under conditions that hold no other block."""
    found: list[tuple[Item, ...]] = []
    for item in items:
        if isinstance(item, Loop | When):
            inner = _terms(item.items)
            found += inner or ([item.items] if isinstance(item, When) else [])
    return found


def test_the_cost_model_blocks_channels_before_positions() -> None:
    o, p, c = map(LoopVar, range(3))
    loops: tuple[Loop[TensorId], ...] = tuple(Loop(v, constant(size), ()) for v, size in ((o, 16), (p, 12)))
    read, weight = frozenset({p, c}), frozenset({o, c})
    found = blocked.Sum(Local(0), loops, 1000, (read,), (weight,), frozenset({p}), 3)
    assert blocked.factors(found) == {o: 8, p: 1}
    assert blocked.cost(found, {o: 8, p: 1}) < blocked.cost(found, {o: 1, p: 1})


def test_many_channels_stay_a_matrix_product() -> None:
    x = tensor("X", (n, 96, 8, 8))
    lowered = lower(collect([nn.conv2d(x, 96, kernel_size=3, name="many")]))
    assert "gemm" in lowered.structures
    assert not any(info.sample_layout for info in lowered.program.tensors)


def test_blocks_of_samples_are_whole_layout_blocks_and_threads_change_no_bit() -> None:
    layers, shape = NETS["network"]
    loss = elementwise(sp.sin, layers(tensor("X", (n, *shape)))).mean()
    parameters = [t for t in collect([loss]).inputs if t.role == "parameter"]

    def descent(wrt: Any, gradients: Any) -> list[tuple[Tensor, Tensor]]:
        return [(w, w - gradients[w] / 10) for w in wrt]

    data = {"X": np.random.default_rng(1).normal(size=(5 * LAYOUT_BLOCK + 3, *shape)).astype("float32")}
    found = []
    for threads in (1, 3):
        kernel = compile_training(loss, parameters, descent, threads=threads)
        rng = np.random.default_rng(2)
        own = {str(t.name): rng.normal(size=t.shape).astype("float32") / 3 for t in parameters}
        total = kernel.bind(own, data, 2 * LAYOUT_BLOCK + 5).run(np.arange(5 * LAYOUT_BLOCK + 3))
        found.append((total, own))
    (one, first), (other, second) = found
    assert one == other
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
