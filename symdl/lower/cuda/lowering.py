"""The passes for a graphics processor.

Enters: nothing. Leaves: `CUDA`. Tensors are row-major. Outermost loops have independent iterations, which
threads share; sums over given positions stay sums, so that no two threads add to one element.
"""

from __future__ import annotations

from dataclasses import replace

from symdl.lower.cuda.two_stages import in_two_stages
from symdl.lower.passes import ELIDE_COPIES, LAY_OUT_WINDOWS
from symdl.lower.state import Pass, State
from symdl.lower.target import Lowering


def _split_long_sums(state: State) -> State:
    program, equations = in_two_stages(state.program, state.equations)
    return replace(state, program=program, equations=tuple(equations))


CUDA = Lowering(
    equations=(
        LAY_OUT_WINDOWS,
        ELIDE_COPIES,
        Pass(
            "split_long_sums",
            "equations",
            "Sums of very many elements with few results become parts, and what they make together.",
            _split_long_sums,
            naive=False,
        ),
    ),
    cut=False,
    apart=True,
)
"""The target ``cuda``."""
