"""From a draft to a partition.

Enters: `Draft`. Leaves: `Partition`: tasks phase by phase, with final numbers of buffers and calls, and for
each buffer the phases of its use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from symdl.lower.ir.integers import ZERO, constant
from symdl.lower.kernels import Call, RepeatCall
from symdl.lower.memory.buffers import Buffer
from symdl.schedule.draft import Draft
from symdl.schedule.plan import Partition, View, renumbered
from symdl.schedule.scratch import inside, own, shared


def finished(draft: Draft, plan: Sequence[Buffer]) -> Partition:
    """Return the tasks phase by phase, with final numbers of buffers and calls; `plan` had the first."""
    calls: list[Call] = []
    count = 1 + max((t.phase for t in draft.tasks.all), default=0)
    phases: list[list[tuple[int, int, float]]] = [[] for _ in range(count)]
    homes: list[list[int]] = [[] for _ in range(count)]
    for task in sorted(draft.tasks.all, key=lambda t: t.phase):
        begin = len(calls)
        for chunk in task.chunks:
            start = len(calls)
            calls += (replace(c, begin=start + c.begin) if isinstance(c, RepeatCall) else c for c in chunk)
        phases[task.phase].append((begin, len(calls), task.cost))
        homes[task.phase].append(task.home)
    same = shared(plan, draft.tasks, draft.samples, draft.value)
    each = own(plan, same, draft.samples, draft.value)
    buffers = tuple(_in_phases(draft, same, each))
    roots = [(same.get(buffer, buffer), offset) for buffer, offset in draft.cutter.views]
    views = tuple(View(b, inside(at, each[b], draft.samples) if b in each else at) for b, at in roots)
    final = [renumbered(c, len(buffers), same) for c in calls]
    return Partition(tuple(final), tuple(map(tuple, phases)), buffers, views, tuple(map(tuple, homes)))


def _in_phases(draft: Draft, same: Mapping[int, int], each: Mapping[int, int]) -> Iterator[Buffer]:
    """Yield the buffers with the phases of their use; `each` is what workers have for a sample."""
    largest = max(high - low for low, high in draft.samples)
    for number, buffer in enumerate(draft.buffers):
        if same.get(number, number) != number:
            yield replace(buffer, count=ZERO, first=0, last=0)
            continue
        used = draft.tasks.phases(number)
        if not used and buffer.kind == "arena":  # no call is left that needs it as a whole
            buffer = replace(buffer, count=ZERO)
        if number in each:
            buffer = replace(buffer, kind="scratch", count=constant(each[number] * largest))
        yield replace(buffer, first=min(used, default=0), last=max(used, default=0))
