"""A Newton step of logistic regression: value, gradient, Hessian, and the system that they make."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem, Workload
from .formulas import normal

RIDGE = 0.01


def make(tiny: bool) -> Problem:
    """Return weights, samples and labels."""
    rng = np.random.default_rng(51)
    count, features = (9, 3) if tiny else (2048, 256)
    data = {"X": normal(rng, count, features), "t": rng.integers(0, 2, count).astype("float32")}
    return Problem({"w": normal(rng, features, scale=0.05)}, data)


def reference(params: Any, batch: Any) -> Any:
    """NumPy, derived by hand."""
    X, t, w = batch["X"], batch["t"], params["w"]
    z = X @ w
    loss = np.mean(np.logaddexp(z, 0) - t * z) + RIDGE / 2 * w @ w
    s = 1 / (1 + np.exp(-z))
    slope = X.T @ (s - t) / len(t) + RIDGE * w
    curvature = X.T @ (X * (s * (1 - s) / len(t))[:, None]) + RIDGE * np.eye(len(w))
    return loss, w - np.linalg.solve(curvature, slope)


def symdl(problem: Problem) -> Any:
    """symdl derives both."""
    import symdl as sd

    count, features = problem.data["X"].shape
    X, t, w = sd.tensor("X", (count, features)), sd.tensor("t", (count,)), sd.parameter("w", (features,))
    z = X @ w
    loss = (sd.nn.softplus(z) - t * z).mean() + RIDGE / 2 * (w * w).sum()
    return [loss, w - sd.solve(sd.hessian(loss, w), sd.grad(loss, w))]


def torch(params: Any, batch: Any) -> Any:
    """PyTorch: forward mode over reverse mode for all columns at once."""
    import torch
    from torch.func import grad_and_value, hessian
    from torch.nn.functional import softplus

    def loss(w: Any) -> Any:
        z = batch["X"] @ w
        return (softplus(z) - batch["t"] * z).mean() + RIDGE / 2 * (w @ w)

    w = params["w"]
    slope, value = grad_and_value(loss)(w)
    return value, w - torch.linalg.solve(hessian(loss)(w), slope)


def jax(params: Any, batch: Any) -> Any:
    """JAX: the same."""
    import jax
    import jax.numpy as jnp

    def loss(w: Any) -> Any:
        z = batch["X"] @ w
        return (jax.nn.softplus(z) - batch["t"] * z).mean() + RIDGE / 2 * (w @ w)

    w = params["w"]
    value, slope = jax.value_and_grad(loss)(w)
    return value, w - jnp.linalg.solve(jax.hessian(loss)(w), slope)


WORKLOADS = (
    Workload(
        name="newton",
        title="Newton step of logistic regression, 2048 × 256",
        kind="values",
        goal=0.7,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
        gemms=lambda p: [(p.data["X"].shape[1], *p.data["X"].shape)],
        tolerance=2e-3,
    ),
)
