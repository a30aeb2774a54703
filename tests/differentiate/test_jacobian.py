"""Jacobians and Hessians: closed forms, and central differences at random points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.differentiate.jacobian import hessian, jacobian
from symdl.errors import DerivativeError
from symdl.express import diagonals, distances, linalg
from symdl.express.equations import Equal
from symdl.express.program import collect
from symdl.express.tensors import Access
from symdl.run.reference.interpreter import outputs
from tests.differentiate.oracles import assert_close, central

X = sd.tensor("X", (4, 3))
A = sd.tensor("A", (3, 3))
B = sd.tensor("B", (3, 3))
W = sd.tensor("W", (2, 3))
x = sd.tensor("x", (3,))
b = sd.tensor("b", (2,))
y = sd.tensor("y", (4,))


def values(seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {t.name: rng.normal(size=t.shape) for t in (X, A, B, W, x, b, y)}
    found["A"] = found["A"] @ found["A"].T + np.eye(3)
    return found


def value(tensor: sd.Tensor, at: dict[str, np.ndarray]) -> np.ndarray:
    program = collect([tensor])
    return outputs(program, {t.name: at[t.name] for t in program.inputs})[0]


def by_differences(tensor: sd.Tensor, wrt: sd.Tensor, at: dict[str, np.ndarray]) -> np.ndarray:
    result = np.zeros((*tensor.shape, *wrt.shape))
    for where in np.ndindex(*tensor.shape):
        result[where] = central(
            lambda moved, where=where: float(value(tensor, {**at, wrt.name: moved})[where]),  # type: ignore[misc]
            at[wrt.name],
        )
    return result


JACOBIANS: list[tuple[str, Callable[[], sd.Tensor], sd.Tensor]] = [
    ("linear by x", lambda: W @ x + b, x),
    ("linear by b", lambda: W @ x + b, b),
    ("linear by W", lambda: W @ x + b, W),
    ("softmax", lambda: sd.softmax(x), x),
    ("softmax of rows", lambda: sd.softmax(X), X),
    ("log softmax", lambda: sd.log_softmax(x), x),
    ("elementwise", lambda: sd.tanh(x), x),
    ("layer", lambda: sd.sigmoid(W @ x + b), x),
    ("layer by W", lambda: sd.sigmoid(W @ x + b), W),
    ("maximum of rows", lambda: X.max(axis=1), X),
    ("slice", lambda: x[1:] * x[:2], x),
    ("transpose", lambda: X.T, X),
    ("inverse", lambda: linalg.inv(A), A),
    ("solve", lambda: linalg.solve(A, x), A),
    ("product", lambda: A @ B @ A, A),
    ("trace", lambda: diagonals.trace(A @ B), A),
    ("determinant and norm", lambda: linalg.det(A) * x / distances.norm(x), x),
    ("product of entries", lambda: X.prod(axis=0), X),
    ("diagonal matrix", lambda: diagonals.diag(x) @ A @ diagonals.diag(x), x),
]


@pytest.mark.parametrize(("make", "wrt"), [j[1:] for j in JACOBIANS], ids=[j[0] for j in JACOBIANS])
def test_jacobian(make: Callable[[], sd.Tensor], wrt: sd.Tensor) -> None:
    tensor, at = make(), values()
    found = jacobian(tensor, wrt)
    assert found.shape == tensor.shape + wrt.shape
    assert_close(value(found, at), by_differences(tensor, wrt, at), rtol=1e-8)


HESSIANS: list[tuple[str, Callable[[], sd.Tensor], sd.Tensor]] = [
    ("quadratic", lambda: linalg.quadratic(x, B), x),
    ("norm", lambda: distances.norm(x), x),
    ("log determinant", lambda: linalg.logdet(A), A),
    ("determinant", lambda: linalg.det(A), A),
    ("logsumexp", lambda: sd.logsumexp(x), x),
    ("logistic regression", lambda: (sd.softplus(X @ x) - y * (X @ x)).mean(), x),
    ("least squares", lambda: ((W @ x - b) ** 2).sum(), W),
    ("two layers", lambda: (W @ sd.tanh(A @ sd.sigmoid(x))).sum(), x),
    ("trace of an inverse", lambda: diagonals.trace(linalg.inv(A) @ B), A),
]


@pytest.mark.parametrize(("make", "wrt"), [h[1:] for h in HESSIANS], ids=[h[0] for h in HESSIANS])
def test_hessian(make: Callable[[], sd.Tensor], wrt: sd.Tensor) -> None:
    loss, at = make(), values()
    found = hessian(loss, wrt)
    assert found.shape == wrt.shape * 2
    actual = value(found, at)
    assert_close(actual, by_differences(sd.grad(loss, wrt), wrt, at), rtol=1e-8)
    axes = (*range(wrt.rank, 2 * wrt.rank), *range(wrt.rank))
    assert_close(actual, actual.transpose(axes), rtol=1e-9)


def test_mixed_second_derivatives() -> None:
    loss, at = (sd.tanh(W @ x) * b).sum(), values()
    assert_close(value(hessian(loss, W, x), at), by_differences(sd.grad(loss, W), x, at), rtol=1e-8)


def body_of(tensor: sd.Tensor) -> sp.Expr:
    assert tensor.equation is not None
    return tensor.equation.body


def test_deltas_are_contracted() -> None:
    by_x = jacobian(W @ x + b, x)
    assert by_x.equation is not None and not by_x.equation.reduction and not by_x.equation.guards
    (only,) = by_x.equation.body.atoms(Access)
    assert only.tensor is W and only == by_x.equation.body
    by_b = jacobian(W @ x + b, b)
    assert body_of(by_b) == 1 and [type(g) for g in by_b.equation.guards] == [Equal]  # type: ignore[union-attr]
    assert [type(g) for g in jacobian(sd.tanh(x), x).equation.guards] == [Equal]  # type: ignore[union-attr]


def test_the_hessian_of_a_quadratic_form() -> None:
    second = hessian(linalg.quadratic(x, B), x)
    assert second.equation is not None
    i, j = second.equation.indices
    assert body_of(second) == B.at(i, j) + B.at(j, i)


def test_zero_where_the_gradient_is_constant() -> None:
    assert body_of(hessian((W @ x).sum(), x)) == 0
    assert not value(hessian((W @ x).sum(), x), values()).any()
    piecewise = hessian(sd.relu(x).sum(), x)
    assert not value(piecewise, values()).any()


def test_a_batch_of_unknown_size() -> None:
    n = sd.Dim("n")
    rows = sd.tensor("R", (n, 3))
    found = jacobian(sd.softmax(rows @ A), rows)
    assert found.shape == (n, 3, n, 3)
    at = {**values(), "R": np.random.default_rng(2).normal(size=(2, 3))}
    known = sd.tensor("R", (2, 3))
    assert_close(value(found, at), by_differences(sd.softmax(known @ A), known, at), rtol=1e-8)


def test_the_seed_takes_no_name_of_the_user() -> None:
    seed = sd.tensor("seed", (3,))
    at = {"seed": np.array([1.0, -2.0, 0.5])}
    assert_close(value(jacobian(seed * seed, seed), at), np.diag(2 * at["seed"]))


def test_refused() -> None:
    with pytest.raises(DerivativeError, match="does not depend"):
        jacobian(W @ x, b)
    with pytest.raises(DerivativeError, match="integers"):
        jacobian(X.argmax(axis=1), X)
    with pytest.raises(DerivativeError, match="does not depend"):
        hessian((W @ x).sum(), b)
    with pytest.raises(DerivativeError, match="no scalar"):
        hessian(W @ x, x)
