"""The passes for C99: plain loops, which its compilers vectorise.

Enters: nothing. Leaves: `C`. Tensors are row-major; a call is done in one piece.
"""

from __future__ import annotations

from symdl.lower.passes import ELIDE_COPIES, LAY_OUT_WINDOWS, SCATTER_SUMS, SORT_ROWS, TOUCH_ELEMENTS
from symdl.lower.target import Lowering

C = Lowering(
    equations=(SORT_ROWS, SCATTER_SUMS, LAY_OUT_WINDOWS, ELIDE_COPIES), binding=(TOUCH_ELEMENTS,), cut=False
)
"""Passes of programs that become files in C99."""
