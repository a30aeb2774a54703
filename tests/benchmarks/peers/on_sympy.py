"""Scalar functions by ``sympy.lambdify``: value and derivatives as NumPy code with common subexpressions."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from ..problem import Array, Problem, Workload


def make(peer: str, workload: Workload, problem: Problem, place: str) -> Any:
    """Return a runner."""
    if workload.kind != "points":
        raise NotImplementedError("no scalar function")
    return Function(workload, problem)


class Function:
    """A value and its slopes; SymPy derives one formula a variable."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        symbols = [sp.Symbol(name, real=True) for name in problem.data]
        value = workload.symdl(problem)
        formulas = [value, *(sp.diff(value, symbol) for symbol in symbols)]
        self.call = sp.lambdify(symbols, formulas, "numpy", cse=True)
        self.columns = list(problem.data.values())

    def check(self) -> list[Array]:
        """Return the value and the slopes."""
        return [np.asarray(found) for found in self.call(*self.columns)]

    def run(self, steps: int) -> int:
        """Call."""
        for _ in range(steps):
            self.call(*self.columns)
        return steps
