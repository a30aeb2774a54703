"""The gradients of every kind of structure, each in three ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl.check.gradients import check_gradients
from symdl.differentiate.adjoint import differentiate
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.functions import exp, sqrt
from symdl.express.operators import elementwise, maximum
from symdl.express.recurrent import recurrence
from symdl.express.statistics import logsumexp
from symdl.express.surface import LogSumExp, Max, Prod, Sum, define
from symdl.express.tensors import Tensor

n = Dim("n")
i, j, k, l, p, q, r, s, c, o = indices("i j k l p q r s c o")
rng = np.random.default_rng(9)


def squares(y: Tensor) -> Tensor:
    return (y * y * 0.5 + y).sum()


def convolution(stride: int, padding: int) -> Tensor:
    X, K = parameter("X", (2, 2, 5, 6)), parameter("K", (3, 2, 3, 2))
    rows, columns = (5 + 2 * padding - 3) // stride + 1, (6 + 2 * padding - 2) // stride + 1
    at = (stride * p + r - padding, stride * q + s - padding)
    inside = sp.And(at[0] >= 0, at[0] < 5, at[1] >= 0, at[1] < 6)
    body = sp.Piecewise((X[i, c, at[0], at[1]] * K[o, c, r, s], inside), (0, True))
    total = Sum(body, c, (r, 3), (s, 2))
    return squares(define("Y", (i, o, p, q), total, shape=(2, 3, rows, columns)))


def pooling(stride: int) -> Tensor:
    X = parameter("X", (2, 6, 6))
    window = Max(X[i, stride * p + r, stride * q + s], (r, 2), (s, 2))
    size = (6 - 2) // stride + 1
    return squares(define("Y", (i, p, q), window, shape=(2, size, size)))


def attention() -> Tensor:
    Q, K, V = (parameter(name, (2, 3, 4)) for name in "QKV")
    S = Q @ K.transpose(0, 2, 1) * 0.5
    return squares(exp(S - logsumexp(S, 2, keepdims=True)) @ V)


def masked_attention() -> Tensor:
    S, V = parameter("S", (4, 4)), parameter("V", (4, 2))
    weight = sp.Piecewise((sp.exp(S[i, j]), j <= i), (0, True))
    E = define("E", (i, j), weight)
    return squares((E / E.sum(1, keepdims=True)) @ V)


def layer_norm() -> Tensor:
    X, g, b = parameter("X", (3, 5)), parameter("g", (5,)), parameter("b", (5,))
    centred = X - X.mean(1, keepdims=True)
    return squares(centred / sqrt((centred * centred).mean(1, keepdims=True) + 1e-3) * g + b)


def embedding() -> Tensor:
    E, ids = parameter("E", (5, 3)), tensor("ids", (n, 2), dtype="int64")
    return squares(define("Y", (i, j, k), E[ids[i, j], k] * E[ids[i, 0], 0], shape=(n, 2, 3)))


def views() -> Tensor:
    X = parameter("X", (4, 6))
    return squares(X[1:, ::-2] * X[:3, 3:].T.T) + squares(X.reshape(3, 8)[::2] * X.reshape(2, 12)[:, 4:])


def split_axes() -> Tensor:
    X, W = parameter("X", (2, 3, 8)), parameter("W", (2, 4, 4))
    heads = X.reshape(2, 3, 2, 4).transpose(0, 2, 1, 3) @ W
    return squares(heads.transpose(0, 2, 1, 3).reshape(6, 8))


def broadcast() -> Tensor:
    A, B, s0 = parameter("A", (3, 1)), parameter("B", (1, 4)), parameter("s", ())
    return squares(A * B + s0) + squares(maximum(A + B, 0) / 2)


def repeated() -> Tensor:
    X = parameter("X", (4, 4))
    trace = define("t", (), Sum(X[i, i], i))
    return squares(X @ X @ X.T) + trace + define("d", (), Sum(X[i, j] * X[j, i] ** 2, i, j))


def products() -> Tensor:
    X = parameter("X", (3, 4))
    return squares(define("P", (i,), Prod(X[i, j] + 0.1, j)))


def nested() -> Tensor:
    X, W = parameter("X", (3, 4)), parameter("W", (4,))
    outer = LogSumExp(X[i, j] * Sum(X[i, k] * W[k], k) - Max(X[i, l] ** 2, l), j)
    return squares(define("Y", (i,), outer))


def branches() -> Tensor:
    X = parameter("X", (3, 4))
    body = sp.Piecewise((sp.log(X[i, j]), X[i, j] > 0), (X[i, j] ** 3, X[i, j] < -1), (1, True))
    return squares(define("Y", (i, j), body)) + abs(X).sum()


def through_time() -> Tensor:
    X, U, h0 = tensor("X", (Dim("T"), 2, 3)), parameter("U", (3, 3)), parameter("h0", (2, 3))
    (h,) = recurrence(
        ["h"],
        [(Dim("T"), 2, 3)],
        lambda before: elementwise(sp.tanh, X + before @ U),
        initial=[h0],
    )
    return squares(h)


def second_order() -> Tensor:
    X, W, V = parameter("X", (3, 4)), parameter("W", (4, 2)), parameter("V", (2, 1))
    loss = squares(elementwise(sp.tanh, X @ W) @ V)
    slope = differentiate(loss, [X]).gradient(X)
    return squares(slope)


STRUCTURES: list[Callable[[], Tensor]] = [
    *(attention, masked_attention, layer_norm, embedding, views, split_axes, broadcast, repeated),
    *(products, nested, branches, through_time, second_order),
]
AT: dict[Any, dict[str, Any]] = {
    embedding: {"ids": [[0, 1], [4, 1], [1, 1]]},
    through_time: {"X": rng.normal(size=(4, 2, 3))},
}


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda f: f.__name__)
def test_structures(structure: Callable[[], Tensor]) -> None:
    report = check_gradients(structure(), at=AT.get(structure, {}), compiled=False)
    report.raise_if_failed()


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolutions(stride: int, padding: int) -> None:
    check_gradients(convolution(stride, padding), at={}, compiled=False).raise_if_failed()


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pooling(stride: int) -> None:
    check_gradients(pooling(stride), at={}, compiled=False).raise_if_failed()
