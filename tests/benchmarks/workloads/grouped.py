"""Causal self-attention with fewer heads of keys than of queries: eight on two; a step of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem, Workload, glorot, orders

GROUPS = 2
"""Heads of keys and values."""


def make(tiny: bool) -> Problem:
    """Return projections, and sequences (n, length, features)."""
    rng = np.random.default_rng(47)
    length, heads, part = (5, 4, 2) if tiny else (128, 8, 16)
    d, few = heads * part, GROUPS * part
    params = {name: glorot(rng, d, wide) for name, wide in (("q", d), ("k", few), ("v", few), ("o", d))}
    count, batch, steps = (8, 4, 8) if tiny else (64, 8, 32)
    x, y = rng.normal(size=(2, count, length, d)).astype("float32")
    return Problem(params, {"x": x, "y": y}, orders(rng, count, batch, steps), "sgd", 0.1)


def _part(p: Any) -> int:
    """Return the features of a head."""
    return int(p["k"].shape[1]) // GROUPS


def reference(p: Any, batch: Any) -> Any:
    """NumPy: keys and values are repeated."""
    import autograd.numpy as np

    x, part = batch["x"], _part(p)
    n, length, d = x.shape
    q, k, v = (np.transpose((x @ p[s]).reshape(n, length, -1, part), (0, 2, 1, 3)) for s in "qkv")
    k, v = (np.repeat(z, q.shape[1] // GROUPS, axis=1) for z in (k, v))
    scores = np.matmul(q, np.transpose(k, (0, 1, 3, 2))) * part**-0.5
    scores = np.where(np.tril(np.ones((length, length), bool)), scores, -np.inf)
    weights = np.exp(scores - np.max(scores, axis=3, keepdims=True))
    mixed = np.matmul(weights / np.sum(weights, axis=3, keepdims=True), v)
    return np.mean((np.transpose(mixed, (0, 2, 1, 3)).reshape(n, length, d) @ p["o"] - batch["y"]) ** 2)


def symdl(problem: Problem) -> Any:
    """symdl."""
    import symdl as sd

    n, (_, length, d) = sd.Dim("n"), problem.data["x"].shape
    x, y = sd.tensor("x", (n, length, d)), sd.tensor("y", (n, length, d))
    p, part = {k: sd.parameter(k, v.shape) for k, v in problem.params.items()}, _part(problem.params)

    def split(z: Any) -> Any:
        return z.reshape(n, length, int(z.shape[2]) // part, part).transpose(0, 2, 1, 3)

    mixed = sd.nn.attention(*(split(x @ p[name]) for name in "qkv"), causal=True)
    return ((mixed.transpose(0, 2, 1, 3).reshape(n, length, d) @ p["o"] - y) ** 2).mean()


def torch(p: Any, batch: Any) -> Any:
    """PyTorch, with its own attention."""
    from torch.nn.functional import scaled_dot_product_attention

    x = batch["x"]
    n, length, d = x.shape
    q, k, v = ((x @ p[name]).view(n, length, -1, _part(p)).transpose(1, 2) for name in "qkv")
    mixed = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return ((mixed.transpose(1, 2).reshape(n, length, d) @ p["o"] - batch["y"]) ** 2).mean()


def jax(p: Any, batch: Any) -> Any:
    """JAX: the heads of a group side by side, so that keys are not repeated."""
    import jax.numpy as jnp
    from jax.nn import softmax

    x, part = batch["x"], _part(p)
    n, length, d = x.shape
    q = (x @ p["q"]).reshape(n, length, GROUPS, -1, part)
    k, v = ((x @ p[name]).reshape(n, length, GROUPS, part) for name in "kv")
    scores = jnp.einsum("nighd,njgd->nghij", q, k) * part**-0.5
    scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
    mixed = jnp.einsum("nghij,njgd->nighd", softmax(scores, axis=4), v).reshape(n, length, d)
    return ((mixed @ p["o"] - batch["y"]) ** 2).mean()


def gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Projections; attention's own products head by head."""
    n, (_, length, d) = problem.order.shape[1], problem.data["x"].shape
    rows, part = n * length, _part(problem.params)
    wide = [value.shape[1] for value in problem.params.values()]
    large = [shape for m in wide for shape in ((rows, d, m), (d, rows, m))]
    large.append((rows, d, d))  # back through the projection behind; nothing goes back to the samples
    small = [(length, part, length), (length, length, part)] * 3
    return [*large, *small * int(n * d // part)]


WORKLOADS = (
    Workload(
        name="grouped",
        title="grouped-query attention, T = 128, d = 128, 8 heads on 2, batch 8",
        kind="training",
        goal=0.7,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
        gemms=gemms,
    ),
)
