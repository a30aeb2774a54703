"""Calls on some of their units.

Enters: a call, how it is cut, which units. Leaves: the same call with other places and sizes. A place inside
a buffer is a view: a number below 0 until all buffers are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from symdl.lower.ir.integers import Poly, constant
from symdl.lower.ir.names import Rows
from symdl.lower.kernels import Call, KernelCall, Matrix, ProductCall
from symdl.lower.splits import Split, fewer


class Cutter:
    """Makes pieces of calls.

    Attributes:
        views: the buffer and the offset of each view, in order.
    """

    def __init__(self, batch: str, value: Callable[[Poly], int]) -> None:
        self.batch, self.value = batch, value
        self.views: dict[tuple[int, int], int] = {}

    def view(self, buffer: int, offset: int) -> int:
        """Return a number below 0 that stands for a place inside a buffer."""
        if not offset:
            return buffer
        return ~self.views.setdefault((buffer, offset), len(self.views))

    def piece(
        self, call: Call, split: Split, low: int, high: int, changes: Mapping[int, int] | None = None
    ) -> Call:
        """Return a call on the units from `low` to `high`; `changes` names other buffers to use."""
        moved = dict(changes or {})
        for touch in split.touches:
            if touch.stride is not None and touch.buffer not in moved:
                moved[touch.buffer] = self.view(touch.buffer, low * self.value(touch.stride))
        length = constant(high - low)
        if isinstance(call, KernelCall):
            buffers = tuple(moved.get(b, b) for b in call.buffers)
            if split.kind == "rows":
                rows = {Rows(self.batch): length}
                sizes = tuple(fewer(size, rows) for size in call.sizes)
            else:
                sizes = tuple(length if size == split.units else size for size in call.sizes)
            return replace(call, buffers=buffers, sizes=sizes)
        assert isinstance(call, ProductCall)
        return self.product(call, split, low, length, moved)

    def product(
        self, call: ProductCall, split: Split, low: int, length: Poly, moved: Mapping[int, int]
    ) -> ProductCall:
        """Return a matrix product on fewer rows, fewer terms or fewer matrices."""
        if split.cut == "k":
            each = self.value(call.k) // self.value(split.units)
            left, right, result = (
                replace(matrix, buffer=moved.get(matrix.buffer, matrix.buffer))
                for matrix in (call.left, call.right, call.result)
            )
            return replace(call, left=left, right=right, result=result, k=length * each)
        if split.cut == "m":
            each = self.value(call.m) // self.value(split.units)
            left, result = call.left, call.result
            step = 1 if left.operand.transposed else each * self.value(left.operand.lead)
            left = Matrix(self.view(left.buffer, low * step), left.operand)
            result = Matrix(moved[result.buffer], result.operand)
            return replace(call, left=left, result=result, m=length * each)
        at = int(split.cut)
        matrices = []
        for matrix in (call.left, call.right, call.result):
            offset = low * self.value(matrix.operand.steps[at])
            matrices.append(Matrix(self.view(matrix.buffer, offset), matrix.operand))
        batch = (*call.batch[:at], length, *call.batch[at + 1 :])
        return replace(call, left=matrices[0], right=matrices[1], result=matrices[2], batch=batch)
