"""How fast a core is, measured.

Enters: a type of reals, how much a step works in. Leaves: a `Machine`: what no program on one core of this
computer does better, and against which times can be held.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from symdl.run.cpu.gemm.blas import one_thread
from symdl.schedule.cost import Machine

_SIDES = (96, 384)
"""Rows of the matrices whose products are timed; the faster one counts."""
_MOST = 1 << 27
"""Bytes that are copied, at most: no cache holds as many."""
_SECONDS, _TIMES = 0.01, 3
"""How long each is repeated, and how often at least."""


def measured(dtype: str, moved: int) -> Machine:
    """Return the rates of one core of this computer.

    Args:
        dtype: of reals.
        moved: bytes read and written; the bandwidth is that of copying as many, whatever cache holds them.
    """
    with one_thread():
        rate = max(2 * side**3 / _best(_product(dtype, side)) for side in _SIDES)
    source, target = (np.ones(max(min(moved, _MOST), 2) // 2, "uint8") for _ in range(2))
    bandwidth = 2 * len(source) / _best(lambda: np.copyto(target, source))
    how = "measured by a matrix product of BLAS, and by copying as many bytes as a call moves"
    return Machine("one core of this computer", bandwidth, rate, 0.0, how)


def _product(dtype: str, side: int) -> Callable[[], object]:
    from scipy.linalg import blas  # nobody else needs all of it

    multiply = {"float32": blas.sgemm, "float64": blas.dgemm}[dtype]
    left, right, product = (np.ones((side, side), dtype, "F") for _ in range(3))
    return lambda: multiply(1.0, left, right, c=product, overwrite_c=1)


def _best(work: Callable[[], object]) -> float:
    """Return the least seconds that something took."""
    best, start, times = float("inf"), time.perf_counter(), 0
    while (now := time.perf_counter()) - start < _SECONDS or times < _TIMES:
        work()
        best, times = min(best, time.perf_counter() - now), times + 1
    return best
