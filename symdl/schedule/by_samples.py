"""Calls cut along the batch.

Enters: a draft, a call and how it can be cut. Leaves: a piece of it in the task of each block of samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.lower.ir.integers import constant, product
from symdl.lower.kernels import Call, CombineCall, GatherCall, RepeatCall
from symdl.lower.splits import Split
from symdl.schedule.block_sizes import COPIES
from symdl.schedule.draft import Draft
from symdl.schedule.tasks import Use


def gather(draft: Draft, call: GatherCall) -> None:
    """Gather a batch."""
    width = call.width
    for block, (low, high) in enumerate(draft.samples):
        part = replace(call, target=draft.cutter.view(call.target, low * width), start=low)
        part = replace(part, count=high - low)
        use = Use(call.target, True, 0, low * width, high * width)
        draft.tasks.add([part], [use], (high - low) * width / COPIES, block)


def rows(draft: Draft, call: Call, split: Split, cost: float) -> None:
    """Do a call block by block; sums over the samples get a part a block, added up in order."""
    blocks = len(draft.samples)
    extra = {} if blocks == 1 else {b: draft.new_parts(b, blocks) for b in split.sums}
    for block, (low, high) in enumerate(draft.samples):
        changes = {}
        uses = []
        for touch in split.touches:
            if touch.buffer in extra:
                changes[touch.buffer], use = draft.part(touch.buffer, extra[touch.buffer], block)
                uses.append(use)
            else:
                uses.append(draft.use(touch, low, high))
        part = draft.cutter.piece(call, split, low, high, changes)
        draft.tasks.add([part], uses, cost * (high - low) / draft.count, block)
    for buffer, parts in extra.items():
        size = draft.buffers[buffer].count
        distance = constant(draft.apart(buffer))
        combine = CombineCall(
            buffer, parts, size, constant(blocks - 1), distance, draft.buffers[buffer].integer
        )
        uses = [Use(parts, False), Use(buffer, True)]
        draft.tasks.add([combine], uses, draft.value(size) * blocks / COPIES)


def recurrence(draft: Draft, calls: Sequence[Call], found: Sequence[tuple[Call, Split, float]]) -> None:
    """Take a recurrence along with those inside it, block by block if all its calls can be.

    Args:
        calls: all, those that go back included.
        found: the others, with their splits and what each costs once.
    """
    places = [at for at, c in enumerate(calls) if not isinstance(c, RepeatCall)]
    cost = 0.0
    for at, (_, _, once) in zip(places, found, strict=True):
        around = [c for c in calls[at:] if isinstance(c, RepeatCall) and c.begin <= at]
        cost += once * draft.value(product(c.extent for c in around))
    touches = [t for _, split, _ in found for t in split.touches]
    if not all(split.kind == "rows" and not split.sums for _, split, _ in found):
        draft.tasks.add([*calls], [draft.everything(t) for t in touches], cost)
        return
    for block, (low, high) in enumerate(draft.samples):
        group = list(calls)
        for at, (call, split, _) in zip(places, found, strict=True):
            group[at] = draft.cutter.piece(call, split, low, high)
        uses = [draft.use(t, low, high) for t in touches]
        draft.tasks.add(group, uses, cost * (high - low) / draft.count, block)
