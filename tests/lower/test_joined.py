"""Loops over joined parts, one loop a part."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.express.program import Program
from symdl.lower.cpu.split_ranges import in_segments
from symdl.lower.ir.integers import constant, of
from symdl.lower.ir.loops import Fold, Let, Loop, Update, Within
from symdl.lower.ir.names import Local, LoopVar
from symdl.lower.ir.scalars import number
from tests.lowering import lower

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
    fused, naive = (lower(gates(4, 16), schedule=s) for s in ("fused", "naive"))
    assert sum(guards(k.items) for k in naive.kernels) >= 4
    assert sum(guards(k.items) for k in fused.kernels) == 0


def test_thin_slices_keep_their_conditions() -> None:
    assert sum(guards(k.items) for k in lower(gates(3, 4)).kernels) > 0


@pytest.mark.parametrize("count, width", [(2, 8), (4, 16), (3, 4)])
def test_slices_compute_the_same(count: int, width: int) -> None:
    given = {"x": np.random.default_rng(0).normal(size=(5, count * width))}
    assert_agrees(gates(count, width), given, targets=("cpu", "python"))


def test_a_part_on_which_a_sum_has_no_terms_has_no_loop() -> None:
    j = LoopVar(0)
    terms = Fold(Local(0), "sum", number(1.0), (Within(of(j) - constant(12), constant(20)),))
    (part,) = in_segments((Loop(j, constant(32), (terms,)),))
    assert isinstance(part, Loop)
    assert part.extent == constant(20)
    assert guards(part.items) == 0
