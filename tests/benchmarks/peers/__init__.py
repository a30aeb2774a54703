"""How each library runs any workload.

Enters: a workload and a problem. Leaves: a `Runner`. `PEERS` names every way of running and the library that
it needs; it is imported only in the process that uses it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, Protocol

from ..problem import Array, Problem, Workload

Place = Literal["cpu", "cuda", "simulated"]
"""Where a peer runs. With ``simulated`` symdl has the device of the tests, others have the processor."""


class Runner(Protocol):
    """A workload, ready to run."""

    def check(self) -> list[Array]:
        """Return what `problem.expected` returns. Called once, first."""

    def run(self, steps: int) -> int:
        """Do about `steps` steps (or calls); return how many."""


PEERS: dict[str, tuple[str, str]] = {
    "symdl": ("on_symdl", "symdl"),
    "symdl 1t": ("on_symdl", "symdl"),
    "torch": ("on_torch", "torch"),
    "torch 1t": ("on_torch", "torch"),
    "torch fused": ("on_torch", "torch"),
    "torch compile": ("on_torch", "torch"),
    "torch compile 1t": ("on_torch", "torch"),
    "jax step": ("on_jax", "jax"),
    "jax step 1t": ("on_jax", "jax"),
    "jax scan": ("on_jax", "jax"),
    "jax scan 1t": ("on_jax", "jax"),
    "torch graphs": ("on_torch", "torch"),
    "torch compile graphs": ("on_torch", "torch"),
    "pytensor": ("on_pytensor", "pytensor"),
    "pytensor 1t": ("on_pytensor", "pytensor"),
    "cupy": ("on_cupy", "cupy"),
    "lambdify": ("on_sympy", "sympy"),
    "floor 1t": ("on_floor", "numpy"),
    "floor": ("on_floor", "numpy"),
}
"""The file and the needed library of each peer. Those with ``1t`` have one core, the others two."""
FLOORS = ("floor", "floor 1t")
"""No peers: matrix products alone, or copying all arguments and results once."""
OURS = ("symdl", "symdl 1t")
SLOW_START = ("torch compile", "torch compile 1t", "lambdify")
"""What ``--quick`` leaves out."""
ON_DEVICES = (
    *("symdl", "torch fused", "torch compile", "torch graphs", "torch compile graphs", "jax step"),
    *("jax scan", "cupy"),
)
"""What is timed on a graphics processor; CuPy gives rates only."""
ON_PROCESSORS = tuple(p for p in PEERS if not p.endswith("graphs") and p != "cupy")
"""What is timed on the processor."""


def imported(peer: str) -> Any:
    """Return the module of a peer, with its library loaded."""
    return importlib.import_module(f".{PEERS[peer][0]}", __package__)


def runner(peer: str, workload: Workload, problem: Problem, place: Place = "cpu") -> Runner:
    """Return a runner.

    Raises:
        NotImplementedError: the peer does not have this workload.
    """
    make: Callable[[str, Workload, Problem, Place], Runner] = imported(peer).make
    return make(peer, workload, problem, place)
