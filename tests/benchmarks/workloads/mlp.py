"""The slides' network, 784-100-200-10 with ReLU and cross-entropy; and one of iris's size, 4-16-3."""

from __future__ import annotations

import os
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ..problem import Arrays, Problem, Workload, glorot, orders

SAMPLES = 20_000


def digits(rng: np.random.Generator) -> Arrays:
    """Return MNIST from the folder SYMDL_DATA, or noise of its shape."""
    if os.environ.get("SYMDL_DATA"):
        from symdl.train.mnist import load_mnist

        images, labels, *_ = load_mnist()
        flat = images[:SAMPLES].reshape(-1, 784).astype("float32") / 255
        return {"X": flat, "t": labels[:SAMPLES].astype("int64")}
    return {"X": rng.random((SAMPLES, 784), "float32"), "t": rng.integers(0, 10, SAMPLES)}


def make(tiny: bool, *, sizes: tuple[int, ...], batch: int, optimizer: str) -> Problem:
    """Return weights of a network with these layers, and samples."""
    rng = np.random.default_rng(1)
    sizes = (6, 5, 4, 3)[-len(sizes) :] if tiny else sizes
    params: Arrays = {}
    for at, (inputs, units) in enumerate(pairwise(sizes)):
        params[f"l{at}.W"] = glorot(rng, inputs, units)
        params[f"l{at}.b"] = np.zeros(units, "float32")
    if sizes[0] == 784:
        data, steps = digits(rng), 300
    else:
        count = 20 if tiny else 150
        data = {"X": rng.normal(size=(count, sizes[0])).astype("float32")}
        data["t"], steps = rng.integers(0, sizes[-1], count), 4000
    batch, steps = (4, 8) if tiny else (batch, steps)
    order = orders(rng, len(data["t"]), batch, steps)
    return Problem(params, data, order, optimizer, 1e-3 if optimizer == "adam" else 0.05)


def layers(params: Any) -> list[tuple[Any, Any]]:
    """Return pairs of weight and bias."""
    return [(params[f"l{at}.W"], params[f"l{at}.b"]) for at in range(len(params) // 2)]


def reference(params: Any, batch: Any) -> Any:
    """NumPy."""
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    *hidden, (w, b) = layers(params)
    h, t = batch["X"], batch["t"]
    for weight, bias in hidden:
        h = np.maximum(h @ weight + bias, 0)
    z = h @ w + b
    return np.mean(logsumexp(z, axis=1) - z[np.arange(len(t)), t])


def symdl(problem: Problem) -> Any:
    """symdl."""
    import symdl as sd

    n = sd.Dim("n")
    *hidden, last = [w.shape[1] for w, _ in layers(problem.params)]
    h, t = sd.tensor("X", (n, problem.data["X"].shape[1])), sd.tensor("t", (n,), dtype="int64")
    for at, units in enumerate(hidden):
        h = sd.nn.dense(h, units, activation=sd.relu, name=f"l{at}")
    return sd.nn.cross_entropy(sd.nn.dense(h, last, name=f"l{len(hidden)}"), t)


def torch(params: Any, batch: Any) -> Any:
    """PyTorch."""
    from torch.nn.functional import cross_entropy

    *hidden, (w, b) = layers(params)
    h = batch["X"]
    for weight, bias in hidden:
        h = (h @ weight + bias).relu()
    return cross_entropy(h @ w + b, batch["t"])


def jax(params: Any, batch: Any) -> Any:
    """JAX."""
    import jax.numpy as jnp
    from jax.nn import logsumexp, relu

    *hidden, (w, b) = layers(params)
    h, t = batch["X"], batch["t"]
    for weight, bias in hidden:
        h = relu(h @ weight + bias)
    z = h @ w + b
    return (logsumexp(z, axis=1) - z[jnp.arange(len(t)), t]).mean()


def pytensor(params: Any, batch: Any) -> Any:
    """PyTensor."""
    import pytensor.tensor as pt

    *hidden, (w, b) = layers(params)
    h, t = batch["X"], batch["t"]
    for weight, bias in hidden:
        h = pt.maximum(pt.dot(h, weight) + bias, 0)
    z = pt.dot(h, w) + b
    return pt.mean(pt.logsumexp(z, axis=1) - z[pt.arange(t.shape[0]), t])


def gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Forward, weights' gradients, and all but the first layer's inputs' gradients."""
    n = problem.order.shape[1]
    shapes = [w.shape for w, _ in layers(problem.params)]
    forward = [(n, k, m) for k, m in shapes]
    weights = [(k, n, m) for k, m in shapes]
    return forward + weights + [(n, m, k) for k, m in shapes[1:]]


SLIDES = (784, 100, 200, 10)
_MATHEMATICS = (reference, symdl, torch, jax, pytensor, gemms)


def _row(name: str, title: str, goal: float, sizes: tuple[int, ...], batch: int, optimizer: str) -> Workload:
    numbers = partial(make, sizes=sizes, batch=batch, optimizer=optimizer)
    return Workload(name, f"{title}, batch {batch}", "training", goal, numbers, *_MATHEMATICS)


WORKLOADS = (
    _row("mlp-sgd-64", "784-100-200-10, SGD", 0.65, SLIDES, 64, "sgd"),
    _row("mlp-sgd-128", "784-100-200-10, SGD", 0.65, SLIDES, 128, "sgd"),
    _row("mlp-adam-64", "784-100-200-10, Adam", 0.65, SLIDES, 64, "adam"),
    _row("mlp-adam-128", "784-100-200-10, Adam", 0.65, SLIDES, 128, "adam"),
    _row("iris", "4-16-3, SGD", 0.25, (4, 16, 3), 32, "sgd"),
)
WIDE = (784, 4096, 4096, 10)
_NETWORK = "784-100-200-10, SGD"
ON_DEVICES = (
    *(w for w in WORKLOADS if w.name in ("mlp-sgd-64", "mlp-sgd-128")),
    _row("mlp-sgd-1024", _NETWORK, 0.7, SLIDES, 1024, "sgd"),
    _row("mlp-sgd-8192", _NETWORK, 0.7, SLIDES, 8192, "sgd"),
    _row("wide", "784-4096-4096-10, SGD", 1.1, WIDE, 1024, "sgd"),
)
"""For graphics processors: more samples at a time, wider layers."""
