"""Gaussian processes: the gradient of the log likelihood by length, height and noise of a kernel.

``y' K^-1 y + log det K`` with ``K = h^2 exp(-d/(2 l^2)) + s^2 I`` of given squared distances d. symdl gets
the formula as it stands in a textbook; the others factor by Cholesky and solve, as their users do.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem, Workload

_FEATURES = 4


def make(tiny: bool, *, points: int) -> Problem:
    """Return logarithms of length, height and noise; squared distances of points, and values there."""
    rng = np.random.default_rng(31)
    points = 6 if tiny else points
    x = rng.normal(size=(points, _FEATURES))
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    y = np.sin(x.sum(1)) + 0.3 * rng.normal(size=points)
    params = {name: np.array(value, "float32") for name, value in (("l", 0.3), ("h", 0.1), ("s", -0.7))}
    return Problem(params, {"d": squares.astype("float32"), "y": y.astype("float32")})


def reference(params: Any, batch: Any) -> Any:
    """NumPy: Cholesky's factors."""
    import autograd.numpy as np

    y = batch["y"]
    lower = np.linalg.cholesky(_kernel(np, params, batch["d"], np.eye(len(y), dtype=y.dtype)))
    z = np.linalg.solve(lower, y)
    return np.mean(z * z) + 2 * np.mean(np.log(np.diagonal(lower, 0, -1, -2)))


def on_symdl(problem: Problem) -> Any:
    """symdl: the formula."""
    import symdl as sd

    points = len(problem.data["y"])
    d, y = sd.tensor("d", (points, points)), sd.tensor("y", (points,))
    length, height, noise = (sd.parameter(name, ()) for name in "lhs")
    K = sd.exp(2 * height - d * sd.exp(-2 * length) / 2) + sd.exp(2 * noise) * sd.eye(points)
    return (sd.sum(y * sd.solve(K, y)) + sd.logdet(K)) / points


def on_torch(params: Any, batch: Any) -> Any:
    """PyTorch: Cholesky's factors."""
    import torch

    y = batch["y"]
    lower = torch.linalg.cholesky(_kernel(torch, params, batch["d"], torch.eye(len(y), dtype=y.dtype)))
    z = torch.linalg.solve_triangular(lower, y[:, None], upper=False)
    return (z * z).mean() + 2 * torch.log(torch.diagonal(lower)).mean()


def on_jax(params: Any, batch: Any) -> Any:
    """JAX: Cholesky's factors."""
    import jax.numpy as jnp
    from jax.scipy.linalg import solve_triangular

    y = batch["y"]
    lower = jnp.linalg.cholesky(_kernel(jnp, params, batch["d"], jnp.eye(len(y), dtype=y.dtype)))
    z = solve_triangular(lower, y, lower=True)
    return (z * z).mean() + 2 * jnp.log(jnp.diagonal(lower)).mean()


def _kernel(library: Any, params: Any, squares: Any, unit: Any) -> Any:
    height, length, noise = (params[name] for name in "hls")
    exp = library.exp
    return exp(2 * height - squares * exp(-2 * length) / 2) + exp(2 * noise) * unit


def gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Factors and inverse take a third and two thirds of a product."""
    points = len(problem.data["y"])
    return [(points, points, points)]


WORKLOADS = tuple(
    Workload(
        name=f"gp{points}",
        title=f"Gaussian process of {points} points, gradient of the likelihood",
        kind="gradient",
        goal=0.7,
        make=partial(make, points=points),
        reference=reference,
        symdl=on_symdl,
        torch=on_torch,
        jax=on_jax,
        gemms=gemms,
    )
    for points in (128, 500)
)
