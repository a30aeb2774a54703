"""The passes for a graphics processor.

Enters: nothing. Leaves: `CUDA`. Tensors are row-major. Outermost loops have independent iterations, which
threads share; sums over given positions stay sums, so that no two threads add to one element.
"""

from __future__ import annotations

from symdl.lower.passes import ELIDE_COPIES, LAY_OUT_WINDOWS
from symdl.lower.target import Lowering

CUDA = Lowering(equations=(LAY_OUT_WINDOWS, ELIDE_COPIES), cut=False, apart=True)
"""The target ``cuda``."""
