"""How samples get into a batch.

Enters: pointers. Leaves: intrinsics that the loop over batches imports. Several elements become one vector
and are written at once: instructions that gather take longer than as many reads, and what was written one by
one cannot be read as a vector at once.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from symdl.run.cpu.intrinsics.instructions import LONG, SHORT, place


def _vector(context: Any, array: Any, count: int) -> Any:
    return ir.VectorType(context.get_value_type(array.dtype), count)


def _align(array: Any) -> int:
    return int(array.dtype.bitwidth // 8)


@intrinsic
def gather_eight(_typing: Any, target: Any, at: Any, source: Any, order: Any, first: Any) -> Any:
    """``target[at + i] = source[order[first + i]]`` for eight elements."""

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        into, begin, elements, positions, start = args
        kind = _vector(context, target, 8)
        found = ir.Constant(kind, ir.Undefined)
        line = builder.gep(positions, [start])
        for lane in range(8):
            position = builder.load(builder.gep(line, [ir.Constant(LONG, lane)]))
            element = builder.load(builder.gep(elements, [position]))
            found = builder.insert_element(found, element, ir.Constant(SHORT, lane))
        builder.store(found, place(builder, into, begin, kind), align=_align(target))
        return context.get_dummy_value()

    return types.void(target, types.int64, source, order, types.int64), build


@intrinsic
def copy_four(_typing: Any, target: Any, at: Any, source: Any, start: Any) -> Any:
    """``target[at + i] = source[start + i]`` for four elements."""

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        into, begin, elements, first = args
        kind = _vector(context, target, 4)
        found = builder.load(place(builder, elements, first, kind), align=_align(source))
        builder.store(found, place(builder, into, begin, kind), align=_align(target))
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64), build
