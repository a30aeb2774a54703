"""How a target runs loops.

Enters: a step. Leaves: the same with a kind bound to every loop. On one core loops are ``serial``: the
compiler below vectorises inner loops by itself. Loops over samples of tiled tensors are ``lanes`` where code
for the processor is made. Targets with threads or grids bind here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.errors import LoweringError
from symdl.lower.cpu.vectorize import in_lanes
from symdl.lower.equations.contractions import Contraction
from symdl.lower.ir.loops import Loop, TensorInfo
from symdl.lower.memory.buffers import Step

KINDS = {"cpu": "serial", "python": "serial"}
"""The kind of an outer loop on each target."""


def bind_axes(step: Step, tensors: Sequence[TensorInfo], *, target: str) -> Step:
    """Return a step as `target` runs it.

    Raises:
        LoweringError: an unknown target.
    """
    if target not in KINDS:
        raise LoweringError(f"there is no target {target!r}", cure=f"use one of {', '.join(KINDS)}")
    if isinstance(step.work, Contraction):
        return step
    found = in_lanes(step.nested, tensors) if target == "cpu" else None
    if found is not None:
        return replace(step, work=found)
    bound = tuple(replace(item, kind="serial") if isinstance(item, Loop) else item for item in step.work)
    return replace(step, work=bound)
