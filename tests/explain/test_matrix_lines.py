"""Derivations with determinants, inverses, traces and norms: every line has the value of its neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import symdl as sd
from symdl.express import diagonals, distances, linalg
from symdl.express.program import collect

from .test_lines import agree, world_of

X, A = sd.tensor("X", (3, 3)), sd.tensor("A", (3, 3))
x, u = sd.tensor("x", (3,)), sd.tensor("u", (4, 3))
Z = sd.tensor("Z", (4, 3))


@pytest.mark.parametrize(
    ("make", "wrt"),
    [
        (lambda: linalg.logdet(X) + linalg.quadratic(x, linalg.inv(X)), X),
        (lambda: linalg.det(A @ X), X),
        (lambda: diagonals.trace(linalg.inv(X) @ A), X),
        (lambda: diagonals.trace(A @ X) + diagonals.trace(X), X),
        (lambda: distances.norm(A @ x), x),
        (lambda: linalg.det(X.T) * distances.norm(X), X),
        (lambda: (sd.nn.batch_norm(Z, name="bn") * u).sum(), Z),
        (lambda: (sd.nn.layer_norm(Z, name="ln") * u).sum(), Z),
    ],
    ids=["Gauss", "determinant", "inverse", "traces", "norm", "transposed", "batch norm", "layer norm"],
)
def test_lines(make: Callable[[], sd.Tensor], wrt: sd.Tensor) -> None:
    loss = make()
    rng = np.random.default_rng(11)
    values = {str(t.name): rng.normal(size=t.shape) for t in collect([loss]).inputs}
    for name in {"X", "A"} & set(values):
        values[name] = values[name] @ values[name].T + np.eye(3)
    derivation = sd.derive(loss, wrt)
    assert agree(derivation, world_of(derivation, loss, values)) > 5
