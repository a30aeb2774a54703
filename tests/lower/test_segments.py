"""Recurrences in segments: what they need in memory, and their kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.express.build import parameters, tensor
from symdl.express.dims import Dim
from symdl.express.program import Program, collect
from symdl.express.recurrent import recurrence
from symdl.express.tensors import Tensor
from symdl.lower.kernels import RepeatCall
from symdl.lower.memory.buffers import arena
from symdl.run.compile import compile
from symdl.run.compiled import Compiled
from symdl.run.reference.interpreter import evaluate
from tests.lowering import lower

N, M = Dim("n"), Dim("m")


def memory(program: Program, steps: int = 0, every: int = 1) -> int:
    """The bytes of the arena for 16 samples in float64."""
    plan = lower(program).plan
    return arena(plan.buffers, {"n": 16, "m": steps // every}, 8)[1]


def lstm_loss(every: int | None, steps: Any, units: int = 8) -> Tensor:
    h, _ = nn.lstm(tensor("x", (N, steps, 4)), units, name="r", checkpoint=every)
    return (nn.last_state(h) ** 2).sum()


def gradients(loss: Tensor) -> Program:
    return differentiate(loss, parameters(loss)).program


def test_memory_grows_with_the_segments_and_their_length() -> None:
    state = 16 * 8 * 8  # bytes of one state of one step
    plain = memory(gradients(lstm_loss(None, 256)))
    assert plain > 256 * 10 * state
    for every in (8, 16, 32):
        found = memory(gradients(lstm_loss(every, 256)))
        assert found < (2 * 256 / every + 25 * every + 100) * state
        assert found < plain / 3
    long = [memory(gradients(lstm_loss(16, 16 * M)), steps, 16) for steps in (256, 512, 1024)]
    kept = 2 * (256 // 16) * state  # h and c at the ends of 16 more segments
    assert long[1] - long[0] == kept
    assert long[2] - long[1] == 2 * kept


def test_kernels_do_not_depend_on_time() -> None:
    counts = set()
    for steps in (16 * 20, 16 * 1000, 16 * M):
        lowered = lower(gradients(lstm_loss(16, steps)))
        assert sum(isinstance(call, RepeatCall) for call in lowered.calls) == 5
        counts.add((len(lowered.kernels), len(lowered.calls)))
    assert len(counts) == 1


def test_a_final_state_needs_the_memory_of_one_step() -> None:
    found = []
    for steps in (100, 200):
        x = tensor("x", (N, steps, 4))
        (h,) = recurrence(["h"], [(N, steps, 4)], lambda old, x=x: nn.tanh(x + old), axis=1)
        found.append(memory(collect([nn.last_state(h).sum()])))
    assert found[0] == found[1] <= 5 * 16 * 4 * 8


def test_a_step_in_one_place_is_read_before_it_is_written() -> None:
    x = tensor("x", (N, 6, 4))

    def step(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return nn.tanh(b + x), 2 * c + x, a - c

    states = recurrence(["a", "b", "c"], [x.shape] * 3, step, axis=1)
    program = collect([sum((s[:, -1] for s in states[1:]), states[0][:, -1])])
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(3, 6, 4))}
    (found,) = Compiled(program, dtype="float64", pack=tuple)(**values)
    np.testing.assert_allclose(found, evaluate(program, values)[program.outputs[0]], rtol=1e-12)
    assert memory(program) <= 6 * 16 * 4 * 8  # three states and what they were before


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("lstm", {"reverse": True, "lengths": tensor("lengths", (N,), dtype="int64")}),
        ("gru", {"truncate": 3}),
    ],
)
def test_kernels(kind: str, options: dict[str, Any]) -> None:
    x = tensor("x", (N, 4 * M, 2))
    layer: Any = {"lstm": nn.lstm, "gru": nn.gru}[kind]
    h = layer(x, 3, name="r", checkpoint=4, **options)
    h = h if isinstance(h, Tensor) else h[0]
    loss = (nn.last_state(h, reverse="reverse" in options) ** 2).sum() + h[:, 3].sum()
    wrt = [*parameters(loss), x]
    derivative = differentiate(loss, wrt)
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {str(p.name): rng.normal(size=p.shape) for p in parameters(loss)}
    values["x"] = rng.normal(size=(5, 12, 2))
    if "lengths" in options:
        values["lengths"] = np.array([12, 3, 7, 8, 0])
    reference = evaluate(derivative.program, values)
    compiled = compile(loss, wrt=wrt, dtype="float64")
    for _ in range(2):  # nothing of the first run is left
        value, slopes = compiled(**values)
        np.testing.assert_allclose(value, reference[loss], rtol=1e-11)
        for t in wrt:
            expected = reference[derivative.gradient(t)]
            np.testing.assert_allclose(slopes[str(t.name)], expected, rtol=1e-9, atol=1e-11)


def test_a_rectifier_beside_segments() -> None:
    """What is kept of the rectifier is decided before the recurrence is written in segments."""
    x = tensor("x", (N, 4, 3))
    states = nn.gru(nn.dense(x, 3, activation=nn.relu, name="a"), 5, name="r", checkpoint=2)
    program = gradients((nn.dense(nn.last_state(states), 4, activation=nn.relu, name="b") ** 2).sum())
    rng = np.random.default_rng(0)
    values = {str(t.name): rng.normal(size=[3 if s == N else s for s in t.shape]) for t in program.inputs}
    expected = evaluate(program, values)
    made = Compiled(program, target="python")(**values)
    for tensor_, found in zip(program.outputs, made, strict=True):
        np.testing.assert_allclose(found, expected[tensor_], rtol=1e-10, atol=1e-12)
