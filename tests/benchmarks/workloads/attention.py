"""Transformer blocks: layer norm, four heads, a GELU network, each added to its input; one is causal."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem, Workload, glorot, orders

NORM = 1e-5


def make(tiny: bool, *, length: int, d: int, batch: int) -> Problem:
    """Return the weights, and sequences (n, length, features)."""
    rng = np.random.default_rng(9)
    length, d = (5, 4) if tiny else (length, d)
    params = {name: glorot(rng, d, d) for name in ("q", "k", "v", "o")}
    params |= {"a.W": glorot(rng, d, 4 * d), "a.b": np.zeros(4 * d, "float32")}
    params |= {"c.W": glorot(rng, 4 * d, d), "c.b": np.zeros(d, "float32")}
    params |= {"g1": np.ones(d, "float32"), "g2": np.ones(d, "float32")}
    count, batch, steps = (8, 4, 8) if tiny else (128, batch, 32)
    x, y = rng.normal(size=(2, count, length, d)).astype("float32")
    return Problem(params, {"x": x, "y": y}, orders(rng, count, batch, steps), "sgd", 0.1)


def _heads(params: Any) -> int:
    return 2 if int(params["q"].shape[0]) == 4 else 4


def reference(causal: bool, p: Any, batch: Any) -> Any:
    """NumPy."""
    import autograd.numpy as np
    from autograd.scipy.special import erf

    def normed(x: Any, gain: Any) -> Any:
        c = x - np.mean(x, axis=2, keepdims=True)
        return c / np.sqrt(np.mean(c * c, axis=2, keepdims=True) + NORM) * gain

    x = batch["x"]
    n, length, d = x.shape
    heads = _heads(p)

    def split(z: Any) -> Any:
        return np.transpose(z.reshape(n, length, heads, d // heads), (0, 2, 1, 3))

    z = normed(x, p["g1"])
    q, k, v = (split(z @ p[name]) for name in "qkv")
    scores = np.matmul(q, np.transpose(k, (0, 1, 3, 2))) * (d // heads) ** -0.5
    if causal:
        scores = np.where(np.tril(np.ones((length, length), bool)), scores, -np.inf)
    weights = np.exp(scores - np.max(scores, axis=3, keepdims=True))
    mixed = np.matmul(weights / np.sum(weights, axis=3, keepdims=True), v)
    x = x + np.transpose(mixed, (0, 2, 1, 3)).reshape(n, length, d) @ p["o"]
    a = normed(x, p["g2"]) @ p["a.W"] + p["a.b"]
    x = x + (a * (1 + erf(a * 0.5**0.5)) / 2) @ p["c.W"] + p["c.b"]
    return np.mean((x - batch["y"]) ** 2)


def symdl(causal: bool, problem: Problem) -> Any:
    """symdl."""
    import symdl as sd

    n, (_, length, d) = sd.Dim("n"), problem.data["x"].shape
    x, y = sd.tensor("x", (n, length, d)), sd.tensor("y", (n, length, d))
    p = {k: sd.parameter(k, v.shape) for k, v in problem.params.items() if "." not in k}
    heads = _heads(problem.params)

    def normed(x: Any, gain: Any) -> Any:
        c = x - x.mean(2, keepdims=True)
        return c / sd.sqrt((c * c).mean(2, keepdims=True) + NORM) * gain

    def split(z: Any) -> Any:
        return z.reshape(n, length, heads, d // heads).transpose(0, 2, 1, 3)

    z = normed(x, p["g1"])
    q, k, v = (split(z @ p[name]) for name in "qkv")
    if causal:
        mixed = sd.nn.attention(q, k, v, causal=True)
    else:
        scores = q @ k.transpose(0, 1, 3, 2) * (d // heads) ** -0.5
        mixed = sd.exp(scores - sd.logsumexp(scores, 3, keepdims=True)) @ v
    x = x + mixed.transpose(0, 2, 1, 3).reshape(n, length, d) @ p["o"]
    a = sd.nn.dense(normed(x, p["g2"]), 4 * d, activation=sd.nn.gelu, name="a")
    x = x + sd.nn.dense(a, d, name="c")
    return ((x - y) ** 2).mean()


def torch(causal: bool, p: Any, batch: Any) -> Any:
    """PyTorch, with its own attention."""
    from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

    x = batch["x"]
    n, length, d = x.shape
    z = layer_norm(x, (d,), p["g1"], None, NORM)
    q, k, v = ((z @ p[name]).view(n, length, _heads(p), -1).transpose(1, 2) for name in "qkv")
    mixed = scaled_dot_product_attention(q, k, v, is_causal=causal)
    x = x + mixed.transpose(1, 2).reshape(n, length, d) @ p["o"]
    a = gelu(layer_norm(x, (d,), p["g2"], None, NORM) @ p["a.W"] + p["a.b"])
    return ((x + a @ p["c.W"] + p["c.b"] - batch["y"]) ** 2).mean()


def jax(causal: bool, p: Any, batch: Any) -> Any:
    """JAX."""
    import jax.numpy as jnp
    from jax.nn import gelu, softmax

    def normed(x: Any, gain: Any) -> Any:
        c = x - x.mean(2, keepdims=True)
        return c / jnp.sqrt((c * c).mean(2, keepdims=True) + NORM) * gain

    x = batch["x"]
    n, length, d = x.shape
    z = normed(x, p["g1"])
    q, k, v = ((z @ p[name]).reshape(n, length, _heads(p), -1).transpose(0, 2, 1, 3) for name in "qkv")
    scores = q @ k.transpose(0, 1, 3, 2) * q.shape[3] ** -0.5
    if causal:
        scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
    mixed = softmax(scores, axis=3) @ v
    x = x + mixed.transpose(0, 2, 1, 3).reshape(n, length, d) @ p["o"]
    a = gelu(normed(x, p["g2"]) @ p["a.W"] + p["a.b"], approximate=False)
    return ((x + a @ p["c.W"] + p["c.b"] - batch["y"]) ** 2).mean()


def gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Projections and the network; attention's own products head by head."""
    n, (_, length, d) = problem.order.shape[1], problem.data["x"].shape
    heads, rows = _heads(problem.params), n * length
    shapes = [(d, d)] * 4 + [(d, 4 * d), (4 * d, d)]
    large: list[tuple[int, int, int]] = [
        part for k, m in shapes for part in ((rows, k, m), (k, rows, m), (rows, m, k))
    ]
    part = d // heads
    small = [(length, part, length), (length, length, part)] * 3
    return [*large, *small * int(n * heads)]


def _row(name: str, title: str, *, causal: bool, length: int, d: int, batch: int) -> Workload:
    return Workload(
        name=name,
        title=f"{title}, T = {length}, d = {d}, 4 heads, batch {batch}",
        kind="training",
        goal=0.7,
        make=partial(make, length=length, d=d, batch=batch),
        reference=partial(reference, causal),
        symdl=partial(symdl, causal),
        torch=partial(torch, causal),
        jax=partial(jax, causal),
        gemms=gemms,
    )


WORKLOADS = (
    _row("attention", "transformer block", causal=False, length=64, d=64, batch=16),
    _row("gpt", "GPT block of 4 × 64", causal=True, length=256, d=256, batch=4),
)
