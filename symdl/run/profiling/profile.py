"""Where the time of a step or of a call goes.

Enters: a step, ready to run, and the sizes it is for. Leaves: a `Profile`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from symdl.emit.launch_list import product_text
from symdl.emit.statements import comment
from symdl.lower.ir.integers import Sizes
from symdl.lower.kernels import (
    Call,
    CheckCall,
    CombineCall,
    GatherCall,
    KernelCall,
    Matrix,
    ProductCall,
    RepeatCall,
    SortCall,
    TotalCall,
)
from symdl.run.epoch import Job
from symdl.run.profiling.result import Limit, Part, Profile, Share
from symdl.run.profiling.walk import Walk, walk
from symdl.schedule.cost import CallCost, Cost, Machine, at_first_steps, bound
from symdl.schedule.equation_shares import shares

_SMALLEST = 8
"""Power of four of the bytes up to which copying is measured once."""


def profiled(
    job: Job, dims: Sizes, *, what: str, seconds: float, refresh: Callable[[], None] = lambda: None
) -> Profile:
    """Measure a step, call by call.

    Args:
        job: the step, its arrays in their places.
        dims: the values of all sizes.
        what: is measured, in words.
        seconds: about how long to measure.
        refresh: gives arrays that the step changes their first values again.
    """
    costs = job.built.costs(dims, job.partition)
    measured = walk(job, seconds=seconds, refresh=refresh)
    machines: dict[int, Machine | None] = {}

    def machine(moved: int) -> Machine | None:
        level = 4 ** max((moved.bit_length() + 1) // 2, _SMALLEST)
        if level not in machines:
            machines[level] = job.runtime.machine(job.built.dtype, level)
        return machines[level]

    parts = sorted(_parts(job, dims, costs, measured, machine), key=lambda part: -part.seconds)
    known = tuple(m for _, m in sorted(machines.items()) if m is not None)
    return Profile(what, tuple(parts), measured.whole, measured.rounds, known, dict(dims))


def _parts(
    job: Job,
    dims: Sizes,
    costs: tuple[CallCost, ...],
    measured: Walk,
    machine: Callable[[int], Machine | None],
) -> list[Part]:
    """Return what was measured, pieces of one call together."""
    calls, lowered = job.partition.calls, job.built.lowered
    sizes, _ = at_first_steps(job.partition, lowered.sizes(dims))
    groups: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for at, call in enumerate(calls):
        if not isinstance(call, RepeatCall | CheckCall):
            equations = call.equations if isinstance(call, KernelCall | ProductCall | SortCall) else ()
            groups.setdefault((_name(call, job), equations), []).append(at)
    parts = []
    for (name, _), members in groups.items():
        cost = sum((costs[at].cost for at in members), Cost())
        found: dict[int, float] = {}
        for at in members:
            for equation, share in shares(calls[at], lowered.kernels, sizes).items():
                found[equation] = found.get(equation, 0.0) + share * measured.calls[at]
        times = sum(costs[at].times for at in members)
        rates = machine(cost.moved // max(times, 1))
        told = (Share(lowered.program.stated[e].text, seconds) for e, seconds in sorted(found.items()))
        parts.append(
            Part(
                name,
                times,
                sum(measured.calls[at] for at in members),
                cost.work,
                cost.moved,
                bound(cost, rates) if rates is not None else None,
                _limit(cost, rates) if rates is not None else "",
                tuple(told),
            )
        )
    return parts


def _name(call: Call, job: Job) -> str:
    """Return what a call is, for people; calls with one name and the same equations are told as one."""
    part, tensors = job.partition, job.built.lowered.program.tensors

    def held(buffer: int) -> str:
        whole = buffer if buffer < len(part.buffers) else part.views[buffer - len(part.buffers)].buffer
        return comment(tensors[part.buffers[whole].tensor].name)

    def of_matrix(matrix: Matrix) -> str:
        return comment(tensors[matrix.operand.tensor].name)

    match call:
        case KernelCall():
            return job.built.lowered.kernels[call.kernel].name
        case ProductCall():
            return product_text(call, of_matrix)
        case SortCall():
            return f"sort {held(call.keys)}"
        case GatherCall():
            return f"gather {held(call.target)}"
        case CombineCall():
            return f"add up blocks of {held(call.parts)}"
        case TotalCall():
            return f"add {held(call.buffer)} to its total"
        case CheckCall():
            return f"check {held(call.buffer)}"
        case RepeatCall():
            return "end of a step of a recurrence"
        case _:
            assert_never(call)


def _limit(cost: Cost, machine: Machine) -> Limit:
    """Return what takes longer at full rate: moving bytes, or operations."""
    return "memory" if cost.moved * machine.rate >= cost.work * machine.bandwidth else "arithmetic"
