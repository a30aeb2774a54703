"""A network on volumes of 16×16×16: conv 8, pool, conv 16, pool, dense 10; windows 3×3×3, zero borders."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ..problem import Problem, Workload, glorot, orders


def make(tiny: bool) -> Problem:
    """Return kernels (outputs, inputs, 3, 3, 3), and volumes (n, 1, depth, height, width)."""
    rng = np.random.default_rng(43)
    size, first, second, classes = (4, 2, 3, 3) if tiny else (16, 8, 16, 10)
    params = {
        "c0.W": (rng.normal(size=(first, 1, 3, 3, 3)) / 5).astype("float32"),
        "c0.b": (0.1 * rng.normal(size=first)).astype("float32"),
        "c1.W": (rng.normal(size=(second, first, 3, 3, 3)) / 14).astype("float32"),
        "c1.b": (0.1 * rng.normal(size=second)).astype("float32"),
        "l.W": glorot(rng, second * (size // 4) ** 3, classes),
        "l.b": np.zeros(classes, "float32"),
    }
    count, batch, steps = (8, 4, 8) if tiny else (256, 16, 32)
    data = {"X": rng.normal(size=(count, 1, size, size, size)).astype("float32")}
    data["t"] = rng.integers(0, classes, count)
    return Problem(params, data, orders(rng, count, batch, steps), "sgd", 0.05)


def reference(params: Any, batch: Any) -> Any:
    """NumPy: a convolution is 27 products of shifted volumes."""
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    def convolved(x: Any, k: Any, b: Any) -> Any:
        d, h, w = x.shape[2:]
        x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1), (1, 1)), "constant")
        parts = [
            np.einsum("ncdpq,oc->nodpq", x[:, :, r : r + d, s : s + h, u : u + w], k[:, :, r, s, u])
            for r, s, u in product(range(3), repeat=3)
        ]
        return sum(parts) + b[:, None, None, None]

    def pooled(x: Any) -> Any:
        n, c, d, h, w = x.shape
        return np.max(x.reshape(n, c, d // 2, 2, h // 2, 2, w // 2, 2), axis=(3, 5, 7))

    h, t = batch["X"], batch["t"]
    for at in range(2):
        h = pooled(np.maximum(convolved(h, params[f"c{at}.W"], params[f"c{at}.b"]), 0))
    z = h.reshape(len(t), -1) @ params["l.W"] + params["l.b"]
    return np.mean(logsumexp(z, axis=1) - z[np.arange(len(t)), t])


def symdl(problem: Problem) -> Any:
    """symdl."""
    import symdl as sd

    n, size = sd.Dim("n"), problem.data["X"].shape[2]
    h, t = sd.tensor("X", (n, 1, size, size, size)), sd.tensor("t", (n,), dtype="int64")
    for name in ("c0", "c1"):
        channels = problem.params[f"{name}.W"].shape[0]
        h = sd.nn.conv3d(h, channels, kernel_size=3, padding=1, activation=sd.relu, name=name)
        h = sd.nn.max_pool3d(h, 2)
    features, classes = problem.params["l.W"].shape
    return sd.nn.cross_entropy(sd.nn.dense(h.reshape(n, features), classes, name="l"), t)


def torch(params: Any, batch: Any) -> Any:
    """PyTorch."""
    from torch.nn.functional import conv3d, cross_entropy, max_pool3d

    h = batch["X"]
    for at in range(2):
        h = max_pool3d(conv3d(h, params[f"c{at}.W"], params[f"c{at}.b"], padding=1).relu(), 2)
    return cross_entropy(h.flatten(1) @ params["l.W"] + params["l.b"], batch["t"])


def jax(params: Any, batch: Any) -> Any:
    """JAX, with channels last inside, which is what its CPU code likes."""
    import jax.numpy as jnp
    from jax import lax
    from jax.nn import logsumexp, relu

    h, t = batch["X"].transpose(0, 2, 3, 4, 1), batch["t"]
    for at in range(2):
        kernel, layout = params[f"c{at}.W"], ("NDHWC", "OIDHW", "NDHWC")
        h = lax.conv_general_dilated(h, kernel, (1, 1, 1), "SAME", dimension_numbers=layout)
        h = relu(h + params[f"c{at}.b"])
        n, deep, high, wide, c = h.shape
        h = h.reshape(n, deep // 2, 2, high // 2, 2, wide // 2, 2, c).max((2, 4, 6))
    z = h.transpose(0, 4, 1, 2, 3).reshape(len(t), -1) @ params["l.W"] + params["l.b"]
    return (logsumexp(z, axis=1) - z[jnp.arange(len(t)), t]).mean()


WORKLOADS = (
    Workload(
        name="conv3d",
        title="CNN 1×16×16×16, conv 8, pool, conv 16, pool, dense; batch 16",
        kind="training",
        goal=0.7,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
    ),
)
