"""Definitions: what becomes an equation in normal form, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.equations import (
    Divisible,
    Equal,
    Equation,
    InRange,
    Origin,
    Reduction,
    check,
    reads_data,
)
from symdl.express.program import collect
from symdl.express.surface import LogSumExp, Max, Sum, define
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs

n, m = Dim("n"), Dim("m")
i, j, k, l = indices("i j k l")
rng = np.random.default_rng(4)


def run(result: Tensor, **values: Any) -> np.ndarray:
    (array,) = outputs(collect([result]), values)
    return array


def equation(result: Tensor) -> Equation:
    assert result.equation is not None
    return result.equation


def test_a_reduction_alone_stays_one_equation() -> None:
    X, W = tensor("X", (n, 4)), parameter("W", (4, 3))
    Z = define("Z", (i, j), Sum(X[i, k] * W[k, j], k))
    assert Z.shape == (n, 3)
    assert equation(Z).reduction == Reduction("sum", ((k, 4),))
    assert str(equation(Z)) == "Z[i, j] = sum_{k} X[i, k]*W[k, j]"


def test_inner_reductions_become_tensors() -> None:
    X = tensor("X", (n, 4))
    x = rng.normal(size=(5, 4))
    P = define("P", (i, j), sp.exp(X[i, j] - Max(X[i, k], k)) / Sum(sp.exp(X[i, k] - Max(X[i, l], l)), k))
    found = run(P, X=x)
    expected = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    assert np.allclose(found, expected)
    assert all(e.reduction is None or e.lhs is not P for e in collect([P]).equations)
    assert [e.lhs.shape for e in collect([P]).equations if e.reduction] == [(n,)] * 3


def test_sums_of_products_with_own_names() -> None:
    A, B = tensor("A", (2, 3)), tensor("B", (3, 2))
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
    trace = define("t", (), Sum(A[i, j] * B[j, i], i, j))
    nested = define("s", (i,), Sum(A[i, j] * Sum(B[j, k] ** 2, k), j))
    both = define("q", (i,), Sum(A[i, k], k) * Sum(B[k, i], k))
    assert np.allclose(run(trace, A=a, B=b), np.trace(a @ b))
    assert np.allclose(run(nested, A=a, B=b), a @ (b**2).sum(1))
    assert np.allclose(run(both, A=a, B=b), a.sum(1) * b.sum(0))


def test_sizes_that_no_access_shows() -> None:
    X = tensor("X", (6,))
    window = define("w", (i,), Sum(X[2 * i + k], (k, 2)), shape=(3,))
    assert np.array_equal(run(window, X=np.arange(6)), [1, 5, 9])
    with pytest.raises(ShapeError, match="size of index i cannot be read"):
        define("w", (i,), X[2 * i])
    with pytest.raises(ShapeError, match="range of the summed index k"):
        define("w", (), Sum(X[2 * k], k))


def test_index_conditions_become_guards() -> None:
    X = tensor("X", (n,))
    shifted = define("s", (i,), sp.Piecewise((X[i - 1], i >= 1), (0, True)), shape=(n,))
    assert equation(shifted).guards == (InRange(i - 1, n - 1),)
    assert np.array_equal(run(shifted, X=[1.0, 2.0, 3.0]), [0, 1, 2])
    ahead = define("a", (i,), sp.Piecewise((X[i + 1], i < n - 1), (0, True)), shape=(n,))
    assert np.array_equal(run(ahead, X=[1.0, 2.0, 3.0]), [2, 3, 0])
    diagonal = define("d", (i, j), sp.Piecewise((X[i], sp.Eq(i, j)), (0, True)), shape=(n, n))
    assert equation(diagonal).guards == (Equal(i, j),)
    assert np.array_equal(run(diagonal, X=[1.0, 2.0]), np.diag([1.0, 2.0]))


def test_both_ends_may_be_guarded() -> None:
    X = tensor("X", (n,))
    inside = sp.And(i >= 2, i < n + 2)
    padded = define("p", (i,), sp.Piecewise((X[i - 2], inside), (0, True)), shape=(n + 4,))
    assert np.array_equal(run(padded, X=[1.0, 2.0]), [0, 0, 1, 2, 0, 0])
    with pytest.raises(ShapeError, match="axis 0 of X"):
        define("p", (i,), sp.Piecewise((X[i - 2], i >= 2), (0, True)), shape=(n + 4,))
    with pytest.raises(ShapeError, match="axis 0 of X"):
        define("p", (i,), sp.Piecewise((X[i - 2], i >= 1), (0, True)), shape=(n,))


def test_conditions_on_values_stay() -> None:
    X = tensor("X", (n,))
    Y = define("Y", (i,), sp.Piecewise((X[i], X[i] > 0), (0, True)))
    assert equation(Y).guards == ()
    assert np.array_equal(run(Y, X=[1.0, -1.0]), [1, 0])
    best = define("b", (), Max(sp.Piecewise((X[k], k >= 1), (0, True)), k))
    assert run(best, X=[5.0, -1.0]) == 0.0


def test_rank_zero_and_constants() -> None:
    s = tensor("s", ())
    assert run(define("y", (), s[()] ** 2), s=3.0) == 9.0
    assert np.array_equal(run(define("c", (i,), sp.Integer(2), shape=(3,))), [2, 2, 2])
    assert np.array_equal(run(define("c", (i,), 2 * i + n, shape=(n,)) + tensor("X", (n,)), X=[0, 0]), [2, 4])


X = tensor("X", (n, 4))
Y = tensor("Y", (5, 4))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: define("Z", (i,), X[i, j]), ExpressionError, "unknown symbols j"),
        (lambda: define("Z", (i,), sp.Symbol("q") + X[i, 0]), ExpressionError, "unknown symbols q"),
        (lambda: define("Z", (i, i), X[i, i], shape=(4, 4)), ExpressionError, "used twice"),
        (lambda: define("Z", (i, k), Sum(X[i, k], k)), ExpressionError, "both free and summed"),
        (lambda: define("Z", (i, k), 1 + Sum(X[i, k], k)), ExpressionError, "already uses it"),
        (lambda: define("Z", (i, j), X[i, j] + Y[i, j]), ShapeError, "runs over n and over 5"),
        (lambda: define("Z", (i, j), X[i, j + 1], shape=(n, 4)), ShapeError, "read at j \\+ 1"),
        (lambda: define("Z", (i,), X[i, X[i, 0]]), ExpressionError, "holds no integers"),
        (lambda: define("Z", (i,), "X[i, 0]"), ExpressionError, "no scalar expression"),
        (lambda: define("Z", (i,), X[i, 0], shape=(3, 3)), ShapeError, "1 indices do not fit"),
        (lambda: Sum("x", i), ExpressionError, "no scalar expression"),
        (lambda: X.at("i", 0), ExpressionError, "no scalar expression"),
        (lambda: define("Z", (i, j), sp.DiracDelta(X[i, j])), ExpressionError, "cannot be computed"),
        (lambda: Sum(X[i, k]), ExpressionError, "at least one index"),
        (lambda: Sum(X[i, k], sp.Symbol("k")), ExpressionError, "is no index"),
        (lambda: LogSumExp(X[i, k], (k, 4, 5)), ExpressionError, "is no index"),
        (lambda: X.at(i), ExpressionError, "2 axes but is read with 1"),
    ],
    ids=range(17),
)
def test_what_is_refused(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_guards_that_read_data_come_last() -> None:
    t, V = tensor("t", (n,), dtype="int64"), tensor("V", (n,))
    guards = (Equal(t.at(k), i), Divisible(i, 2), InRange(i, 4))
    made = Equation(Tensor("S", (6,)), (i,), V.at(k), Reduction("sum", ((k, n),)), guards, Origin("test"))
    assert [reads_data(g) for g in made.guards] == [False, False, True]
    assert check(made).reads() == [V, t]
    with pytest.raises(ShapeError, match="defined with 1 indices"):
        check(Equation(Tensor("S", (6, 2)), (i,), V.at(k)))


def test_renamed_equations_compute_the_same() -> None:
    t = tensor("t", (n,), dtype="int64")
    G = define("G", (i,), Sum(X[i, k] * X[i, t[i]], k))
    names = dict(zip((i, k), (l, i), strict=True))
    renamed = equation(G).rename(names)
    assert renamed.indices == (l,)
    assert renamed.bound == (i,)
    other = Tensor("H", G.shape)
    other.attach(Equation(other, renamed.indices, renamed.body, renamed.reduction, renamed.guards))
    values = {"X": rng.normal(size=(3, 4)), "t": [0, 3, 1]}
    assert np.array_equal(run(G, **values), run(other, **values))
