"""Copies that matrix products do without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.express.program import Program, collect
from tests.lowering import lower

from .programs import assert_agrees

n = sd.Dim("n")


def values(program: Program, count: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        str(t.name): rng.normal(size=tuple(count if s == n else s for s in t.shape)) for t in program.inputs
    }


def heads(time: int = 5, heads_: int = 3, size: int = 4) -> tuple[Any, Any]:
    """Dot products of heads that are blocks of columns, mixed and put side by side again."""
    x = sd.tensor("x", (n, time, heads_ * size))

    def split(name: str) -> Any:
        z = x @ sd.parameter(name, (heads_ * size, heads_ * size))
        return z.reshape(n, time, heads_, size).transpose(0, 2, 1, 3)

    mixed = (split("q") @ split("k").transpose(0, 1, 3, 2)) @ split("v")
    joined = mixed.transpose(0, 2, 1, 3).reshape(n, time, heads_ * size)
    return joined @ sd.parameter("o", (heads_ * size, heads_ * size)), x


def test_heads_are_read_and_written_in_place() -> None:
    y, _ = heads()
    found = lower(collect([y]))
    assert found.structures == ("gemm",) * 6
    loss = (y * y).mean()
    step = lower(differentiate(loss, sd.parameters(loss)).program)
    assert step.structures.count("gemm") == 6 + 12 - 2 - 1
    assert len(step.structures) - step.structures.count("gemm") <= 2


def test_heads_compute_the_same() -> None:
    y, _ = heads()
    loss = (y * y).mean()
    program = differentiate(loss, sd.parameters(loss)).program
    assert_agrees(program, values(program), targets=("python",))


def test_slices_and_transposes_are_read_in_place() -> None:
    x, W = sd.tensor("x", (n, 4, 6)), sd.parameter("W", (5, 6))
    program = collect([x[:, 2] @ W.T])
    assert lower(program).structures == ("gemm",)
    assert_agrees(program, values(program), targets=("python",))


def test_copies_that_are_needed_stay() -> None:
    x, W = sd.tensor("x", (n, 4, 6)), sd.parameter("W", (6, 5))
    turned = x.transpose(0, 2, 1)
    program = collect([turned, turned.transpose(0, 2, 1) @ W])
    assert len(lower(program).structures) >= 2
    assert_agrees(program, values(program), targets=("python",))
    joined = (x @ W).reshape(n, 20)
    both = collect([joined, sd.tanh(x @ W)])
    assert_agrees(both, values(both), targets=("python",))


@pytest.mark.parametrize("axes", [(0, 2, 1, 3), (0, 1, 3, 2), (2, 0, 3, 1)])
def test_any_order_of_axes(axes: tuple[int, ...]) -> None:
    x, y = sd.tensor("x", (n, 2, 3, 4)), sd.tensor("y", (n, 2, 4, 5))
    product = x @ y
    turned = product.transpose(*axes)
    size: list[Any] = [n, 2, 3, 5]
    joined = turned.reshape(*(size[a] for a in axes[:2]), size[axes[2]] * size[axes[3]])
    program = collect([joined * 2, turned + 1]) if axes[0] else collect([joined])
    assert_agrees(program, values(program), targets=("python",))
