"""The passes for a graphics processor.

Enters: nothing. Leaves: `CUDA`, `CUDA_ATOMICS`. Tensors are row-major. Outermost loops have independent
iterations, which threads share; sums over given positions are sums over segments, so that no two threads add
to one element, unless atomics are asked for.
"""

from __future__ import annotations

from dataclasses import replace

from symdl.lower.cuda.long_scans import in_three_stages
from symdl.lower.cuda.numbers_first import numbers_first
from symdl.lower.cuda.segments import in_segments
from symdl.lower.cuda.tiles import multiplied, pieces, small
from symdl.lower.cuda.two_stages import in_two_stages
from symdl.lower.passes import ELIDE_COPIES, LAY_OUT_WINDOWS, SCATTER_SUMS
from symdl.lower.state import Pass, State
from symdl.lower.target import Lowering, Splits


def _split_long_sums(state: State) -> State:
    program, equations = in_two_stages(state.program, state.equations)
    return replace(state, program=program, equations=tuple(equations))


def _split_long_scans(state: State) -> State:
    program, equations = in_three_stages(state.program, state.equations)
    return replace(state, program=program, equations=tuple(equations))


def _sort_positions(state: State) -> State:
    program, equations, sortings = in_segments(state.program, state.equations)
    return replace(state, program=program, equations=tuple(equations), sortings=sortings)


def _numbers_first(state: State) -> State:
    return replace(state, equations=tuple(numbers_first(state.program, state.equations)))


def _passes(positions: Pass) -> tuple[Pass, ...]:
    """Return the passes over equations, with the one that sees to sums over given positions."""
    return (
        Pass(
            "move_numbers",
            "equations",
            "Numbers that need no tensor come first, so that what reads them can join others.",
            _numbers_first,
            naive=False,
        ),
        LAY_OUT_WINDOWS,
        ELIDE_COPIES,
        positions,
        Pass(
            "split_long_sums",
            "equations",
            "Sums of very many elements with few results become parts, and what they make together.",
            _split_long_sums,
            naive=False,
        ),
        Pass(
            "split_long_scans",
            "equations",
            "Running sums along very long axes become those in parts, what comes before, and both together.",
            _split_long_scans,
            naive=False,
        ),
    )


SORT_POSITIONS = Pass(
    "sort_positions",
    "equations",
    "Sums over given positions read them in the order of what they add to.",
    _sort_positions,
    naive=False,
)
CUDA = Lowering(
    equations=_passes(SORT_POSITIONS),
    cut=False,
    apart=True,
    epilogue=small,
    splits=Splits(multiplied, pieces),
)
"""The target ``cuda``."""
CUDA_ATOMICS = replace(CUDA, equations=_passes(SCATTER_SUMS))
"""The same, in which threads add to given positions by turns: sums are not the same every time."""
