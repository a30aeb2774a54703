"""The workloads in PyTorch: eager, and as one compiled graph that gathers, differentiates and updates.

More threads than one make small steps slower, so these have one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from symdl.cli.peers.workloads import RATE, Way, Workload

_THREADS = torch.get_num_threads()


def ways(workload: Workload, *, quick: bool) -> list[Way]:
    """Return both ways; only the first if it is to be `quick`."""
    torch.set_num_threads(1 if workload.small else _THREADS)
    make = _network if workload.sizes else _formula
    return [make(workload, compiled=compiled) for compiled in ((False,) if quick else (False, True))]


def _named(compiled: bool) -> str:
    return "torch, compiled" if compiled else "torch"


def _compiled(function: Any) -> Any:
    make: Any = torch.compile
    return make(function, fullgraph=True, dynamic=False)


def _formula(workload: Workload, *, compiled: bool) -> Way:
    columns = [torch.tensor(c) for c in workload.columns().values()]

    def value(x: Any, y: Any, z: Any) -> Any:
        return torch.sin(x * x * y) + torch.exp(z)

    def eager() -> Any:
        leaves = [c.detach().requires_grad_() for c in columns]
        found = value(*leaves)
        return found.detach(), torch.autograd.grad(found, leaves, torch.ones_like(found))

    def both(*points: Any) -> Any:
        made: Any = torch.func.vjp(value, *points)
        return made[0], made[1](torch.ones_like(made[0]))

    graph = _compiled(both) if compiled else None
    call: Callable[[], Any] = eager if graph is None else lambda: graph(*columns)
    return Way(_named(compiled), lambda: float(call()[0].mean()), call)


def _network(workload: Workload, *, compiled: bool) -> Way:
    weights = {name: torch.tensor(value) for name, value in workload.weights().items()}
    data = {name: torch.tensor(value) for name, value in workload.samples().items()}
    rows = torch.arange(workload.steps * workload.batch).reshape(workload.steps, workload.batch)
    last = len(workload.sizes) - 2

    def loss(w: Any, batch: Any) -> Any:
        h = batch["X"]
        for at in range(last):
            h = (h @ w[f"l{at}.W"] + w[f"l{at}.b"]).relu()
        return torch.nn.functional.cross_entropy(h @ w[f"l{last}.W"] + w[f"l{last}.b"], batch["t"])

    step = _graph_step(loss, weights, data) if compiled else _eager_step(loss, weights, data)

    def epoch() -> float:
        return float(sum(step(some) for some in rows)) / len(rows)

    return Way(_named(compiled), epoch, epoch)


def _graph_step(loss: Any, weights: Any, data: Any) -> Any:
    """Return a step in one graph."""
    slope = torch.func.grad_and_value(loss)

    def step(w: Any, data: Any, some: Any) -> Any:
        slopes, found = slope(w, {name: value[some] for name, value in data.items()})
        return {name: w[name] - RATE * slopes[name] for name in w}, found

    graph = _compiled(step)

    def run(some: Any) -> Any:
        new, found = graph(weights, data, some)
        weights.update(new)
        return found

    return run


def _eager_step(loss: Any, weights: Any, data: Any) -> Any:
    """Return a step with an optimizer of PyTorch's, which updates all weights at once."""
    leaves = {name: value.requires_grad_() for name, value in weights.items()}
    optimizer = torch.optim.SGD(leaves.values(), lr=RATE, foreach=True)

    def run(some: Any) -> Any:
        optimizer.zero_grad()
        found = loss(leaves, {name: value[some] for name, value in data.items()})
        found.backward()
        optimizer.step()
        return found.detach()

    return run
