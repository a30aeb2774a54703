"""LAPACK, for compiled code.

Enters: the name of a routine. Leaves: `routine`, a Numba intrinsic that calls it. Machine code has the
routines by name (``symdl_lapack_dgetrf``); who links it looks up where they are (`symdl.run.cpu.gemm.blas`),
so it can be kept on disk.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from symdl.run.cpu.gemm.blas import LINKED, routine_address
from symdl.run.cpu.intrinsics.instructions import LONG, call, slot

PLAIN, TRANSPOSED = ord("N"), ord("T")
"""What LAPACK is asked to solve: a row-major matrix is the transposed one to it."""
_LETTERS = {types.float32: "s", types.float64: "d"}


def routine(name: str) -> Any:
    """Return a function of one tuple that calls a routine and returns its ``INFO``.

    Numbers and letters (`ord`) are passed by address, pointers as they are. The routine is that for the reals
    to which the first pointer points. Its integers have 32 bits: of ours it reads the lower half, which comes
    first on all processors that we compile for.
    """

    def called(_typing: Any, arguments: Any) -> Any:
        reals = next(kind.dtype for kind in arguments if isinstance(kind, types.CPointer))
        full = f"{_LETTERS[reals]}{name}"

        def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            binding.add_symbol(LINKED + full, routine_address(full))  # for Numba, which links it here and now
            given = []
            for at, kind in enumerate(arguments):
                value = builder.extract_value(args[0], at)
                if not isinstance(kind, types.CPointer):
                    place = slot(builder, LONG)
                    builder.store(value, place)
                    value = place
                given.append(value)
            info = slot(builder, LONG)
            builder.store(ir.Constant(LONG, 0), info)
            call(builder, LINKED + full, ir.VoidType(), [*given, info])
            return builder.sext(builder.trunc(builder.load(info), ir.IntType(32)), LONG)

        return types.int64(arguments), build

    called.__name__ = name
    return intrinsic(called)


@intrinsic
def reals_at(_typing: Any, address: Any, like: Any) -> Any:
    """An address as a pointer of the same type as another one."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], args[1].type)

    return like(types.int64, like), build


@intrinsic
def rows_exchanged(_typing: Any, _reals: Any) -> Any:
    """The integers of LAPACK that stand where a pointer to reals points."""
    kind: Any = types.CPointer
    shorts = kind(types.int32)

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(shorts))

    return shorts(_reals), build
