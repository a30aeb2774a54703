"""Factors of matrices: products, signs, hard points, one decomposition for all; what has no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ShapeError
from symdl.express.program import collect
from symdl.run.compiled import Compiled

from .programs import assert_agrees
from .test_factored_matrices import functions

m, n = sd.Dim("m"), sd.Dim("n")
A, S = sd.tensor("A", (m, n)), sd.tensor("S", (n, n))
RNG = np.random.default_rng(3)
TARGETS = ("python", "cpu")
TALL = {
    "any": RNG.normal(size=(7, 4)),
    "one column": RNG.normal(size=(5, 1)),
    "zeros": np.zeros((4, 3)),
    "rank 1": np.outer([1.0, 2, 3, 4], [1.0, 2, 3]),
    "diagonal": np.eye(5)[:, :3] * [3, -2, 1],
    "Vandermonde": np.vander(np.linspace(0, 1, 12), 8),
    "large": 1e150 * RNG.normal(size=(4, 4)),
    "many": RNG.normal(size=(40, 30)),
}
QR = {target: Compiled(collect([*sd.qr(A), *sd.svd(A)]), target=target) for target in TARGETS}
EIGH = {target: Compiled(collect([*sd.eigh(S), *sd.slogdet(S)]), target=target) for target in TARGETS}


def points_forward(vectors: np.ndarray) -> bool:
    """Say whether of each column the first entry that is not small is positive."""
    sizes = np.abs(vectors)
    return all(v[np.argmax(s > s.max() / 1024)] > 0 for v, s in zip(vectors.T, sizes.T, strict=True))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", TALL)
def test_factors_are_orthonormal_and_their_product_is_the_matrix(kind: str, target: str) -> None:
    value = TALL[kind]
    Q, R, U, s, V = QR[target](A=np.asfortranarray(value))
    columns, scale = value.shape[1], np.abs(value).max() + 1e-300
    for vectors in (Q, U, V.T):
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(columns), atol=1e-13)
    np.testing.assert_allclose(Q @ (R / scale), value / scale, atol=1e-13)
    np.testing.assert_allclose(U * (s / scale) @ V, value / scale, atol=1e-13)
    assert (np.tril(R, -1) == 0).all() and (np.diag(R) >= 0).all()
    assert (np.diff(s) <= 0).all() and points_forward(V.T)


@pytest.mark.parametrize("target", TARGETS)
def test_eigenvalues_rise_and_vectors_point_forward(target: str) -> None:
    some = RNG.normal(size=(9, 9))
    for value in (
        some + some.T,
        np.eye(4),
        np.ones((3, 3)),
        np.zeros((2, 2)),
        np.array([[2.0, -2], [-2, 5]]),
    ):
        w, V, sign, log = EIGH[target](S=value)
        np.testing.assert_allclose(V * w @ V.T, value, atol=1e-13)
        np.testing.assert_allclose(V.T @ V, np.eye(len(value)), atol=1e-13)
        assert (np.diff(w) >= 0).all() and points_forward(V)
        np.testing.assert_allclose(sign * np.exp(log), np.linalg.det(value), atol=1e-9)
    w, V, *_ = EIGH[target](S=[[0.0, 2.0], [4.0, 0.0]])
    np.testing.assert_allclose(w, [-3, 3], err_msg="those of the symmetric part")


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_not_finite_or_too_wide_has_nan_everywhere(target: str) -> None:
    for wrong in (np.nan, np.inf):
        value = np.eye(3)
        value[2, 0] = wrong
        assert all(np.isnan(found).all() for found in QR[target](A=value))
        assert all(np.isnan(found).all() for found in EIGH[target](S=value)[:2])
    assert all(np.isnan(found).all() for found in QR[target](A=np.ones((2, 3))))


@pytest.mark.parametrize("target", TARGETS)
def test_signs_of_determinants(target: str) -> None:
    values = {-1: np.diag([1e-200, -1e-200, 1.0]), 1: 1e200 * np.eye(3), 0: np.ones((3, 3))}
    for expected, value in values.items():
        *_, sign, log = EIGH[target](S=value)
        assert sign == expected
        np.testing.assert_allclose(log, np.linalg.slogdet(value)[1])


EIGEN = sd.eigh(S)
FORMS: dict[str, tuple[Any, list[str]]] = {
    "eigenvalues": (lambda: sd.log(sd.eigh(S)[0]).sum(), ["eigh"]),
    "both": (lambda: (EIGEN[1] * S).sum() + EIGEN[0].sum(), ["eigh"]),
    "singular values": (lambda: sd.svd(A)[1].sum(), ["svd"]),
    "singular vectors": (lambda: (sd.svd(A)[0] * A).sum() + sd.svd(A)[2][0, 0], ["svd"]),
    "QR": (lambda: (sd.qr(A)[0] * A).sum(), ["factors", "qr"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_value_and_gradient_share_one_decomposition(form: str) -> None:
    make, expected = FORMS[form]
    loss = make()
    found = functions(differentiate(loss, [t for t in (A, S) if t in collect([loss]).inputs]).program)
    assert [f for f in found if "solution" not in f] == expected


VALUES_ALONE: dict[str, tuple[Any, list[str]]] = {
    "eigenvalues": (lambda: [sd.eigh(S)[0]], ["eigenvalues"]),
    "two of them": (lambda: [sd.eigh(S)[0], sd.eigh(S)[0]], ["eigenvalues"]),
    "of two matrices": (lambda: [sd.eigh(S)[0], sd.eigh(2 * S)[0]], ["eigenvalues", "eigenvalues"]),
    "a norm": (lambda: [sd.svd(A)[1].sum()], ["singular_values"]),
    "of a wide matrix": (lambda: [sd.svd(sd.tensor("W", (2, 5)))[1]], ["singular_values"]),
    "of a batch": (lambda: [sd.svd(sd.tensor("B", (3, m, n)))[1]], ["singular_values"]),
    "vectors read too": (lambda: [sd.eigh(S)[0], sd.eigh(S)[1]], ["eigh"]),
    "vectors of one of two": (
        lambda: [sd.svd(A)[1], sd.svd(A * A)[1], sd.svd(A)[0]],
        ["singular_values", "svd"],
    ),
}


@pytest.mark.parametrize("form", VALUES_ALONE)
def test_values_are_computed_without_vectors(form: str) -> None:
    make, expected = VALUES_ALONE[form]
    program = collect(make())
    assert functions(program) == expected
    sizes = {"S": (6, 6), "A": (7, 6), "W": (2, 5), "B": (3, 5, 4)}
    at = {t.name: np.random.default_rng(5).normal(size=sizes[t.name]) for t in program.inputs}
    fused, plain = (Compiled(program, schedule=schedule)(**at) for schedule in ("fused", "naive"))
    for one, other in zip(fused, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    assert_agrees(program, at, targets=("python", "cpu"))


@pytest.mark.parametrize("size", [1, 2, 3, 30])
def test_values_alone_at_hard_points(size: int) -> None:
    run = Compiled(collect([sd.eigh(S)[0], sd.svd(A)[1]]))
    some = RNG.normal(size=(size, size))
    hard = [np.zeros((size, size)), np.eye(size), 1e150 * (some + some.T), 1e-150 * (some + some.T)]
    for value in hard:
        w, s = run(S=value, A=np.asfortranarray(np.vstack([value, value])))
        np.testing.assert_allclose(w, np.linalg.eigvalsh(value), rtol=1e-9, atol=1e-13 * np.abs(value).max())
        np.testing.assert_allclose(s, np.sqrt(2) * np.sort(np.abs(w))[::-1], rtol=1e-9)
    for wrong in (np.nan, np.inf, -np.inf):
        assert all(np.isnan(found).all() for found in run(S=some * wrong, A=some * wrong))
    assert size == 1 or np.isnan(run(S=some, A=some[:-1])[1]).all()


def test_equal_values_have_a_gradient_and_their_vectors_have_none() -> None:
    at = np.diag([2.0, 2.0, 5.0])
    w, V = sd.eigh(S)
    np.testing.assert_allclose(sd.compile(sd.grad(w.sum(), S))(S=at), np.eye(3), atol=1e-15)
    np.testing.assert_allclose(sd.compile(sd.grad(sd.log(w).sum(), S))(S=at), np.linalg.inv(at), atol=1e-15)
    assert not np.isfinite(sd.compile(sd.grad((V * S).sum(), S))(S=at)).all()
    assert not np.isfinite(
        sd.compile(sd.hvp((w * w).sum(), S, sd.tensor("D", (n, n))))(S=at, D=np.ones((3, 3)))
    ).all()
    s = sd.svd(A)[1]
    np.testing.assert_allclose(
        sd.compile(sd.grad(s.sum(), A))(A=np.eye(4)[:, :3]), np.eye(4)[:, :3], atol=1e-15
    )


def test_least_squares_do_not_square_the_condition() -> None:
    value = np.vander(np.linspace(0, 1, 20), 9)
    x = np.arange(1.0, 10)
    b = sd.tensor("b", (m,))
    found = sd.compile(sd.lstsq(A, b))(A=value, b=value @ x)
    np.testing.assert_allclose(found, x, rtol=1e-8)
    wide = sd.tensor("W", (2, 5))
    given = RNG.normal(size=(2, 5))
    np.testing.assert_allclose(sd.compile(sd.pinv(wide))(W=given), np.linalg.pinv(given), atol=1e-13)


def test_refused() -> None:
    with pytest.raises(ShapeError, match="at least as many rows"):
        sd.qr(sd.tensor("W", (2, 3)))
    with pytest.raises(ShapeError, match="square matrix"):
        sd.eigh(sd.tensor("W", (2, 3)))
    for function in (sd.svd, sd.qr, sd.pinv):
        with pytest.raises(ShapeError, match="no matrix"):
            function(sd.tensor("v", (3,)))


def test_pages_do_not_take_factors_for_symmetric_or_for_functions_of_entries() -> None:
    B = sd.tensor("B", (n, n), symmetric=True)
    text = str(sd.derive(sd.eigh(B)[0].sum(), B))
    assert "C Cᵀ" in text or "A Aᵀ" in text, text
    X = sd.tensor("X", (n, n))
    lower = sd.cholesky(B)
    text = str(sd.derive(sd.trace(X @ lower @ lower @ lower.T), X))
    assert "chol(S)³" not in text and "ᵀ" in text and "act on each entry" not in text
    text = str(sd.derive(sd.log(sd.svd(A)[1]).sum(), A))
    assert "svd_U(A) diag(1/svd_S(A)) svd_Vᵀ(A)" in text
