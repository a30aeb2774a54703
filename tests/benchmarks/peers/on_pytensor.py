"""Workloads in PyTensor, compiled by Numba: one call a step, parameters and data shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from ..problem import BETA1, BETA2, CHECKED_STEPS, EPSILON, Array, Problem, Workload

pytensor.config.floatX = "float32"


def make(peer: str, workload: Workload, problem: Problem, place: str) -> Any:
    """Return a runner."""
    if workload.pytensor is None or workload.kind != "training":
        raise NotImplementedError(workload.name)
    return Training(workload, problem)


class Training:
    """Gather, forward, backward and update in one function."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        assert workload.pytensor is not None
        params = {k: pytensor.shared(v.copy(), k) for k, v in problem.params.items()}
        rows = pt.lvector("rows")
        batch = {k: pytensor.shared(v, k)[rows] for k, v in problem.data.items()}
        loss = workload.pytensor(params, batch)
        updates = _updates(problem, params, pytensor.grad(loss, list(params.values())))
        self.call = pytensor.function([rows], loss, updates=updates, mode="NUMBA")
        self.call.trust_input = True
        self.rows = [np.ascontiguousarray(r) for r in problem.order]

    def check(self) -> list[Array]:
        """Return the losses of the first steps."""
        return [np.array([float(self.call(r)) for r in self.rows[:CHECKED_STEPS]])]

    def run(self, steps: int) -> int:
        """Do steps."""
        for at in range(steps):
            self.call(self.rows[at % len(self.rows)])
        return steps


def _updates(problem: Problem, params: dict[str, Any], grads: list[Any]) -> list[tuple[Any, Any]]:
    f = np.float32
    rate, pairs = f(problem.rate), list(zip(params.values(), grads, strict=True))
    if problem.optimizer == "sgd":
        return [(p, p - rate * g) for p, g in pairs]
    t = pytensor.shared(f(0), "step")
    a, b = f(1) / (f(1) - f(BETA1) ** (t + f(1))), f(1) / (f(1) - f(BETA2) ** (t + f(1)))
    done: list[tuple[Any, Any]] = [(t, t + f(1))]
    for p, g in pairs:
        m0, v0 = (pytensor.shared(np.zeros_like(p.get_value())) for _ in range(2))
        m, v = f(BETA1) * m0 + f(1 - BETA1) * g, f(BETA2) * v0 + f(1 - BETA2) * g * g
        done += [(m0, m), (v0, v), (p, p - rate * (m * a) / (pt.sqrt(v * b) + f(EPSILON)))]
    return done
