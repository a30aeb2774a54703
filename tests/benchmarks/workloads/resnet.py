"""A block of a residual network: two 3×3 convolutions with batch norms, and what went in added."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem, Workload, glorot, orders
from .formulas import normal

NORM = 1e-5


def make(tiny: bool) -> Problem:
    """Return kernels, gains and shifts, a last layer; images (n, channels, size, size) of classes."""
    rng = np.random.default_rng(61)
    count, channels, size, classes, batch = (8, 2, 4, 3, 4) if tiny else (512, 32, 16, 10, 32)
    params = {}
    for at in range(2):
        params[f"c{at}.W"] = normal(rng, channels, channels, 3, 3, scale=(2 / (9 * channels)) ** 0.5)
        params[f"g{at}"] = rng.uniform(0.8, 1.2, size=channels).astype("float32")
        params[f"s{at}"] = normal(rng, channels, scale=0.1)
    params |= {"l.W": glorot(rng, channels, classes), "l.b": np.zeros(classes, "float32")}
    data = {"x": normal(rng, count, channels, size, size), "t": rng.integers(0, classes, count)}
    return Problem(params, data, orders(rng, count, batch, 8 if tiny else 32), "sgd", 0.05)


def reference(p: Any, batch: Any) -> Any:
    """NumPy: a convolution is nine products of shifted images."""
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    def convolved(x: Any, k: Any) -> Any:
        high, wide = x.shape[2:]
        x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), "constant")
        shifted = [(r, s, x[:, :, r : r + high, s : s + wide]) for r in range(3) for s in range(3)]
        return sum(np.einsum("ncpq,oc->nopq", w, k[:, :, r, s]) for r, s, w in shifted)

    def normed(x: Any, gain: Any, shift: Any) -> Any:
        c = x - np.mean(x, axis=(0, 2, 3), keepdims=True)
        c = c / np.sqrt(np.mean(c * c, axis=(0, 2, 3), keepdims=True) + NORM)
        return c * gain[:, None, None] + shift[:, None, None]

    x, t = batch["x"], batch["t"]
    h = np.maximum(normed(convolved(x, p["c0.W"]), p["g0"], p["s0"]), 0)
    h = np.maximum(normed(convolved(h, p["c1.W"]), p["g1"], p["s1"]) + x, 0)
    z = np.mean(h, axis=(2, 3)) @ p["l.W"] + p["l.b"]
    return np.mean(logsumexp(z, axis=1) - z[np.arange(len(t)), t])


def symdl(problem: Problem) -> Any:
    """symdl. Its own batch norm would keep running statistics, too; here all have those of the batch only."""
    import symdl as sd

    n, (_, channels, size, _) = sd.Dim("n"), problem.data["x"].shape
    x, t = sd.tensor("x", (n, channels, size, size)), sd.tensor("t", (n,), dtype="int64")
    p = {name: sd.parameter(name, v.shape) for name, v in problem.params.items() if "." not in name}

    def convolved(x: Any, at: int) -> Any:
        return sd.nn.conv2d(x, channels, kernel_size=3, padding=1, bias=False, name=f"c{at}")

    def normed(x: Any, at: int) -> Any:
        c = x - x.mean((0, 2, 3), keepdims=True)
        c = c / sd.sqrt((c * c).mean((0, 2, 3), keepdims=True) + NORM)
        return c * p[f"g{at}"][:, None, None] + p[f"s{at}"][:, None, None]

    h = sd.relu(normed(convolved(x, 0), 0))
    h = sd.relu(normed(convolved(h, 1), 1) + x)
    return sd.nn.cross_entropy(sd.nn.dense(h.mean((2, 3)), problem.params["l.W"].shape[1], name="l"), t)


def torch(p: Any, batch: Any) -> Any:
    """PyTorch."""
    from torch.nn.functional import batch_norm, conv2d, cross_entropy

    def normed(x: Any, at: int) -> Any:
        return batch_norm(x, None, None, p[f"g{at}"], p[f"s{at}"], True, 0.0, NORM)

    x = batch["x"]
    h = normed(conv2d(x, p["c0.W"], padding=1), 0).relu()
    h = (normed(conv2d(h, p["c1.W"], padding=1), 1) + x).relu()
    return cross_entropy(h.mean((2, 3)) @ p["l.W"] + p["l.b"], batch["t"])


def jax(p: Any, batch: Any) -> Any:
    """JAX, with channels last inside."""
    import jax.numpy as jnp
    from jax import lax
    from jax.nn import logsumexp, relu

    def convolved(x: Any, kernel: Any) -> Any:
        layout = ("NHWC", "OIHW", "NHWC")
        return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)

    def normed(x: Any, at: int) -> Any:
        c = x - x.mean((0, 1, 2))
        return c / jnp.sqrt((c * c).mean((0, 1, 2)) + NORM) * p[f"g{at}"] + p[f"s{at}"]

    x, t = batch["x"].transpose(0, 2, 3, 1), batch["t"]
    h = relu(normed(convolved(x, p["c0.W"]), 0))
    h = relu(normed(convolved(h, p["c1.W"]), 1) + x)
    z = h.mean((1, 2)) @ p["l.W"] + p["l.b"]
    return (logsumexp(z, axis=1) - z[jnp.arange(len(t)), t]).mean()


WORKLOADS = (
    Workload(
        name="resnet",
        title="residual block, 32 channels 16×16, batch norms, batch 32",
        kind="training",
        goal=0.7,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
    ),
)
