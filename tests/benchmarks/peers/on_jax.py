"""Workloads in JAX: one compiled call a step, and a scan over an epoch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..problem import BETA1, BETA2, CHECKED_STEPS, EPSILON, Array, Problem, Workload, decay, fitted, with_rows


def make(peer: str, workload: Workload, problem: Problem, place: str) -> Any:
    """Return a runner.

    Raises:
        RuntimeError: a device is asked for, and JAX sees none.
    """
    if place == "cuda":
        if jax.default_backend() != "gpu":
            raise RuntimeError(f"JAX runs on {jax.default_backend()} here")
        # By default products are rounded to TF32 there, which the others do not do either.
        jax.config.update("jax_default_matmul_precision", "highest")
    if workload.jax is None:
        raise NotImplementedError(workload.name)
    if workload.kind == "training":
        return Training(workload, problem, scan=peer.startswith("jax scan"))
    if peer.startswith("jax scan"):
        raise NotImplementedError("nothing to scan over")
    kinds: dict[str, Any] = {"values": Values, "fit": Fit}
    return kinds.get(workload.kind, Function)(workload, problem)


class Training:
    """Gather, forward, backward and update, compiled; parameters are donated."""

    def __init__(self, workload: Workload, problem: Problem, *, scan: bool) -> None:
        assert workload.jax is not None
        slope = jax.value_and_grad(workload.jax)
        adam, rate, share = problem.optimizer != "sgd", problem.rate, decay(problem)
        data = {k: jnp.asarray(v) for k, v in problem.data.items()}

        def step(carry: Any, rows: Any, data: Any) -> Any:
            params, state = carry
            batch = {k: v[rows] for k, v in data.items()}
            loss, grads = slope(*with_rows(workload, params, batch, jnp.arange(len(rows))))
            if not adam:
                new = {k: params[k] - rate * grads[k] for k in params if k not in workload.tables}
                for table, column in workload.tables.items():
                    new[table] = params[table].at[batch[column]].add(-rate * grads[table])
                return (new, state), loss
            t, ms, vs = state
            t = t + 1
            ms = {k: BETA1 * ms[k] + (1 - BETA1) * grads[k] for k in ms}
            vs = {k: BETA2 * vs[k] + (1 - BETA2) * grads[k] ** 2 for k in vs}
            a, b = 1 / (1 - BETA1**t), 1 / (1 - BETA2**t)
            steps = {k: ms[k] * a / (jnp.sqrt(vs[k] * b) + EPSILON) + share * params[k] for k in params}
            new = {k: params[k] - rate * steps[k] for k in params}
            return (new, (t, ms, vs)), loss

        def epoch(carry: Any, order: Any, data: Any) -> Any:
            return lax.scan(lambda c, rows: step(c, rows, data), carry, order)

        self.scan, self.data = scan, data
        self.call = jax.jit(epoch if scan else step, donate_argnums=0)
        params = {k: jnp.array(v) for k, v in problem.params.items()}
        zeros = [{k: jnp.zeros_like(v) for k, v in params.items()} for _ in range(2)]
        self.carry: Any = (params, (jnp.zeros(()), *zeros) if adam else ())
        self.order = jnp.asarray(problem.order)
        self.rows = [jnp.asarray(r) for r in problem.order]

    def check(self) -> list[Array]:
        """Return the losses of the first steps."""
        if self.scan:
            self.carry, losses = self.call(self.carry, self.order[:CHECKED_STEPS], self.data)
            return [np.asarray(losses)]
        found = []
        for rows in self.rows[:CHECKED_STEPS]:
            self.carry, loss = self.call(self.carry, rows, self.data)
            found.append(float(loss))
        return [np.array(found)]

    def run(self, steps: int) -> int:
        """Do steps; a scan does whole epochs."""
        done = 0
        while done < steps:
            if self.scan:
                self.carry, _ = self.call(self.carry, self.order, self.data)
                done += len(self.rows)
            else:
                self.carry, _ = self.call(self.carry, self.rows[done % len(self.rows)], self.data)
                done += 1
        jax.block_until_ready(self.carry)
        return done


class Function:
    """A value and its gradients."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        f = workload.jax
        assert f is not None
        points = workload.kind == "points"

        def both(params: Any, data: Any) -> Any:
            wrt = (lambda d: f(params, d)) if points else (lambda p: f(p, data))
            value, back = jax.vjp(wrt, data if points else params)
            return value, back(jnp.ones_like(value))[0]

        self.names = list(problem.data if points else problem.params)
        self.arrays = [{k: jnp.asarray(v) for k, v in a.items()} for a in (problem.params, problem.data)]
        self.call = jax.jit(both)

    def check(self) -> list[Array]:
        """Return the value and the gradients."""
        value, slopes = self.call(*self.arrays)
        return [np.asarray(value), *(np.asarray(slopes[k]) for k in self.names)]

    def run(self, steps: int) -> int:
        """Call, and wait for the last result."""
        result = None
        for _ in range(steps):
            result = self.call(*self.arrays)
        jax.block_until_ready(result)
        return steps


class Values:
    """Several results."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        assert workload.jax is not None
        self.arrays = [{k: jnp.asarray(v) for k, v in a.items()} for a in (problem.params, problem.data)]
        self.call = jax.jit(workload.jax)

    def check(self) -> list[Array]:
        """Return the results."""
        return [np.asarray(found) for found in self.call(*self.arrays)]

    def run(self, steps: int) -> int:
        """Call, and wait for the last results."""
        found = None
        for _ in range(steps):
            found = self.call(*self.arrays)
        jax.block_until_ready(found)
        return steps


class Fit:
    """Residuals and their Jacobian, called by SciPy."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        jax.config.update("jax_enable_x64", True)
        f, (name,) = workload.jax, problem.params
        assert f is not None
        data = {k: jnp.asarray(v) for k, v in problem.data.items()}

        def value(x: Any) -> Any:
            return f({name: x}, data)

        self.problem, self.value, self.slope = problem, jax.jit(value), jax.jit(jax.jacfwd(value))

    def check(self) -> list[Array]:
        """Return the fitted parameters."""
        return [fitted(self.problem, self.value, self.slope)]

    def run(self, steps: int) -> int:
        """Fit."""
        for _ in range(steps):
            fitted(self.problem, self.value, self.slope)
        return steps
