"""Sizes, and what can be proved about ranges."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdl.errors import ExpressionError
from symdl.express.dims import Dim, Index, as_extent, at_most, bounds, dims_of, in_range, indices

n, m = Dim("n"), Dim("m")
i, j = indices("i j")


def test_names() -> None:
    assert indices("i, j  k") == (Index("i"), Index("j"), Index("k"))
    assert Dim("n") == n
    assert i.is_nonnegative
    assert n.is_positive
    with pytest.raises(ExpressionError, match="cannot name a size"):
        Dim("n+1")


@pytest.mark.parametrize(
    ("size", "expected"),
    [(3, 3), (0, 0), (np.int64(4), 4), (sp.Integer(5), 5), (2 * (n + 1), 2 * n + 2)],
    ids=str,
)
def test_extents(size: Any, expected: Any) -> None:
    assert as_extent(size) == expected
    assert isinstance(as_extent(size), int) == isinstance(expected, int)


@pytest.mark.parametrize("size", [-1, 1.5, "n", True, None, sp.Symbol("q"), n * i], ids=str)
def test_what_is_no_size(size: Any) -> None:
    with pytest.raises(ExpressionError):
        as_extent(size)


def test_dims_of() -> None:
    assert dims_of(2 * n * m + 1) == {n, m}
    assert dims_of(3) == set()


@pytest.mark.parametrize(
    ("small", "large", "proved"),
    [
        (1, n, True),
        (0, n, True),
        (2, n, False),
        (n, n + 1, True),
        (n, 2 * n, True),
        (n, m, False),
        (n, n * m, True),
        (n + m, n * m + 1, True),
        (n + m, n * m, False),
        (3, 3, True),
        (4, 3, False),
    ],
    ids=str,
)
def test_comparisons(small: Any, large: Any, proved: bool) -> None:
    assert at_most(small, large) is proved


@pytest.mark.parametrize(
    ("expr", "size", "proved"),
    [
        (i, 4, True),
        (i, 3, False),
        (i + 1, 5, True),
        (i - 1, 4, False),
        (3 - i, 4, True),
        (2 * i + j, 6 + n, True),
        (2 * i + j, 6 + n - 1, False),
        (n - 1 - j, n, True),
        (sp.floor(i / 2), 2, True),
        (sp.floor(i / 2), 1, False),
        (sp.Mod(j, 3), 3, True),
        (sp.Mod(j, 3), 2, False),
        (i * j, 4 * n, False),
        (sp.Integer(2), 3, True),
        (n - 1, n, True),
    ],
    ids=str,
)
def test_ranges(expr: Any, size: Any, proved: bool) -> None:
    assert in_range(sp.sympify(expr, strict=True), size, {i: 4, j: n}) is proved


@given(*[st.integers(-3, 3)] * 3, st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_bounds_hold_and_are_reached(a: int, b: int, c: int, rows: int, columns: int, by: int) -> None:
    affine = a * i + b * j + c
    for expr in (affine, sp.floor(affine / by)):
        limits = bounds(sp.sympify(expr, strict=True), {i: rows, j: columns})
        assert limits is not None
        values = [
            int(sp.sympify(expr, strict=True).subs({i: p, j: q}))
            for p, q in product(range(rows), range(columns))
        ]
        assert (min(values), max(values)) == limits


def test_unknown_ranges() -> None:
    assert bounds(i, {}) is None
    assert bounds(i + j, {i: 3}) is None
    assert bounds(i**2, {i: 3}) is None
    assert not in_range(i, 3, {})
