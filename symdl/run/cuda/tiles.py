"""What threads do in a tile of a matrix product.

Enters: a tiling, a type of reals. Leaves: functions that are taken into kernels. Panels hold, for each of
`depth` elements along the inner axis, those of all rows (or columns) of a tile side by side, so that a
thread reads its own ones as one vector. The order of sums depends on the tiling only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.lower.cuda.tiles import LARGE, SLICES, TILES, Tiling
from symdl.run.cuda.compiler import cuda, inlined
from symdl.run.cuda.numbers import thread


def clearing(tiling: Tiling, real: Any) -> Any:
    """Return what sets the sums of a thread to zero."""
    count, zero = tiling.sums, real(0.0)

    def clear(sums: Any) -> None:
        for e in range(count):
            sums[e] = zero

    return inlined(clear)


def accumulating(tiling: Tiling) -> Any:
    """Return what adds to the sums of a thread what its slice of two panels holds."""
    own, across, lead = tiling.own, tiling.across, tiling.lead
    depth, members = tiling.depth // tiling.slices, across**2

    def accumulate(sums: Any, left: Any, right: Any) -> None:
        begin = thread() // members * (depth * lead)
        row = np.uint64(begin + thread() % members // across * own)
        column = np.uint64(begin + thread() % across * own)
        p = 0
        while p < depth:
            for i in range(own):
                value = left[row + np.uint64(i)]
                for j in range(own):
                    sums[i * own + j] += value * right[column + np.uint64(j)]
            row += np.uint64(lead)
            column += np.uint64(lead)
            p += 1

    return inlined(accumulate)


def adding(tiling: Tiling, real: Any) -> Any:
    """Return what adds the sums of all slices in their order; a thread gets one element of the tile."""
    own, across, side, slices = tiling.own, tiling.across, tiling.side, tiling.slices
    members, zero = across**2, real(0.0)

    def together(sums: Any, room: Any) -> None:
        mine = thread() // members * side**2 + thread() % members // across * own * side
        mine += thread() % across * own
        cuda.syncthreads()
        for i in range(own):
            for j in range(own):
                room[mine + i * side + j] = sums[i * own + j]
        cuda.syncthreads()
        total = zero
        for part in range(slices):
            total += room[part * side**2 + thread()]
        sums[0] = total

    return inlined(together)


def functions_of_tiles(real: Any) -> tuple[Any, ...]:
    """Return the functions for a type of reals, by the names that they have in `symdl.emit.cuda.tiles`."""
    return (
        clearing(TILES, real),
        accumulating(TILES),
        clearing(SLICES, real),
        accumulating(SLICES),
        adding(SLICES, real),
        clearing(LARGE, real),
        accumulating(LARGE),
    )
