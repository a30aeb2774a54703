"""New values of states that could not be written over the old ones.

Enters: a program, its steps and its buffers. Leaves: the same with a copy for each of them at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.errors import LoweringError
from symdl.lower.ir.integers import of, product
from symdl.lower.ir.loops import FrozenProgram, Item, Loop, Store, TensorInfo
from symdl.lower.ir.names import LoopVar, TensorId
from symdl.lower.ir.scalars import load
from symdl.lower.memory.buffers import Plan, Step, plan


def with_copies(
    program: FrozenProgram, steps: Sequence[Step], buffers: Plan
) -> tuple[FrozenProgram, tuple[Step, ...], Plan]:
    """Append copies of new values that could not be written in place.

    Raises:
        LoweringError: a state of integers.
    """
    pairs = [(old, new) for old, new in program.updates if new not in buffers.in_place]
    if not pairs:
        return program, tuple(steps), buffers
    given = set(program.inputs)
    tensors = list(program.tensors)
    before: list[Step] = []
    after: list[Step] = []
    for old, new in pairs:
        source = new
        if new in given:  # it may itself be changed: its old value is kept first
            info = tensors[new]
            source = TensorId(len(tensors))
            tensors.append(TensorInfo(source, info.name, info.shape, info.integer, "intermediate"))
            before.append(_copy(tensors, source, new))
        after.append(_copy(tensors, old, source))
    if any(tensors[old].integer for old, _ in pairs):
        raise LoweringError("an integer tensor cannot be updated")
    program = replace(program, tensors=tuple(tensors))
    steps = [*before, *steps, *after]
    return program, tuple(steps), plan(program, steps)


def _copy(tensors: Sequence[TensorInfo], target: TensorId, source: TensorId) -> Step:
    var = LoopVar(0)
    store: Item = Store(target, (of(var),), load(source, (of(var),)))
    return Step((Loop(var, product(tensors[target].shape), (store,)),), ())
