"""Intermediates lie in the order in which loops run through them; what must be transposed is so in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.prepare import prepare
from symdl.express.program import Program, collect
from symdl.lower.ir.integers import ONE, ZERO, linear
from symdl.lower.ir.loops import Item, Loop, Store, statements
from symdl.lower.ir.visitors import loaded
from symdl.lower.lowered import Lowered
from tests.lowering import lower

n = sd.Dim("n")
i, j, k, p = sd.indices("i j k p")


def innermost(items: tuple[Item, ...]) -> Iterator[Loop[Any]]:
    for item in items:
        if isinstance(item, Loop):
            inner = list(innermost(item.items))
            yield from inner or [item]


def across(lowered: Lowered) -> int:
    """Return how many accesses of innermost loops go to another row with every step, outside blocks."""
    found = 0
    for step in lowered.steps:
        if not isinstance(step.work, tuple):
            continue
        for loop in innermost(step.work):
            written = [s.where for s in statements(loop.items) if isinstance(s, Store)]
            for (where,) in [*written, *(w for places in loaded(loop.items).values() for w in places)]:
                slopes = linear(where)
                step_ = slopes[0].get(loop.var, ZERO) if slopes else ZERO
                found += step_ not in (ZERO, ONE) and loop.extent.number != 16
    return found


def blocks(lowered: Lowered) -> int:
    return sum("b0" in str(s) for s in lowered.structures)


def newton() -> Program:
    """Value, gradient and Hessian of logistic regression."""
    X, t, w = sd.tensor("X", (n, 256)), sd.tensor("t", (n,)), sd.parameter("w", (256,))
    z = X @ w
    loss = (sd.log(1 + sd.exp(z)) - t * z).mean()
    return collect([loss, sd.grad(loss, w), sd.hessian(loss, w)])


def test_a_newton_step_writes_its_weighted_samples_along_rows() -> None:
    lowered = lower(newton())
    assert across(lowered) == 0
    assert lowered.structures.count("gemm") == 3
    assert across(lower(newton(), schedule="naive")) > 0


@pytest.mark.parametrize("written", ["sum", "product"])
def test_a_weighted_design_matrix_is_read_as_a_transposed_one(written: str) -> None:
    A, d = sd.tensor("A", (2048, 256)), sd.tensor("d", (2048,))
    if written == "sum":
        G = sd.define("G", (i, j), sd.Sum(A[k, i] * sd.exp(d[k]) * A[k, j], k))
    else:
        G = sd.define("W", (i, k), A[k, i] * sd.exp(d[k])) @ A
    lowered = lower(collect([G]))
    assert across(lowered) == 0
    assert "gemm" in lowered.structures


def test_cotangents_of_transposed_parameters_are_made_in_their_order() -> None:
    C, A = sd.parameter("C", (2048, 256)), sd.tensor("A", (2048, 64))
    loss = ((sd.tanh(C.T) @ A) ** 2).sum()
    assert across(lower(collect([loss, sd.grad(loss, C)]))) == 0


def test_a_result_that_is_transposed_is_copied_in_blocks() -> None:
    A = sd.tensor("A", (2048, 256))
    moved, computed = (lower(prepare(collect([f(A).T]))[0]) for f in (lambda x: 2 * x, sd.tanh))
    assert across(moved) == across(computed) == 0
    assert (len(moved.structures), len(computed.structures)) == (
        1,
        2,
    )  # a function is computed along rows first
    assert blocks(moved) == blocks(computed) == 1


def test_small_arrays_stay_as_they_are() -> None:
    A = sd.tensor("A", (40, 30))
    lowered = lower(collect([sd.tanh(A).T]))
    assert len(lowered.structures) == 1
    assert blocks(lowered) == 0


SIZES = st.sampled_from([1, 2, 15, 16, 17, 31, 33, 64, 65, 80, 129])
FORMS = {
    "copy": lambda A, B, d: A.T,
    "arithmetic": lambda A, B, d: 2 * A.T + B,
    "function": lambda A, B, d: sd.tanh(A).T * B,
    "sums": lambda A, B, d: ((A.T + B) ** 2).sum(1),
    "product": lambda A, B, d: (sd.exp(A) * d[:, None]).T @ A,
    "both": lambda A, B, d: (sd.sin(A).T + B) @ (A * d[:, None]),
}


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=12, deadline=None)
@given(rows=SIZES, columns=SIZES, fixed=st.booleans())
def test_results_have_the_bits_of_loops_without_blocks(
    form: str, rows: int, columns: int, fixed: bool
) -> None:
    height = rows if fixed else n
    A, B, d = sd.tensor("A", (height, 300)), sd.tensor("B", (300, height)), sd.tensor("d", (height,))
    rng = np.random.default_rng(rows)
    given = {"A": rng.normal(size=(rows, 300)), "B": rng.normal(size=(300, rows)), "d": rng.normal(size=rows)}
    program = FORMS[form](A, B, d)
    names = {t.name for t in collect([program]).inputs}
    given = {name: given[name] for name in names}
    found = sd.compile(program)(**given)
    wanted = sd.compile(program, schedule="naive")(**given)
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)
    if form in ("copy", "arithmetic", "function"):
        assert np.array_equal(found, wanted)
