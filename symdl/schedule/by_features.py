"""Calls cut along features, rows of weights or elements.

Enters: a draft, a call and how it can be cut. Leaves: its pieces in tasks. Where inputs are wide, pieces that
touch one share of the features have one home; else there are as many as pay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.lower.ir.integers import constant
from symdl.lower.kernels import Call, CombineCall, GatherCall, Matrix, ProductCall
from symdl.lower.splits import Split
from symdl.schedule.block_sizes import COPIES, pieces, row_blocks
from symdl.schedule.draft import Draft
from symdl.schedule.feature_shares import feature_shares
from symdl.schedule.tasks import Use


def gather(draft: Draft, call: GatherCall) -> None:
    """Gather a batch by shares of its features."""
    width = call.width
    for share, (low, high) in enumerate(feature_shares(width)):
        some = replace(call, target=draft.cutter.view(call.target, low), column=low)
        some = replace(some, width=high - low)
        use = Use(call.target, True, width, low, high)
        draft.tasks.add([some], [use], draft.count * (high - low) / COPIES, home=share)


def units(draft: Draft, call: Call, split: Split, cost: float, *, wide: bool) -> None:
    """Do a call on some of its columns or elements at a time."""
    count = draft.value(split.units)
    cuts = feature_shares(count) if wide else draft.follow(split)
    for home, (low, high) in enumerate(cuts or pieces(count, cost)):
        part = draft.cutter.piece(call, split, low, high)
        uses = [draft.use(t, low, high) for t in split.touches]
        label = home if wide else -1
        fresh = split.kind == "columns"
        draft.tasks.add([part], uses, cost * (high - low) / count, fresh=fresh, home=label)
        draft.note(split, low, high)


def row_after_row(
    draft: Draft, members: Sequence[tuple[Call, Split, float]], scratch: Sequence[int], *, wide: bool
) -> None:
    """Do products and updates of what they give, a few rows at a time.

    Args:
        members: calls, their splits and costs.
        scratch: the buffers that no one needs as a whole.
    """
    products = [c for c, _, _ in members if isinstance(c, ProductCall)]
    rows, width = (draft.value(size) for size in (products[0].m, products[0].n))
    inner = max(draft.value(c.k) for c in products)
    cost = sum(cost for _, _, cost in members)
    each = [1 if isinstance(c, ProductCall) else width for c, _, _ in members]
    cuts = feature_shares(rows) if wide else pieces(rows, members[0][2])
    for home, (low, high) in enumerate(cuts):
        calls, uses = [], []
        blocks = row_blocks(low, high, width, inner)
        room = max(b - a for a, b in blocks) * width
        own = {buffer: draft.scratch(at, buffer, room) for at, buffer in enumerate(scratch)}
        for first, last in blocks:
            for (call, split, _), e in zip(members, each, strict=True):
                calls.append(draft.cutter.piece(call, split, first * e, last * e, own))
        for (_, split, _), e in zip(members, each, strict=True):
            uses += [draft.use(t, low * e, high * e) for t in split.touches if t.buffer not in own]
            draft.note(split, low * e, high * e)
        label = home if wide else -1
        draft.tasks.add(calls, uses, cost * (high - low) / rows, fresh=True, home=label)


def shares(draft: Draft, call: ProductCall, cost: float) -> None:
    """Multiply shares of the features, and add up the products block by block."""
    inner, width, result = draft.value(call.k), draft.value(call.n), call.result
    cuts = feature_shares(inner)
    distance = draft.apart(result.buffer)
    parts = draft.new_parts(result.buffer, len(cuts))
    for home, (low, high) in enumerate(cuts):
        place, use = draft.part(result.buffer, parts, home)
        down = low if call.right.operand.transposed else low * draft.value(call.right.operand.lead)
        part = replace(
            call,
            left=Matrix(draft.cutter.view(call.left.buffer, low), call.left.operand),
            right=Matrix(draft.cutter.view(call.right.buffer, down), call.right.operand),
            result=Matrix(place, result.operand),
            k=constant(high - low),
        )
        uses = [Use(call.left.buffer, False, inner, low, high), Use(call.right.buffer, False), use]
        draft.tasks.add([part], uses, cost * (high - low) / inner, home=home)
    for block, (low, high) in enumerate(draft.samples):
        target, source = (draft.cutter.view(b, low * width) for b in (result.buffer, parts))
        size = (high - low) * width
        numbers = (constant(size), constant(len(cuts) - 1), constant(distance))
        uses = [Use(parts, False), Use(result.buffer, True, 0, low * width, high * width)]
        draft.tasks.add([CombineCall(target, source, *numbers)], uses, size * len(cuts) / COPIES, block)
