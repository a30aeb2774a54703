"""First layers with many more features than samples.

Enters: the calls of a step, how they can be cut. Leaves: the inputs whose features are cut into shares. A
share's columns of the batch, rows of the weight, of its gradient and of the optimizer's state go together:
one worker gathers, multiplies and updates them, and the weight never leaves its cache. Blocks of samples
would send half of it to the other core in every step. The products of the shares are partial sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdl.lower.ir.integers import ZERO, Poly
from symdl.lower.kernels import Call, GatherCall, ProductCall
from symdl.lower.splits import Split

SHARES = 4
"""How many there are: as many as workers at most, so that each worker has as many as any other."""
_MANY = 4
"""Features for every sample, from which it pays: partial sums are as large as the batch."""


def feature_shares(units: int) -> list[tuple[int, int]]:
    """Return the shares of so many features."""
    size = -(-units // (4 * SHARES)) * 4
    return [(at, min(at + size, units)) for at in range(0, units, size)]


def wide_inputs(
    gathers: Sequence[GatherCall],
    calls: Sequence[tuple[Call, Split]],
    samples: int,
    value: Callable[[Poly], int],
) -> set[int]:
    """Return the buffers of given samples that only serve a product with a weight, and its gradient."""
    found = set()
    for gather in gathers:
        width = gather.width
        if gather.integer or gather.storage or width < _MANY * samples:
            continue
        users = [(c, s) for c, s in calls if any(t.buffer == gather.target for t in s.touches)]
        kinds = {_role(c, s, gather.target, width, samples, value) for c, s in users}
        if kinds == {"forward", "gradient"}:
            found.add(gather.target)
    return found


def _role(
    call: Call, split: Split, buffer: int, width: int, samples: int, value: Callable[[Poly], int]
) -> str:
    """Say what a call makes of a whole matrix of samples."""
    if not isinstance(call, ProductCall) or call.batch or split.cut != "m":
        return ""
    left, right, result = call.left, call.right, call.result
    plain = all(m.operand.offset == ZERO for m in (left, right, result))
    if not plain or left.buffer != buffer or buffer in (right.buffer, result.buffer):
        return ""
    if value(left.operand.lead) != width or result.operand.lead != call.n:
        return ""
    if split.kind == "columns" and left.operand.transposed and value(call.m) == width:
        return "gradient"
    whole = (value(call.m), value(call.k)) == (samples, width)
    return "forward" if split.kind == "rows" and whole and not left.operand.transposed else ""
