"""Regression with two parameters: the mean of (σ(θ₁x + θ₂) - y)²."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem, Workload, orders


def make(tiny: bool) -> Problem:
    """Return two parameters and pairs of numbers."""
    rng = np.random.default_rng(2)
    count, batch, steps = (12, 4, 8) if tiny else (4096, 64, 20_000)
    x, y = rng.normal(size=(2, count)).astype("float32")
    params = {"a": np.array(0.3, "float32"), "b": np.array(-0.2, "float32")}
    return Problem(params, {"x": x, "y": y}, orders(rng, count, batch, steps), "sgd", 0.1)


def reference(params: Any, batch: Any) -> Any:
    """NumPy."""
    import autograd.numpy as np

    p = 1 / (1 + np.exp(-(params["a"] * batch["x"] + params["b"])))
    return np.mean((p - batch["y"]) ** 2)


def symdl(problem: Problem) -> Any:
    """symdl."""
    import symdl as sd

    n = sd.Dim("n")
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    a, b = sd.parameter("a", ()), sd.parameter("b", ())
    return ((sd.sigmoid(a * x + b) - y) ** 2).mean()


def torch(params: Any, batch: Any) -> Any:
    """PyTorch."""
    return (((params["a"] * batch["x"] + params["b"]).sigmoid() - batch["y"]) ** 2).mean()


def jax(params: Any, batch: Any) -> Any:
    """JAX."""
    from jax.nn import sigmoid

    return ((sigmoid(params["a"] * batch["x"] + params["b"]) - batch["y"]) ** 2).mean()


def pytensor(params: Any, batch: Any) -> Any:
    """PyTensor."""
    import pytensor.tensor as pt

    return pt.mean((pt.sigmoid(params["a"] * batch["x"] + params["b"]) - batch["y"]) ** 2)


WORKLOADS = (
    Workload(
        name="sigmoid",
        title="σ(θ₁x+θ₂) regression, batch 64",
        kind="training",
        goal=0.15,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
        pytensor=pytensor,
    ),
)
