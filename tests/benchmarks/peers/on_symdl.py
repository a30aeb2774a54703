"""Workloads in symdl: through `Model`'s training kernel, or as a compiled function."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import symdl as sd
from symdl.run.compiled import Compiled
from symdl.run.cuda.runtime import CudaRuntime
from symdl.run.runtime import Target
from symdl.run.scalar_function import ScalarFunction
from symdl.run.training import TrainingKernel, compile_training
from symdl.targets import CPU, CUDA
from symdl.train.weights import initial

from ..problem import CHECKED_STEPS, Array, Problem, Workload, fitted


def make(peer: str, workload: Workload, problem: Problem, place: str) -> Any:
    """Return a runner."""
    if workload.kind == "training":
        return Training(workload, problem, target_of(place))
    kinds: dict[str, Any] = {"values": Values, "fit": Fit}
    return kinds.get(workload.kind, Function)(workload, problem, target_of(place))


def target_of(place: str) -> Target:
    """Return the target of a place."""
    if place == "simulated":
        from tests.cuda.device import SimulatedDevice

        device = SimulatedDevice()
        return replace(CUDA, runtime=CudaRuntime(lambda: device))
    return {"cpu": CPU, "cuda": CUDA}[place]


def kernel(workload: Workload, problem: Problem, target: Target = CPU) -> TrainingKernel:
    """Return the compiled training step."""
    loss = workload.symdl(problem)
    optimizer = {"sgd": sd.nn.SGD, "adam": sd.nn.Adam, "adamw": sd.nn.AdamW}[problem.optimizer](problem.rate)
    return compile_training(loss, sd.parameters(loss), optimizer.updates, dtype="float32", target=target)


class Training:
    """Steps inside one compiled call an epoch."""

    def __init__(self, workload: Workload, problem: Problem, target: Target = CPU) -> None:
        self.problem = problem
        self.kernel = kernel(workload, problem, target)
        self.weights = {name: value.copy() for name, value in problem.params.items()}
        self.weights |= initial(self.kernel.states, seed=0, dtype="float32")
        batch = problem.order.shape[1]
        self.bound = self.kernel.bind(self.weights, problem.data, batch)

    def check(self) -> list[Array]:
        """Return the losses of the first steps."""
        first = self.problem.order[:CHECKED_STEPS]
        return [np.array([self.bound.run(rows) / len(rows) for rows in first])]

    def run(self, steps: int) -> int:
        """Do steps, at most an epoch a call."""
        order, (length, _) = self.problem.order.reshape(-1), self.problem.order.shape
        done = 0
        while done < steps:
            done += min(length, steps - done)
            self.bound.run(order, 0, min(length, steps))
        return done


class Function:
    """A value and its gradients, called from Python."""

    def __init__(self, workload: Workload, problem: Problem, target: Target = CPU) -> None:
        self.arrays = {**problem.params, **problem.data}
        self.names = list(problem.data if workload.kind == "points" else problem.params)
        output = workload.symdl(problem)
        wrt: Any = self.names if workload.kind == "points" else "parameters"
        self.function: Compiled | ScalarFunction = sd.compile(output, wrt=wrt, dtype="float32", target=target)

    def check(self) -> list[Array]:
        """Return the value and the gradients."""
        value, slopes = self.function(**self.arrays)
        return [np.asarray(value), *(slopes[name] for name in self.names)]

    def run(self, steps: int) -> int:
        """Call."""
        for _ in range(steps):
            self.function(**self.arrays)
        return steps


class Values:
    """Several results, called from Python."""

    def __init__(self, workload: Workload, problem: Problem, target: Target = CPU) -> None:
        self.arrays = {**problem.params, **problem.data}
        self.function: Any = sd.compile(workload.symdl(problem), dtype="float32", target=target)

    def check(self) -> list[Array]:
        """Return the results."""
        return [np.asarray(found) for found in self.function(**self.arrays)]

    def run(self, steps: int) -> int:
        """Call."""
        for _ in range(steps):
            self.function(**self.arrays)
        return steps


class Fit:
    """Residuals and their Jacobian, called by SciPy."""

    def __init__(self, workload: Workload, problem: Problem, target: Target = CPU) -> None:
        self.problem, (self.name,) = problem, problem.params
        residuals = workload.symdl(problem)
        slopes = sd.jacobian(residuals, sd.parameters(residuals)[0])
        self.functions: Any = [sd.compile(t, dtype="float64", target=target) for t in (residuals, slopes)]

    def fit(self) -> Array:
        """Return the fitted parameters."""
        data = self.problem.data
        value, slope = (lambda x, call=call: call(**data, **{self.name: x}) for call in self.functions)
        return fitted(self.problem, value, slope)

    def check(self) -> list[Array]:
        """Return the fitted parameters."""
        return [self.fit()]

    def run(self, steps: int) -> int:
        """Fit."""
        for _ in range(steps):
            self.fit()
        return steps
