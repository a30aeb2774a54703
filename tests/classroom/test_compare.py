"""What students do wrong is named: gradients with mistakes are written here by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.classroom.gradients import with_line
from symdl.classroom.judge import judge_of
from symdl.classroom.mutations import mutations
from symdl.classroom.points import points_of
from symdl.errors import ArgumentError, ExplainError

n, d, m = sd.Dim("n"), sd.Dim("d"), sd.Dim("m")
X, Y = sd.tensor("X", (n, m)), sd.tensor("Y", (n, m))
V, W, b = sd.tensor("V", (m, m)), sd.tensor("W", (m, m)), sd.tensor("b", (m,))

SLOPES: dict[str, Any] = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "softplus": (lambda z: np.log1p(np.exp(z)), lambda z: 1 / (1 + np.exp(-z))),
}
OTHER = {"tanh": "sigmoid", "sigmoid": "tanh", "relu": "tanh", "softplus": "relu"}


def network(activation: str) -> sd.Tensor:
    """The mean over samples of squared errors, of two layers that share the weights W, and a penalty."""
    h = getattr(sd, activation)(X @ V + b)
    return (((h @ W) @ W - Y) ** 2).sum() / n + (V**2).sum()


def backward(activation: str, mistake: str, wrt: str) -> Any:
    """The gradient as a student writes it in NumPy, with one mistake."""
    f, slope = SLOPES[activation]

    def gradient(X: Any, V: Any, W: Any, b: Any, Y: Any) -> Any:
        z = X @ V + b
        a = f(z)
        e = (a @ W) @ W - Y
        e = {"sign of a term": e + 2 * Y, "dropped term": e + Y}.get(mistake, e)
        scale = {"factor 2": 1.0, "factor 1/n": 2.0}.get(mistake, 2 / len(X))
        g = (-1 if mistake == "sign" else 1) * scale * e
        back = g @ W.T @ (W if mistake == "transposition" else W.T)
        shown = {
            "no derivative": np.ones_like(z),
            "another derivative": SLOPES[OTHER[activation]][1](z),
            "at the value": slope(a),
            "itself": a,
        }.get(mistake, slope(z))
        delta = back * shown
        if wrt == "W":
            first, second = a.T @ (g @ W.T), (a @ W).T @ g
            return first if mistake == "path" else first + second
        if wrt == "b":
            return delta if mistake == "sum" else delta.sum(0)
        penalty = {"path": 0.0, "sign": -1.0, "factor 2": 0.5}.get(mistake, 1.0) * 2 * V
        whole = X.T @ delta + penalty
        return whole.T if mistake == "turned over" else whole

    return gradient


CASES = [
    ("right", "V", None),
    ("right", "W", None),
    ("transposition", "V", "transposition"),
    ("turned over", "V", "transposition"),
    ("sign", "V", "sign"),
    ("sign", "b", "sign"),
    ("sign of a term", "V", "sign"),
    ("dropped term", "V", "dropped term"),
    ("factor 2", "V", "factor"),
    ("factor 2", "b", "factor"),
    ("factor 1/n", "b", "factor"),
    ("factor 1/n", "W", "factor"),
    ("path", "W", "missing path"),
    ("path", "V", "missing path"),
    ("sum", "b", "missing sum"),
    ("no derivative", "V", "activation derivative"),
    ("no derivative", "b", "activation derivative"),
    ("another derivative", "V", "activation derivative"),
    ("at the value", "V", "activation derivative"),
    ("itself", "b", "activation derivative"),
]


@pytest.mark.parametrize(
    ("activation", "mistake", "wrt", "kind"),
    [(list(SLOPES)[(number + more) % 4], *case) for number, case in enumerate(CASES) for more in (0, 1)],
)
def test_mistakes_in_numpy_are_named(activation: str, mistake: str, wrt: str, kind: str | None) -> None:
    if (activation, mistake) == ("relu", "at the value"):
        pytest.skip("the value is positive where the argument is")
    found = sd.compare(backward(activation, mistake, wrt), network(activation), wrt)
    assert found.kind == kind, str(found)
    assert bool(found) is (kind is None)
    if mistake == "factor 1/n":
        assert "1/n" in found.message
    if mistake == "no derivative":
        assert "missing" in found.message and found.step is not None


def test_a_wrong_index() -> None:
    a, c, M = sd.tensor("a", (m,)), sd.tensor("c", (m,)), sd.tensor("M", (m, m))
    loss = (a[:, None] * M * c).sum()
    found = sd.compare(lambda a, c, M: M.sum(1) * c, loss, "a")
    assert found.kind == "wrong index" and "c[i]" in found.message
    assert sd.compare(lambda a, c, M: M @ c, loss, "a").equal


def test_tensors_and_lines() -> None:
    z = X @ W
    loss = ((sd.tanh(z) - Y) ** 2).sum()
    g = 2 * (sd.tanh(z) - Y)
    delta = g * (1 - sd.tanh(z) ** 2)
    assert sd.compare(X.T @ delta, loss, "W")
    assert sd.compare([g * (1 - sd.tanh(X @ W) ** 2), ("W", X.T @ delta)], loss, z)
    wrong = g * (1 - sd.tanh(z))
    found = sd.compare([(z, delta), ("W", X.T @ wrong), ("W", X.T @ g)], loss, "W")
    assert found.line == 2 and not found.equal
    found = sd.compare([(z, g), ("W", X.T @ g)], loss, "W")
    assert found.line == 1 and found.kind == "activation derivative"
    assert "line 1 is the first wrong one" in str(found)


def test_it_stops_at_an_intermediate() -> None:
    z = X @ W
    delta = 2 * (sd.tanh(z) - Y) * (1 - sd.tanh(z) ** 2)
    found = sd.compare(delta, ((sd.tanh(z) - Y) ** 2).sum(), "W")
    assert found.kind == "chain rule" and "goes on to W" in found.message


x, y = sp.symbols("x y")


@pytest.mark.parametrize(
    ("mine", "kind"),
    [
        (2 * x * y * sp.cos(x**2 * y), None),
        (sp.cos(x**2 * y), "chain rule"),
        (-2 * x * y * sp.cos(x**2 * y), "sign"),
        (x * y * sp.cos(x**2 * y), "factor"),
        (2 * x * sp.cos(x**2 * y), "factor"),
        (2 * x * y * sp.sin(x**2 * y), "activation derivative"),
        (17 * x**5 * y, "unknown"),
    ],
)
def test_scalar_functions(mine: Any, kind: str | None) -> None:
    assert sd.compare(mine, sp.sin(x**2 * y) + sp.exp(y), x).kind == kind


def test_symmetric_matrices_stay_symmetric() -> None:
    S, v = sd.tensor("S", (d, d), symmetric=True), sd.tensor("v", (d,))
    assert sd.compare(2 * (S @ v), sd.quadratic(v, S), v).equal
    A = sd.tensor("A", (d, d))
    assert sd.compare(A @ v, sd.quadratic(v, A), v).kind == "missing path"
    assert sd.compare(sd.inv(A), sd.logdet(A), A).kind == "transposition"


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["tanh", "sigmoid", "softplus"]), st.sampled_from("VWb"))
def test_what_is_injected_is_found(seed: int, activation: str, wrt: str) -> None:
    """Any mistake in any line, given as numbers only: it is named, or one that cannot be told from it."""
    loss = network(activation)
    judge = judge_of(loss, wrt, (), None, 0)
    lines = [e for e in judge.program.equations if e.lhs.role == "cotangent"]
    every = [one for line in lines for one in mutations(line, judge.program)]
    chosen = every[seed % len(every)]
    (point, *_) = points_of(judge.program, seed=0)
    wrong = with_line(judge.program, point, chosen.equation, judge.target)
    if wrong is None or not np.all(np.isfinite(wrong)):
        return
    found = sd.compare(wrong, loss, wrt, at=point.given)
    if found.equal:
        assert np.allclose(wrong, point.arrays[judge.target])
        return
    assert found.kind != "unknown", (chosen, str(found))
    if found.kind == chosen.kind or found.kind in ("factor", "sign"):
        return
    same_result = [
        other
        for other in every
        if other.kind == found.kind
        and (made := with_line(judge.program, point, other.equation, judge.target)) is not None
        and np.allclose(made, wrong)
    ]
    assert same_result or found.kind in ("transposition", "chain rule"), (chosen, str(found))


def test_refusals() -> None:
    loss = network("tanh")
    with pytest.raises(ArgumentError, match="(?s)reads Q.*cure: use"):
        sd.compare(sd.tensor("Q", (m, m)) * 2, loss, "V")
    with pytest.raises(ArgumentError, match="no array of numbers"):
        sd.compare("2*V", loss, "V")
    with pytest.raises(ArgumentError, match="called Z"):
        sd.compare(lambda Z, V: Z, loss, "V")
    with pytest.raises(ArgumentError, match="no lines"):
        sd.compare([], loss, "V")
    with pytest.raises(ExplainError, match="no tensor called"):
        sd.compare(V, loss, "U")
