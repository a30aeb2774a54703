"""A small convolutional network: 28×28, conv 8, pool, conv 16, pool, dense 10; windows 3×3, zero borders."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Arrays, Problem, Workload, glorot, orders
from .mlp import digits


def make(tiny: bool) -> Problem:
    """Return kernels (outputs, inputs, 3, 3), and images (n, 1, height, width).

    The biases are not zero: at the corner of ReLU, where black pixels would be, libraries differ.
    """
    rng = np.random.default_rng(6)
    size, first, second, classes = (8, 2, 3, 3) if tiny else (28, 8, 16, 10)
    data: Arrays
    if tiny:
        data = {"X": rng.random((12, 1, size, size), "float32"), "t": rng.integers(0, classes, 12)}
    else:
        data = {k: v[:4096] for k, v in digits(rng).items()}
        data["X"] = data["X"].reshape(-1, 1, size, size)
    params = {
        "c0.K": (rng.normal(size=(first, 1, 3, 3)) / 3).astype("float32"),
        "c0.b": (0.1 * rng.normal(size=first)).astype("float32"),
        "c1.K": (rng.normal(size=(second, first, 3, 3)) / 8).astype("float32"),
        "c1.b": (0.1 * rng.normal(size=second)).astype("float32"),
        "l.W": glorot(rng, second * (size // 4) ** 2, classes),
        "l.b": np.zeros(classes, "float32"),
    }
    count = len(data["t"])
    return Problem(params, data, orders(rng, count, 4 if tiny else 64, 8 if tiny else 100), "sgd", 0.05)


def reference(params: Any, batch: Any) -> Any:
    """NumPy: a convolution is nine products of shifted images."""
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    def convolved(x: Any, k: Any, b: Any) -> Any:
        high, wide = x.shape[2:]
        x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), "constant")
        shifted = [(r, s, x[:, :, r : r + high, s : s + wide]) for r in range(3) for s in range(3)]
        return sum(np.einsum("ncpq,oc->nopq", w, k[:, :, r, s]) for r, s, w in shifted) + b[:, None, None]

    def pooled(x: Any) -> Any:
        n, c, high, wide = x.shape
        return np.max(x.reshape(n, c, high // 2, 2, wide // 2, 2), axis=(3, 5))

    h, t = batch["X"], batch["t"]
    for at in range(2):
        h = pooled(np.maximum(convolved(h, params[f"c{at}.K"], params[f"c{at}.b"]), 0))
    z = h.reshape(len(t), -1) @ params["l.W"] + params["l.b"]
    return np.mean(logsumexp(z, axis=1) - z[np.arange(len(t)), t])


def symdl(problem: Problem) -> Any:
    """symdl, in index notation."""
    import sympy as sp

    import symdl as sd

    n, size = sd.Dim("n"), problem.data["X"].shape[2]
    i, o, c, p, q, r, s = sd.indices("i o c p q r s")

    def convolved(x: Any, name: str, size: int) -> Any:
        kernel = sd.parameter(f"{name}.K", problem.params[f"{name}.K"].shape)
        bias = sd.parameter(f"{name}.b", kernel.shape[:1])
        inside = sp.And(p + r >= 1, p + r <= size, q + s >= 1, q + s <= size)
        term = sp.Piecewise((x[i, c, p + r - 1, q + s - 1] * kernel[o, c, r, s], inside), (0, True))
        body = sd.Sum(term, (c, kernel.shape[1]), (r, 3), (s, 3)) + bias[o]
        return sd.define(f"{name}.Z", (i, o, p, q), body, shape=(n, kernel.shape[0], size, size))

    def pooled(x: Any, size: int) -> Any:
        window = sd.Max(x[i, c, 2 * p + r, 2 * q + s], (r, 2), (s, 2))
        return sd.define(None, (i, c, p, q), window, shape=(n, x.shape[1], size // 2, size // 2))

    h, t = sd.tensor("X", (n, 1, size, size)), sd.tensor("t", (n,), dtype="int64")
    for name in ("c0", "c1"):
        h = pooled(sd.relu(convolved(h, name, size)), size)
        size //= 2
    features, classes = problem.params["l.W"].shape
    return sd.nn.cross_entropy(sd.nn.dense(h.reshape(n, features), classes, name="l"), t)


def torch(params: Any, batch: Any) -> Any:
    """PyTorch."""
    from torch.nn.functional import conv2d, cross_entropy, max_pool2d

    h = batch["X"]
    for at in range(2):
        h = max_pool2d(conv2d(h, params[f"c{at}.K"], params[f"c{at}.b"], padding=1).relu(), 2)
    return cross_entropy(h.flatten(1) @ params["l.W"] + params["l.b"], batch["t"])


def jax(params: Any, batch: Any) -> Any:
    """JAX, with channels last inside, which is what its CPU code likes."""
    import jax.numpy as jnp
    from jax import lax
    from jax.nn import logsumexp, relu

    h, t = batch["X"].transpose(0, 2, 3, 1), batch["t"]
    for at in range(2):
        kernel, layout = params[f"c{at}.K"], ("NHWC", "OIHW", "NHWC")
        h = lax.conv_general_dilated(h, kernel, (1, 1), "SAME", dimension_numbers=layout)
        h = relu(h + params[f"c{at}.b"])
        n, high, wide, c = h.shape
        h = h.reshape(n, high // 2, 2, wide // 2, 2, c).max((2, 4))
    z = h.transpose(0, 3, 1, 2).reshape(len(t), -1) @ params["l.W"] + params["l.b"]
    return (logsumexp(z, axis=1) - z[jnp.arange(len(t)), t]).mean()


WORKLOADS = (
    Workload(
        name="cnn",
        title="CNN 1×28×28, conv 8, pool, conv 16, pool, dense; batch 64",
        kind="training",
        goal=0.30,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
    ),
)
