"""Which thread of which block a thread is.

Enters: what hardware says. Leaves: functions that are taken into kernels. They return int64, as sizes are,
but the compiler learns that nothing is below 0: dividing positions is then a shift, or one division of
32 bits, in place of some forty instructions each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.run.cuda.compiler import cuda, inlined


@inlined
def thread() -> Any:
    """Return the number of this thread in its block."""
    return np.int64(np.uint32(cuda.threadIdx.x))


@inlined
def threads() -> Any:
    """Return how many threads a block has."""
    return np.int64(np.uint32(cuda.blockDim.x))


@inlined
def block() -> Any:
    """Return the number of this block."""
    return np.int64(np.uint32(cuda.blockIdx.x))


@inlined
def blocks() -> Any:
    """Return how many blocks there are."""
    return np.int64(np.uint32(cuda.gridDim.x))
