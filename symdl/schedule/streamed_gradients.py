"""Gradients that are never stored as a whole.

Enters: the calls of a step in order, with the splits by which they are cut. Leaves: `StreamedGradient`s. A
gradient that only updates of its own elements read is computed a few rows at a time, into a scratch block of
the worker, and read at once, while it is in cache. One that anybody else reads, such as its norm, is stored,
as is one whose updates must wait for something that changes what it is computed from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symdl.lower.ir.integers import ONE, Poly
from symdl.lower.kernels import Call, ProductCall
from symdl.lower.memory.buffers import Buffer
from symdl.lower.splits import Split


@dataclass(frozen=True, slots=True)
class StreamedGradient:
    """Matrix products and updates that are done together, rows by rows.

    Attributes:
        members: the positions of the calls in the step, in order. The last one says when it is done.
        scratch: the buffers that only they use, by rows: none of them is needed as a whole.
    """

    members: tuple[int, ...]
    scratch: tuple[int, ...]


def streamed_gradients(
    steps: Sequence[tuple[Call, Split]], buffers: Sequence[Buffer], value: Callable[[Poly], int]
) -> dict[int, StreamedGradient]:
    """Return for each call that is part of a streamed gradient that gradient."""
    finder = _Finder(steps, buffers, value)
    found: dict[int, StreamedGradient] = {}
    for at, (call, split) in enumerate(steps):
        if at not in found and isinstance(call, ProductCall) and split.kind == "columns":
            streamed = finder.gradient(at)
            # An update may read products of two shapes, a row and a column: one of them is stored then.
            if streamed is not None and not any(member in found for member in streamed.members):
                found.update(dict.fromkeys(streamed.members, streamed))
    return found


class _Finder:
    def __init__(
        self, steps: Sequence[tuple[Call, Split]], buffers: Sequence[Buffer], value: Callable[[Poly], int]
    ) -> None:
        self.steps, self.buffers, self.value = steps, buffers, value
        self.users: dict[int, list[int]] = {}
        self.writers: dict[int, list[int]] = {}
        for at, (_, split) in enumerate(steps):
            for touch in split.touches:
                self.users.setdefault(touch.buffer, []).append(at)
                if touch.written:
                    self.writers.setdefault(touch.buffer, []).append(at)

    def gradient(self, first: int) -> StreamedGradient | None:
        """Return the streamed gradient that begins with a product."""
        shape = self.shape(first)
        members, scratch = {first}, set[int]()
        todo = [first]
        while todo:
            for touch in self.steps[todo.pop()][1].touches:
                if touch.buffer not in scratch and self.by_rows(touch.buffer, shape):
                    scratch.add(touch.buffer)
                    more = set(self.users[touch.buffer]) - members
                    members |= more
                    todo += more
        order = sorted(members)
        if not scratch or len(order) == 1 or not self.row_after_row(order, scratch):
            return None
        if not all(self.can_wait(at, order, scratch) for at in order):
            return None
        return StreamedGradient(tuple(order), tuple(sorted(scratch)))

    def shape(self, at: int) -> tuple[int, int]:
        """Return the rows and columns of a product; (1, all elements) for an update."""
        call, split = self.steps[at]
        if isinstance(call, ProductCall):
            return self.value(call.m), self.value(call.n)
        return 1, self.value(split.units)

    def by_rows(self, buffer: int, shape: tuple[int, int]) -> bool:
        """Say whether only products of this shape and updates of each element use a buffer."""
        if self.buffers[buffer].kind != "arena" or self.buffers[buffer].integer:
            return False
        for at in self.users[buffer]:
            call, split = self.steps[at]
            touches = [t for t in split.touches if t.buffer == buffer]
            if isinstance(call, ProductCall):
                fits = split.kind == "columns" and self.shape(at) == shape and touches[0].written
            else:
                fits = split.kind == "elements" and self.shape(at)[1] == shape[0] * shape[1]
                fits = fits and touches[0].stride == ONE
            if not fits or len(touches) > 1:
                return False
        return self.users[buffer][0] == self.writers[buffer][0]

    def row_after_row(self, members: Sequence[int], scratch: set[int]) -> bool:
        """Say whether what a member writes is only used at the same elements by the others."""
        touches = [t for at in members for t in self.steps[at][1].touches if t.buffer not in scratch]
        changed = {t.buffer for t in touches if t.written}
        return all(t.stride == ONE for t in touches if t.buffer in changed)

    def can_wait(self, at: int, members: Sequence[int], scratch: set[int]) -> bool:
        """Say whether a call can be done when the last of the members is."""
        for touch in self.steps[at][1].touches:
            others = self.users if touch.written else self.writers
            between = (k for k in others.get(touch.buffer, ()) if at < k < members[-1])
            if touch.buffer not in scratch and any(k not in members for k in between):
                return False
        return True
