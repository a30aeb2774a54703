"""The memory plan of a step.

Enters: a lowered program and sizes. Leaves: a table of its buffers, a drawing of who lies where when, and how
much memory it saves that buffers are used again.
"""

from __future__ import annotations

import html
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from symdl.lower.ir.integers import Sizes, evaluate
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import arena

_WIDE, _HIGH, _LEFT = 640, 240, 8
_MOST = 40
"""Buffers in the table, the largest."""
_KINDS = {"given": "argument", "output": "result", "arena": "intermediate", "scratch": "scratch"}


@dataclass(frozen=True, slots=True)
class Memory:
    """What is shown: rows with their head first, the drawing (or nothing), a sentence."""

    rows: tuple[tuple[str, ...], ...]
    drawing: str
    words: str


def memory_of(lowered: Lowered, dims: Sizes, *, dtype: str) -> Memory:
    """Return the plan for these sizes."""
    sizes, itemsize = lowered.sizes(dims), np.dtype(dtype).itemsize
    plan, tensors = lowered.plan, lowered.program.tensors
    holds: defaultdict[int, list[str]] = defaultdict(list)
    for tensor, place in plan.places.items():
        holds[place].append(str(tensors[tensor].name))
    nbytes = [evaluate(b.count, sizes) * (8 if b.integer else itemsize) for b in plan.buffers]
    offsets, length = arena(plan.buffers, sizes, itemsize)
    inside = [at for at, buffer in enumerate(plan.buffers) if buffer.kind == "arena"]
    steps = max((buffer.last for buffer in plan.buffers), default=0) + 1
    rows = [("holds", "is", "bytes", "in use")]
    ordered = sorted(range(len(nbytes)), key=lambda at: -nbytes[at])
    for at in ordered[:_MOST]:
        buffer = plan.buffers[at]
        used = f"calls {buffer.first} to {buffer.last}" if buffer.kind == "arena" else "always"
        rows.append((", ".join(holds[at]) or "–", _KINDS[buffer.kind], f"{nbytes[at]:,}", used))
    if len(ordered) > _MOST:
        rest = sum(nbytes[at] for at in ordered[_MOST:])
        rows.append((f"{len(ordered) - _MOST} more", "", f"{rest:,}", ""))
    apart = sum(nbytes[place] for place in (plan.places[t] for t in plan.places) if place in set(inside))
    words = f"Intermediate values take {length:,} bytes"
    words += f"; they would take {apart:,} if each had memory of its own." if apart > length else "."
    boxes = [(at, ", ".join(holds[at]), offsets[at], nbytes[at]) for at in inside if nbytes[at]]
    drawn = [
        _box(name, plan.buffers[at].first, plan.buffers[at].last, low, size, steps, length)
        for at, name, low, size in boxes
    ]
    return Memory(tuple(rows), _svg(drawn) if len(drawn) > 1 else "", words)


def _box(name: str, first: int, last: int, low: int, size: int, steps: int, length: int) -> str:
    """Return a rectangle: from left to right the calls, upwards the places in memory."""
    across, up = (_WIDE - 2 * _LEFT) / steps, (_HIGH - 34) / max(length, 1)
    x, y = _LEFT + first * across, 6 + low * up
    width, height = (last - first + 1) * across, max(size * up, 1.0)
    words = f"<title>{html.escape(name)}: {size:,} bytes, calls {first} to {last}</title>"
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    fits = height > 13 and width > 7 * len(name)
    base = y + min(height - 3, 13)
    text = f'<text class="tick start" x="{x + 4:.1f}" y="{base:.1f}">{html.escape(name)}</text>'
    return f"<g>{words}{box}{text if fits else ''}</g>"


def _svg(boxes: list[str]) -> str:
    axis = f'<text class="tick" x="{_WIDE / 2:.0f}" y="{_HIGH - 8}">calls of a step, in order</text>'
    return (
        '<svg class="chart plan" role="img" aria-label="memory plan" xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {_WIDE} {_HIGH}">{"".join(boxes)}{axis}</svg>'
    )
