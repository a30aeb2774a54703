"""Several elements that a thread reads or writes at once.

Enters: a type of reals. Leaves: functions that are taken into kernels. A vector is a local array, which
the compiler keeps in registers: loops over it have a fixed number of steps and are unrolled. Positions are
multiples of its length, and arrays begin at multiples of its bytes, which whoever launches makes sure of.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from symdl.lower.cuda.flat import VECTOR
from symdl.run.cuda.compiler import inlined, intrinsic, types

_DATA, _ANY = 4, 4
"""Where an array's structure has its pointer; the alignment of a vector, which is in registers anyway."""


def width(real: Any) -> int:
    """Return how many reals are in a vector."""
    return int(VECTOR // np.dtype(real).itemsize)


def functions_of_vectors(real: Any) -> tuple[Any, Any, int]:
    """Return what loads and stores a vector, and its length, by the names of `symdl.emit.cuda.vectors`."""
    count = width(real)
    read, write = _access(count)

    @inlined
    def load_vector(vector: Any, array: Any, first: Any, end: Any) -> None:
        """Read elements from a position on; the last one again and again where the array ends."""
        if first + count <= end:
            read(vector, array, first)
        else:
            for lane in range(count):
                vector[lane] = array[min(first + lane, end - 1)]

    @inlined
    def store_vector(array: Any, first: Any, vector: Any, end: Any) -> None:
        """Write elements from a position on, as far as the array goes."""
        if first + count <= end:
            write(array, first, vector)
        else:
            for lane in range(count):
                if first + lane < end:
                    array[first + lane] = vector[lane]

    return load_vector, store_vector, count


def _access(count: int) -> tuple[Any, Any]:
    """Return what reads and what writes so many elements by one instruction, or a few for larger elements."""

    def places(builder: Any, array: Any, first: Any, vector: Any) -> tuple[Any, Any]:
        elements = ir.VectorType(array.type.pointee, count)
        there, mine = builder.gep(array, [first]), builder.extract_value(vector, _DATA)
        return tuple(builder.bitcast(p, elements.as_pointer(p.type.addrspace)) for p in (there, mine))

    def read(context: Any, vector: Any, array: Any, first: Any) -> Any:
        """Read elements into a vector."""

        def code(context: Any, builder: Any, signature: Any, values: Any) -> None:
            mine, array, first = values
            there, place = places(builder, array, first, mine)
            builder.store(builder.load(there, align=VECTOR), place, align=_ANY)

        return types.void(vector, array, types.int64), code

    def write(context: Any, array: Any, first: Any, vector: Any) -> Any:
        """Write a vector's elements."""

        def code(context: Any, builder: Any, signature: Any, values: Any) -> None:
            there, place = places(builder, *values)
            builder.store(builder.load(place, align=_ANY), there, align=VECTOR)

        return types.void(array, types.int64, vector), code

    return intrinsic(read), intrinsic(write)
