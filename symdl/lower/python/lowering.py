"""The passes for plain loops.

Enters: nothing. Leaves: `PYTHON`. Tensors are row-major, loops run one step at a time.
"""

from __future__ import annotations

from symdl.lower.long_scalars import LONG
from symdl.lower.passes import ELIDE_COPIES, LAY_OUT_WINDOWS, SCATTER_SUMS, SORT_ROWS, TOUCH_ELEMENTS
from symdl.lower.target import Lowering

PYTHON = Lowering(
    equations=(SORT_ROWS, SCATTER_SUMS, LAY_OUT_WINDOWS, ELIDE_COPIES), binding=(TOUCH_ELEMENTS,), long=LONG
)
"""The target ``python``."""
