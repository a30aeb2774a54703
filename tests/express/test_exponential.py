"""The exponential of matrices beside SciPy's, its derivatives beside Fréchet's."""

from __future__ import annotations

from typing import Any, Literal

import mpmath
import numpy as np
import pytest
import scipy.linalg
import sympy as sp

import symdl as sd

RNG = np.random.default_rng(7)
SIZE = 4
BATCH = np.stack(
    [
        np.zeros((SIZE, SIZE)),
        np.diag(np.ones(SIZE - 1), 1),
        *(RNG.normal(size=(SIZE, SIZE)) * size for size in (1e-9, 0.3, 2.0, 9.0)),
        RNG.normal(size=(SIZE, SIZE)) * 50 - 300 * np.eye(SIZE),
        np.diag([0.0, -1e4, 3.0, -7.0]),
    ]
)
A = sd.tensor("A", (sd.Dim("m"), SIZE, SIZE))
W = sd.tensor("W", (sd.Dim("m"), SIZE, SIZE))


def _exact(matrix: np.ndarray) -> np.ndarray:
    with mpmath.workdps(60):
        return np.array(mpmath.expm(mpmath.matrix(matrix.tolist())).tolist(), dtype=float)


def _near(found: Any, wanted: Any, digits: float) -> None:
    np.testing.assert_allclose(found, wanted, atol=digits * np.abs(wanted).max(), rtol=0)


@pytest.mark.parametrize("target", ["cpu", "python"])
def test_values_and_gradients(target: Literal["python", "cpu"]) -> None:
    weights = RNG.normal(size=BATCH.shape)
    value, grads = sd.compile((sd.expm(A) * W).sum(), wrt=[A], target=target)(A=BATCH, W=weights)
    values = sd.compile(sd.expm(A), target=target)(A=BATCH)
    np.testing.assert_allclose(value, (values * weights).sum())
    for at, (matrix, weight) in enumerate(zip(BATCH, weights, strict=True)):
        _near(values[at], _exact(matrix), 1e-12)
        slope = scipy.linalg.expm_frechet(matrix.T, weight, compute_expm=False)
        _near(grads["A"][at], slope, 1e-12)


def test_forward_mode_is_frechets_derivative() -> None:
    M, D = sd.tensor("M", (3, 3)), sd.tensor("D", (3, 3))
    at, along = RNG.normal(size=(2, 3, 3)) * 3
    tangent = sd.compile(sd.jvp(sd.expm(M), {M: D}), target="python")(M=at, D=along)
    _near(tangent, scipy.linalg.expm_frechet(at, along, compute_expm=False), 1e-12)


def test_second_derivatives_beside_differences_of_the_first() -> None:
    M, D = sd.tensor("M", (2, 2)), sd.tensor("D", (2, 2))
    at, along = RNG.normal(size=(2, 2, 2))
    loss = sd.square(sd.expm(M, squarings=3)).sum()
    twice = sd.compile(sd.hvp(loss, M, D), target="python")(M=at, D=along)
    first = sd.compile(loss, wrt=[M], target="python")
    ahead, behind = (first(M=at + step * along)[1]["M"] for step in (1e-5, -1e-5))
    _near(twice, (ahead - behind) / 2e-5, 1e-8)


def test_a_rotation() -> None:
    t = sd.tensor("t", ())
    turn = sd.constant(np.array([[0.0, -1.0], [1.0, 0.0]]))
    found = sd.compile(sd.expm(t * turn, name="R"), target="python")(t=np.pi / 3)
    half, root = 0.5, np.sqrt(3) / 2
    np.testing.assert_allclose(found, [[half, -root], [root, half]], atol=1e-15)


def test_too_few_squarings_are_noticed() -> None:
    M = sd.tensor("M", (2, 2))
    few = sd.compile(sd.expm(M, squarings=2), target="python")
    assert np.isfinite(few(M=[[20.0, 0], [0, -20.0]])).all()
    assert np.isnan(few(M=[[22.0, 0], [0, -22.0]])).all()
    assert np.isnan(few(M=[[np.nan, 0], [0, 1]])).all()


def test_what_is_refused() -> None:
    with pytest.raises(sd.SymdlError, match="square"):
        sd.expm(sd.tensor("M", (2, 3)))
    for count in (0, 1.5, sp.Rational(1, 2)):
        with pytest.raises(sd.SymdlError, match="positive integer"):
            sd.expm(sd.tensor("M", (2, 2)), squarings=count)  # type: ignore[arg-type]
