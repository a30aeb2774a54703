"""Whether all values on a device are finite.

Enters: an array. Leaves: a kernel; each block counts what is NaN or infinite among its elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.run.cuda.choice import WARP
from symdl.run.cuda.compiler import cuda
from symdl.run.cuda.teams import block_sum


def count_wild(values: Any, size: int, counts: Any) -> None:
    """Write for each block how many of its elements are NaN or infinite."""
    room = cuda.shared.array(WARP, np.int64)
    found = 0
    for at in range(cuda.grid(1), size, cuda.gridsize(1)):
        rest = values[at] - values[at]
        if rest != rest:
            found += 1
    found = block_sum(found, room)
    if cuda.threadIdx.x == 0:
        counts[cuda.blockIdx.x] = found
