"""What training does with samples and losses on a device.

Enters: a type of reals. Leaves: kernels that gather the samples of a batch, and that keep totals of
an epoch. The order of the samples begins with the position of the batch in it, which `advance` moves on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.run.cuda.numbers import block, blocks, thread, threads


def gather_kernel(
    source: Any, target: Any, order: Any, first: int, count: int, width: int, lead: int
) -> None:
    """Sample `first` and those behind it of a batch: `width` elements of rows with `lead`."""
    begin = 1 + order[0] + first
    at, end, wide = block() * threads() + thread(), np.int64(count) * np.int64(width), np.int64(width)
    while at < end:
        i, j = at // wide, at % wide
        target[i * lead + j] = source[order[begin + i] * lead + j]
        at += blocks() * threads()


def advance(order: Any, count: int) -> None:
    """Go on to the next batch, so many samples further."""
    if block() + thread() == 0:
        order[0] += count


def total_kernel(real: Any) -> Any:
    """Return the kernel that adds `value` so many times to number `at` of the totals, which are float64.

    A number of times below 0 stands for the larger of the two.
    """

    def add_to_total(totals: Any, value: Any, at: int, count: int) -> None:
        if block() + thread() == 0:
            kept, new = totals[at], np.float64(real(value[0]))
            if count >= 0:
                totals[at] = kept + new * count
            elif new > kept or new != new:
                totals[at] = new

    return add_to_total
