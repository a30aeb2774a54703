"""The backward pass in phases: where it is cut, and how much memory that saves."""

from __future__ import annotations

from typing import Any

import pytest

import symdl as sd
from symdl.lower.ir.names import Rows
from symdl.lower.memory.buffers import arena
from symdl.run.training import compile_training
from symdl.schedule.partition import partition
from symdl.schedule.plan import Partition

n = sd.Dim("n")


def deep(layers: int, width: int = 32, skip: bool = False) -> Any:
    h, y = sd.tensor("X", (n, width)), sd.tensor("y", (n, width))
    for layer in range(layers):
        new = sd.nn.dense(h, width, activation=sd.tanh, name=f"l{layer}")
        h = h + new if skip else new
    return ((h - y) ** 2).mean()


def schedule(loss: Any, batch: int = 32, optimizer: Any = None) -> Partition:
    updates = (optimizer or sd.nn.SGD(0.1)).updates
    made = compile_training(loss, sd.parameters(loss), updates, target="python")
    return partition(made._built.lowered, {"n": batch, Rows("n"): batch}, (), ())


def intermediate(found: Partition, batch: int = 32) -> int:
    return arena(found.buffers, {"n": batch}, 4)[1]


@pytest.mark.parametrize("skip", [False, True])
def test_a_deep_network_needs_little_more_than_its_activations(skip: bool) -> None:
    found = schedule(deep(40, skip=skip))
    assert len(found.tasks) == 6  # three backward phases, each with a phase of samples and one of weights
    assert all(found.tasks)
    layer = 4 * 32 * 32
    assert intermediate(found) <= 1.4 * (41 + 40 * skip) * layer  # with the sums for biases


def test_phases_are_about_twice_as_long_as_the_ones_before() -> None:
    weights = [len(phase) for phase in schedule(deep(40)).tasks[1::2]]
    assert weights[0] < weights[1] < weights[2]
    assert weights[2] > 40  # a weight and a bias each


@pytest.mark.parametrize(
    "loss, batch",
    [
        (deep(6), 32),  # too short a step
        (deep(4, 512), 32),  # the parameters are much larger
    ],
)
def test_other_networks_go_back_at_once(loss: Any, batch: int) -> None:
    assert len(schedule(loss, batch).tasks) == 2


def test_without_updates_by_rows_there_is_one_phase() -> None:
    found = schedule(deep(40), optimizer=sd.nn.Clipped(sd.nn.SGD(0.1), norm=1.0))
    assert intermediate(found) > 3 * 40 * 4 * 32 * 32
