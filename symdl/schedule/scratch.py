"""Buffers that blocks of samples need for themselves, inside one phase of a parallel schedule.

Enters: the buffers of a plan, the tasks that use them. Leaves: for some the buffer whose memory they get; and
which of these need no more than what one block has: every worker then has room for one, which stays in its
cache from block to block.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from symdl.lower.ir.integers import Poly
from symdl.lower.memory.buffers import Buffer
from symdl.schedule.tasks import Tasks


def shared(
    plan: Sequence[Buffer], tasks: Tasks, samples: Sequence[tuple[int, int]], value: Callable[[Poly], int]
) -> dict[int, int]:
    """Return which buffers take the place of another one that is no longer read.

    Both are used in one phase and by samples only, as many elements a sample, so that every block of
    `samples` stays in its own part.
    """
    blocks = {task: samples[block] for (_, block), task in tasks.blocks.items()}
    free: dict[tuple[int, int, bool], list[tuple[int, int]]] = {}  # last use, number
    found = {}
    for number in sorted(range(len(plan)), key=lambda b: plan[b].first):
        buffer, uses = plan[number], tasks.uses.get(number, [])
        phases, count = set(tasks.phases(number)), value(buffer.count)
        each = count // samples[-1][1]
        tied = all(
            use.kind == 0
            and task in blocks
            and (use.first, use.last) == tuple(each * at for at in blocks[task])
            for use, task in uses
        )
        if buffer.kind != "arena" or len(phases) != 1 or not tied:
            continue
        slots = free.setdefault((phases.pop(), count, buffer.integer), [])
        place = next((at for at, (last, _) in enumerate(slots) if last < buffer.first), len(slots))
        found[number] = slots[place][1] if place < len(slots) else number
        slots[place : place + 1] = [(buffer.last, found[number])]
    return found


_SEVERAL = 4
"""Blocks; with fewer, each may have a worker of its own, and nothing is won."""


def own(
    plan: Sequence[Buffer],
    same: Mapping[int, int],
    samples: Sequence[tuple[int, int]],
    value: Callable[[Poly], int],
) -> dict[int, int]:
    """Return the elements a sample of buffers that each worker may have for the block that it works on.

    `same` says which buffers `shared` has found.
    """
    if len(samples) < _SEVERAL:
        return {}
    return {b: value(plan[b].count) // samples[-1][1] for b in same if same[b] == b}


def inside(offset: int, each: int, samples: Sequence[tuple[int, int]]) -> int:
    """Return a place in a buffer from where its block begins, which has `each` elements a sample."""
    begins = [low * each for low, _ in samples]
    return offset - begins[bisect_right(begins, offset) - 1]
