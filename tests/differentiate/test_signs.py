"""Conditions on kept values: the same numbers, and arguments that nobody needs any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.signs import with_signs
from symdl.express.build import parameters, tensor
from symdl.express.operators import elementwise
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

SHAPE = (2, 2, 5, 6)
HARD = [0.0, -0.0, 1.0, -1.0, 1e-310, -1e-310, 1e300, -1e300, float("nan")]


def pooled(window: int, **options: Any) -> Callable[[Tensor], Tensor]:
    return lambda z: sd.nn.max_pool2d(sd.relu(z), window, **options)


def named(*pieces: Any) -> Callable[[Tensor], Tensor]:
    """A stored tensor of cases, for each `z`."""
    return lambda z: elementwise(lambda v: sp.Piecewise(*(piece(v) for piece in pieces)), z, name="a")


RECOGNISED: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda z: sd.relu(z, name="a"),
    "above one": named(lambda v: (v, v > 1), lambda v: (sp.Rational(1, 2), True)),
    "windows": pooled(2),
    "overlapping": pooled(3, stride=1),
    "padded": pooled(3, stride=2, padding=1),
    "gaps": pooled(2, stride=3),
    "one row": lambda z: sd.max(sd.relu(z), axis=3),
}
OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "also read": lambda z: sd.relu(z, name="a") + z * z,
    "lower than the limit": named(lambda v: (v, v > 0), lambda v: (1, True)),
    "not strict": named(lambda v: (v, v >= 0), lambda v: (v / 10, True)),
    "smooth": lambda z: sd.tanh(z, name="a"),
}


def derived(build: Callable[[Tensor], Tensor]) -> Program:
    x = tensor("x", SHAPE)
    y = build(elementwise(lambda v: 3 * v, x, name="z"))
    return differentiate((y * y).sum(), [x]).program


def kept(program: Program) -> set[Tensor]:
    """Forward tensors that the derivative reads; an argmax is made with its maximum."""
    forward = set(collect(program.outputs[:1]).definitions)
    later = [e for e in program.equations if e.lhs not in forward and e.lhs.role != "index"]
    return {t for e in later for t in e.reads()} & forward


@settings(max_examples=25)
@given(values=arrays("float64", SHAPE, elements=st.one_of(st.sampled_from(HARD), st.floats(-3, 3))))
@pytest.mark.parametrize("name", [*RECOGNISED, *OTHERS])
def test_the_same_values(name: str, values: np.ndarray) -> None:
    program = derived({**RECOGNISED, **OTHERS}[name])
    with np.errstate(all="ignore"):
        before, after = (evaluate(p, {"x": values}) for p in (program, with_signs(program)))
    for output in program.outputs:
        np.testing.assert_array_equal(after[output], before[output])


@pytest.mark.parametrize("name", RECOGNISED)
def test_what_need_not_be_kept(name: str) -> None:
    program = derived(RECOGNISED[name])
    before, after = ({t.name for t in kept(p)} for p in (program, with_signs(program)))
    assert "z" in before and "z" not in after


@pytest.mark.parametrize("name", OTHERS)
def test_what_stays_as_it_is(name: str) -> None:
    program = derived(OTHERS[name])
    assert with_signs(program) is program


def test_a_network_keeps_one_array_a_layer() -> None:
    h = tensor("x", (sd.Dim("n"), 4))
    for name in "abc":
        h = sd.nn.dense(h, 5, activation=sd.relu, name=name)
    loss = (h * h).sum()
    program = with_signs(differentiate(loss, parameters(loss)).program)
    assert {t.name for t in kept(program)} == {"a.A", "b.A", "c.A"}
