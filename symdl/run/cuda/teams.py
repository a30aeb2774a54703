"""What the threads of a team do together: run up one value.

Enters: what each thread has. Leaves: functions that are taken into kernels; they give every thread what all
hold together. A team is a warp of 32 threads; or a block; or, of a block seen as 32 columns, the threads of a
column. The order of sums depends on the size of the team only. `room` is shared memory: 32 elements for a
block, as many as threads for columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.run.cuda.builtins import larger
from symdl.run.cuda.choice import WARP
from symdl.run.cuda.compiler import cuda, inlined
from symdl.run.cuda.numbers import thread, threads

_ALL = np.uint32(0xFFFFFFFF)


@inlined
def plus(a: Any, b: Any) -> Any:
    """Return the sum."""
    return a + b


@inlined
def times(a: Any, b: Any) -> Any:
    """Return the product."""
    return a * b


@inlined
def beyond(a: Any, a_at: Any, b: Any, b_at: Any) -> Any:
    """Say whether the second value is to be kept: the larger, NaN before all, the first of equal ones."""
    if a != a:
        return b != b and b_at < a_at
    return b > a or b != b or (b == a and b_at < a_at)


def _of_warp(both: Any) -> Any:
    def combined(x: Any) -> Any:
        for distance in (16, 8, 4, 2, 1):
            x = both(x, cuda.shfl_xor_sync(_ALL, x, distance))
        return x

    return inlined(combined)


def _of_block(both: Any, of_warp: Any) -> Any:
    def combined(x: Any, room: Any) -> Any:
        x = of_warp(x)
        if thread() % WARP == 0:
            room[thread() // WARP] = x
        cuda.syncthreads()
        x = room[0]
        for warp in range(1, threads() // WARP):
            x = both(x, room[warp])
        cuda.syncthreads()
        return x

    return inlined(combined)


def _of_column(both: Any) -> Any:
    def combined(x: Any, room: Any) -> Any:
        room[thread()] = x
        cuda.syncthreads()
        x = room[thread() % WARP]
        for row in range(1, threads() // WARP):
            x = both(x, room[row * WARP + thread() % WARP])
        cuda.syncthreads()
        return x

    return inlined(combined)


warp_sum, warp_prod, warp_max = _of_warp(plus), _of_warp(times), _of_warp(larger)
block_sum, block_prod = _of_block(plus, warp_sum), _of_block(times, warp_prod)
block_max = _of_block(larger, warp_max)
column_sum, column_prod, column_max = _of_column(plus), _of_column(times), _of_column(larger)


@inlined
def warp_argmax(x: Any, at: Any) -> tuple[Any, Any]:
    """Return the largest value of a warp and its position."""
    for distance in (16, 8, 4, 2, 1):
        other, other_at = cuda.shfl_xor_sync(_ALL, x, distance), cuda.shfl_xor_sync(_ALL, at, distance)
        if beyond(x, at, other, other_at):
            x, at = other, other_at
    return x, at


@inlined
def block_argmax(x: Any, at: Any, room: Any, places: Any) -> tuple[Any, Any]:
    """Return the largest value of a block and its position."""
    x, at = warp_argmax(x, at)
    if thread() % WARP == 0:
        room[thread() // WARP] = x
        places[thread() // WARP] = at
    cuda.syncthreads()
    x, at = room[0], places[0]
    for warp in range(1, threads() // WARP):
        if beyond(x, at, room[warp], places[warp]):
            x, at = room[warp], places[warp]
    cuda.syncthreads()
    return x, at


@inlined
def column_argmax(x: Any, at: Any, room: Any, places: Any) -> tuple[Any, Any]:
    """Return the largest value of a column and its position."""
    room[thread()] = x
    places[thread()] = at
    cuda.syncthreads()
    x, at = room[thread() % WARP], places[thread() % WARP]
    for row in range(1, threads() // WARP):
        here = row * WARP + thread() % WARP
        if beyond(x, at, room[here], places[here]):
            x, at = room[here], places[here]
    cuda.syncthreads()
    return x, at
