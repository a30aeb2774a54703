"""Workloads in PyTorch: eager, with a fused optimizer, as one compiled graph a step, as a CUDA graph."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from ..problem import BETA1, BETA2, CHECKED_STEPS, EPSILON, Array, Problem, Workload

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


def make(peer: str, workload: Workload, problem: Problem, place: str) -> Any:
    """Return a runner."""
    if workload.torch is None:
        raise NotImplementedError(workload.name)
    device = "cuda" if place == "cuda" else "cpu"
    if device == "cuda":  # products in float32, as the others'
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if workload.kind != "training":
        if peer in ("torch fused", "torch graphs", "torch compile graphs"):
            raise NotImplementedError("no optimizer")
        return Function(workload, problem, device, compiled=peer == "torch compile")
    if peer == "torch compile":
        return Graph(workload, problem, device)
    if peer.endswith("graphs"):
        return Captured(workload, problem, device, compiled=peer == "torch compile graphs")
    return Eager(workload, problem, device, fused=peer == "torch fused")


def tensors(arrays: dict[str, Array], device: str, *, learned: bool = False) -> dict[str, Any]:
    """Return copies as tensors."""
    return {k: torch.tensor(v, requires_grad=learned, device=device) for k, v in arrays.items()}


def finished(device: str) -> None:
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


class Eager:
    """Forward, backward and an optimizer of torch.optim."""

    def __init__(
        self, workload: Workload, problem: Problem, device: str, *, fused: bool, **more: Any
    ) -> None:
        self.loss, self.device = workload.torch, device
        self.params = tensors(problem.params, device, learned=True)
        self.data = tensors(problem.data, device)
        self.order = torch.tensor(problem.order, device=device)
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[problem.optimizer]
        options: dict[str, Any] = {"fused": True} if fused else {}
        self.optimizer = kind(list(self.params.values()), lr=problem.rate, **options, **more)

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
        finished(self.device)
        return steps


class Captured(Eager):
    """The same steps as a CUDA graph, replayed for every batch; on a processor, which has none, step by step.

    Warming up changes weights and states, so both are set back before the graph is used.
    """

    def __init__(self, workload: Workload, problem: Problem, device: str, *, compiled: bool) -> None:
        adam = problem.optimizer == "adam"
        more = {"capturable": True} if adam and device == "cuda" else {}
        super().__init__(workload, problem, device, fused=True, **more)
        if compiled:
            compile_: Any = torch.compile
            self.loss = compile_(workload.torch)
        self.rows = self.order[0].clone()
        self.kept = [p.detach().clone() for p in self.params.values()]
        self.replay = self._captured() if device == "cuda" else self._once
        self._set_back()

    def _once(self) -> None:
        self.found = super().step(self.rows)

    def _captured(self) -> Any:
        other = torch.cuda.Stream()
        other.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(other):
            for _ in range(3):
                self._once()
        torch.cuda.current_stream().wait_stream(other)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._once()
        return graph.replay

    def _set_back(self) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.params.values(), self.kept, strict=True):
                parameter.copy_(value)
        for state in self.optimizer.state.values():
            for value in state.values():
                if torch.is_tensor(value):
                    value.zero_()

    def step(self, rows: Any) -> Any:
        """Do one step; return where its loss will be."""
        self.rows.copy_(rows)
        self.replay()
        return self.found


class Graph:
    """Gather, forward, backward and update in one compiled graph."""

    def __init__(self, workload: Workload, problem: Problem, device: str) -> None:
        assert workload.torch is not None
        self.device = device
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
        self.params, self.data = tensors(problem.params, device), tensors(problem.data, device)
        zeros = {k: torch.zeros_like(v) for k, v in self.params.items()}
        self.state: Any = (torch.tensor(0.0, device=device), zeros, dict(zeros)) if adam else ()
        self.order = torch.tensor(problem.order, device=device)

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
        finished(self.device)
        return steps


class Function:
    """A value and its gradients."""

    def __init__(self, workload: Workload, problem: Problem, device: str, *, compiled: bool) -> None:
        assert workload.torch is not None
        points, self.device = workload.kind == "points", device
        self.params = tensors(problem.params, device, learned=True)
        self.data = tensors(problem.data, device, learned=points)
        self.wrt = list((self.data if points else self.params).values())
        self.f = torch.compile(workload.torch) if compiled else workload.torch

    def _call(self) -> Any:
        value = self.f(self.params, self.data)
        return value, torch.autograd.grad(value, self.wrt, torch.ones_like(value))

    def check(self) -> list[Array]:
        """Return the value and the gradients."""
        value, slopes = self._call()
        return [value.detach().cpu().numpy(), *(s.cpu().numpy() for s in slopes)]

    def run(self, steps: int) -> int:
        """Call."""
        for _ in range(steps):
            self._call()
        finished(self.device)
        return steps
