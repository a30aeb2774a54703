"""Declared equations: what they shorten, that they are named, that the shortened line has the right value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.express.program import Fact, collect
from symdl.run.reference.interpreter import outputs

from .closed.case import last, shown
from .matrices import as_columns
from .shown import Shown, dims_of

n, d, k = sd.Dim("n"), sd.Dim("d"), sd.Dim("k")
i, j, m = sd.indices("i j m")
X, U, P = sd.tensor("X", (n, d)), sd.tensor("U", (d, k)), sd.tensor("P", (d, d))
w, S = sd.tensor("w", (d,)), sd.tensor("S", (d, d), symmetric=True)
Y, Z = sd.tensor("Y", (n, k)), sd.tensor("Z", (n, k))

ORTHONORMAL = sd.fact(U.T @ U, sd.eye(k))
PROJECTION = (sd.fact(P @ P, P), sd.fact(P.T, P))
UNIT = sd.fact(sd.Sum(w[i] ** 2, i), 1)


def square(z: sd.Tensor) -> sd.Tensor:
    return sd.sum(z * z)


def values() -> dict[str, np.ndarray]:
    """Values for which all the facts hold."""
    rng = np.random.default_rng(0)
    X_, U_, S_, w_ = (rng.normal(size=s) for s in ((5, 3), (3, 2), (3, 3), 3))
    Q, _ = np.linalg.qr(U_)
    p = np.exp(rng.normal(size=(5, 2)))
    rest = {"Y": p / p.sum(1, keepdims=True), "Z": rng.normal(size=(5, 2))}
    return {"X": X_, "U": Q, "P": Q @ Q.T, "S": S_ + S_.T, "w": w_ / np.linalg.norm(w_), **rest}


CASES: dict[str, tuple[Callable[[], sd.Tensor], sd.Tensor, tuple[Fact, ...], str, str]] = {
    "principal components": (
        lambda: square(X - X @ U @ U.T),
        U,
        (ORTHONORMAL,),
        "2·(X U Uᵀ - X)ᵀ X U",
        "Uᵀ U = I",
    ),
    "reconstruction, by the samples": (
        lambda: square(X - X @ U @ U.T),
        X,
        (ORTHONORMAL,),
        "2·(X - X U Uᵀ)",
        "Uᵀ U = I",
    ),
    "Rayleigh quotient of a unit vector": (
        lambda: sd.quadratic(w, S) / sd.inner(w, w),
        w,
        (UNIT,),
        "2·(S w - (wᵀ S w)·w)",
        "‖w‖² = 1",
    ),
    "length of a projection": (lambda: square(P @ w), w, PROJECTION, "2·P w", "Pᵀ = P and P P = P"),
    "distance from a plane": (lambda: square(P @ w - w), w, PROJECTION, "2·(w - P w)", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fact_shortens_the_result_and_is_named(name: str) -> None:
    make, wrt, facts, line, named = CASES[name]
    told = sd.derive(make(), wrt, facts=facts)
    assert shown(told) == line
    assert len(line) < len(shown(sd.derive(make(), wrt)))
    assert "declared:" in told.text()
    assert named in told.text().replace("∧", "and")


@pytest.mark.parametrize("name", CASES)
def test_the_shortened_result_has_the_value_of_the_gradient(name: str) -> None:
    make, wrt, facts, _, _ = CASES[name]
    told, at = sd.derive(make(), wrt, facts=facts), values()
    program = collect([told.result])
    (gradient,) = outputs(program, {t.name: at[t.name] for t in program.inputs})
    arrays: dict[Any, Any] = {t: at[t.name] for t in (X, U, P, w, S)}
    shown_value = Shown(arrays, dims_of(arrays)).value(last(told).right)
    assert np.allclose(shown_value, as_columns(gradient))


@pytest.mark.parametrize(
    "fact",
    [
        sd.fact(sd.Sum(Y[i, j], j), 1),
        sd.fact(sp.Eq(sd.Sum(Y[i, j], j), 1)),
        sd.fact(sd.sum(Y, axis=1), 1),
        sd.sums_to_one(Y),
    ],
)
def test_rows_that_sum_to_one_shorten_the_equations(fact: Fact) -> None:
    told = sd.derive(-sd.sum(Y * sd.log_softmax(Z)), Z, facts=[fact])
    assert shown(told) == "softmax(Z) - Y"
    assert "declared: rows sum to one in Y" in told.text()
    assert fact == Fact(Y, 1, "sums_to_one")


def test_a_kernel_computes_what_was_written() -> None:
    at = values()
    loss = square(X - X @ U @ U.T)
    _, plain = sd.compile(loss, wrt=[U])(X=at["X"], U=2 * at["U"])
    _, known = sd.compile(loss, wrt=[U], facts=[ORTHONORMAL])(X=at["X"], U=2 * at["U"])
    assert np.allclose(plain["U"], known["U"])


def test_what_is_no_fact_is_refused() -> None:
    with pytest.raises(ShapeError, match="differ in shape"):
        sd.fact(U.T @ U, sd.eye(d))
    with pytest.raises(ExpressionError, match="no equation"):
        sd.fact(U.T @ U)
