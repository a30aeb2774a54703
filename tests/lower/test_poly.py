"""Index arithmetic: canonical, and right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl.errors import LoweringError
from symdl.lower.ir.integers import (
    ONE,
    ZERO,
    Poly,
    Size,
    constant,
    evaluate,
    floor,
    linear,
    mod,
    of,
    split,
    substitute,
    text,
    variables,
)
from symdl.lower.ir.names import LoopVar, StepNumber
from symdl.lower.ir.steps import slope

NAMES = ("n", "m", "k")


@st.composite
def polys(draw: st.DrawFn) -> Poly:
    leaves = [of(Size(name)) for name in NAMES] + [constant(c) for c in (-2, 0, 1, 3)]
    result = draw(st.sampled_from(leaves))
    for _ in range(draw(st.integers(0, 4))):
        other = draw(st.sampled_from(leaves))
        kind = draw(st.integers(0, 4))
        if kind == 3:
            result = floor(result, constant(draw(st.integers(1, 3))))
        elif kind == 4:
            result = mod(result, constant(draw(st.integers(1, 3))))
        else:
            result = [result + other, result - other, result * other][kind]
    return result


values = st.fixed_dictionaries({name: st.integers(1, 9) for name in NAMES})


@given(polys(), polys(), values)
def test_arithmetic_is_that_of_integers(a: Poly, b: Poly, at: dict[str, int]) -> None:
    x, y = evaluate(a, at), evaluate(b, at)
    assert evaluate(a + b, at) == x + y
    assert evaluate(a - b, at) == x - y
    assert evaluate(a * b, at) == x * y
    assert evaluate(floor(a, constant(3)), at) == x // 3
    assert evaluate(mod(a, constant(3)), at) == x % 3


@given(polys(), polys(), polys())
def test_equal_expressions_are_equal_objects(a: Poly, b: Poly, c: Poly) -> None:
    assert a + b == b + a
    assert (a + b) * c == a * c + b * c
    assert a - a == ZERO
    assert a * ONE == a


def test_linear_forms() -> None:
    I, J = LoopVar(0), LoopVar(1)
    i, j, n = of(I), of(J), of(Size("n"))
    flat = (i * n + j) * constant(4) + constant(3)
    assert linear(flat) == ({I: n * 4, J: constant(4)}, constant(3))
    assert linear(i * j) is None
    assert linear(floor(i, constant(2))) is None
    assert split(flat)[(I,)] == n * 4
    assert variables(floor(i, n) + j) == {I, J}
    assert substitute(flat, {I: ZERO}) == j * 4 + 3
    assert text(i * 2 - 1) in ("2*i0 - 1", "-1 + 2*i0")


def test_what_moves_with_a_step() -> None:
    step = StepNumber(0)
    t, n = of(Size(step)), of(Size("n"))
    assert slope(t * n * 4 + n, step) == n * 4
    with pytest.raises(LoweringError, match="evenly"):
        slope(t * t, step)
    with pytest.raises(LoweringError, match="evenly"):
        slope(floor(t, constant(2)), step)
