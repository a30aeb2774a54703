"""The page and the comments say what the kernel computes.

A printed line, a comment or a name that contradicts the kernel came from a part that was read twice and once
dropped (conditions without axes), from symbols that SymPy knows too much about, and from tensors that are
written inside others or are equal to others but are still called by a name. Every line is evaluated, node by
node, by `tests.explain.shown`; every comment is parsed as the text that it is, by `tests.explain.comments`.
The right values are those of the reference interpreter; what a line must say is written out here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.explain.printers.text_page import broken
from symdl.express.program import collect

from ..explain.audit import idle, undefined
from ..explain.comments import check_comments, comments_in
from ..explain.test_lines import agree, world_of

n = sd.Dim("n")
i, j, k = sd.indices("i j k")
s, r = sd.tensor("s", ()), sd.tensor("r", ())
x, w = sd.tensor("x", (3,)), sd.tensor("w", (3,))
X, V = sd.tensor("X", (n, 4)), sd.tensor("V", (n, 4))
u = sd.tensor("u", (n,))
labels = sd.tensor("labels", (n,), dtype="int64")
P = sd.tensor("P", (n, 4))


def drawn(loss: Any, seed: int) -> dict[str, Any]:
    """Values for the inputs of a loss; every third number is a hard one: 0, or the same as another."""
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for one in collect([loss]).inputs:
        if one.value is not None:
            continue
        shape = tuple(3 if str(size) == "n" else int(size) for size in one.shape)
        numbers = rng.integers(0, 4, shape) if one.dtype == "int64" else rng.normal(size=shape)
        if one.dtype == "real" and seed % 2:
            numbers = np.where(rng.random(shape) < 1 / 3, rng.integers(-1, 2, shape), numbers)
        if one.name == "P":
            numbers = np.abs(numbers) + 0.1
            numbers /= numbers.sum(-1, keepdims=True)
        values[str(one.name)] = np.asarray(numbers)
    return values


def check_page(loss: sd.Tensor, wrt: Any, *, seeds: int = 4, facts: Any = ()) -> sd.Derivation:
    """Check every line at random and at hard points, and the names at every depth."""
    told = sd.derive(loss, wrt, facts=facts)
    for depth in ("key", "all"):
        assert not undefined(told.at(depth)), told.at(depth).text()
    assert not idle(told)
    for seed in range(seeds):
        with np.errstate(all="ignore"):
            assert agree(told, world_of(told, loss, drawn(loss, seed), facts)) > 1
    assert told.at("all").latex()
    return told


def lines(told: Any) -> list[str]:
    return [" ".join(line.split("  (")[0].split()) for line in told.text(width=200).splitlines()]


CONDITIONS: dict[str, Callable[[], tuple[sd.Tensor, Any]]] = {
    "relu of a scalar": lambda: (sd.relu(5 - s) ** 2, s),
    "scalar chooses a vector": lambda: (sd.where(s > 0, x * w, 0).sum(), x),
    "scalar chooses between": lambda: (sd.where(s > 0, x * w, x + w).sum(), x),
    "scalar chooses a number": lambda: ((sd.where(s > 0, 2, x) * w).sum(), w),
    "scalar and vector": lambda: (sd.where(s > 0, sd.where(x > 0, x * w, 0), 0).sum(), x),
    "vector, then scalar": lambda: (sd.where(x > 0, sd.where(s > r, x * w, w), 0).sum(), w),
    "two scalars": lambda: ((sd.where(s > r, s, r) * x).sum() ** 2, x),
    "conditions joined": lambda: (sd.where((s > 0) & (r < 1), x * w, 0).sum(), w),
    "by the scalar": lambda: (sd.where(s > 0, s * x * w, 0).sum(), s),
    "matrix": lambda: (sd.where(s > 0, (X @ V.T).sum(), 0) + (X * X).sum(), X),
    "sigmoid of a scalar": lambda: ((sd.exp(-s) / (1 + sd.exp(-s)) * x * w).sum(), x),
    "rows by data": lambda: (sd.where(labels[:, None] > 1, X * V, 0).sum(), X),
    "column of a vector": lambda: (sd.where(u[:, None] > 0, X * V, 0).sum(), X),
    "index": lambda: (sd.define("T", (), sd.Sum(sp.Piecewise((x[i] * w[i], i < 2), (0, True)), i)), x),
    "equality": lambda: (sd.where(sd.equal(s, 1), x * w, 0).sum(), x),
    "nothing evaluated": lambda: (sd.where(s > 0, sd.log(s) * x, 0).sum(), x),
    "three levels": lambda: (
        sd.where(s > 0, sd.where(r > 0, sd.where(u > 0, u * s * r, 0), u), -u).sum(),
        u,
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_are_on_every_line(name: str) -> None:
    loss, wrt = CONDITIONS[name]()
    check_page(loss, wrt)


def test_a_condition_without_axes_is_printed() -> None:
    told = lines(sd.derive(sd.relu(5 - s) ** 2, s))
    assert [line for line in told if line.startswith("L =")] == ["L = max(5 - s, 0)²"] * 2
    assert "x̄ = [s > 0]·w" in lines(sd.derive(sd.where(s > 0, x * w, 0).sum(), x))


def test_whole_numbers_that_were_floats_are_not_printed() -> None:
    a = sp.Symbol("a")
    for f, result in ((0.5 * a**2, a), (2.0 * a**1.0, 2), (0.25 * a**4.0, a**3), (0.5 * a**2 * 3.0, 3 * a)):
        told = sd.derive(f, a)
        assert told.result == result
        assert "1·" not in told.text()
    assert "∂f/∂a = a" in lines(sd.derive(0.5 * a**2, a))


def smoothed(reduction: Any) -> sd.Tensor:
    loss = sd.nn.cross_entropy(X, P, label_smoothing=0.1, reduction=reduction)
    return loss if not loss.rank else (loss * loss).sum()


def test_a_division_that_rounds_down_is_printed_with_its_divisor() -> None:
    """``x // 0.7`` is not the floor of 1.42857142857 times x, which is 2 where x is 2.1."""
    x = sd.tensor("x", (3,))
    page = str(sd.derive(((x // 0.7) * x).sum(), x))
    assert "⌊x[i]/0.7⌋" in page and "1.428" not in page


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_label_smoothing_with_a_declared_fact(reduction: str) -> None:
    told = check_page(smoothed(reduction), X, facts=(sd.sums_to_one(P),))
    assert "declared: rows sum to one" in told.text() or reduction == "none"


def policy(scores: sd.Tensor) -> sd.Tensor:
    chosen = sd.take_along_axis(sd.log_softmax(scores), labels[:, None], 1)[:, 0]
    return (u * chosen).mean()


NAMES: dict[str, Callable[[], tuple[sd.Tensor, Any]]] = {
    "policy gradient": lambda: (policy(X), X),
    "policy gradient of a layer": lambda: (policy(sd.nn.dense(X, 4, name="d")), "d.W"),
    "smoothed labels": lambda: (sd.nn.cross_entropy(X, labels, label_smoothing=0.1), X),
    "rolled": lambda: ((sd.roll(X, 1) * V).sum(), X),
    "softmax": lambda: ((sd.nn.softmax(X) * V).sum(), X),
    "joined": lambda: ((sd.concatenate([X, 2 * X], 1) ** 2).sum(), X),
    "bidirectional": lambda: (
        (sd.nn.bidirectional(sd.nn.rnn, sd.tensor("q", (2, 3, 2)), 2, name="b") ** 2).sum(),
        "b.forward.W",
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_explained(name: str) -> None:
    loss, wrt = NAMES[name]()
    check_page(loss, wrt, seeds=2)


COMMENTED: dict[str, Callable[[], sd.Tensor]] = {
    "x < 0": lambda: sd.leaky_relu(u),
    "max(-u[i], 0)": lambda: sd.relu(-u),
    "cos(2*pi*u[i])": lambda: sd.cos(2 * sp.pi * u),
    "floor(u[i])": lambda: sd.floor(u) * u,
    "abs(u[i])": lambda: sd.absolute(u),
    "sgn(u[i])": lambda: sd.sign(u) * u,
    "max(s, r)": lambda: sd.maximum(s, r) * u,
}
SIGNED = (
    lambda: sd.where(u > s, u / 2 - 1, -(u**2) / (3 * (s - 5))),
    lambda: sd.sqrt(u**2) + (u**2) ** 1.5 + 2.0**u,
    lambda: sd.where((u > 0) & ~(u > 1) | (u < -1), u, -u),
    lambda: sd.softplus(u) * sd.sigmoid(-u) - sd.tanh(u) / (1 + sd.exp(u)),
    lambda: sd.minimum(u, 0.1 * u) - sd.mod(u, 0.7) + (X @ V.T).sum(1),
    lambda: sd.logsumexp(X, 1) + sd.max(X, 1) * sd.take_along_axis(X, labels[:, None], 1)[:, 0],
)


def test_comments_are_true() -> None:
    """At values that are neither whole nor positive, which is what SymPy was told of the names."""
    outputs = [make() for make in (*COMMENTED.values(), *SIGNED)]
    both = [f for y in outputs for f in (y, sd.grad((y * y).sum(), u if y is not outputs[-1] else X))]
    compiled = sd.compile(both, target="python")
    values = drawn(sum((y.sum() for y in outputs), sd.constant(0.0)), 0)
    used = {t.name: values[t.name] for t in compiled.program.inputs}
    assert check_comments(compiled.source, compiled.program, used) > 30
    text = "\n".join(comments_in(compiled.source))
    for wanted in list(COMMENTED)[1:]:
        assert wanted in text, text


def deep(layers: int, *, named: bool = True) -> sd.Tensor:
    h = sd.tensor("X", (n, 3))
    for layer in range(layers):
        if named:
            h = sd.nn.dense(h, 3, activation=sd.tanh, name=f"layer{layer}")
        else:
            h = h + sd.tanh(h @ sd.parameter(f"W{layer}", (3, 3)))
    return ((h - sd.tensor("y", (n, 3))) ** 2).mean()


def seconds(layers: int) -> float:
    loss = deep(layers)
    begin = time.process_time()
    told = sd.derive(loss, "layer0.W")
    assert len(told.text().splitlines()) > 6 * layers
    assert told.latex()
    return time.process_time() - begin


def test_derivations_are_linear_in_depth() -> None:
    seconds(5)
    assert seconds(160) < 9 * seconds(40), "four times as deep takes four times as long; squared it were 16"


@pytest.mark.parametrize("named", [True, False], ids=["layers", "residuals without names"])
def test_deep_networks_print(named: bool) -> None:
    loss = deep(100, named=named)
    told = sd.derive(loss, "layer0.W" if named else "W0")
    for depth in ("result", "key", "all"):
        assert told.at(depth).text()
        assert not undefined(told.at("key"))


def test_deep_pages_are_true() -> None:
    check_page(deep(4), "layer0.W", seeds=1)
    check_page(deep(3, named=False), "W0", seeds=1)


def test_long_lines_are_broken_without_recursion() -> None:
    line = " + ".join(f"x[{k}]" for k in range(5000))
    pieces = broken(line, 60)
    assert len(pieces) > 500
    assert "".join(" " + piece.strip() for piece in pieces).strip() == line


def test_what_is_nested_too_deeply_has_no_short_formula() -> None:
    y = x
    for _ in range(200):
        y = sd.sin(y)
    told = sd.derive((y * w).sum(), x)
    assert "in the given symbols" not in told.text()


A, B = sd.tensor("A", (3, 2)), sd.tensor("B", (3, 2))
c, d = sd.tensor("c", (2,)), sd.tensor("d", (3,))


@st.composite
def programs(draw: Any) -> sd.Tensor:
    """A loss by A: matrices, vectors and scalars, joined by operations and by conditions of every rank."""
    leaves = [A, B, c, d[:, None], s, r, A.T @ B @ c, (A * A).sum(1)[:, None], A.max(), sd.constant(0.5)]
    pieces: list[sd.Tensor] = [A, *draw(st.lists(st.sampled_from(leaves), min_size=2, max_size=3))]
    pieces = [p if p.shape != (2, 2) else p.sum(0) for p in pieces]
    unary = [sd.relu, sd.tanh, sd.absolute, lambda v: -v, lambda v: 0.5 * v**2, sd.leaky_relu, sd.softplus,
             lambda v: 1.0 * v - 2.0, sd.sigmoid]  # fmt: skip
    binary = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, sd.maximum, lambda a, b: 2 * a - b]
    for _ in range(draw(st.integers(1, 4))):
        one, two = (draw(st.sampled_from(pieces)) for _ in range(2))
        kind = draw(st.sampled_from(["unary", "binary", "where", "where"]))
        if kind == "unary":
            pieces.append(draw(st.sampled_from(unary))(one))
        elif kind == "binary":
            pieces.append(draw(st.sampled_from(binary))(one, two))
        else:
            test = draw(
                st.sampled_from([s > 0, s > r, c > 0, d[:, None] <= 0, A > B, A >= 0, sd.equal(s, r)])
            )
            pieces.append(sd.where(test, one, draw(st.sampled_from([two, 0, 1, -one]))))
    total = (pieces[-1] * A).sum()
    return total if draw(st.booleans()) else total * s


@settings(max_examples=20, deadline=None)
@given(programs())
def test_random_programs(loss: sd.Tensor) -> None:
    """Lines, names and comments of random programs, at random points and at ties and zeros."""
    check_page(loss, A, seeds=2)
    compiled = sd.compile([loss, sd.grad(loss, A)], target="python")
    for seed in range(2):
        values = drawn(loss, seed)
        used = {str(t.name): values[str(t.name)] for t in compiled.program.inputs if t.value is None}
        assert check_comments(compiled.source, compiled.program, used)
