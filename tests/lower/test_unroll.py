"""Short rows inside long loops."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdl.express.build import tensor
from symdl.express.dims import Dim, indices
from symdl.express.program import Program, collect
from symdl.express.surface import LogSumExp, Max, Sum, define
from tests.lowering import lower

from .programs import assert_agrees

n = Dim("n")
i, j = indices("i j")


def cross_entropy(classes: int) -> Program:
    """Logits with a bias, their cross-entropy, its derivative."""
    Z, b = tensor("Z", (n, classes)), tensor("b", (classes,))
    t = tensor("t", (n,), dtype="int64")
    h = define("h", (i, j), Z[i, j] + b[j])
    l = define("l", (i,), LogSumExp(h[i, j], j))
    loss = define("L", (), Sum((l[i] - h[i, t[i]]) / n, i))
    slope = define("G", (i, j), sp.exp(h[i, j] - l[i]) - sp.Piecewise((1, sp.Eq(j, t[i])), (0, True)))
    column = define("c", (j,), Sum(slope[i, j], i))
    return collect([loss, slope, column])


def values(classes: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    Z = 3 * rng.normal(size=(21, classes))
    Z[1], Z[2, 0] = np.inf, np.nan
    return {"Z": Z, "b": rng.normal(size=classes), "t": rng.integers(0, classes, 21)}


@pytest.mark.parametrize("classes, inner", [(3, 0), (8, 0), (20, 3)])
def test_short_rows_leave_one_loop_over_the_samples(classes: int, inner: int) -> None:
    (structure,) = lower(cross_entropy(classes)).structures
    assert structure.partition("(")[2].count("i") == inner


def test_elements_of_a_short_row_stay_in_registers() -> None:
    lowered = lower(cross_entropy(3))
    names = {lowered.program.tensors[b.tensor].name for b in lowered.plan.buffers}
    assert "h" not in names
    assert "l" not in names
    assert "h" in {b.name for b in lowered.program.tensors}


@pytest.mark.parametrize("classes", [2, 3, 8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_short_rows_compute_the_same(classes: int, dtype: str) -> None:
    given = {k: v.astype(dtype) if v.dtype == np.float64 else v for k, v in values(classes).items()}
    assert_agrees(cross_entropy(classes), given, targets=("cpu", "python"), dtype=dtype)


def test_a_position_of_the_largest_element() -> None:
    X = tensor("X", (n, 4))
    top = define("m", (i,), Max(X[i, j], j))
    total = define("s", (i,), Sum(sp.exp(X[i, j] - top[i]), j))
    given = {"X": np.random.default_rng(0).normal(size=(9, 4))}
    assert_agrees(collect([total, top]), given, targets=("cpu", "python"), dtype="float64")
