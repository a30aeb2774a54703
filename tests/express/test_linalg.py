"""Matrix functions: values against NumPy, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, DerivativeError, ExpressionError, ShapeError
from symdl.express import linalg
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

RNG = np.random.default_rng(5)
A = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
V = RNG.normal(size=4)
X, v = sd.tensor("X", (4, 4)), sd.tensor("v", (4,))


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        (linalg.trace(X), np.trace(A)),
        (linalg.det(X), np.linalg.det(A)),
        (linalg.logdet(X), np.linalg.slogdet(A)[1]),
        (linalg.inv(X), np.linalg.inv(A)),
        (linalg.solve(X, v), np.linalg.solve(A, V)),
        (linalg.quadratic(v, X), V @ A @ V),
        (linalg.norm(v), np.linalg.norm(V)),
        (linalg.norm(X), np.linalg.norm(A)),
        (linalg.norm(v, order=1), np.linalg.norm(V, 1)),
        (linalg.norm(v, order=3), np.linalg.norm(V, 3)),
        (linalg.norm(v, order=math.inf), np.linalg.norm(V, np.inf)),
        (linalg.inner(X, X.T), np.sum(A * A.T)),
        (linalg.outer(v, v), np.outer(V, V)),
        (linalg.eye(3) @ linalg.eye(3), np.eye(3)),
        (linalg.diag(v), np.diag(V)),
        (linalg.diag(X), np.diag(A)),
        (linalg.matrix_power(X, 5), np.linalg.matrix_power(A, 5)),
        (linalg.matrix_power(X, -2), np.linalg.matrix_power(A, -2)),
        (linalg.matrix_power(X, 0, name="I"), np.eye(4)),
    ],
    ids=str,
)
def test_values(tensor: sd.Tensor, value: np.ndarray) -> None:
    program = collect([tensor])
    (found,) = outputs(program, {t.name: {"X": A, "v": V}[t.name] for t in program.inputs})
    np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-12)


def test_batches() -> None:
    n = sd.Dim("n")
    many = sd.tensor("M", (n, 3, 3))
    values = RNG.normal(size=(5, 3, 3))
    for function, expected in (
        (linalg.inv, np.linalg.inv(values)),
        (linalg.det, np.linalg.det(values)),
        (linalg.trace, np.trace(values, axis1=1, axis2=2)),
    ):
        (found,) = outputs(collect([function(many)]), {"M": values})
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_matrix_of_negative_determinant_has_no_log_determinant() -> None:
    (found,) = outputs(collect([linalg.logdet(X)]), {"X": np.diag([1.0, 1, 1, -1])})
    assert np.isnan(found)


def test_refused() -> None:
    wide = sd.tensor("B", (2, 3))
    for function in (linalg.trace, linalg.det, linalg.logdet, linalg.inv, linalg.diag):
        with pytest.raises(ShapeError, match="square matrix"):
            function(wide)
    with pytest.raises(ExpressionError, match="order 0.5"):
        linalg.norm(v, order=0.5)
    with pytest.raises(ShapeError, match="equal shapes"):
        linalg.inner(X, wide)
    with pytest.raises(ArgumentError, match="singular"):
        outputs(collect([linalg.inv(X)]), {"X": np.zeros((4, 4))})


def test_kernels_compute_them_and_gradients_need_a_dependence() -> None:
    values = np.diag([1.0, 2.0, 4.0, 8.0])
    assert sd.compile(linalg.logdet(X), target="python")(X=values) == pytest.approx(np.log(64))
    with pytest.raises(DerivativeError, match="does not depend"):
        sd.grad(linalg.logdet(X), v)
