"""Losses that take turns in one training step, against steps taken one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

import symdl as sd
from symdl.differentiate.turns import Turn, training_step
from symdl.errors import ExpressionError
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs
from symdl.run.training import TrainingKernel, compile_training
from tests.targets import EVERY

Pairs = list[tuple[sd.Tensor, sd.Tensor]]


def momentum(wrt: Sequence[sd.Tensor], gradients: Mapping[sd.Tensor, sd.Tensor]) -> Pairs:
    pairs: Pairs = []
    for p in wrt:
        v = sd.Tensor(f"{p.name}.v", p.shape, role="state", init=sd.nn.zeros())
        new = v * 0.5 + gradients[p]
        pairs += [(v, new), (p, p - 0.2 * new)]
    return pairs


def rivals() -> tuple[sd.Tensor, sd.Tensor]:
    """A discriminator's loss and a generator's; they share a discriminator."""
    n = sd.Dim("n")
    x, z = sd.tensor("x", (n, 2)), sd.tensor("z", (n, 3))
    real = sd.nn.dense(sd.nn.dense(x, 5, activation=sd.tanh, name="d.0"), 1, name="d.1")
    drawn = sd.nn.dense(sd.nn.dense(z, 4, activation=sd.tanh, name="g.0"), 2, name="g.1")
    fake = sd.replace(real, {x: drawn})
    return sd.softplus(-real).mean() + sd.softplus(fake).mean(), sd.softplus(-fake).mean()


def part(loss: sd.Tensor, letter: str) -> tuple[sd.Tensor, ...]:
    return tuple(p for p in sd.parameters(loss) if str(p.name).startswith(letter))


def start(kernels: Sequence[TrainingKernel]) -> dict[str, np.ndarray]:
    tensors = {t.name: t for k in kernels for t in k.program.inputs if t.role in ("parameter", "state")}
    rng = np.random.default_rng(0)
    values = {str(n): rng.normal(size=t.shape) for n, t in sorted(tensors.items()) if t.role == "parameter"}
    return values | {str(n): np.zeros(t.shape) for n, t in tensors.items() if t.role == "state"}


@EVERY
def test_turns_are_steps_one_after_another(target: str) -> None:
    of_d, of_g = rivals()
    turns = [Turn(of_d, part(of_d, "d"), momentum), Turn(of_g, part(of_g, "g"), momentum)]
    together = TrainingKernel(training_step(turns), dtype="float64", target=target)
    apart = [compile_training(t.loss, t.wrt, t.updates, dtype="float64", target=target) for t in turns]
    rng = np.random.default_rng(1)
    data = {"x": rng.normal(size=(20, 2)), "z": rng.normal(size=(20, 3))}
    one = start([together])
    other = {name: array.copy() for name, array in one.items()}
    order = rng.permutation(20)
    bound = together.bind(one, data, 8)
    bound.run(order)
    sides = [
        k.bind(other, {n: data[n] for n in names}, 8) for k, names in zip(apart, ("xz", "z"), strict=True)
    ]
    totals = np.zeros(2)
    for batch in (order[:8], order[8:16], order[16:]):
        totals += [side.run(batch) for side in sides]
    np.testing.assert_allclose(bound.totals, [totals.sum(), *totals], rtol=1e-10)
    for name, array in other.items():
        np.testing.assert_allclose(one[name], array, rtol=1e-10, atol=1e-12, err_msg=name)


def test_what_no_turn_changes_is_computed_once() -> None:
    of_d, of_g = rivals()
    program = training_step([Turn(of_d, part(of_d, "d"), momentum), Turn(of_g, part(of_g, "g"), momentum)])
    names = [e.lhs.name for e in program.equations]
    assert names.count("g.0.Z") == 1  # the generator stands still while the discriminator learns
    assert names.count("d.0.Z") == 3  # real, generated, and generated for the new discriminator


def test_one_parameter_in_two_turns() -> None:
    w = sd.parameter("w", ())
    n = sd.Dim("n")
    x = sd.tensor("x", (n,))
    losses = ((w - x) ** 2).mean(), ((w + x) ** 2).mean()

    def descent(wrt: Sequence[sd.Tensor], gradients: Mapping[sd.Tensor, sd.Tensor]) -> Pairs:
        return [(p, p - 0.25 * gradients[p]) for p in wrt]

    program = training_step([Turn(loss, (w,), descent) for loss in losses])
    ((old, new),) = program.updates
    (value,) = outputs(collect([new]), {"w": np.array(1.0), "x": np.array([3.0, 3.0])})
    # w: 1 -> 1 - (1 - 3)/2 = 2 -> 2 - (2 + 3)/2 = -0.5
    assert old is w and float(value) == -0.5


def test_states_of_two_optimizers_have_two_names() -> None:
    of_d, of_g = rivals()
    updates = sd.nn.Adam(0.1).updates
    turns = [
        Turn(of_d, part(of_d, "d"), updates, name="one"),
        Turn(of_g, part(of_g, "g"), updates, name="two"),
    ]
    kernel = TrainingKernel(training_step(turns), dtype="float64", target="python")
    names = {str(t.name) for t in kernel.states}
    assert {"one.step", "two.step", "one.learning_rate", "one.d.0.W.m", "two.g.0.W.v"} <= names
    assert not {"step", "learning_rate"} & names
    with pytest.raises(ExpressionError, match="two tensors are called"):
        training_step([Turn(t.loss, t.wrt, updates) for t in turns])
