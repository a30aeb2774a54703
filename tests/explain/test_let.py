"""Intermediates that are named in a derivation: found by what they compute, values as before."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExplainError
from symdl.express.linalg import inv, logdet, quadratic

from .audit import undefined
from .test_lines import agree, world_of

n, d = sd.Dim("n"), sd.Dim("d")
X, y, w = sd.tensor("X", (n, d)), sd.tensor("y", (n,)), sd.tensor("w", (d,))
x, mu, S = sd.tensor("x", (d,)), sd.tensor("mu", (d,)), sd.tensor("Sigma", (d, d))


def squares() -> sd.Tensor:
    return ((X @ w - y) ** 2).sum() / 2


def gaussian() -> sd.Tensor:
    return -(quadratic(x - mu, inv(S)) + logdet(S)) / 2


def test_a_residual_that_is_written_anew_is_found() -> None:
    told = sd.derive(squares(), w, let={"r": X @ w - y})
    for line in ("r = X w - y", "L = 1/2·‖r‖²", "w̄ = Xᵀ r", "r: n"):
        assert line in told.text()


@pytest.mark.parametrize("form", ["index", "differential"])
def test_several_names_in_both_forms(form: str) -> None:
    told = sd.derive(gaussian(), mu, let={"r": x - mu, "Lambda": inv(S)}, form=form)  # type: ignore[arg-type]
    assert "Λ" in told.text() and "r = x - μ" in told.text()
    if form == "index":
        assert not undefined(told) and not undefined(told.at("all"))


def test_lines_have_the_values_of_their_left_sides() -> None:
    rng = np.random.default_rng(3)
    spread = rng.normal(size=(3, 3))
    values = {"x": rng.normal(size=3), "mu": rng.normal(size=3), "Sigma": spread @ spread.T + np.eye(3)}
    loss = gaussian()
    told = sd.derive(loss, mu, let={"r": x - mu})
    assert agree(told, world_of(told, loss, values)) > 8


def test_a_recurrence_is_named_from_outside() -> None:
    states = sd.nn.rnn(sd.tensor("u", (n, 4, 3)), 2, name="r")
    last = sd.nn.last_state(states)
    told = sd.derive((last**2).sum(), "r.U", let={"s": last})
    assert "s[i,j] = r.h[i,3,j]" in " ".join(told.text().split())


def test_what_cannot_be_named() -> None:
    loss = squares()
    with pytest.raises(ExplainError, match="nothing like r"):
        sd.derive(loss, w, let={"r": X @ w + y})
    with pytest.raises(ExplainError, match="is called y"):
        sd.derive(loss, w, let={"y": X @ w - y})
    with pytest.raises(ExplainError, match="which has a name"):
        sd.derive(loss, w, let={"v": w})
    with pytest.raises(ExplainError, match="let is for a tensor"):
        sd.derive("x**2", "x", let={"r": w})
