"""Every pass over frozen equations keeps every value, exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest

import symdl as sd
from symdl.check.strategies.programs import loss as random_loss
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.prepare import prepare
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from symdl.lower.cpu.lowering import CPU
from symdl.lower.cuda.lowering import CUDA
from symdl.lower.ir.scalars import Body
from symdl.lower.pipeline import passes
from symdl.lower.state import Pass, State
from symdl.lower.target import Lowering

from .passes import frozen_checked

n, m = sd.Dim("n"), sd.Dim("m")
TARGETS = {"cpu": CPU, "cuda": CUDA}
SIZES, GIVEN = {"n": 3, "m": 2}, {"ids": np.array([1, 3, 1])}


def derived(loss: Tensor) -> Program:
    """Return the program of a loss and its gradients, or of a tensor that is no loss."""
    if loss.rank:
        return prepare(collect([loss]))[0]
    real = [t for t in collect([loss]).inputs if t.dtype == "real"]
    moving = [t for t in real if t.value is None and t.role != "state"]
    return differentiate(loss, moving).program if moving else collect([loss])


def convolutions() -> Tensor:
    h = sd.nn.conv2d(sd.tensor("x", (n, 1, 6, 6)), 2, kernel_size=3, activation=sd.relu, name="c")
    return (sd.nn.conv2d(h, 3, kernel_size=2, name="d") ** 2).sum()


def windows() -> Tensor:
    x = sd.tensor("x", (n, 8, 4, 4))
    return (sd.nn.conv2d(x, 8, kernel_size=3, padding=1, name="c") ** 2).sum()


def scattered() -> Tensor:
    i, j = sd.indices("i j")
    E, ids = sd.tensor("E", (4, 2)), sd.tensor("ids", (n,), dtype="int64")
    return (sd.define("Y", (i, j), E[ids[i], j]) ** 2).sum()


def gates() -> Tensor:
    X = sd.tensor("X", (n, 3))
    return (sd.sigmoid(X) * sd.tanh(X) + sd.sigmoid(-X)).sum()


def weighted() -> Tensor:
    i, k = sd.indices("i k")
    A, d = sd.tensor("A", (n, m)), sd.tensor("d", (n,))
    return sd.define("W", (i, k), A[k, i] * sd.exp(d[k])) @ A


def ignored() -> Tensor:
    return sd.nn.cross_entropy(sd.tensor("Z", (n, 4)), sd.tensor("ids", (n,), dtype="int64"), ignore_label=3)


def attention() -> Tensor:
    return (sd.nn.multi_head_attention(sd.tensor("x", (n, 3, 4)), heads=2, name="a") ** 2).sum()


FOR: Mapping[str, Callable[[], Tensor]] = {
    "lay_out_samples": convolutions,
    "lay_out_windows": windows,
    "elide_copies": lambda: (
        sd.nn.multi_head_attention(sd.tensor("x", (n, 3, 4)), heads=2, name="a") ** 2
    ).sum(),
    "scatter_sums": scattered,
    "share_exponentials": gates,
    "order_axes": weighted,
    "split_long_sums": lambda: (sd.tanh(sd.tensor("X", (n, 1200))) ** 2).sum(),
    "check_positions": ignored,
}
"""What each pass has something to do for."""
ONLY = {
    "freeze_equations": "has SymPy's equations before it",
    "store_inputs": "notes how elements are stored",
    "take_single_steps": "changes what a recurrence means to those after it; the agreement of kernels has it",
    "count_points": "notes a size",
    "compute_in_rows": "makes calls",
    "move_numbers": "has only the order to change",
    "order_equations": "has only the order to change",
    "copy_narrow_operands": "copies what is stored in narrow types, and exact numbers are not",
    "choose_direct_convolutions": "notes numbers of equations",
    "factor_matrices": "functions of matrices have no exact form",
    "leave_out_vectors": "functions of matrices have no exact form",
    "lay_out_matrices": "functions of matrices have no exact form",
    "sort_positions": "a sorting has no exact form",
    "sort_rows": "a sorting has no exact form",
    "split_long_scans": "is for axes of 2**17 elements",
}
"""Passes with nothing that exact arithmetic could compare, and why."""


def test_every_pass_is_listed() -> None:
    names = {step.name for low in TARGETS.values() for step in passes(low) if step.level == "equations"}
    assert names == {*FOR, *ONLY}


@pytest.mark.parametrize("name", FOR)
def test_every_pass_has_something_to_do(name: str) -> None:
    found: Counter[str] = Counter()
    for low in TARGETS.values():
        found += frozen_checked(derived(FOR[name]()), low, SIZES, GIVEN)
    assert found[name]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(6))
def test_random_programs(seed: int, target: str) -> None:
    drawn = random_loss(Random(seed), steps=(2, 6), batches=(3,))
    frozen_checked(derived(drawn.loss), TARGETS[target], {"n": 3}, drawn.values)


def test_a_wrong_number_is_seen_that_is_too_small_for_floating_point() -> None:
    def change(state: State) -> State:
        equations = []
        for equation in state.equations:
            nodes = [
                replace(node, value=node.value * Fraction(10**13 + 1, 10**13))
                if isinstance(node.value, Fraction)
                else node
                for node in equation.body.nodes
            ]
            equations.append(replace(equation, body=Body(tuple(nodes))))
        return replace(state, equations=tuple(equations))

    wrong = Pass("change_numbers", "equations", "Nothing good.", change)
    lowering: Lowering = replace(CPU, equations=(*CPU.equations, wrong))
    with pytest.raises(AssertionError, match="change_numbers"):
        frozen_checked(derived(gates()), lowering, SIZES, GIVEN)
