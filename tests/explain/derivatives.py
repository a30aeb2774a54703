"""Jacobians and Hessians of lectures: what the pages under golden test derive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

import symdl as sd
from symdl.express.diagonals import trace
from symdl.express.distances import norm
from symdl.express.linalg import det, inv, logdet, quadratic

n, d, k = sd.Dim("n"), sd.Dim("d"), sd.Dim("k")
X, W, M = sd.tensor("X", (n, d)), sd.tensor("W", (k, d)), sd.tensor("M", (d, k))
w, z, y = sd.tensor("w", (d,)), sd.tensor("z", (d,)), sd.tensor("y", (n,))
A, B, G = sd.tensor("A", (d, d)), sd.tensor("B", (k, n)), sd.tensor("G", (n, k))
S = sd.tensor("S", (d, d))
t = sd.tensor("t", (n,), dtype="int64")
b, c = sd.tensor("b", ()), sd.tensor("c", (k,))
i = sd.indices("i")[0]
THREE = sd.tensor("z", (3,))


def normalised() -> sd.Tensor:
    mean = sd.define("mu", (), sd.Sum(z[i] / d, i))
    variance = sd.define("v", (), sd.Sum((z[i] - mean[()]) ** 2 / d, i))
    deviation = sd.define("s", (), sp.sqrt(variance[()]))
    return sd.define("y", (i,), (z[i] - mean[()]) / deviation[()])


def standardised() -> sd.Tensor:
    deviation = z - z.mean()
    return deviation / sd.sqrt((deviation**2).mean())


def by_quotient() -> sd.Tensor:
    exps = sd.define("u", (i,), sp.exp(z[i]))
    total = sd.define("s", (), sd.Sum(exps[i], i))
    return sd.define("p", (i,), exps[i] / total[()])


def rosenbrock(z: sd.Tensor = z) -> sd.Tensor:
    return (100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum()


Derived = tuple[sd.Tensor, Any, dict[str, Any]]

DERIVATIVES: dict[str, Callable[[], Derived]] = {
    "Jacobian of a softmax": lambda: (sd.softmax(z, name="p"), z, {}),
    "Jacobian of a softmax by the quotient rule": lambda: (by_quotient(), z, {}),
    "Jacobian of a layer": lambda: (sd.sigmoid(W @ z + c, name="a"), z, {}),
    "Jacobian of a product by its matrix": lambda: (X @ w, X, {}),
    "Jacobian of a product by its factor": lambda: (A.T @ M @ B, M, {}),
    "Jacobian of a transposed factor": lambda: (M.T @ A, M, {"layout": "denominator"}),
    "Jacobian of an inverse": lambda: (inv(A), A, {}),
    "Jacobian of a unit vector": lambda: (w / norm(w), w, {"layout": "denominator"}),
    "Jacobian of layer normalisation": lambda: (normalised(), z, {}),
    "Jacobian of layer normalisation of samples": lambda: (
        sd.nn.layer_norm(sd.tensor("x", (2, 3)), name="norm"),
        "x",
        {},
    ),
    "Jacobian of a standardised vector": lambda: (standardised(), z, {}),
    "Jacobian of samples": lambda: (sd.sigmoid(X @ M, name="S"), M, {}),
    "Hessian with respect to a matrix and a vector": lambda: (
        ((X @ M + c) ** 2).sum(),
        [M, c],
        {"order": 2},
    ),
    "Jacobian with respect to two": lambda: (X @ w + b, [w, b], {}),
    "Jacobian of a recurrence": lambda: (sd.nn.rnn(sd.tensor("u", (2, 3, 2)), 2, name="r"), "r.U", {}),
    "Hessian of a quadratic form": lambda: (quadratic(w, A), w, {"order": 2}),
    "Hessian of least squares": lambda: (((X @ w + b - y) ** 2).mean(), [w, b], {"order": 2}),
    "Hessian of logistic regression": lambda: (sd.nn.binary_cross_entropy(X @ w, y), w, {"order": 2}),
    "Hessian of log-sum-exp": lambda: (sd.logsumexp(W @ z), z, {"order": 2}),
    "Hessian of softmax regression": lambda: (
        (sd.logsumexp(X @ M, axis=1) - (G * (X @ M)).sum(axis=1)).mean(),
        M,
        {"order": 2},
    ),
    "Hessian of a norm": lambda: (norm(w), w, {"order": 2}),
    "Hessian of log det": lambda: (logdet(A), A, {"order": 2}),
    "Hessian of a linear function": lambda: (sd.inner(w, z), w, {"order": 2}),
    "Hessian of Rosenbrock's function": lambda: (rosenbrock(), z, {"order": 2}),
    "Hessian of Rosenbrock's function of three": lambda: (rosenbrock(THREE), THREE, {"order": 2}),
    "Hessian of neighbours": lambda: (((z[1:] - z[:-1]) ** 2).sum(), z, {"order": 2}),
    "Jacobian of differences": lambda: (THREE[1:] - THREE[:-1] ** 2, THREE, {"layout": "denominator"}),
    "Hessian of a product": lambda: (sd.prod(z), z, {"order": 2}),
    "Hessian of Poisson regression": lambda: ((sd.exp(X @ w) - y * (X @ w)).sum(), w, {"order": 2}),
}


DIFFERENTIALS: dict[str, Callable[[], tuple[sd.Tensor, sd.Tensor]]] = {
    "Differentials of least squares": lambda: (((X @ w - y) ** 2).sum() / 2, w),
    "Differentials of a quadratic form": lambda: (quadratic(w, A), w),
    "Differentials of log det": lambda: (logdet(X.T @ X), X),
    "Differentials of a trace of an inverse": lambda: (trace(inv(A) @ S), A),
    "Differentials of a determinant": lambda: (det(A @ S), A),
    "Differentials of a linear form of an inverse": lambda: (sd.inner(w, inv(A) @ z), A),
    "Differentials of a layer": lambda: ((sd.tanh(X @ M, name="H") * G).sum(), M),
    "Differentials of softmax regression": lambda: (sd.nn.cross_entropy(X @ M, t), M),
}
