"""What the machine itself takes: the step's matrix products by BLAS, or one copy of arguments and results.

No peer, and nothing to agree with. Products are called from Python, about half a microsecond each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..problem import Array, Problem, Workload


def make(peer: str, workload: Workload, problem: Problem, place: str) -> Any:
    """Return a runner."""
    shapes = workload.gemms(problem)
    if workload.kind == "points":
        return Floor(_copies(problem))
    if not shapes:
        raise NotImplementedError("no matrix products")
    return Floor(_products(shapes))


class Floor:
    """Calls to make once a step."""

    def __init__(self, calls: list[Callable[[], Any]]) -> None:
        self.calls = calls

    def check(self) -> list[Array]:
        """Return nothing."""
        return []

    def run(self, steps: int) -> int:
        """Do steps."""
        for _ in range(steps):
            for call in self.calls:
                call()
        return steps


def _products(shapes: list[tuple[int, int, int]]) -> list[Callable[[], Any]]:
    rng = np.random.default_rng(0)
    made: dict[tuple[int, int, int], Callable[[], Any]] = {}
    for m, k, n in shapes:
        a, b = rng.random((m, k), "float32"), rng.random((k, n), "float32")
        c = np.empty((m, n), "float32")
        made[m, k, n] = partial(np.dot, a, b, out=c)
    return [made[shape] for shape in shapes]


def _copies(problem: Problem) -> list[Callable[[], Any]]:
    """Read every column once and write every result once: the value and one slope a column."""
    columns = list(problem.data.values())
    results = [np.empty_like(c) for c in (columns[0], *columns)]
    sources = [columns[at % len(columns)] for at in range(len(results))]
    return [partial(np.copyto, r, s) for r, s in zip(results, sources, strict=True)]
