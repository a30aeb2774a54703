"""Systems with a positive definite matrix, solved by Cholesky's factor; gradients by matrix and right side.

One system of 256 unknowns with 16 right sides, and 256 systems of 16 unknowns. Each library uses what it has
for that. The matrix is symmetric in exact arithmetic only, so all take its symmetric part.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem, Workload


def make(tiny: bool, *, shape: tuple[int, ...], rights: int) -> Problem:
    """Return matrices (..., n, n) with eigenvalues of about 1 to 5, and right sides (..., n, m)."""
    rng = np.random.default_rng(41)
    *batch, n = (*shape[:-1], 4) if tiny else shape
    batch, rights = ([3] * len(batch), 2) if tiny else (batch, rights)
    root = rng.normal(size=(*batch, n, n)) / n**0.5
    matrix = root @ np.swapaxes(root, -1, -2) + np.eye(n)
    right = rng.normal(size=(*batch, n, rights))
    return Problem({"A": matrix.astype("float32"), "b": right.astype("float32")}, {})


def reference(params: Any, batch: Any) -> Any:
    """NumPy: elimination."""
    import autograd.numpy as np

    A = params["A"]
    return np.mean(np.linalg.solve((A + np.swapaxes(A, -1, -2)) / 2, params["b"]) ** 2)


def on_symdl(problem: Problem) -> Any:
    """symdl; `cholesky` is of the symmetric part. (``sd.solve(A, b)`` would do without this factor.)"""
    import symdl as sd

    A, b = (sd.parameter(name, value.shape) for name, value in problem.params.items())
    lower = sd.cholesky(A)
    upper = lower.transpose(*range(lower.rank - 2), lower.rank - 1, lower.rank - 2)
    return (sd.solve(upper, sd.solve(lower, b)) ** 2).mean()


def on_torch(params: Any, batch: Any) -> Any:
    """PyTorch."""
    import torch

    A = params["A"]
    lower = torch.linalg.cholesky((A + A.mT) / 2)
    return (torch.cholesky_solve(params["b"], lower) ** 2).mean()


def on_jax(params: Any, batch: Any) -> Any:
    """JAX."""
    import jax.numpy as jnp
    from jax.scipy.linalg import cho_solve

    A = params["A"]
    lower = jnp.linalg.cholesky((A + A.mT) / 2)
    return (cho_solve((lower, True), params["b"]) ** 2).mean()


def gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Factor and its gradient, about a product and a third; both triangles, forward and back."""
    *batch, n, rights = problem.params["b"].shape
    return [(n, n, n), (n, n, rights), (n, n, rights), (n, rights, n)] * int(np.prod(batch, dtype=int))


def _row(name: str, title: str, shape: tuple[int, ...], rights: int) -> Workload:
    return Workload(
        name=name,
        title=f"{title}, solved by Cholesky's factor, gradient",
        kind="gradient",
        goal=1.0,
        make=partial(make, shape=shape, rights=rights),
        reference=reference,
        symdl=on_symdl,
        torch=on_torch,
        jax=on_jax,
        gemms=gemms,
    )


WORKLOADS = (
    _row("solve", "256 unknowns, 16 right sides", (256,), 16),
    _row("solves", "256 systems of 16 unknowns, one right side each", (256, 16), 1),
)
