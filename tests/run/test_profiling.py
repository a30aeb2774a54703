"""Profiles: a step taken call by call is the step, and what is told of it adds up."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError
from symdl.run.profiling.result import Part, Profile, Share
from symdl.run.profiling.walk import _Steps, walk
from symdl.run.training import TrainingKernel, compile_training
from symdl.schedule.cost import Machine
from tests.targets import EVERY

n = sd.Dim("n")


def network(rows: int = 7) -> Any:
    """Return a loss with a recurrence, products and labels."""
    X, t = sd.tensor("X", (n, rows, 3)), sd.tensor("t", (n,), dtype="int64")
    states, _ = sd.nn.lstm(X, 4, name="memory")
    return sd.nn.cross_entropy(sd.nn.dense(states[:, rows - 1], 3, name="out"), t)


def kernel(loss: Any, target: Any) -> TrainingKernel:
    def updates(parameters: Any, gradients: Any) -> Any:
        return [(p, p - gradients[p] / 10) for p in parameters]

    return compile_training(loss, sd.parameters(loss), updates, dtype="float64", target=target)


def weights(loss: Any) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {str(p.name): rng.normal(size=p.shape) for p in sd.parameters(loss)}


def data(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {"X": rng.normal(size=(count, 7, 3)), "t": rng.integers(0, 3, count)}


@EVERY
@pytest.mark.parametrize("count", [5, 40])
def test_a_step_taken_call_by_call_is_the_step(target: Any, count: int) -> None:
    loss = network()
    made = kernel(loss, target)
    wanted, found = weights(loss), weights(loss)
    made.bind(wanted, data(count), count, threads=1).run(np.arange(count))
    bound = made.bind(found, data(count), count, threads=1)
    with bound.rehearsal() as (job, _):
        begins = job.launch_list.begins
        parts = [job.runtime.stretch(job, *ends) for ends in itertools.pairwise(begins)]
        before = job.memory.sizes.copy()
        _, visits = _Steps(job).round(parts, iter(range(10**6)).__next__)
        np.testing.assert_array_equal(job.memory.sizes, before)
    assert max(visits) == 7  # steps of the recurrence
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


def test_the_clock_is_taken_off_and_the_median_counts() -> None:
    loss = sd.mean(sd.tensor("X", (n, 3)) @ sd.parameter("W", (3,)))
    bound = kernel(loss, "python").bind({"W": np.ones(3)}, {"X": np.ones((4, 3))}, 4)
    ticks = itertools.count()
    with bound.rehearsal() as (job, _):
        found = walk(job, seconds=0.0, refresh=lambda: None, clock=lambda: float(next(ticks)))
    assert found.rounds == 5  # looking takes one tick, and so does everything else
    assert set(found.calls) == {0.0}
    assert found.whole == 0.0


@EVERY
def test_a_profile_of_a_call_has_all_equations_and_all_time(target: Any) -> None:
    loss = network(2)
    f = sd.compile(loss, wrt="parameters", dtype="float64", target=target)
    values = {**weights(loss), "X": data(6)["X"][:, :2], "t": data(6)["t"]}
    wanted = f(**values)
    found = f.profile(**values)
    again = f(**values)
    np.testing.assert_array_equal(wanted[0], again[0])
    stated = {c.text for c in f.built.lowered.program.stated.values()}
    assert found.by_equation.keys() <= stated
    assert len(found.by_equation) > 10
    for part in found.parts:
        assert part.seconds >= 0
        if part.equations:
            assert sum(e.seconds for e in part.equations) == pytest.approx(part.seconds)
    assert found.measured == pytest.approx(sum(found.by_kernel.values()))
    assert 0 < found.seconds < 60
    assert sum(part.operations for part in found.parts) == sum(c.cost.work for c in f.built.costs({"n": 6}))


def test_arguments_of_a_profile_are_checked() -> None:
    f = sd.compile(network(2), dtype="float64")
    with pytest.raises(ArgumentError, match="t"):
        f.profile(**weights(network(2)), X=np.zeros((2, 2, 3)), t=np.array([0, 3]))


def test_the_table_says_what_is_what_and_reads_nothing_as_markup() -> None:
    machine = Machine("paper", 1e9, 1e10, 0.0, "made up")
    parts = (
        Part("kernel_0", 2, 4e-6, 3000, 2000, 2e-6, "memory", (Share("<b>[i]", 1e-6), Share("c[i]", 3e-6))),
        Part("Z = X @ W", 1, 1e-6, 0, 8, None, "", (Share("Z[i]", 1e-6),)),
    )
    found = Profile("a step", parts, 4.5e-6, 9, (machine,))
    assert str(found).splitlines() == [
        "            calls     time  share  operations  bytes  GFLOP/s   GB/s  of bound  bound by",
        "kernel_0        2  4.00 µs  80.0%       3.00k  2.00k     0.75    0.5       50%    memory",
        "    <b>[i]         1.00 µs  20.0%",
        "    c[i]           3.00 µs  60.0%",
        "Z = X @ W       1  1.00 µs  20.0%           0      8           0.008",
        "    Z[i]",
        "",
        "a step: 4.50 µs in one go, 5.00 µs as the sum of its parts; medians of 9",
        "equations in one loop have its time by what they compute, read and write",
        "bounds: paper, 10 GFLOP/s, 1 GB/s, made up",
    ]
    assert "&lt;b&gt;[i]" in found._repr_html_()
    assert "<b>" not in found._repr_html_()


def test_a_model_is_as_it_was_after_its_profile() -> None:
    X, y = sd.tensor("X", (n, 3)), sd.tensor("y", (n,))
    loss = sd.nn.mean_squared_error(sd.nn.dense(X, 1, name="line")[:, 0], y)
    model = sd.Model(loss, dtype="float64")
    untrained = model.profile(seconds=0.0)
    assert untrained.what.startswith("a training step of 64 samples")
    assert any("line.W_bar" in equation for equation in untrained.by_equation)
    rng = np.random.default_rng(0)
    given = {"X": rng.normal(size=(30, 3)), "y": rng.normal(size=30)}
    model.fit(given, optimizer=sd.nn.Adam(1e-2), epochs=1)
    twin = sd.Model(loss, dtype="float64")
    twin.fit(given, optimizer=sd.nn.Adam(1e-2), epochs=1)
    found = model.profile(given, batch_size=10, seconds=0.0)
    assert any("sqrt" in equation for equation in found.by_equation)  # Adam's
    for one in (model, twin):
        one.fit(given, resume=True, epochs=2)
    np.testing.assert_array_equal(model.parameters["line.W"], twin.parameters["line.W"])


def test_what_nobody_knows_must_be_given() -> None:
    m = sd.Dim("m")
    model = sd.Model(sd.mean(sd.tensor("X", (n, m)) * sd.parameter("w", ())))
    with pytest.raises(ArgumentError, match="how long m of X is"):
        model.profile()
    model.profile({"X": np.ones((4, 2))}, seconds=0.0)
