"""Reductions over all elements up to one's own take one loop, in both directions, with and without it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl.differentiate.adjoint import differentiate
from symdl.express.build import tensor
from symdl.express.dims import Dim, indices
from symdl.express.equations import InRange
from symdl.express.program import Program, collect
from symdl.express.surface import Max, Prod, Sum, define
from tests.lowering import lower

from .programs import assert_agrees

n, m = Dim("n"), Dim("m")
i, j, k = indices("i j k")
REDUCTIONS = {"sum": Sum, "prod": Prod, "max": Max}
ORDERS = {"to": i - k, "before": i - k - 1, "from": k - i, "after": k - i - 1}


def running(op: str, order: str, axis: int) -> Program:
    """The elements up to one's own (or from it on), with or without it, along an axis; and a use of them."""
    x, w = tensor("x", (n, m)), tensor("w", (n, m))
    place, where = ((j, k), (j, i)) if axis else ((k, j), (i, j))
    guard = InRange(ORDERS[order], m if axis else n)
    c = define("c", where, REDUCTIONS[op](x[place] * x[place], k), shape=(n, m), guards=(guard,))
    finite = define("d", where, w[where] * c[where], guards=(InRange(i - 1, m if axis else n),))
    return collect([c, finite])


@given(
    st.sampled_from(sorted(REDUCTIONS)),
    st.sampled_from(sorted(ORDERS)),
    st.integers(0, 1),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_agrees_with_the_interpreter(op: str, order: str, axis: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    assert_agrees(running(op, order, axis), {"x": rng.normal(size=shape), "w": rng.normal(size=shape)})


@pytest.mark.parametrize(("op", "order", "axis"), [("sum", "before", 1), ("max", "after", 0)])
def test_compiled_code_agrees_too(op: str, order: str, axis: int) -> None:
    rng = np.random.default_rng(1)
    values = {"x": rng.normal(size=(3, 4)), "w": rng.normal(size=(3, 4))}
    assert_agrees(running(op, order, axis), values, targets=("cpu",))


def test_one_loop_in_place_of_two() -> None:
    program = running("sum", "to", 1)
    assert lower(program).structures == ("i0(i1,i2)",)
    naive = lower(program, schedule="naive").structures
    assert naive[0] == "i0(i1(i2))"


def test_the_gradient_runs_the_other_way() -> None:
    x = tensor("x", (n, m))
    loss = (x.cumsum(axis=1) * x).sum()
    assert all("(i" not in s.partition("(")[2] for s in lower(differentiate(loss, (x,)).program).structures)


def test_an_order_that_the_body_knows_of_is_no_scan() -> None:
    """``sum over k <= i of x[i - k]`` changes all terms from element to element."""
    x = tensor("x", (n,))
    c = define("c", (i,), Sum(x[k] * i, k), shape=(n,), guards=(InRange(i - k, n),))
    assert lower(collect([c])).structures == ("i0(i1)",)
