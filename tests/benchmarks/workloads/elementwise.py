"""A chain of elementwise operations on large arrays, and its gradient: what memory allows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem, Workload, orders


def make(tiny: bool) -> Problem:
    """Return a scale and a shift for each feature, and samples (n, features)."""
    rng = np.random.default_rng(11)
    count, features, batch, steps = (8, 5, 4, 8) if tiny else (16_384, 1024, 8192, 32)
    params = {
        "a": (1 + 0.1 * rng.normal(size=features)).astype("float32"),
        "b": (0.1 * rng.normal(size=features)).astype("float32"),
    }
    x = rng.normal(size=(count, features)).astype("float32")
    return Problem(params, {"x": x}, orders(rng, count, batch, steps), "sgd", 0.05)


def reference(p: Any, batch: Any) -> Any:
    """NumPy."""
    import autograd.numpy as np

    y = np.tanh(batch["x"] * p["a"] + p["b"])
    return np.mean((y * np.exp(-y * y) - batch["x"]) ** 2)


def symdl(problem: Problem) -> Any:
    """symdl."""
    import symdl as sd

    n, features = sd.Dim("n"), problem.data["x"].shape[1]
    x = sd.tensor("x", (n, features))
    y = sd.tanh(x * sd.parameter("a", (features,)) + sd.parameter("b", (features,)))
    return ((y * sd.exp(-y * y) - x) ** 2).mean()


def torch(p: Any, batch: Any) -> Any:
    """PyTorch."""
    y = (batch["x"] * p["a"] + p["b"]).tanh()
    return ((y * (-y * y).exp() - batch["x"]) ** 2).mean()


def jax(p: Any, batch: Any) -> Any:
    """JAX."""
    import jax.numpy as jnp

    y = jnp.tanh(batch["x"] * p["a"] + p["b"])
    return ((y * jnp.exp(-y * y) - batch["x"]) ** 2).mean()


WORKLOADS = (
    Workload(
        name="elementwise",
        title="elementwise chain, 8192 x 1024, and gradient",
        kind="training",
        goal=0.7,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
    ),
)
