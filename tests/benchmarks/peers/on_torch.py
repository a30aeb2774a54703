"""Workloads in PyTorch: eager, with a fused optimizer, and as one compiled graph a step."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from ..problem import BETA1, BETA2, CHECKED_STEPS, EPSILON, Array, Problem, Workload

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


def make(peer: str, workload: Workload, problem: Problem) -> Any:
    """Return a runner."""
    if workload.torch is None:
        raise NotImplementedError(workload.name)
    if workload.kind != "training":
        if peer == "torch fused":
            raise NotImplementedError("no optimizer")
        return Function(workload, problem, compiled=peer == "torch compile")
    if peer == "torch compile":
        return Graph(workload, problem)
    return Eager(workload, problem, fused=peer == "torch fused")


def tensors(arrays: dict[str, Array], *, learned: bool = False) -> dict[str, Any]:
    """Return copies as tensors."""
    return {k: torch.tensor(v, requires_grad=learned) for k, v in arrays.items()}


class Eager:
    """Forward, backward and an optimizer of torch.optim."""

    def __init__(self, workload: Workload, problem: Problem, *, fused: bool) -> None:
        self.loss = workload.torch
        self.params, self.data = tensors(problem.params, learned=True), tensors(problem.data)
        self.order = torch.tensor(problem.order)
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[problem.optimizer]
        options: dict[str, Any] = {"fused": True} if fused else {}
        self.optimizer = kind(list(self.params.values()), lr=problem.rate, **options)

    def step(self, rows: Any) -> Any:
        """Do one step; return its loss."""
        assert self.loss is not None
        self.optimizer.zero_grad()
        loss = self.loss(self.params, {k: v[rows] for k, v in self.data.items()})
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def check(self) -> list[Array]:
        """Return the losses of the first steps."""
        return [np.array([float(self.step(rows)) for rows in self.order[:CHECKED_STEPS]])]

    def run(self, steps: int) -> int:
        """Do steps."""
        for at in range(steps):
            self.step(self.order[at % len(self.order)])
        return steps


class Graph:
    """Gather, forward, backward and update in one compiled graph."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        assert workload.torch is not None
        slope = torch.func.grad_and_value(workload.torch)
        adam, rate = problem.optimizer == "adam", problem.rate

        def step(params: Any, state: Any, data: Any, rows: Any) -> Any:
            grads, loss = slope(params, {k: v[rows] for k, v in data.items()})
            if not adam:
                return {k: params[k] - rate * grads[k] for k in params}, state, loss
            t, ms, vs = state
            t = t + 1
            ms = {k: BETA1 * ms[k] + (1 - BETA1) * grads[k] for k in ms}
            vs = {k: BETA2 * vs[k] + (1 - BETA2) * grads[k] ** 2 for k in vs}
            a, b = 1 / (1 - BETA1**t), 1 / (1 - BETA2**t)
            new = {k: params[k] - rate * (ms[k] * a) / ((vs[k] * b).sqrt() + EPSILON) for k in params}
            return new, (t, ms, vs), loss

        self.step = torch.compile(step)
        self.params, self.data = tensors(problem.params), tensors(problem.data)
        zeros = {k: torch.zeros_like(v) for k, v in self.params.items()}
        self.state: Any = (torch.tensor(0.0), zeros, dict(zeros)) if adam else ()
        self.order = torch.tensor(problem.order)

    def check(self) -> list[Array]:
        """Return the losses of the first steps."""
        return [np.array([self._one(rows) for rows in self.order[:CHECKED_STEPS]])]

    def _one(self, rows: Any) -> float:
        self.params, self.state, loss = self.step(self.params, self.state, self.data, rows)
        return float(loss)

    def run(self, steps: int) -> int:
        """Do steps."""
        for at in range(steps):
            rows = self.order[at % len(self.order)]
            self.params, self.state, _ = self.step(self.params, self.state, self.data, rows)
        return steps


class Function:
    """A value and its gradients."""

    def __init__(self, workload: Workload, problem: Problem, *, compiled: bool) -> None:
        assert workload.torch is not None
        points = workload.kind == "points"
        self.params = tensors(problem.params, learned=True)
        self.data = tensors(problem.data, learned=points)
        self.wrt = list((self.data if points else self.params).values())
        self.f = torch.compile(workload.torch) if compiled else workload.torch

    def _call(self) -> Any:
        value = self.f(self.params, self.data)
        return value, torch.autograd.grad(value, self.wrt, torch.ones_like(value))

    def check(self) -> list[Array]:
        """Return the value and the gradients."""
        value, slopes = self._call()
        return [value.detach().numpy(), *(s.numpy() for s in slopes)]

    def run(self, steps: int) -> int:
        """Call."""
        for _ in range(steps):
            self._call()
        return steps
