"""Loops over joined parts, one loop a part."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.express.program import Program
from symdl.lower.ir import Fold, Let, Loop, Update
from symdl.lower.pipeline import lower
<<<<<<< Updated upstream
from symdl.run.compile import compile
from symdl.run.compiled import Compiled
from symdl.run.reference import evaluate
=======
>>>>>>> Stashed changes

from .programs import assert_agrees

n = sd.Dim("n")


def gates(count: int, width: int) -> Program:
    """The gradient of a product of slices of one row."""
    x = sd.tensor("x", (n, count * width))
    result = sd.sigmoid(x[:, :width])
    for at in range(1, count):
        result = result * sd.tanh(x[:, at * width : (at + 1) * width])
    loss = result.sum()
    return differentiate(loss, (x,)).program


def guards(items: object) -> int:
    assert isinstance(items, tuple)
    found = 0
    for item in items:
        if isinstance(item, Loop):
            found += guards(item.items)
        elif isinstance(item, Let | Fold | Update):
            found += len(item.guards)
    return found


def test_the_gradient_of_slices_has_no_conditions() -> None:
    fused, naive = (lower(gates(4, 16), schedule=s) for s in ("fused", "naive"))  # type: ignore[arg-type]
    assert sum(guards(k.items) for k in naive.kernels) >= 4
    assert sum(guards(k.items) for k in fused.kernels) == 0


def test_thin_slices_keep_their_conditions() -> None:
    assert sum(guards(k.items) for k in lower(gates(3, 4)).kernels) > 0


<<<<<<< Updated upstream
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
    h = {"lstm": nn.lstm, "gru": nn.gru}[kind](x, 3, name="r", checkpoint=4, **options)
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
=======
@pytest.mark.parametrize("count, width", [(2, 8), (4, 16), (3, 4)])
def test_slices_compute_the_same(count: int, width: int) -> None:
    given = {"x": np.random.default_rng(0).normal(size=(5, count * width))}
    assert_agrees(gates(count, width), given, targets=("cpu", "python"))
>>>>>>> Stashed changes
