"""The workloads in JAX: one compiled call, in which a scan runs over the batches of an epoch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from symdl.cli.peers.workloads import RATE, Way, Workload


def ways(workload: Workload, *, quick: bool) -> list[Way]:
    """Return the one way there is."""
    return [_network(workload) if workload.sizes else _formula(workload)]


def _formula(workload: Workload) -> Way:
    columns = [jnp.asarray(c) for c in workload.columns().values()]

    def both(x: Any, y: Any, z: Any) -> Any:
        found, back = jax.vjp(lambda x, y, z: jnp.sin(x * x * y) + jnp.exp(z), x, y, z)
        return found, back(jnp.ones_like(found))

    call = jax.jit(both)
    return Way(
        "jax",
        lambda: float(call(*columns)[0].mean()),
        lambda: jax.block_until_ready(call(*columns)),
    )


def _network(workload: Workload) -> Way:
    carry = [{name: jnp.asarray(value) for name, value in workload.weights().items()}]
    data = {name: jnp.asarray(value) for name, value in workload.samples().items()}
    rows = jnp.arange(workload.steps * workload.batch).reshape(workload.steps, workload.batch)
    last = len(workload.sizes) - 2

    def loss(w: Any, batch: Any) -> Any:
        h, t = batch["X"], batch["t"]
        for at in range(last):
            h = jax.nn.relu(h @ w[f"l{at}.W"] + w[f"l{at}.b"])
        z = h @ w[f"l{last}.W"] + w[f"l{last}.b"]
        return (jax.nn.logsumexp(z, axis=1) - z[jnp.arange(len(t)), t]).mean()

    def step(w: Any, some: Any, data: Any) -> Any:
        found, slopes = jax.value_and_grad(loss)(w, {name: value[some] for name, value in data.items()})
        return {name: w[name] - RATE * slopes[name] for name in w}, found

    def scan(w: Any, data: Any) -> Any:
        return jax.lax.scan(lambda w, some: step(w, some, data), w, rows)

    call = jax.jit(scan, donate_argnums=0)

    def epoch() -> float:
        carry[0], losses = call(carry[0], data)
        return float(losses.mean())

    return Way("jax", epoch, epoch)
