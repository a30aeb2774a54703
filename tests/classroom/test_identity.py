"""Gradients that are right are shown to be: the difference is zero for all values, not at some points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.classroom.judge import is_proved, judge_of
from symdl.express.tensors import Tensor

n, d, k = sd.Dim("n"), sd.Dim("d"), sd.Dim("k")
X, Y, W = sd.tensor("X", (n, d)), sd.tensor("Y", (n, k)), sd.tensor("W", (d, k))
w, y, A = sd.tensor("w", (d,)), sd.tensor("y", (n,)), sd.tensor("A", (d, d))
S = sd.tensor("S", (d, d), symmetric=True)
a, b = sp.symbols("a b")
p, H = sd.sigmoid(X @ w), sd.tanh(X @ W)
squares = ((X @ w - y) ** 2).sum() / n
entropy = -(y * sd.log(p) + (1 - y) * sd.log(1 - p)).sum()

PROVED: dict[str, tuple[Any, Any, Any]] = {
    "residual": (2 / n * (X.T @ (X @ w - y)), squares, w),
    "multiplied out": ((X.T @ X @ w - X.T @ y) * 2 / n, squares, w),
    "form": ((A + A.T) @ w, w @ A @ w, w),
    "symmetric form": (2 * (S @ w), w @ S @ w, w),
    "log det": (sd.inv(A).T, sd.logdet(A), A),
    "logistic regression": (X.T @ (p - y), entropy, w),
    "layer": (2 * X.T @ ((H - Y) * (1 - H**2)), ((H - Y) ** 2).sum(), W),
    "tanh by exponentials": (4 * b / (sp.exp(a * b) + sp.exp(-a * b)) ** 2, sp.tanh(a * b), a),
    "double angle": (sp.sin(2 * a), sp.sin(a) ** 2, a),
    "polynomial": ((a + b) ** 2 - a**2 - b**2, a**2 * b, a),
}


@pytest.mark.parametrize("name", PROVED)
def test_what_is_right_is_proved(name: str) -> None:
    found = sd.compare(*PROVED[name])
    assert found and found.proved
    assert "identically zero" in str(found)


@pytest.mark.parametrize("name", PROVED)
def test_what_is_wrong_is_never_proved(name: str) -> None:
    """A sign, a factor, an added term: each changes the difference, so it has no proof."""
    mine, f, wrt = PROVED[name]
    judge = judge_of(f, wrt, (), None, 0)
    for wrong in (-mine, 2 * mine, mine + wrt):
        assert not is_proved(wrong, judge)
    if isinstance(mine, Tensor) and mine.rank == 2 and mine.shape[0] == mine.shape[1]:
        assert not is_proved(mine.T, judge)


def test_facts_prove() -> None:
    loss = sd.nn.cross_entropy(X @ W, Y)
    mine = X.T @ (sd.softmax(X @ W) - Y) / n
    assert sd.compare(mine, loss, W, facts=[sd.sums_to_one(Y)]).proved


def test_numbers_say_at_how_many_points() -> None:
    found = sd.compare(lambda X, w, y: 2 / len(y) * X.T @ (X @ w - y), squares, w)
    assert found and not found.proved and "at 3 random points" in str(found)
    at = {"X": np.eye(2), "w": np.ones(2), "y": np.zeros(2)}
    assert "at the given point" in str(sd.compare(np.ones(2), squares, w, at=at))


def test_one_line_that_is_not_proved() -> None:
    lines = [2 / n * (X.T @ (X @ w - y)), lambda X, w, y: 2 / len(y) * X.T @ (X @ w - y)]
    assert not sd.compare(lines, squares, w).proved
    assert sd.compare(lines[:1], squares, w).proved
