"""Recurrent networks: 32 features, 64 units, the last state mapped to 10. Vanilla, GRU, LSTM."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem, Workload, glorot, orders


def make(tiny: bool, *, gates: int, time: int, batch: int) -> Problem:
    """Return the weights of the cell and of the map, and sequences (n, time, features)."""
    rng = np.random.default_rng(7)
    count, time, features, units, results = (10, 5, 3, 4, 2) if tiny else (512, time, 32, 64, 10)
    params = {
        "r.W": glorot(rng, features, gates * units),
        "r.U": glorot(rng, units, gates * units),
        "r.b": np.zeros(gates * units, "float32"),
        "l.W": glorot(rng, units, results),
        "l.b": np.zeros(results, "float32"),
    }
    if gates == GRU:
        params["r.d"] = np.zeros(gates * units, "float32")
    data = {
        "x": rng.normal(size=(count, time, features)).astype("float32"),
        "y": rng.normal(size=(count, results)).astype("float32"),
    }
    return Problem(params, data, orders(rng, count, 4 if tiny else batch, 8 if tiny else 64), "sgd", 0.05)


VANILLA, GRU, LSTM = 1, 3, 4
"""Gates of a cell."""


def reference(gates: int, params: Any, batch: Any) -> Any:
    """NumPy."""
    import autograd.numpy as np

    def squash(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    x, u = batch["x"], params["r.U"]
    c = h = np.zeros((x.shape[0], u.shape[0]))
    for t in range(x.shape[1]):
        z = x[:, t] @ params["r.W"] + params["r.b"]
        if gates == VANILLA:
            h = np.tanh(z + h @ u)
            continue
        if gates == GRU:
            q = h @ u + params["r.d"]
            (zr, zu, zn), (qr, qu, qn) = (np.split(part, 3, axis=1) for part in (z, q))
            keep = squash(zu + qu)
            h = (1 - keep) * np.tanh(zn + squash(zr + qr) * qn) + keep * h
            continue
        i, f, g, o = np.split(z + h @ u, 4, axis=1)
        c = squash(f) * c + squash(i) * np.tanh(g)
        h = squash(o) * np.tanh(c)
    return np.mean((h @ params["l.W"] + params["l.b"] - batch["y"]) ** 2)


def symdl(gates: int, problem: Problem) -> Any:
    """symdl."""
    import symdl as sd

    n, (_, time, features) = sd.Dim("n"), problem.data["x"].shape
    units, results = problem.params["l.W"].shape
    x, y = sd.tensor("x", (n, time, features)), sd.tensor("y", (n, results))
    cells = {VANILLA: sd.nn.rnn, GRU: sd.nn.gru, LSTM: lambda *a, **k: sd.nn.lstm(*a, **k)[0]}
    h = cells[gates](x, units, name="r")
    return ((sd.nn.dense(h[:, time - 1], results, name="l") - y) ** 2).mean()


def torch(gates: int, params: Any, batch: Any) -> Any:
    """PyTorch: its own layer, called with the weights as it stores them."""
    import torch as tp

    x = batch["x"]
    other = params["r.d"] if gates == GRU else tp.zeros_like(params["r.b"])
    weights = [params["r.W"].T, params["r.U"].T, params["r.b"], other]
    start = x.new_zeros((1, x.shape[0], params["r.U"].shape[0]))
    options = (True, 1, 0.0, True, False, True)  # bias, layers, dropout, training, both ways, batch first
    if gates != LSTM:
        h = (tp.gru if gates == GRU else tp.rnn_tanh)(x, start, weights, *options)[0]
    else:
        h = tp.lstm(x, (start, start), weights, *options)[0]
    return ((h[:, -1] @ params["l.W"] + params["l.b"] - batch["y"]) ** 2).mean()


def jax(gates: int, params: Any, batch: Any) -> Any:
    """JAX: the inputs' part of all steps at once, then a scan."""
    import jax.numpy as jnp
    from jax import lax
    from jax.nn import sigmoid

    inputs = (batch["x"] @ params["r.W"] + params["r.b"]).transpose(1, 0, 2)

    def step(state: Any, z: Any) -> Any:
        h, c = state
        if gates == GRU:
            q = h @ params["r.U"] + params["r.d"]
            (zr, zu, zn), (qr, qu, qn) = (jnp.split(part, 3, axis=1) for part in (z, q))
            keep = sigmoid(zu + qu)
            return ((1 - keep) * jnp.tanh(zn + sigmoid(zr + qr) * qn) + keep * h, c), None
        z = z + h @ params["r.U"]
        if gates == VANILLA:
            return (jnp.tanh(z), c), None
        i, f, g, o = jnp.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return (sigmoid(o) * jnp.tanh(c), c), None

    zero = jnp.zeros((inputs.shape[1], params["r.U"].shape[0]))
    (h, _), _ = lax.scan(step, (zero, zero), inputs)
    return ((h @ params["l.W"] + params["l.b"] - batch["y"]) ** 2).mean()


def gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """The inputs' projection and its weights' gradient at once, the states' step by step."""
    n, time, features = problem.order.shape[1], *problem.data["x"].shape[1:]
    units, wide = problem.params["r.U"].shape
    steps = [(n, units, wide), (n, wide, units)] * time
    return [(n * time, features, wide), (features, n * time, wide), (units, n * time, wide), *steps]


def _row(name: str, title: str, gates: int, goal: float, *, time: int = 50, batch: int = 32) -> Workload:
    return Workload(
        name=name,
        title=f"{title}, 32 → 64, {time} steps, batch {batch}",
        kind="training",
        goal=goal,
        make=partial(make, gates=gates, time=time, batch=batch),
        reference=partial(reference, gates),
        symdl=partial(symdl, gates),
        torch=partial(torch, gates),
        jax=partial(jax, gates),
        gemms=gemms,
    )


WORKLOADS = (
    _row("rnn", "vanilla RNN", VANILLA, 0.40),
    _row("lstm", "LSTM", LSTM, 0.40),
    _row("rnn-16", "vanilla RNN", VANILLA, 0.70, time=16),
    _row("gru-128", "GRU", GRU, 0.70, batch=128),
    _row("lstm-128", "LSTM", LSTM, 0.70, batch=128),
)
