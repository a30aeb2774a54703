"""Sorting, and the gradient of a weighted sum of what is sorted, which goes back to where each number was."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem, Workload


def make(tiny: bool, *, shape: tuple[int, ...]) -> Problem:
    """Return numbers (..., n), some of them equal, and a weight for each place in their order."""
    rng = np.random.default_rng(53)
    shape = tuple(min(size, 7) for size in shape) if tiny else shape
    x = rng.exponential(size=shape).astype("float32")
    x[..., 1::5] = x[..., : x[..., 1::5].shape[-1]]
    return Problem({"x": x}, {"w": rng.random(shape[-1], "float32")})


def reference(params: Any, batch: Any) -> Any:
    """NumPy: a stable order, of which nothing is differentiated."""
    import autograd.numpy as np
    from autograd.tracer import getval

    x = params["x"].reshape(-1, params["x"].shape[-1])
    order = np.argsort(getval(x), axis=1, kind="stable")
    return np.mean(x[np.arange(len(order))[:, None], order] * batch["w"])


def on_symdl(problem: Problem) -> Any:
    """symdl; it keeps the order of equal numbers."""
    import symdl as sd

    x = sd.parameter("x", problem.params["x"].shape)
    return (sd.sort(x) * sd.tensor("w", problem.data["w"].shape)).mean()


def on_torch(params: Any, batch: Any) -> Any:
    """PyTorch, stable as the others."""
    import torch

    return (torch.sort(params["x"], stable=True).values * batch["w"]).mean()


def on_jax(params: Any, batch: Any) -> Any:
    """JAX, which is stable."""
    import jax.numpy as jnp

    return (jnp.sort(params["x"]) * batch["w"]).mean()


def _row(name: str, title: str, *shape: int) -> Workload:
    return Workload(
        name=name,
        title=f"{title} sorted, gradient of a weighted sum",
        kind="gradient",
        goal=1.0,
        make=partial(make, shape=shape),
        reference=reference,
        symdl=on_symdl,
        torch=on_torch,
        jax=on_jax,
    )


WORKLOADS = (
    _row("sort", "10⁵ numbers", 100_000),
    _row("sort1m", "10⁶ numbers", 1_000_000),
    _row("sorts", "1000 rows of 1000 numbers", 1000, 1000),
)
