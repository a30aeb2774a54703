"""Gradients that only their updates read are computed a few rows at a time, and never stored as a whole."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
import pytest

import symdl as sd
from symdl.lower.equations.contractions import Operand
from symdl.lower.ir.integers import ONE, ZERO, Poly, constant, evaluate
from symdl.lower.ir.names import Rows, TensorId
from symdl.lower.kernels import Call, KernelCall, Matrix, ProductCall
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import Buffer
from symdl.lower.splits import Split, Touch
from symdl.run.training import compile_training
from symdl.schedule.block_sizes import row_blocks
from symdl.schedule.partition import partition
from symdl.schedule.plan import Partition
from symdl.schedule.streamed_gradients import streamed_gradients
from tests.lowering import speedup

n = sd.Dim("n")
OPTIMIZERS = [
    sd.nn.SGD(0.1),
    sd.nn.Momentum(0.1),
    sd.nn.Nesterov(0.1),
    sd.nn.Adam(),
    sd.nn.AdamW(),
    sd.nn.RMSProp(),
    sd.nn.Adagrad(),
    sd.nn.Lion(),
    sd.nn.Clipped(sd.nn.SGD(0.1), value=1.0),
]


def network(width: int = 400) -> Any:
    X, y = sd.tensor("X", (n, 300)), sd.tensor("y", (n, width))
    return ((sd.nn.dense(sd.nn.dense(X, 200, activation=sd.tanh, name="a"), width, name="b") - y) ** 2).mean()


def schedule(loss: Any, optimizer: Any, batch: int = 128) -> tuple[Lowered, Partition]:
    made = compile_training(loss, sd.parameters(loss), optimizer.updates, target="python")
    lowered = made._built.lowered
    return lowered, partition(lowered, {"n": batch, Rows("n"): batch}, (), ())


def stored(lowered: Lowered, found: Partition) -> set[str]:
    """The gradients of matrices that have a buffer as large as they are."""
    tensors = lowered.program.tensors
    return {
        tensors[b.tensor].name
        for b in found.buffers
        if b.kind == "arena" and b.count.number and tensors[b.tensor].name.endswith("W_bar")
    }


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_no_optimizer_needs_whole_gradients(optimizer: Any) -> None:
    lowered, found = schedule(network(), optimizer)
    assert not stored(lowered, found)
    scratch = [at for at, b in enumerate(found.buffers) if b.kind == "scratch"]
    assert scratch
    assert all((found.buffers[at].count.number or 0) <= 400 * 40 for at in scratch)
    calls = [c for c in found.calls if isinstance(c, ProductCall) and c.result.buffer in scratch]
    assert sum(c.m.number or 0 for c in calls) == 300 + 200


def test_an_update_follows_its_rows_at_once() -> None:
    _, found = schedule(network(), sd.nn.Adam())
    scratch = {at for at, b in enumerate(found.buffers) if b.kind == "scratch"}
    for call, after in itertools.pairwise(found.calls):
        if isinstance(call, ProductCall) and call.result.buffer in scratch:
            assert isinstance(after, KernelCall)
            assert call.result.buffer in after.buffers
            assert call.m * call.n in after.sizes


def test_a_gradient_whose_norm_is_taken_is_stored() -> None:
    lowered, found = schedule(network(), sd.nn.Clipped(sd.nn.SGD(0.1), norm=1.0))
    assert stored(lowered, found) == {"a.W_bar", "b.W_bar"}


def test_tasks_share_the_rows_of_a_large_gradient() -> None:
    _, found = schedule(network(), sd.nn.SGD(0.1))
    assert speedup(found, 2) > 1.8


@pytest.mark.parametrize("low, high", [(0, 1), (0, 7), (0, 32), (5, 201), (0, 100), (8, 1000)])
@pytest.mark.parametrize("width", [1, 10, 100, 4000])
def test_row_blocks_cover_the_rows(low: int, high: int, width: int) -> None:
    found = row_blocks(low, high, width, 64)
    assert (found[0][0], found[-1][1]) == (low, high)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert all(last - first >= min(8, high - low) for first, last in found)
    assert max(last - first for first, last in found) * width <= max(6000, 48 * width)


def test_large_right_matrices_are_read_for_many_rows() -> None:
    assert all(b - a >= 64 for a, b in row_blocks(0, 1000, 5000, 300))


KINDS: list[Literal["given", "arena", "output"]] = ["given", "given", "arena", "given"]
A, B, G, W = range(4)
"""The factors of a gradient, the gradient, the weight."""


def product() -> tuple[Call, Split]:
    operands = [Operand(TensorId(t), ZERO, t == A, constant(6), ()) for t in (A, B, G)]
    left, right, result = (Matrix(t, o) for t, o in zip((A, B, G), operands, strict=True))
    sizes = (constant(4), constant(6), constant(9))
    call = ProductCall(left, right, result, *sizes, (), None, ())  # type: ignore[arg-type]
    touches = (Touch(A, False), Touch(B, False), Touch(G, True, constant(6)))
    return call, Split("columns", constant(4), touches, (), "m")


def update(source: int = G, target: int = W, stride: Poly | None = ONE) -> tuple[Call, Split]:
    touches = (Touch(source, False, stride), Touch(target, True, ONE))
    return KernelCall(0, (source, target), (constant(24),), ()), Split("elements", constant(24), touches)


def members(
    steps: list[tuple[Call, Split]], kinds: list[Literal["given", "arena", "output"]] = KINDS
) -> list[tuple[int, ...]]:
    buffers = [Buffer(TensorId(t), kind, constant(24), False, 0, 9) for t, kind in enumerate(kinds)]
    found = streamed_gradients(steps, buffers, lambda p: evaluate(p, {}))
    return sorted({gradient.members for gradient in found.values()})


def test_what_a_streamed_gradient_holds() -> None:
    assert members([product(), update()]) == [(0, 1)]
    assert members([product(), update(stride=None)]) == []
    assert members([product()]) == []
    assert members([product(), update()], ["given", "given", "output", "given"]) == []


def test_a_product_does_not_wait_for_what_changes_its_factors() -> None:
    assert members([product(), update(W, A), update()]) == []
    assert members([product(), update(A, W), update()]) == [(0, 2)]
    assert members([product(), update(), update(W, A)]) == [(0, 1)]


def test_updates_do_not_change_what_later_rows_need() -> None:
    assert members([product(), update(), update(G, B)]) == []
    assert members([product(), update(), update(W, A), update(G, B)]) == []


def test_products_of_two_shapes_for_one_update() -> None:
    """A gradient that is the sum of a column and a row: one is streamed, the other is there when it is
    needed."""
    C, D, H = 4, 5, 6
    operands = [Operand(TensorId(t), ZERO, t == C, constant(4), ()) for t in (C, D, H)]
    left, right, result = (Matrix(t, o) for t, o in zip((C, D, H), operands, strict=True))
    sizes = (constant(6), constant(4), constant(9))
    call = ProductCall(left, right, result, *sizes, (), None, ())  # type: ignore[arg-type]
    touches = (Touch(C, False), Touch(D, False), Touch(H, True, constant(4)))
    other = call, Split("columns", constant(6), touches, (), "m")
    reads = (Touch(G, False, ONE), Touch(H, False, ONE), Touch(W, True, ONE))
    both = KernelCall(0, (G, H, W), (constant(24),), ()), Split("elements", constant(24), reads)
    kinds: list[Literal["given", "arena", "output"]] = [*KINDS, "given", "given", "arena"]
    assert members([product(), other, both], kinds) == [(0, 2)]


@pytest.mark.parametrize("batch", [1, 40, 200])
def test_a_step_on_a_loss_with_derivatives(batch: int) -> None:
    x = sd.tensor("x", (n, 2))
    u = sd.nn.dense(sd.nn.dense(x, 24, activation=sd.tanh, name="a"), 1, name="b")
    slope = sd.grad(u.sum(), x)
    loss = ((sd.grad(slope[:, 0].sum(), x)[:, 0] - slope[:, 1] + u[:, 0]) ** 2).mean()
    model = sd.Model(loss, dtype="float64")
    data = {"x": np.random.default_rng(3).uniform(-2, 2, size=(batch, 2))}
    before = {name: value.copy() for name, value in model.parameters.items()}
    _, slopes = sd.compile(loss, wrt="parameters")(**data, **before)
    model.fit(data, optimizer=sd.nn.SGD(0.1), batch_size=batch, shuffle=False, restore_best=False)
    for name, value in before.items():
        np.testing.assert_allclose(model.parameters[name], value - 0.1 * slopes[name], rtol=1e-12, atol=1e-14)
