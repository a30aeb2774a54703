"""The passes for a processor with vector registers.

Enters: nothing. Leaves: `CPU`. Convolutions with few channels are computed directly, in sample layout;
loops over layout blocks are vectorised here, all others by the compiler below.
"""

from __future__ import annotations

from dataclasses import replace

from symdl.lower.cpu.axis_order import with_axis_order
from symdl.lower.cpu.cache_blocking import in_blocks
from symdl.lower.cpu.sample_layout import direct, with_sample_layout
from symdl.lower.cpu.shared_values import shared_in_lanes
from symdl.lower.cpu.split_ranges import in_segments
from symdl.lower.cpu.unroll_rows import short_rows
from symdl.lower.cpu.vectorize import in_lanes
from symdl.lower.equations.contractions import Contraction
from symdl.lower.long_scalars import LONG
from symdl.lower.memory.buffers import Step
from symdl.lower.passes import (
    ELIDE_COPIES,
    LAY_OUT_WINDOWS,
    SCATTER_SUMS,
    SORT_ROWS,
    TOUCH_ELEMENTS,
    on_trees,
)
from symdl.lower.state import Pass, State
from symdl.lower.target import Lowering


def _choose_direct(state: State) -> State:
    return replace(state, direct=tuple(direct(state.equations, state.program.tensors, state.batch)))


def _lay_out_samples(state: State) -> State:
    made = with_sample_layout(state.program, state.equations, state.batch, state.direct)
    equations = tuple(made.equations)
    return replace(state, program=made.program, equations=equations, heads=made.heads, apart=made.apart)


def _order_axes(state: State) -> State:
    left = {*state.direct, *state.apart}
    made = with_axis_order(state.program, state.equations, left)
    heads = {**state.heads, **made.heads}
    return replace(state, program=made.program, equations=tuple(made.equations), heads=heads)


def _vectorize(state: State) -> State:
    def one(step: Step) -> Step:
        if isinstance(step.work, Contraction):
            return step
        found = in_lanes(step.nested, state.program.tensors)
        return step if found is None else replace(step, work=found)

    return replace(state, steps=tuple(map(one, state.steps)))


CPU = Lowering(
    equations=(
        SORT_ROWS,
        SCATTER_SUMS,
        Pass(
            "choose_direct_convolutions",
            "equations",
            "Sums over windows with few weights are computed directly, not as matrix products.",
            _choose_direct,
            naive=False,
        ),
        LAY_OUT_WINDOWS,
        ELIDE_COPIES,
        Pass(
            "lay_out_samples",
            "equations",
            "Tensors of direct convolutions and their neighbours have samples innermost.",
            _lay_out_samples,
            naive=False,
        ),
        Pass(
            "order_axes",
            "equations",
            "Intermediates are stored in the order of axes in which their equations run through them.",
            _order_axes,
            naive=False,
        ),
    ),
    loops=(
        Pass(
            "unroll_short_rows",
            "loops",
            "Loops over a few elements become statements.",
            on_trees(short_rows),
            naive=False,
        ),
        Pass(
            "split_ranges",
            "loops",
            "Loops over ranges in parts are split: one loop for each part, without conditions.",
            on_trees(lambda items, _: in_segments(items)),
            naive=False,
        ),
    ),
    binding=(
        TOUCH_ELEMENTS,
        Pass(
            "vectorize_samples",
            "memory",
            "Loops over samples compute all samples of a layout block at once, in blocks of registers.",
            _vectorize,
        ),
        Pass(
            "share_values",
            "memory",
            "What several statements of a loop over lanes compute becomes a local before the first of them.",
            on_trees(lambda items, _: shared_in_lanes(items)),
            naive=False,
        ),
        Pass(
            "block_loops",
            "memory",
            "Loops that run across rows are cut into blocks that stay in the nearest cache.",
            on_trees(lambda items, _: in_blocks(items)),
            naive=False,
        ),
    ),
    factored=True,
    long=LONG,
)
"""The target ``cpu``."""
