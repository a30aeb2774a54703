"""Conditions say no more than the sizes leave open."""

from __future__ import annotations

import itertools

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdl.explain.notation.conditions import condition
from symdl.explain.notation.notation import Notation
from symdl.explain.printers.text import text as plain
from symdl.express.dims import Dim, indices
from symdl.express.equations import InRange

from .shown import Shown

n = Dim("n")
i, k = indices("i k")


@pytest.mark.parametrize(
    ("expr", "extent", "text"),
    [
        (i - k, n, "k ≤ i"),
        (i - k - 1, n, "k < i"),
        (k - i, n, "i ≤ k"),
        (i - 1, n, "1 ≤ i"),
        (i + 1, n, "i + 1 < n"),
        (i + k - 1, n, "0 ≤ i + k - 1 < n"),
        (2 * i - k, n, "0 ≤ 2·i - k < n"),
    ],
)
def test_text(expr: sp.Expr, extent: sp.Expr, text: str) -> None:
    assert plain(condition(Notation(), InRange(expr, extent), {i: n, k: n})) == text


small = st.integers(-3, 3)


@given(small, small, small, *[st.integers(1, 4)] * 3)
def test_the_shown_condition_holds_where_the_guard_does(
    a: int, b: int, c: int, rows: int, columns: int, size: int
) -> None:
    expr = a * i + b * k + c
    shown = condition(Notation(), InRange(sp.sympify(expr), size), {i: rows, k: columns})
    world = Shown({}, {})
    for x, y in itertools.product(range(rows), range(columns)):
        assert bool(world.value(shown, {i: x, k: y})) == (0 <= a * x + b * y + c < size)
