"""What matrices are declared to be: validated where declared, and where data are given for a check."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, ShapeError

d = sd.Dim("d")
FLAGS = ("symmetric", "positive_definite", "orthogonal", "diagonal")


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("shape", [(3,), (), (2, 3), (d, 4)])
def test_a_property_of_square_matrices_is_refused_of_others(flag: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="no square"):
        sd.tensor("S", shape, **{flag: True})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flag", "implied"),
    [
        ("positive_definite", {"symmetric", "invertible"}),
        ("diagonal", {"symmetric"}),
        ("orthogonal", {"invertible"}),
    ],
)
def test_a_property_says_what_follows_from_it(flag: str, implied: set[str]) -> None:
    assert sd.tensor("S", (4, d, d), **{flag: True}).properties == {flag, *implied}  # type: ignore[arg-type]


def _arrays() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each property an array that has it, and one that has not."""
    full = np.random.default_rng(3).normal(size=(3, 3))
    turned, _ = np.linalg.qr(full)
    return {
        "symmetric": (full + full.T, full),
        "positive_definite": (full @ full.T + np.eye(3), -(full @ full.T) - np.eye(3)),
        "orthogonal": (turned, turned * 1.1),
        "diagonal": (np.diag(full[0]), full + full.T),
    }


@pytest.mark.parametrize("flag", FLAGS)
def test_a_check_of_gradients_refuses_data_that_break_the_declaration(flag: str) -> None:
    right, wrong = _arrays()[flag]
    S = sd.tensor("S", (3, 3), **{flag: True})  # type: ignore[arg-type]
    w = sd.tensor("w", (3,))
    loss = sd.quadratic(w, S)
    at = np.array([1.0, -2.0, 0.5])
    assert sd.check_gradients(loss, at={"S": right, "w": at}, wrt=["w", "S"], compiled=False).ok
    with pytest.raises(ArgumentError, match="declared"):
        sd.check_gradients(loss, at={"S": wrong, "w": at}, wrt="w", compiled=False)


def test_the_gradient_of_a_symmetric_matrix_is_unconstrained() -> None:
    """Its entries are independent: a kernel computes the function as it is written, for any array."""
    w = sd.tensor("w", (3,))
    plain, declared = sd.tensor("S", (3, 3)), sd.tensor("S", (3, 3), symmetric=True)
    array, at = _arrays()["symmetric"][1], np.array([1.0, -2.0, 0.5])
    for S in (plain, declared):
        value, gradients = sd.compile(sd.quadratic(w, S), wrt=[w, S])(w=at, S=array)
        assert np.allclose(value, at @ array @ at)
        assert np.allclose(gradients["S"], np.outer(at, at))
        assert np.allclose(gradients["w"], (array + array.T) @ at)
