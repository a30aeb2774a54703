"""The whole stage: `passes` is the pipeline.

Enters: `Program`. Leaves: `Lowered`, which `emit` prints and `run` executes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from symdl.express.program import Program
from symdl.lower import passes as common
from symdl.lower.lowered import Lowered, Schedule
from symdl.lower.state import Observer, Pass, State
from symdl.lower.target import Lowering
from symdl.lower.verify import verify


def passes(lowering: Lowering) -> tuple[Pass, ...]:
    """Return the passes for a target in their order."""
    return (
        *common.PROGRAM,
        *common.FREEZE,
        common.computed_in_rows(lowering.long),
        common.ORDER,
        common.COPY_NARROW_OPERANDS,
        *((common.FACTOR_MATRICES, common.LEAVE_OUT_VECTORS) if lowering.factored else ()),
        common.LAY_OUT_MATRICES,
        *lowering.equations,
        *common.fusing(apart=lowering.apart, epilogue=lowering.epilogue),
        *lowering.loops,
        *common.ADDRESS,
        *common.MEMORY,
        *lowering.binding,
        *((common.CUT,) if lowering.cut else ()),
        common.SHARE,
    )


def ready(program: Program) -> Program:
    """Return the program as it is frozen: what a comment in generated code says is one of its equations."""
    state = State(program)
    for step in common.PROGRAM:
        state = step.apply(state)
    return state.source


def lower(
    program: Program,
    *,
    lowering: Lowering,
    schedule: Schedule = "fused",
    batch: str = "",
    storage: Mapping[str, str] | None = None,
    observer: Observer | None = None,
    check: bool = False,
) -> Lowered:
    """Return the program as kernels, calls and buffers.

    Args:
        lowering: the passes of a target.
        schedule: whether equations share loops and buffers.
        batch: the name of the batch's size; loops over samples then have an end of their own, `Rows`,
            and every step is cut as far as that can be.
        storage: narrow types of given tensors, by their names.
        observer: is told each pass.
        check: verify what every pass leaves, not only where it is cheap.

    Raises:
        LoweringError: an expression without a kernel form.
    """
    naive = schedule == "naive"
    state = State(program, naive=naive, reuse=not naive, batch=batch, storage=storage or {})
    for step in passes(lowering):
        if state.calls is not None:
            break
        if naive and not step.naive:
            continue
        start = time.perf_counter()
        state = step.apply(state)
        seconds = time.perf_counter() - start
        if check or step.verified or state.calls is not None:
            verify(step, state)
        if observer is not None:
            observer(step, state, seconds)
    return state.lowered
