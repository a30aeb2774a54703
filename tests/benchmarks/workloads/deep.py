"""A deep, narrow network: 50 dense layers of 32 units, tanh, mean squared error."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem, Workload, glorot, orders


def make(tiny: bool) -> Problem:
    """Return the weights of all layers, and samples."""
    rng = np.random.default_rng(3)
    depth, width, count, batch, steps = (4, 5, 12, 4, 8) if tiny else (50, 32, 1024, 32, 300)
    params = {}
    for at in range(depth):
        params[f"l{at}.W"] = glorot(rng, width, width)
        params[f"l{at}.b"] = np.zeros(width, "float32")
    x, y = rng.normal(size=(2, count, width)).astype("float32")
    return Problem(params, {"x": x, "y": y}, orders(rng, count, batch, steps), "sgd", 0.05)


def reference(params: Any, batch: Any) -> Any:
    """NumPy."""
    import autograd.numpy as np

    h = batch["x"]
    for at in range(len(params) // 2):
        h = np.tanh(h @ params[f"l{at}.W"] + params[f"l{at}.b"])
    return np.mean((h - batch["y"]) ** 2)


def symdl(problem: Problem) -> Any:
    """symdl."""
    import symdl as sd

    n, width = sd.Dim("n"), problem.data["x"].shape[1]
    h, y = sd.tensor("x", (n, width)), sd.tensor("y", (n, width))
    for at in range(len(problem.params) // 2):
        h = sd.nn.dense(h, width, activation=sd.tanh, name=f"l{at}")
    return ((h - y) ** 2).mean()


def torch(params: Any, batch: Any) -> Any:
    """PyTorch."""
    h = batch["x"]
    for at in range(len(params) // 2):
        h = (h @ params[f"l{at}.W"] + params[f"l{at}.b"]).tanh()
    return ((h - batch["y"]) ** 2).mean()


def jax(params: Any, batch: Any) -> Any:
    """JAX."""
    import jax.numpy as jnp

    h = batch["x"]
    for at in range(len(params) // 2):
        h = jnp.tanh(h @ params[f"l{at}.W"] + params[f"l{at}.b"])
    return ((h - batch["y"]) ** 2).mean()


def pytensor(params: Any, batch: Any) -> Any:
    """PyTensor."""
    import pytensor.tensor as pt

    h = batch["x"]
    for at in range(len(params) // 2):
        h = pt.tanh(pt.dot(h, params[f"l{at}.W"]) + params[f"l{at}.b"])
    return pt.mean((h - batch["y"]) ** 2)


def gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Forward, weights' gradients, inputs' gradients."""
    n, (k, m) = problem.order.shape[1], problem.params["l0.W"].shape
    depth = len(problem.params) // 2
    return [(n, k, m)] * depth + [(k, n, m)] * depth + [(n, m, k)] * (depth - 1)


WORKLOADS = (
    Workload(
        name="deep",
        title="50 × 32, tanh, SGD, batch 32",
        kind="training",
        goal=0.40,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
        pytensor=pytensor,
        gemms=gemms,
    ),
)
