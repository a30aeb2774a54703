"""Rows of the launch list, compiled.

Enters: what is the same for all programs. Leaves: `execute`, the loop of `symdl.run.loops`; arrays are bare
pointers. Kernels and operations are called by their addresses (`symdl.run.cpu.loops.operations`), so that
this loop, and those around it, know no types of reals, and are compiled once.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from symdl.run import loops
from symdl.run.cpu.intrinsics.instructions import LONG
from symdl.run.cpu.intrinsics.kernel_call import call_kernel
from symdl.run.cpu.intrinsics.pointers import KERNEL, call_address, integer_at, row_of
from symdl.run.cpu.limits import OPERATIONS

whole: Any = types.int64
_pointer: Any = types.CPointer
integers, scales = _pointer(types.int64), _pointer(types.float64)
called: Any = njit(**KERNEL)
"""Compiles a function for the types with which another one calls it. LLVM puts small ones into their callers:
where Numba would do that, it has more to type."""


@intrinsic
def perform(_typing: Any, op: Any, line: Any, pointers: Any, sizes: Any, factors: Any, table: Any) -> Any:
    """Call what does rows of an operation: its address stands in the table."""

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        entries = builder.inttoptr(args[5], LONG.as_pointer())
        place = builder.add(args[0], ir.Constant(LONG, OPERATIONS))
        call_address(builder, builder.load(builder.gep(entries, [place])), args[1:])
        return context.get_dummy_value()

    return types.void(whole, line, pointers, sizes, factors, whole), build


@cache
def execute_rows() -> Any:
    """Return `execute`."""
    rows = whole(integers, whole, whole, whole, integers, integers, scales, whole)
    made = loops.execute_loop(row_of=row_of, integer_at=integer_at, call_kernel=call_kernel, perform=perform)
    return njit(rows, **KERNEL)(made)
