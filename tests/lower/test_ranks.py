"""Order by sorting: no pairs are compared, and what comes out is what comparing pairs gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.express.program import collect
from symdl.express.sorting import ranks
from symdl.express.tensors import Tensor
from symdl.lower.cpu.lowering import CPU
from symdl.lower.ir.integers import Size
from symdl.lower.ir.loops import ItemOn, Loop, When, statements
from symdl.lower.ir.scalars import ORDERS
from symdl.lower.lowered import Lowered
from symdl.lower.pipeline import lower
from symdl.lower.python.lowering import PYTHON
from symdl.run.cpu.intrinsics.orders import _SHORT

n = sd.Dim("n")
X, WHOLE = sd.tensor("X", (3, n + 2)), sd.tensor("W", (3, n + 2), dtype="int64")
USES: dict[str, Callable[[Tensor], Any]] = {
    "sort": lambda x: sd.sort(x, 1),
    "falling": lambda x: sd.sort(x, 1, descending=True),
    "argsort": lambda x: sd.argsort(x, 1),
    "median": lambda x: sd.median(x, 1),
    "quantile": lambda x: sd.quantile(x, [0.1, 0.9], 1),
    "nanquantile": lambda x: sd.nanquantile(x, 0.3, 1),
    "top_k": lambda x: sd.top_k(x, 2, 1)[0],
}
SCHEDULES: tuple[Any, ...] = ("fused", "naive")
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5, np.nan, np.inf, -np.inf, 1e-300, -5e-324, 1e300])


def in_pairs(lowered: Lowered) -> bool:
    """Say whether a loop over a row runs inside another one."""

    def inside(items: Sequence[ItemOn[Any]], around: int) -> bool:
        for item in items:
            if isinstance(item, When) and inside(item.items, around):
                return True
            if isinstance(item, Loop):
                rows = around + item.extent.terms.count(((Size("n"),), 1))
                if rows > 1 or inside(item.items, rows):
                    return True
        return False

    trees = [step.nested or step.work for step in lowered.steps]
    return any(inside(tree, 0) for tree in trees if isinstance(tree, tuple))


def sortings(lowered: Lowered) -> int:
    """Return how often rows are sorted."""
    trees = [step.work for step in lowered.steps if isinstance(step.work, tuple)]
    found = [s for tree in trees for s in statements(tree)]
    return sum(s.body.result.op in ORDERS for s in found if hasattr(s, "body"))


@pytest.mark.parametrize("target", [CPU, PYTHON], ids=["cpu", "python"])
@pytest.mark.parametrize("x", [X, WHOLE], ids=["real", "whole"])
@pytest.mark.parametrize("use", USES)
def test_no_pairs_are_compared(use: str, x: Tensor, target: Any) -> None:
    program = collect([USES[use](x)])
    plain = lower(program, lowering=target, schedule="naive")
    assert in_pairs(plain) and not sortings(plain)
    lowered = lower(program, lowering=target, check=True)
    assert not in_pairs(lowered)
    assert sortings(lowered) == 1


def test_gradients_compare_no_pairs() -> None:
    x = sd.tensor("x", (n,))
    loss = (sd.sort(x) * sd.tensor("w", (n,))).sum() + sd.median(x)
    lowered = lower(differentiate(loss, [x]).program, lowering=CPU, check=True)
    assert not in_pairs(lowered)
    assert sortings(lowered) == 1  # for both


@pytest.mark.parametrize("target", ["cpu", "python"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1, 2, _SHORT, _SHORT + 1, 300, 5000])
def test_positions_are_those_of_numpy(size: int, dtype: Any, target: Any) -> None:
    """Also of zeros of both signs, ties, infinities, NaN, subnormal and large numbers."""
    x = sd.tensor("x", (2, n))
    run = sd.compile([sd.argsort(x, 1), sd.argsort(x, 1, descending=True)], dtype=dtype, target=target)
    rng = np.random.default_rng(size)
    hard = [0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, -np.nan, 1e-40, -1e-40, 3e38, -3e38]
    for row in (rng.choice(hard, (2, size)), rng.normal(size=(2, size)), np.ones((2, size))):
        given = row.astype(dtype)
        rising, falling = run(x=given)
        np.testing.assert_array_equal(rising, np.argsort(given, axis=1, stable=True))
        for found, values in zip(falling, given, strict=True):
            missing = np.isnan(values)
            first = np.flatnonzero(missing)
            rest = np.flatnonzero(~missing)
            wanted = [*first, *rest[np.argsort(-values[rest], stable=True)]]
            np.testing.assert_array_equal(found, np.array(wanted, "int64"))


@pytest.mark.parametrize("target", ["cpu", "python"])
@pytest.mark.parametrize("size", [1, _SHORT, 500])
def test_integers_are_sorted_to_the_last_digit(size: int, target: Any) -> None:
    w = sd.tensor("w", (n,), dtype="int64")
    run = sd.compile([sd.argsort(w), sd.argsort(w, descending=True), sd.sort(w)], target=target)
    limits = np.iinfo("int64")
    near = np.array([limits.min, limits.max, 0, -1, 2**53, 2**53 + 1, limits.max - 1])
    values = np.random.default_rng(0).choice(near, size)
    rising, falling, ordered = run(w=values)
    np.testing.assert_array_equal(rising, np.argsort(values, stable=True))
    np.testing.assert_array_equal(falling, np.argsort(~values, stable=True))
    np.testing.assert_array_equal(ordered, np.sort(values))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rows_lie_along_any_axis(axis: int) -> None:
    x = sd.tensor("x", (3, n, 5))
    values = np.random.default_rng(1).normal(size=(3, 50, 5)).round(1)[:, ::2]
    found = sd.compile([sd.sort(x, axis), sd.argsort(x, axis)])(x=values)
    np.testing.assert_array_equal(found[0], np.sort(values, axis))
    np.testing.assert_array_equal(found[1], np.argsort(values, axis, stable=True))


@pytest.mark.parametrize("use", USES)
def test_what_pairs_give(use: str) -> None:
    quick, plain = (sd.compile(USES[use](X), schedule=s) for s in SCHEDULES)

    @settings(max_examples=30, deadline=None)
    @given(arrays.arrays("float64", st.tuples(st.just(3), st.integers(3, 60)), elements=NUMBERS))
    def agree(values: np.ndarray) -> None:
        np.testing.assert_array_equal(quick(X=values), plain(X=values))

    agree()


def test_other_counts_are_counts() -> None:
    """What looks like a rank and is none: another comparison, another place, a weight."""
    i, k = sd.indices("i k")
    x = sd.tensor("x", (n + 2,))
    below = sp.Piecewise((1, x[k] < x[i]), (0, True))
    or_equal = sp.Piecewise((1, sp.Or(x[k] < x[i], sp.And(sp.Eq(x[k], x[i]), k > i))), (0, True))
    for body in (below, or_equal, 2 * below):
        count = sd.define("C", (i,), sd.Sum(body, k), shape=x.shape)
        values = np.array([3.0, 1.0, np.nan, 1.0, -0.0, 0.0])
        assert not sortings(lower(collect([count]), lowering=CPU))
        found = sd.compile(count)(x=values)
        np.testing.assert_array_equal(found, sd.compile(count, schedule="naive")(x=values))


def test_ranks_are_looked_for_along_their_row_only() -> None:
    """A rank is in a column once, twice or not at all, so the first place has to be searched."""
    i, j, k = sd.indices("i j k")
    x = sd.tensor("x", (3, 3))
    rank = ranks(x, 1)
    chosen = sp.Piecewise((1, sp.Eq(rank[k, j], i)), (0, True))
    first = sd.define("F", (i, j), sd.ArgMax(chosen, k), shape=(3, 3), dtype="int64")
    values = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [2.0, 1.0, 3.0]])
    quick, plain = (sd.compile(first, schedule=s)(x=values) for s in SCHEDULES)
    np.testing.assert_array_equal(quick, plain)
