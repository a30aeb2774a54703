"""What the threads of a team do together along a scan: as many steps of a running value as there are threads.

Enters: the value before these steps, and what each thread adds to it. Leaves: functions that are taken into
kernels; they give every thread the value behind its own step (inclusive) or before it (exclusive), and the
one behind all steps. The order of sums depends on the size of the team only. `room` is shared memory of a
block: an element for each warp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.run.cuda.builtins import larger
from symdl.run.cuda.choice import WARP
from symdl.run.cuda.compiler import cuda, inlined
from symdl.run.cuda.numbers import thread, threads
from symdl.run.cuda.teams import plus, times

_ALL = np.uint32(0xFFFFFFFF)


def _behind(both: Any) -> Any:
    """Return what gives each thread of a warp what it and those before it have together."""

    def behind(x: Any) -> Any:
        for distance in (1, 2, 4, 8, 16):
            other = cuda.shfl_up_sync(_ALL, x, distance)
            if thread() % WARP >= distance:
                x = both(other, x)
        return x

    return inlined(behind)


def _inclusive(both: Any) -> Any:
    def own(start: Any, x: Any) -> Any:
        return both(start, x)

    return inlined(own)


def _exclusive(both: Any) -> Any:
    def own(start: Any, x: Any) -> Any:
        other = cuda.shfl_up_sync(_ALL, x, 1)
        return start if thread() % WARP == 0 else both(start, other)

    return inlined(own)


def _of_warp(both: Any, own: Any) -> Any:
    behind = _behind(both)

    def scanned(value: Any, x: Any) -> tuple[Any, Any]:
        x = behind(x)
        return own(value, x), both(value, cuda.shfl_sync(_ALL, x, WARP - 1))

    return inlined(scanned)


def _of_block(both: Any, own: Any) -> Any:
    behind = _behind(both)

    def scanned(value: Any, x: Any, room: Any) -> tuple[Any, Any]:
        x = behind(x)
        if thread() % WARP == WARP - 1:
            room[thread() // WARP] = x
        cuda.syncthreads()
        start = value
        for warp in range(threads() // WARP):
            if warp == thread() // WARP:
                start = value
            value = both(value, room[warp])
        cuda.syncthreads()
        return own(start, x), value

    return inlined(scanned)


warp_inclusive_sum, warp_exclusive_sum = _of_warp(plus, _inclusive(plus)), _of_warp(plus, _exclusive(plus))
warp_inclusive_prod, warp_exclusive_prod = (
    _of_warp(times, _inclusive(times)),
    _of_warp(times, _exclusive(times)),
)
warp_inclusive_max, warp_exclusive_max = (
    _of_warp(larger, _inclusive(larger)),
    _of_warp(larger, _exclusive(larger)),
)
block_inclusive_sum, block_exclusive_sum = (
    _of_block(plus, _inclusive(plus)),
    _of_block(plus, _exclusive(plus)),
)
block_inclusive_prod, block_exclusive_prod = (
    _of_block(times, _inclusive(times)),
    _of_block(times, _exclusive(times)),
)
block_inclusive_max, block_exclusive_max = (
    _of_block(larger, _inclusive(larger)),
    _of_block(larger, _exclusive(larger)),
)
