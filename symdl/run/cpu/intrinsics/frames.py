"""Arrays that compiled loops find by their addresses.

Enters: a vector that holds addresses and shapes, as `symdl.run.cpu.cache.objects.Machine.call` makes it.
Leaves: Numba intrinsics that give the arrays, which nobody counts references to.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np import arrayobj

_pointer: Any = types.CPointer
_fill: Any = arrayobj.populate_array


def _array_in_frame(kind: Any) -> Any:
    def at(_typing: Any, frame: Any, place: Any) -> Any:
        def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            whole = args[1].type
            one = ir.Constant(whole, 1)
            places = [builder.add(args[1], ir.Constant(whole, n)) for n in range(kind.ndim + 1)]
            first, *shape = (builder.load(builder.gep(args[0], [place])) for place in places)
            size = ir.Constant(whole, 8)
            behind = [shape[n + 1 :] for n in range(kind.ndim)]
            strides = [builder.mul(size, functools.reduce(builder.mul, sizes, one)) for sizes in behind]
            array = context.make_array(kind)(context, builder)
            data = builder.inttoptr(first, context.get_value_type(_pointer(kind.dtype)))
            _fill(array, data, shape, strides, size, None)
            return array._getvalue()

        return kind(frame, place), build

    return intrinsic(at)


vector_at = _array_in_frame(types.int64[::1])
table_at = _array_in_frame(types.int64[:, ::1])
numbers_at = _array_in_frame(types.float64[::1])
"""Arrays from a vector that holds their addresses and shapes, and the place of the address there."""
