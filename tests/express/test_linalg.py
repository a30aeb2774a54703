"""Matrix functions: values against NumPy, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, DerivativeError, ExpressionError, ShapeError
from symdl.express import diagonals, distances, linalg
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

RNG = np.random.default_rng(5)
A = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
V = RNG.normal(size=4)
X, v = sd.tensor("X", (4, 4)), sd.tensor("v", (4,))


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        (diagonals.trace(X), np.trace(A)),
        (linalg.det(X), np.linalg.det(A)),
        (linalg.logdet(X), np.linalg.slogdet(A)[1]),
        (linalg.inv(X), np.linalg.inv(A)),
        (linalg.solve(X, v), np.linalg.solve(A, V)),
        (linalg.quadratic(v, X), V @ A @ V),
        (distances.norm(v), np.linalg.norm(V)),
        (distances.norm(X), np.linalg.norm(A)),
        (distances.norm(v, order=1), np.linalg.norm(V, 1)),
        (distances.norm(v, order=3), np.linalg.norm(V, 3)),
        (distances.norm(v, order=math.inf), np.linalg.norm(V, np.inf)),
        *((distances.norm(v, order=p), np.linalg.norm(V, p)) for p in (0, 0.5, -1, -2.5, -math.inf)),
        (linalg.inner(X, X.T), np.sum(A * A.T)),
        (linalg.outer(v, v), np.outer(V, V)),
        (diagonals.eye(3) @ diagonals.eye(3), np.eye(3)),
        (diagonals.diag(v), np.diag(V)),
        (diagonals.diag(X), np.diag(A)),
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


def test_a_cosine_is_of_vectors_in_their_joint_shape() -> None:
    x, y = sd.tensor("x", (1, 2, 3)), sd.tensor("y", (2, 1, 3))
    a, b = RNG.normal(size=x.shape), RNG.normal(size=y.shape)
    u, w = np.broadcast_arrays(a, b)
    for axis in (-2, 1):
        expected = (u * w).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(w, axis=1)
        (found,) = outputs(collect([distances.cosine_similarity(x, y, axis)]), {"x": a, "y": b})
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    z = sd.tensor("z", (4, 1))
    c = RNG.normal(size=z.shape)
    (found,) = outputs(collect([distances.cosine_similarity(y, z, 1)]), {"y": b, "z": c})
    u, w = np.broadcast_arrays(b, c)
    expected = (u * w).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(w, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_distance_of_order_0_counts_and_of_a_negative_order_is_refused() -> None:
    p, q = sd.tensor("p", (2, 3)), sd.tensor("q", (1, 3))
    counts = sd.compile(distances.cdist(p, q, order=0), target="python")
    np.testing.assert_array_equal(counts(p=[[1, 2, 3], [0, 2, 0]], q=[[1, 2, 0]]), [[1], [1]])
    with pytest.raises(sd.SymdlError, match="no norm of order -1"):
        distances.cdist(p, q, order=-1)


def test_batches() -> None:
    n = sd.Dim("n")
    many = sd.tensor("M", (n, 3, 3))
    values = RNG.normal(size=(5, 3, 3))
    for function, expected in (
        (linalg.inv, np.linalg.inv(values)),
        (linalg.det, np.linalg.det(values)),
        (diagonals.trace, np.trace(values, axis1=1, axis2=2)),
    ):
        (found,) = outputs(collect([function(many)]), {"M": values})
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_matrix_of_negative_determinant_has_no_log_determinant() -> None:
    (found,) = outputs(collect([linalg.logdet(X)]), {"X": np.diag([1.0, 1, 1, -1])})
    assert np.isnan(found)


def test_refused() -> None:
    wide = sd.tensor("B", (2, 3))
    for function in (linalg.det, linalg.logdet, linalg.inv):
        with pytest.raises(ShapeError, match="square matrix"):
            function(wide)
    many = sd.tensor("C", (3, sd.Dim("n"), 3))
    for cut in (diagonals.trace, diagonals.diag):
        with pytest.raises(ShapeError, match="do not tell"):
            cut(many)
        with pytest.raises(ShapeError, match="no matrix"):
            cut(sd.tensor("s", ()))
    with pytest.raises(ExpressionError, match="no integer"):
        diagonals.eye(3, offset=0.5)  # type: ignore[arg-type]
    with pytest.raises(ExpressionError, match="order nan"):
        distances.norm(v, order=math.nan)
    with pytest.raises(ShapeError, match="equal shapes"):
        linalg.inner(X, wide)
    with pytest.raises(ArgumentError, match="singular"):
        outputs(collect([linalg.inv(X)]), {"X": np.zeros((4, 4))})


def test_kernels_compute_them_and_gradients_need_a_dependence() -> None:
    values = np.diag([1.0, 2.0, 4.0, 8.0])
    assert sd.compile(linalg.logdet(X), target="python")(X=values) == pytest.approx(np.log(64))
    with pytest.raises(DerivativeError, match="does not depend"):
        sd.grad(linalg.logdet(X), v)


def test_diagonals_of_rectangular_matrices_are_those_of_numpy() -> None:
    values, vector = RNG.normal(size=(3, 5)), RNG.normal(size=3)
    matrix, one = sd.tensor("B", (3, 5)), sd.tensor("b", (3,))
    for offset in range(-4, 7):
        found = outputs(
            collect(
                [
                    diagonals.diag(matrix, offset=offset),
                    diagonals.trace(matrix, offset=offset),
                    diagonals.diag(one, offset=offset),
                    diagonals.eye(3, 5, offset=offset),
                ]
            ),
            {"B": values, "b": vector},
        )
        wanted = (
            np.diag(values, offset),
            np.trace(values, offset),
            np.diag(vector, offset),
            np.eye(3, 5, offset),
        )
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-14)


def test_where_two_points_are_one_their_distance_has_slope_0() -> None:
    points = sd.tensor("P", (4, 3))
    for order in (1, 2, 3, math.inf):
        slope = sd.grad(distances.cdist(points, points, order=order).sum(), points)
        (found,) = outputs(collect([slope]), {"P": RNG.normal(size=(4, 3))})
        assert np.isfinite(found).all()
        (found,) = outputs(collect([slope]), {"P": np.ones((4, 3))})
        np.testing.assert_array_equal(found, 0)
