"""CuPy has no derivatives: it gives the rates of the device only."""

from __future__ import annotations

from typing import Any

from ..problem import Problem, Workload


def make(peer: str, workload: Workload, problem: Problem, place: str) -> Any:
    """Raise `NotImplementedError`."""
    raise NotImplementedError(workload.name)
