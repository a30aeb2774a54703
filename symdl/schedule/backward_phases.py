"""The backward pass in phases.

Enters: the calls of a step, its streamed gradients. Leaves: the calls after which weights are updated before
samples go on. A weight's gradient is the product of two factors, its layer's input and the derivative with
respect to its layer's output. All inputs are there when the backward pass begins. If all updates waited for
its end, all derivatives would have to be kept as well, and a deep network would need twice the memory. After
a short first phase its inputs and derivatives are no longer needed, and make room for the derivatives of a
second phase twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from symdl.lower.ir.integers import Poly
from symdl.lower.kernels import Call, ProductCall
from symdl.lower.memory.buffers import Buffer
from symdl.lower.splits import Split
from symdl.schedule.streamed_gradients import StreamedGradient

_MOST = 4
_MUCH, _LITTLE = 0.2, 0.1
"""Shares of the memory that is needed anyway, from which on and to which derivatives are cut."""
_LEAST = 25_000.0
"""Nanoseconds that a phase and its updates take on one core, about, if it is to pay: it has two more
barriers."""


def phase_ends(
    steps: Sequence[tuple[Call, Split, float]],
    streamed: Iterable[StreamedGradient],
    buffers: Sequence[Buffer],
    value: Callable[[Poly], int],
) -> list[int]:
    """Return the positions of the last calls of all backward phases but the last one, in order."""
    inputs, derivatives = _factors(steps, streamed)
    sizes = {b: value(buffers[b].count) for b in (*inputs, *derivatives)}
    given = sum(value(b.count) for b in buffers if b.kind == "given")
    needed = given + sum(sizes[b] for b in inputs - derivatives.keys() if buffers[b].kind != "given")
    total = sum(sizes[b] for b in derivatives)
    most = min(_MOST, int(sum(cost for _, _, cost in steps) / _LEAST))
    if total <= _MUCH * needed:
        return []
    count = next((k for k in range(1, most) if total <= (2**k - 1) * _LITTLE * needed), max(1, most))
    found: list[int] = []
    so_far = 0
    for buffer, ready in sorted(derivatives.items(), key=lambda item: item[1]):
        if len(found) < count - 1 and so_far * (2**count - 1) >= total * (2 ** (len(found) + 1) - 1):
            found.append(ready - 1)  # what is computed from the one before is done then
        so_far += sizes[buffer]
    return found


def _factors(
    steps: Sequence[tuple[Call, Split, float]], streamed: Iterable[StreamedGradient]
) -> tuple[set[int], dict[int, int]]:
    """Return the factors of all gradients that are there early, and the late ones with their last writers."""
    writers: dict[int, list[int]] = {}
    for at, (_, split, _) in enumerate(steps):
        for touch in split.touches:
            if touch.written:
                writers.setdefault(touch.buffer, []).append(at)
    inputs: set[int] = set()
    derivatives: dict[int, int] = {}
    for gradient in set(streamed):
        for at in gradient.members:
            call = steps[at][0]
            if not isinstance(call, ProductCall):
                continue
            pair = call.left.buffer, call.right.buffer
            made = [max((w for w in writers.get(b, ()) if w < at), default=-1) for b in pair]
            late = made.index(max(made))
            inputs.add(pair[1 - late])
            derivatives[pair[late]] = made[late]
    return inputs, derivatives
