"""Workloads in PyTorch: eager, with a fused optimizer, as one compiled graph a step, as a CUDA graph."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from ..problem import BETA1, BETA2, CHECKED_STEPS, EPSILON, Array, Problem, Workload, decay, fitted, with_rows

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
        compiled = peer.startswith("torch compile")
        kinds: dict[str, Any] = {"values": Values, "fit": Fit}
        kind = kinds.get(workload.kind, Compiled if compiled else Function)
        return kind(workload, problem, device, compiled=compiled)
    if peer in ("torch compile", "torch compile 1t"):
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
        self.loss, self.device, self.workload = workload.torch, device, workload
        self.params = tensors(problem.params, device, learned=True)
        self.data = tensors(problem.data, device)
        self.order = torch.tensor(problem.order, device=device)
        kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        options: dict[str, Any] = {"fused": True} if fused else {}
        if problem.optimizer == "adamw":
            options["weight_decay"] = decay(problem)
        self.rate, whole = problem.rate, [v for k, v in self.params.items() if k not in workload.tables]
        # An optimizer wants something to optimize, even if all parameters are tables.
        whole = whole or [torch.zeros(1, device=device, requires_grad=True)]
        self.optimizer = kinds[problem.optimizer](whole, lr=problem.rate, **options, **more)

    def step(self, rows: Any) -> Any:
        """Do one step; return its loss."""
        assert self.loss is not None
        self.optimizer.zero_grad()
        batch = {k: v[rows] for k, v in self.data.items()}
        tables = self.workload.tables
        held = {k: v.detach() if k in tables else v for k, v in self.params.items()}
        params, few = with_rows(self.workload, held, batch, torch.arange(len(rows), device=self.device))
        for table in tables:
            params[table].requires_grad_()
        loss = self.loss(params, few)
        loss.backward()
        self.optimizer.step()
        for table, column in tables.items():
            held[table].index_add_(0, batch[column], params[table].grad, alpha=-self.rate)
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
    """Gather, forward, backward and update in one compiled graph.

    An LSTM of oneDNN cannot be part of one, so that library is not used then.
    """

    def __init__(self, workload: Workload, problem: Problem, device: str) -> None:
        assert workload.torch is not None
        self.device = device
        slope = torch.func.grad_and_value(workload.torch)
        adam, rate, share = problem.optimizer != "sgd", problem.rate, decay(problem)

        def step(params: Any, state: Any, data: Any, rows: Any) -> Any:
            batch = {k: v[rows] for k, v in data.items()}
            count = torch.arange(rows.shape[0], device=device)
            grads, loss = slope(*with_rows(workload, params, batch, count))
            if not adam:
                new = {k: params[k] - rate * grads[k] for k in params if k not in workload.tables}
                for table, column in workload.tables.items():
                    new[table] = params[table].index_add_(0, batch[column], grads[table], alpha=-rate)
                return new, state, loss
            t, ms, vs = state
            t = t + 1
            ms = {k: BETA1 * ms[k] + (1 - BETA1) * grads[k] for k in ms}
            vs = {k: BETA2 * vs[k] + (1 - BETA2) * grads[k] ** 2 for k in vs}
            a, b = 1 / (1 - BETA1**t), 1 / (1 - BETA2**t)
            steps = {k: ms[k] * a / ((vs[k] * b).sqrt() + EPSILON) + share * params[k] for k in params}
            new = {k: params[k] - rate * steps[k] for k in params}
            return new, (t, ms, vs), loss

        self.step = torch.compile(step, fullgraph=True, dynamic=False)
        self.params, self.data = tensors(problem.params, device), tensors(problem.data, device)
        zeros = {k: torch.zeros_like(v) for k, v in self.params.items()}
        self.state: Any = (torch.tensor(0.0, device=device), zeros, dict(zeros)) if adam else ()
        self.order = torch.tensor(problem.order, device=device)

    def check(self) -> list[Array]:
        """Return the losses of the first steps."""
        rows = self.order[:CHECKED_STEPS]
        try:
            return [np.array([self._one(r) for r in rows])]
        except torch._dynamo.exc.TorchDynamoException:
            torch.backends.mkldnn.set_flags(False)
            torch._dynamo.reset()
            return [np.array([self._one(r) for r in rows])]

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
        assert workload.torch is not None and not compiled
        points, self.device = workload.kind == "points", device
        self.params = tensors(problem.params, device, learned=True)
        self.data = tensors(problem.data, device, learned=points)
        self.wrt = list((self.data if points else self.params).values())
        self.f = workload.torch

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


class Compiled:
    """A value and its gradients as one compiled graph."""

    def __init__(self, workload: Workload, problem: Problem, device: str, *, compiled: bool) -> None:
        f, points, self.device = workload.torch, workload.kind == "points", device
        assert f is not None and compiled

        def both(params: Any, data: Any) -> Any:
            wrt = (lambda d: f(params, d)) if points else (lambda p: f(p, data))
            made: Any = torch.func.vjp(wrt, data if points else params)
            value, back = made
            return value, back(torch.ones_like(value))[0]

        self.call = torch.compile(both, fullgraph=True, dynamic=False)
        self.arrays = tensors(problem.params, device), tensors(problem.data, device)
        self.names = list(problem.data if points else problem.params)

    def check(self) -> list[Array]:
        """Return the value and the gradients."""
        value, slopes = self.call(*self.arrays)
        return [value.cpu().numpy(), *(slopes[k].cpu().numpy() for k in self.names)]

    def run(self, steps: int) -> int:
        """Call."""
        for _ in range(steps):
            self.call(*self.arrays)
        finished(self.device)
        return steps


class Values:
    """Several results, with derivatives by torch.func."""

    def __init__(self, workload: Workload, problem: Problem, device: str, *, compiled: bool) -> None:
        self.device, self.call = device, workload.torch
        if compiled:
            compile_: Any = torch.compile
            self.call = compile_(workload.torch, fullgraph=True, dynamic=False)
        self.arrays = tensors(problem.params, device), tensors(problem.data, device)

    def check(self) -> list[Array]:
        """Return the results."""
        assert self.call is not None
        return [found.cpu().numpy() for found in self.call(*self.arrays)]

    def run(self, steps: int) -> int:
        """Call."""
        assert self.call is not None
        for _ in range(steps):
            self.call(*self.arrays)
        finished(self.device)
        return steps


class Fit:
    """Residuals and their Jacobian, called by SciPy."""

    def __init__(self, workload: Workload, problem: Problem, device: str, *, compiled: bool) -> None:
        f, data = workload.torch, tensors(problem.data, device)
        (name,) = problem.params
        assert f is not None

        def value(x: Any) -> Any:
            return f({name: x}, data)

        self.problem, self.calls = problem, [value, torch.func.jacfwd(value)]
        if compiled:
            self.calls = [torch.compile(call, fullgraph=True, dynamic=False) for call in self.calls]

    def fit(self) -> Array:
        """Return the fitted parameters."""
        value, slope = (lambda x, call=call: call(torch.from_numpy(x)).numpy() for call in self.calls)
        return fitted(self.problem, value, slope)

    def check(self) -> list[Array]:
        """Return the fitted parameters."""
        return [self.fit()]

    def run(self, steps: int) -> int:
        """Fit."""
        for _ in range(steps):
            self.fit()
        return steps
