"""The reference interpreter against NumPy and against loops written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdl.errors import ArgumentError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, Index, indices
from symdl.express.equations import Divisible, Equal, Equation, InRange, Reduction
from symdl.express.operators import maximum
from symdl.express.program import Program, collect
from symdl.express.special.tensors import gammaln
from symdl.express.statistics import logsumexp
from symdl.express.surface import LogSumExp, Max, Sum, define
from symdl.express.tensors import Tensor
from symdl.run.reference import interpreter as reference
from symdl.run.reference.interpreter import evaluate, outputs

n = Dim("n")
i, j, k, p = indices("i j k p")
rng = np.random.default_rng(7)


def run(result: Tensor, **values: Any) -> np.ndarray:
    (array,) = outputs(collect([result]), values)
    return array


def made(shape: tuple[Any, ...], where: tuple[Index, ...], body: Any, **rest: Any) -> Tensor:
    lhs = Tensor("out", shape, dtype=rest.pop("dtype", "real"))
    return lhs.attach(Equation(lhs, where, sp.sympify(body, strict=True), **rest))


def test_a_layer_and_everything_on_the_way() -> None:
    X, W, b = tensor("X", (n, 4)), parameter("W", (4, 3)), parameter("b", (3,))
    Z = define("Z", (i, j), Sum(X[i, k] * W[k, j], k) + b[j])
    L = define("L", (), Sum(Z[i, j] ** 2, i, j) / n)
    x, w, c = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    found = evaluate(collect([L]), {"X": x, W: w, "b": c})
    assert np.allclose(found[Z], x @ w + c)
    assert np.allclose(found[L], ((x @ w + c) ** 2).sum() / 5)
    assert np.array_equal(found[X], x)
    assert len(found) == 3 + len(collect([L]).equations)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype(dtype: str) -> None:
    X = tensor("X", (n,))
    program = collect([define("Y", (i,), sp.exp(X[i] / 3) * i + sp.pi)])
    x = np.array([1.0, 2.0, 3.0])
    (y,) = outputs(program, {"X": x}, dtype=dtype)
    assert y.dtype == dtype
    assert np.allclose(y, np.exp(x / 3) * np.arange(3) + np.pi, rtol=1e-6)


def test_inputs_stay_as_they_are() -> None:
    X = tensor("X", (n,))
    x = np.ones(3)
    program = collect([define("Y", (i,), X[i])])
    found = evaluate(program, {"X": x})
    found[X][:] = 5.0
    assert np.array_equal(x, np.ones(3))


def test_convolution_with_padding_is_a_guard() -> None:
    X, K = tensor("X", (n,)), parameter("K", (3,))
    body = sp.Piecewise((X[i + k - 1] * K[k], sp.And(i + k - 1 >= 0, i + k - 1 <= n - 1)), (0, True))
    Y = define("Y", (i,), Sum(body, (k, 3)), shape=(n,))
    assert Y.equation is not None
    assert len(Y.equation.guards) == 2
    x, c = rng.normal(size=6), rng.normal(size=3)
    assert np.allclose(run(Y, X=x, K=c), np.convolve(x, c[::-1], mode="same"))


def test_outside_its_guards_nothing_is_evaluated() -> None:
    X = tensor("X", (4,))
    Y = made((6,), (i,), sp.log(X.at(i - 1)), guards=(InRange(i - 1, 4),))
    found = run(Y, X=[1.0, -1.0, 0.0, np.e])
    assert np.array_equal(found[[0, 5]], [0.0, 0.0])
    assert np.isnan(found[2])
    assert np.isneginf(found[3])
    assert found[4] == 1.0


def test_strided_and_scattered_guards() -> None:
    X, t = tensor("X", (4,)), tensor("t", (4,), dtype="int64")
    x = np.array([1.0, 2.0, 4.0, 8.0])
    spread = made((8,), (p,), X.at(sp.floor(p / 2)), guards=(Divisible(p, 2), InRange(sp.floor(p / 2), 4)))
    assert np.array_equal(run(spread, X=x), [1, 0, 2, 0, 4, 0, 8, 0])
    scattered = made((3,), (p,), X.at(i), guards=(Equal(t.at(i), p),), reduction=Reduction("sum", ((i, 4),)))
    assert np.array_equal(run(scattered, X=x, t=[2, 0, 2, 0]), [10, 0, 5])


@pytest.mark.parametrize(
    ("op", "empty"), [("sum", 0.0), ("prod", 1.0), ("max", -np.inf), ("logsumexp", -np.inf), ("argmax", 0)]
)
def test_identities(op: Any, empty: float) -> None:
    X = tensor("X", (4,))
    never = InRange(i - 9, 4)
    dtype = "int64" if op == "argmax" else "real"
    guarded = made((2,), (p,), X.at(i), guards=(never,), reduction=Reduction(op, ((i, 4),)), dtype=dtype)
    assert np.array_equal(run(guarded, X=np.ones(4)), [empty, empty])
    E = tensor("E", (2, 0))
    none = made((2,), (p,), E.at(p, i), reduction=Reduction(op, ((i, 0),)), dtype=dtype)
    assert np.array_equal(run(none, E=np.ones((2, 0))), [empty, empty])


def test_no_elements() -> None:
    E = tensor("E", (0, 3))
    assert run(E * 2 + 1, E=np.ones((0, 3))).shape == (0, 3)
    assert np.array_equal(run(E.sum(0), E=np.ones((0, 3))), np.zeros(3))


def test_logsumexp_is_stable() -> None:
    X = tensor("X", (n, 3))
    big = np.array([[1e4, 1e4, -1e4], [-1e4, -1e4, -1e4], [-np.inf] * 3, [np.inf, 0, 0]])
    expected = [1e4 + np.log(2), -1e4 + np.log(3), -np.inf, np.inf]
    assert np.allclose(run(logsumexp(X, 1), X=big), expected)


def test_argmax_takes_the_first_in_row_major_order() -> None:
    X = tensor("X", (2, 3, 4))
    x = np.zeros((2, 3, 4))
    x[0, 1, 2] = x[0, 2, 0] = 3.0
    x[1, 2, 3] = 1.0
    axes = ((j, 3), (k, 4))
    A = made((2,), (i,), X.at(i, j, k), reduction=Reduction("argmax", axes), dtype="int64")
    found = run(A, X=x)
    assert found.dtype == np.int64
    assert np.array_equal(found, [1 * 4 + 2, 2 * 4 + 3])


def test_an_untaken_branch_leaks_nothing() -> None:
    X = tensor("X", (n,))
    body = sp.Piecewise((sp.log(X[i]), X[i] > 0), (1 / X[i], X[i] < 0), (7, True))
    assert np.allclose(run(define("Y", (i,), body), X=[np.e, -2.0, 0.0]), [1.0, -0.5, 7.0])


def test_an_untaken_branch_may_read_outside() -> None:
    E, t = tensor("E", (3,)), tensor("t", (n,), dtype="int64")
    body = sp.Piecewise((E[t[i]] * 1.5, t[i] >= 0), (-1, True))
    assert np.allclose(run(define("Y", (i,), body), E=[2, 4, 6], t=[0, -1, 2]), [3, -1, 9])


def test_gathers_nest() -> None:
    E = tensor("E", (5, 2))
    first, second = (tensor(name, (n,), dtype="int64") for name in "ab")
    Y = define("Y", (i, j), E[first[second[i]], j], shape=(n, 2))
    e, a, b = rng.normal(size=(5, 2)), np.array([4, 2, 0]), np.array([1, 1, 2])
    assert np.array_equal(run(Y, E=e, a=a, b=b), e[a[b]])


def test_a_label_out_of_range_is_named() -> None:
    X, t = tensor("X", (n, 3)), tensor("t", (n,), dtype="int64")
    Y = define("Y", (i,), X[i, t[i]])
    with pytest.raises(ArgumentError, match=r"X\[i, t\[i\]\] reads position 3 of an axis of size 3"):
        run(Y, X=np.ones((2, 3)), t=[0, 3])
    with pytest.raises(ArgumentError, match="position -1"):
        run(Y, X=np.ones((2, 3)), t=[0, -1])


def test_large_grids_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    X, W = tensor("X", (n, 4)), parameter("W", (4, 3))
    x, w = rng.normal(size=(7, 4)), rng.normal(size=(4, 3))
    tensors = [X @ W, define("m", (i,), Max(X[i, k], k)), define("s", (), LogSumExp(X[i, k], i, k))]
    whole = [run(t, X=x, W=w) if t is tensors[0] else run(t, X=x) for t in tensors]
    monkeypatch.setattr(reference, "_LARGEST_GRID", 24)
    cut = [run(t, X=x, W=w) if t is tensors[0] else run(t, X=x) for t in tensors]
    assert all(np.allclose(a, b) for a, b in zip(whole, cut, strict=True))


def test_outputs_keep_their_order() -> None:
    X = tensor("X", (n,))
    program = collect([X * 2, maximum(X, 0), X])
    double, positive, same = outputs(program, {"X": [1.0, -1.0]})
    assert np.array_equal(double, [2, -2])
    assert np.array_equal(positive, [1, 0])
    assert np.array_equal(same, [1, -1])


def test_a_program_without_inputs() -> None:
    one = made((2, 3), (i, j), 3 * i + j)
    assert one.equation is not None
    program = Program((), (one.equation,), (one,))
    assert np.array_equal(outputs(program, {})[0], np.arange(6).reshape(2, 3))


def test_the_logarithm_of_gamma_is_of_its_absolute_value() -> None:
    X = tensor("X", (n,))
    points = np.array([-7.58, -4.83, -0.5, 0.5, 3.0, -2.0])
    expected = [*(math.log(abs(math.gamma(p))) for p in points[:-1]), math.inf]
    np.testing.assert_allclose(run(gammaln(X), X=points), expected, rtol=1e-12)


@given(st.integers(1, 60), st.integers(1, 60))
def test_integer_quotients_are_exact(size: int, by: int) -> None:
    Y = made((size,), (i,), sp.floor(i / by) + 100 * sp.Mod(i, by))
    whole = np.arange(size)
    assert np.array_equal(run(Y), whole // by + 100 * (whole % by))
