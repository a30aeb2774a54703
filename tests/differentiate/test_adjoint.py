"""Gradients against automatic differentiation and central differences, over random shapes and values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import sympy as sp
from autograd import grad as autograd
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.express.build import parameter, sums_to_one, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise, maximum, reduce
from symdl.express.program import Fact
from symdl.express.statistics import logsumexp
from symdl.express.surface import LogSumExp, Max, Sum, define
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

from .formulas import ACTIVATIONS, log_softmax
from .oracles import assert_close, central, gradients
from .oracles import given as given_values

n = Dim("n")
b, c, d, i, j, k, o, p, q, r, s = indices("b c d i j k o p q r s")
Draw = Callable[[int, int], int]


@dataclass(frozen=True)
class Case:
    """A loss, its inputs' values, and the same loss as a NumPy function of the real inputs by name."""

    loss: Tensor
    wrt: tuple[Tensor, ...]
    values: dict[str, Any]
    same: Callable[[dict[str, Any]], Any]
    facts: tuple[Fact, ...] = ()
    corners: bool = False  # a difference quotient may reach across one


def assert_gradients(case: Case) -> None:
    derivative, found = gradients(case.loss, case.wrt, case.values, facts=case.facts)
    forward = evaluate(derivative.program, given_values(derivative.program.inputs, case.values))
    assert_close(forward[case.loss], case.same(case.values))
    for wrt, actual in zip(case.wrt, found, strict=True):
        name = str(wrt.name)

        def f(value: Any, name: str = name) -> Any:
            return case.same({**case.values, name: value})

        at = np.asarray(case.values[name])
        assert_close(actual, autograd(f)(at), what=f"{name} against autograd")
        if not case.corners:
            assert_close(actual, central(f, at), rtol=1e-6, what=f"{name} against differences")


def dense(draw: Draw, rng: np.random.Generator, name: str) -> Case:
    """Two layers with an activation between them."""
    rows, inside, hidden, out = (draw(1, 4) for _ in range(4))
    formula, same = ACTIVATIONS[name]
    x, w, u = tensor("X", (n, inside)), parameter("W", (inside, hidden)), parameter("U", (hidden, out))
    v, t = parameter("v", (hidden,)), tensor("T", (n, out))
    a = elementwise(formula, x @ w + v)
    loss = ((a @ u - t) ** 2).mean()
    shapes = {
        "X": (rows, inside),
        "W": (inside, hidden),
        "U": (hidden, out),
        "v": (hidden,),
        "T": (rows, out),
    }
    values = {key: rng.normal(size=shape) for key, shape in shapes.items()}

    def again(at: dict[str, Any]) -> Any:
        return anp.mean((same(at["X"] @ at["W"] + at["v"]) @ at["U"] - at["T"]) ** 2)

    corners = name in ("relu", "leaky relu", "elu", "softsign", "hard tanh")
    return Case(loss, (w, v, u, x), values, again, corners=corners)


def softmax(draw: Draw, rng: np.random.Generator) -> Case:
    rows, size = draw(1, 4), draw(1, 4)
    z, w = tensor("Z", (n, size)), tensor("w", (size,))
    share = define("P", (i, j), sp.exp(z[i, j]) / Sum(sp.exp(z[i, k]), k))
    loss = define("L", (), Sum(share[i, j] ** 2 * w[j], i, j))
    values = {"Z": rng.normal(size=(rows, size)), "w": rng.normal(size=size)}
    same = lambda at: anp.sum(anp.exp(log_softmax(at["Z"])) ** 2 * at["w"])  # noqa: E731
    return Case(loss, (z, w), values, same)


def shifted_softmax(draw: Draw, rng: np.random.Generator) -> Case:
    """With the maximum taken off, which must not change the gradient."""
    rows, size = draw(1, 4), draw(1, 4)
    z, w = tensor("Z", (n, size)), tensor("w", (size,))
    e = elementwise(sp.exp, z - reduce("max", z, 1, keepdims=True))
    loss = (e / e.sum(axis=1, keepdims=True) * w).sum()
    values = {"Z": 3 * rng.normal(size=(rows, size)), "w": rng.normal(size=size)}
    same = lambda at: anp.sum(anp.exp(log_softmax(at["Z"])) * at["w"])  # noqa: E731
    return Case(loss, (z, w), values, same)


def log_sum_exp(draw: Draw, rng: np.random.Generator) -> Case:
    rows, size = draw(1, 4), draw(1, 4)
    z = tensor("Z", (n, size))
    loss = (logsumexp(z * 3, 1) ** 2).sum() + elementwise(sp.log, elementwise(sp.exp, z).sum(axis=0)).sum()
    values = {"Z": rng.normal(size=(rows, size))}

    def same(at: dict[str, Any]) -> Any:
        first = anp.log(anp.sum(anp.exp(3 * at["Z"]), axis=1))
        return anp.sum(first**2) + anp.sum(anp.log(anp.sum(anp.exp(at["Z"]), axis=0)))

    return Case(loss, (z,), values, same)


def labels(draw: Draw, rng: np.random.Generator) -> Case:
    """Cross-entropy with integer labels."""
    rows, size = draw(1, 5), draw(1, 4)
    x, w, t = tensor("X", (n, 3)), parameter("W", (3, size)), tensor("t", (n,), dtype="int64")
    z = x @ w
    loss = define("L", (), Sum(LogSumExp(z[i, j], j) - z[i, t[i]], i) / n)
    values: dict[str, Any] = {"X": rng.normal(size=(rows, 3)), "W": rng.normal(size=(3, size))}
    values["t"] = rng.integers(0, size, rows)

    def same(at: dict[str, Any]) -> Any:
        return -anp.mean(log_softmax(at["X"] @ at["W"])[anp.arange(rows), at["t"]])

    return Case(loss, (w, x), values, same)


def dense_targets(draw: Draw, rng: np.random.Generator, *, with_fact: bool) -> Case:
    rows, size = draw(1, 5), draw(1, 4)
    z, y = tensor("Z", (n, size)), tensor("Y", (n, size))
    loss = define("L", (), Sum(-y[i, j] * (z[i, j] - LogSumExp(z[i, k], k)), i, j) / n)
    rows_of = rng.uniform(size=(rows, size)) + 0.1
    values = {"Z": rng.normal(size=(rows, size))}
    values["Y"] = rows_of / rows_of.sum(axis=1, keepdims=True) if with_fact else rng.normal(size=(rows, size))
    same = lambda at: -anp.sum(at["Y"] * log_softmax(at["Z"])) / rows  # noqa: E731
    wrt = (z,) if with_fact else (z, y)
    return Case(loss, wrt, values, same, (sums_to_one(y),) if with_fact else ())


def maxima(draw: Draw, rng: np.random.Generator) -> Case:
    rows, size, depth = draw(1, 4), draw(1, 4), draw(1, 3)
    x, w = tensor("X", (n, size, depth)), tensor("w", (size,))
    first = reduce("max", x * w[:, None], 1)
    both = define("M", (i,), Max(x[i, j, k] * w[j] ** 2, j, k))
    loss = (first**2).sum() + (both**3).sum() + maximum(x, w[:, None]).sum() + reduce("max", x) * 2
    values = {"X": rng.normal(size=(rows, size, depth)), "w": rng.normal(size=size)}

    def same(at: dict[str, Any]) -> Any:
        scaled = at["X"] * at["w"][:, None]
        squared = anp.max(anp.max(at["X"] * at["w"][:, None] ** 2, axis=2), axis=1)
        larger = anp.where(at["X"] > at["w"][:, None], at["X"], at["w"][:, None] * anp.ones(at["X"].shape))
        rest = anp.sum(larger) + 2 * anp.max(at["X"])
        return anp.sum(anp.max(scaled, axis=1) ** 2) + anp.sum(squared**3) + rest

    return Case(loss, (x, w), values, same, corners=True)


def broadcasts(draw: Draw, rng: np.random.Generator) -> Case:
    a, e, f = draw(1, 3), draw(1, 3), draw(1, 3)
    x, y, z, w = tensor("x", (a, 1, f)), tensor("y", (e, 1)), tensor("z", ()), tensor("w", (1, 1, 1))
    loss = (elementwise(sp.sin, x * y + z) * (w - x / (2 + y**2)) ** 2).sum()
    values = {"x": rng.normal(size=(a, 1, f)), "y": rng.normal(size=(e, 1)), "z": rng.normal()}
    values["w"] = rng.normal(size=(1, 1, 1))

    def same(at: dict[str, Any]) -> Any:
        waves = anp.sin(at["x"] * at["y"] + at["z"])
        return anp.sum(waves * (at["w"] - at["x"] / (2 + at["y"] ** 2)) ** 2)

    return Case(loss, (x, y, z, w), values, same)


def views(draw: Draw, rng: np.random.Generator) -> Case:
    """Reshapes, transposes and slices, forwards and backwards, of two uses of one tensor."""
    a, e, f = draw(1, 3), 2 * draw(1, 2), draw(1, 3)
    x, w = tensor("x", (n, e, f)), tensor("w", (e * f,))
    flat = x.reshape(-1, e * f) * w
    split = flat.reshape(-1, e // 2, 2, f).transpose(2, 0, 3, 1)
    cut = split[::-1, :, :1, ::-1]
    loss = (cut**3).sum() + (x[:, ::2, -1] ** 2).sum() + (x.T[0] * x.T[-1]).sum() + (flat[:, 1:] ** 2).sum()
    values = {"x": rng.normal(size=(a, e, f)), "w": rng.normal(size=e * f)}

    def same(at: dict[str, Any]) -> Any:
        flat = at["x"].reshape((a, e * f)) * at["w"]
        cut = anp.transpose(flat.reshape((a, e // 2, 2, f)), (2, 0, 3, 1))[::-1, :, :1, ::-1]
        t = at["x"].T
        sums = [cut**3, at["x"][:, ::2, -1] ** 2, t[0] * t[-1], flat[:, 1:] ** 2]
        return sum(map(anp.sum, sums))

    return Case(loss, (x, w), values, same)


def convolution(draw: Draw, rng: np.random.Generator) -> Case:
    """Two axes, each with its own kernel, stride, padding and dilation."""
    kernels, strides = [(draw(1, 3)) for _ in range(2)], [draw(1, 3) for _ in range(2)]
    pads, spread = [draw(0, 1) for _ in range(2)], [draw(1, 2) for _ in range(2)]
    reach = [(size - 1) * step + 1 for size, step in zip(kernels, spread, strict=True)]
    inside = [max(1, size - 2 * pad) + draw(0, 3) for size, pad in zip(reach, pads, strict=True)]
    outside = [
        (size + 2 * pad - size_of) // stride + 1
        for size, pad, size_of, stride in zip(inside, pads, reach, strides, strict=True)
    ]
    channels, filters, rows = draw(1, 2), draw(1, 2), draw(1, 2)
    x, w = tensor("X", (n, channels, *inside)), parameter("W", (filters, channels, *kernels))
    at_p = strides[0] * p + spread[0] * r - pads[0]
    at_q = strides[1] * q + spread[1] * s - pads[1]
    limits = [(at_p, inside[0]), (at_q, inside[1])]
    held = sp.And(*(cond for e, size in limits for cond in (sp.Ge(e, 0), sp.Lt(e, size))))
    body = sp.Piecewise((x[b, c, at_p, at_q] * w[o, c, r, s], held), (0, True))
    y = define("Y", (b, o, p, q), Sum(body, c, r, s), shape=(n, filters, *outside))
    loss = (y**2).mean() + (elementwise(sp.tanh, y)).sum()
    values = {"X": rng.normal(size=(rows, channels, *inside)), "W": rng.normal(size=w.shape)}

    def same(at: dict[str, Any]) -> Any:
        wide = anp.pad(at["X"], ((0, 0), (0, 0), *((pad, pad) for pad in pads)), "constant")
        total: Any = 0.0
        for row in range(kernels[0]):
            for column in range(kernels[1]):
                first, second = row * spread[0], column * spread[1]
                part = wide[:, :, first :: strides[0], second :: strides[1]][:, :, : outside[0], : outside[1]]
                total = total + anp.einsum("bcpq,oc->bopq", part, at["W"][:, :, row, column])
        return anp.mean(total**2) + anp.sum(anp.tanh(total))

    return Case(loss, (w, x), values, same)


def max_pool(draw: Draw, rng: np.random.Generator) -> Case:
    size, step, height, width = draw(1, 3), draw(1, 3), draw(3, 6), draw(3, 6)
    out = [(length - size) // step + 1 for length in (height, width)]
    x = tensor("X", (n, height, width))
    y = define("Y", (b, p, q), Max(x[b, step * p + r, step * q + s], (r, size), (s, size)), shape=(n, *out))
    loss = (y**3).sum()
    rows = draw(1, 2)
    distinct = rng.permutation(rows * height * width).reshape(rows, height, width)
    values = {"X": distinct / distinct.size}

    def same(at: dict[str, Any]) -> Any:
        parts = [
            at["X"][:, row::step, column::step][:, : out[0], : out[1]]
            for row in range(size)
            for column in range(size)
        ]
        return anp.sum(anp.max(anp.array(parts), axis=0) ** 3)

    return Case(loss, (x,), values, same)


def embedding(draw: Draw, rng: np.random.Generator) -> Case:
    """Rows gathered from a table, and rows scattered back by an equality of integers."""
    count, size, rows, length = draw(1, 4), draw(1, 3), draw(1, 3), draw(1, 4)
    table, w = parameter("E", (count, size)), tensor("w", (count, size))
    ids = tensor("ids", (n, length), dtype="int64")
    taken = define("G", (i, j, d), table[ids[i, j], d])
    chosen = sp.Piecewise((taken[i, j, d] ** 2, sp.Eq(ids[i, j], k)), (0, True))
    back = define("S", (k, d), Sum(chosen, i, j), shape=(count, size))
    loss = (back * w).sum() + define(None, (), Sum(taken[i, j, d] * w[ids[i, j], d], i, j, d))
    where = rng.integers(0, count, (rows, length))
    values = {"E": rng.normal(size=(count, size)), "w": rng.normal(size=(count, size)), "ids": where}

    def same(at: dict[str, Any]) -> Any:
        taken = at["E"][where]
        scattered = sum(anp.sum(taken[where == row] ** 2 * at["w"][row]) for row in range(count))
        return scattered + anp.sum(taken * at["w"][where])

    return Case(loss, (table, w), values, same)


def attention(draw: Draw, rng: np.random.Generator) -> Case:
    rows, heads, length, size = draw(1, 2), draw(1, 2), draw(1, 3), draw(1, 3)
    shape = (n, length, heads * size)
    x, w = tensor("X", shape), parameter("W", (3, heads * size, heads * size))
    parts = [(x @ w[m]).reshape(-1, length, heads, size).transpose(0, 2, 1, 3) for m in range(3)]
    scores = (parts[0] @ parts[1].transpose(0, 1, 3, 2)) * (1 / sp.sqrt(size))
    e = elementwise(sp.exp, scores)
    mixed = (e / e.sum(axis=3, keepdims=True)) @ parts[2]
    loss = (mixed.transpose(0, 2, 1, 3).reshape(-1, length, heads * size) ** 2).sum()
    values = {"X": rng.normal(size=(rows, *shape[1:])), "W": rng.normal(size=w.shape)}

    def same(at: dict[str, Any]) -> Any:
        parts = [(at["X"] @ at["W"][m]).reshape((rows, length, heads, size)) for m in range(3)]
        cut = [anp.transpose(part, (0, 2, 1, 3)) for part in parts]
        e = anp.exp(anp.einsum("bhid,bhjd->bhij", cut[0], cut[1]) / math.sqrt(size))
        return anp.sum(anp.einsum("bhij,bhjd->bhid", e / anp.sum(e, axis=3, keepdims=True), cut[2]) ** 2)

    return Case(loss, (w, x), values, same)


def norm(draw: Draw, rng: np.random.Generator, axis: int) -> Case:
    """Layer norm over the last axis, batch norm over the first."""
    rows, size = draw(2, 5), draw(2, 5)
    x, g, h = tensor("X", (n, size)), parameter("g", (size,)), parameter("h", (size,))
    centred = x - x.mean(axis=axis, keepdims=True)
    variance = (centred**2).mean(axis=axis, keepdims=True)
    y = centred / elementwise(lambda v: sp.sqrt(v + sp.Rational(1, 100)), variance) * g + h
    loss = (elementwise(sp.sin, y) * x).sum()
    values = {"X": rng.normal(size=(rows, size)), "g": rng.normal(size=size), "h": rng.normal(size=size)}

    def same(at: dict[str, Any]) -> Any:
        centred = at["X"] - anp.mean(at["X"], axis=axis, keepdims=True)
        root = anp.sqrt(anp.mean(centred**2, axis=axis, keepdims=True) + 0.01)
        return anp.sum(anp.sin(centred / root * at["g"] + at["h"]) * at["X"])

    return Case(loss, (x, g, h), values, same)


CASES: dict[str, Callable[[Draw, np.random.Generator], Case]] = {
    **{f"dense {name}": lambda d, g, name=name: dense(d, g, name) for name in ACTIVATIONS},  # type: ignore[misc]
    "softmax": softmax,
    "shifted softmax": shifted_softmax,
    "logsumexp": log_sum_exp,
    "labels": labels,
    "dense targets": lambda d, g: dense_targets(d, g, with_fact=False),
    "probability targets": lambda d, g: dense_targets(d, g, with_fact=True),
    "maxima": maxima,
    "broadcasts": broadcasts,
    "views": views,
    "convolution": convolution,
    "max pool": max_pool,
    "embedding": embedding,
    "attention": attention,
    "layer norm": lambda d, g: norm(d, g, 1),
    "batch norm": lambda d, g: norm(d, g, 0),
}


@pytest.mark.parametrize("name", CASES)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_gradients(name: str, data: st.DataObject, seed: int) -> None:
    case = CASES[name](lambda low, high: data.draw(st.integers(low, high)), np.random.default_rng(seed))
    assert_gradients(case)
