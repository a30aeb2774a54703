"""Recurrences that keep their states every so many steps only: the same gradients, less memory."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.checkpoint import checkpointed
from symdl.differentiate.gradients import grad
from symdl.errors import ExpressionError
from symdl.express.build import parameter, parameters, tensor
from symdl.express.dims import Dim
from symdl.express.program import Program
from symdl.express.recurrent import recurrence
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

N, M = Dim("n"), Dim("m")
LAYERS: dict[str, Any] = {"rnn": nn.rnn, "lstm": nn.lstm, "gru": nn.gru}
FEATURES, SAMPLES, STEPS = 2, 5, 12


def arrays(program: Program, seed: int = 0) -> dict[str, Any]:
    """Values of all inputs of a program."""
    rng = np.random.default_rng(seed)
    sizes: dict[Any, int] = {N: SAMPLES, M: 3}
    found: dict[str, Any] = {}
    for t in program.inputs:
        shape = [int(s) if isinstance(s, int) else int(s.subs(sizes)) for s in t.shape]
        whole = t.dtype == "int64"
        found[str(t.name)] = rng.integers(0, STEPS + 1, shape) if whole else rng.normal(size=shape)
    return found


def first(result: Any) -> Tensor:
    """The outputs of a layer."""
    return result if isinstance(result, Tensor) else result[0]


def same(loss: Tensor, wrt: list[Tensor]) -> tuple[Program, Program]:
    """Check that cutting a program into segments changes no value; return both."""
    program = differentiate(loss, wrt).program
    cut = checkpointed(program)
    values = arrays(program)
    plain, found = evaluate(program, values), evaluate(cut, values)
    assert cut.outputs == program.outputs
    for t in program.outputs:
        np.testing.assert_allclose(found[t], plain[t], rtol=1e-11, atol=1e-12)
    return program, cut


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_layers_keep_their_values(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["rnn", "lstm", "gru"]))
    time_first, reverse = data.draw(st.booleans()), data.draw(st.booleans())
    steps: Any = data.draw(st.sampled_from([STEPS, 4 * M, 2 * M * 2]))
    every = data.draw(st.sampled_from([2, 4] if steps is not STEPS else [1, 2, 3, 4, 6]))
    x = tensor("x", (steps, N, FEATURES) if time_first else (N, steps, FEATURES))
    options: dict[str, Any] = {"reverse": reverse, "time_first": time_first, "checkpoint": every}
    if data.draw(st.booleans()):
        options["lengths"] = tensor("lengths", (N,), dtype="int64")
    options["truncate"] = data.draw(st.sampled_from([None, 3, 4]))
    if data.draw(st.booleans()):
        start = parameter("start", (3,))
        options["initial"] = (start, start) if kind == "lstm" else start
    h = first(LAYERS[kind](x, 3, name="r", **options))
    many = data.draw(st.booleans())
    loss = (h**3).sum() if many else (nn.last_state(h, reverse=reverse, time_first=time_first) ** 3).sum()
    learned = list(parameters(loss))
    _, cut = same(loss, [*learned, x] if data.draw(st.booleans()) else learned)
    assert [len(r.inner) for r in cut.recurrences] == [1, 2]


@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_step_keeps_its_values(random: Random) -> None:
    x, y = tensor("x", (N, STEPS, 3)), tensor("y", (N, STEPS, 3))
    u, b = parameter("u", (3, 3)), parameter("b", (3,))
    given_ = random.choice([x, nn.tanh(x @ u + b), x * y])
    count = random.choice([1, 2, 3])

    def step(*old: Tensor) -> list[Tensor]:
        new: list[Tensor] = []
        for _ in range(count):
            value = random.choice(old) @ u + random.choice([given_, random.choice(old) * y, b])
            if random.random() < 0.3:
                value = value - random.choice(old).max(axis=2, keepdims=True)
            if new and random.random() < 0.5:
                value = value * random.choice(new)
            new.append(random.choice([nn.tanh, nn.relu, nn.sigmoid])(value))
        return new

    states = recurrence(
        [None] * count,
        [x.shape] * count,
        step,
        initial=[random.choice([None, tensor(f"start{n}", (N, 3))]) for n in range(count)],
        axis=1,
        reverse=random.random() < 0.5,
        checkpoint=random.choice([2, 3, 4, 6]),
    )
    reads = [lambda h: (h**2).sum(), lambda h: h[:, -1].sum(), lambda h: (h[:, 0] * b).sum() + (h @ u).sum()]
    loss = (x * y).mean() + (b**2).sum() + u.sum()
    for state in states:
        loss = loss + random.choice(reads)(state)
    same(loss, random.choice([[u], [u, b], [x, u]]))


def stacked() -> Tensor:
    x = tensor("x", (N, 4 * M, FEATURES))
    h = nn.gru(x, 3, name="one", checkpoint=4)
    return nn.lstm(h, 2, name="two", checkpoint=2)[0]


def both_ways() -> Tensor:
    x = tensor("x", (N, STEPS, FEATURES))
    return nn.bidirectional(nn.lstm, x, 2, name="r", checkpoint=3)[0]


def one_of_two() -> Tensor:
    x = tensor("x", (N, STEPS, FEATURES))
    return nn.rnn(nn.rnn(x, 3, name="one"), 2, name="two", checkpoint=4)


def labelled() -> Tensor:
    x = tensor("x", (N, STEPS, FEATURES))
    return nn.dense(nn.rnn(x, 3, name="r", activation=nn.relu, checkpoint=4), 4, name="out")


@pytest.mark.parametrize(("model", "cut_up"), [(stacked, 4), (both_ways, 4), (one_of_two, 2), (labelled, 2)])
def test_networks_keep_their_values(model: Callable[[], Tensor], cut_up: int) -> None:
    loss = (model() ** 3).sum()
    _, cut = same(loss, list(parameters(loss)))
    assert sum(bool(r.inner) for r in cut.recurrences) == cut_up


def test_a_largest_value_inside_a_step() -> None:
    x = tensor("x", (N, STEPS, 3))
    (h,) = recurrence(
        ["h"],
        [(N, STEPS, 3)],
        lambda old: nn.tanh(x + old * old.max(axis=2, keepdims=True)),
        axis=1,
        checkpoint=4,
    )
    _, cut = same((h**2).sum(), [x])
    assert all(r.inner for r in cut.recurrences)


def test_steps_in_the_middle_are_read_from_all_states() -> None:
    x = tensor("x", (N, STEPS, FEATURES))
    h = nn.rnn(x, 3, name="r", checkpoint=4)
    loss = (h[:, 5] ** 2).sum() + h[:, 3].sum() + h.max()
    _, cut = same(loss, [*parameters(loss), x])
    assert h in cut.definitions
    end = nn.last_state(h).sum()
    assert h not in same(end, list(parameters(end)))[1].definitions


def test_what_cannot_be_cut_stays() -> None:
    x = tensor("x", (N, STEPS, FEATURES))
    h = nn.rnn(x, 3, name="r", checkpoint=STEPS)
    loss = (h**2).sum()
    (w, *_) = parameters(loss)
    program = differentiate(loss, [w]).program
    assert checkpointed(program) is program  # one segment only
    h = nn.rnn(x, 3, name="r", checkpoint=4)
    loss = (h**2).sum()
    (w, *_) = parameters(loss)
    same((grad(loss, w) ** 2).sum(), [w])


def test_the_number_of_equations_does_not_depend_on_time() -> None:
    counts = set()
    for steps in (12, 12_000, 4 * M):
        h = nn.lstm(tensor("x", (N, steps, FEATURES)), 3, name="r", checkpoint=4)[0]
        loss = nn.last_state(h).sum()
        counts.add(len(checkpointed(differentiate(loss, parameters(loss)).program).equations))
    assert len(counts) == 1


@pytest.mark.parametrize(("steps", "every"), [(12, 5), (Dim("T"), 2), (12, 0)])
def test_segments_must_come_out_even(steps: Any, every: int) -> None:
    with pytest.raises(ExpressionError, match="steps"):
        nn.rnn(tensor("x", (N, steps, FEATURES)), 3, name="r", checkpoint=every)
