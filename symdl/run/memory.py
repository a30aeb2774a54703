"""The memory of one binding of sizes.

Enters: a buffer plan and the values of the symbolic sizes. Leaves: `Memory`: the vectors that generated code
reads, with the addresses of the arena's buffers filled in. It is kept for the next call with these sizes.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from symdl.emit.launch_list import LaunchList
from symdl.errors import ArgumentError
from symdl.lower.ir.integers import Poly, Sizes, evaluate
from symdl.lower.ir.scalars import evaluate_fixed
from symdl.lower.memory.buffers import ALIGNMENT, Buffer, arena

if TYPE_CHECKING:
    from symdl.run.runtime import Runtime

Array = NDArray[Any]
T = TypeVar("T")
BYTE = np.dtype("uint8")


class Reserved(Protocol):
    """Memory that a target has set aside; it ends when nobody has it."""

    @property
    def nbytes(self) -> int: ...


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What generated code gets, for one choice of sizes.

    Attributes:
        sizes: the values of the launch list's sizes.
        factors: the values of the launch list's factors.
        places: where the buffers are, as `symdl.run.runtime.Runtime.vector` makes it.
        slots: the same, for writing single places fast.
        arena: the memory of the intermediate tensors, kept alive here.
        shapes: the shape of each output.
        run: runs the calls; returns the row of a failed check, or -1.
    """

    sizes: Array
    factors: Array
    places: Any
    slots: Any
    arena: Reserved
    shapes: tuple[tuple[int, ...], ...]
    run: Callable[[], int]


def numbers(calls: LaunchList, dims: Sizes) -> tuple[Array, Array]:
    """Return the values of the launch list's sizes and factors.

    Raises:
        ArgumentError: a size is larger than any memory.
    """
    dims = {**dims, **{name: evaluate(start, dims) for name, start in calls.starts}}
    sizes = [evaluate(size, dims) for size in calls.sizes]
    factors = [evaluate_fixed(factor, dims) for factor in calls.factors]
    try:
        return np.array(sizes or [0], "int64"), np.array(factors or [1.0], "float64")
    except OverflowError as error:
        raise _no_memory(max(sizes), "elements", dims) from error


def memory(
    calls: LaunchList,
    buffers: Sequence[Buffer],
    outputs: Sequence[Sequence[Poly]],
    dims: Sizes,
    *,
    dtype: str,
    runtime: Runtime,
) -> Memory:
    """Allocate the arena and fill in everything that depends on sizes only."""
    sizes, factors = numbers(calls, dims)
    room, found = placed(buffers, dims, "arena", dtype=dtype, runtime=runtime)
    shapes = tuple(tuple(evaluate(size, dims) for size in shape) for shape in outputs)
    places = runtime.vector([found.get(at, 0) for at in range(len(buffers) or 1)])
    return Memory(sizes, factors, places, runtime.slots(places), room, shapes, lambda: -1)


def placed(
    buffers: Sequence[Buffer], dims: Sizes, kind: str, *, dtype: str, runtime: Runtime
) -> tuple[Reserved, dict[int, Any]]:
    """Allocate the buffers of a kind; return the memory, and the place of each buffer."""
    offsets, length = arena(buffers, dims, np.dtype(dtype).itemsize, kind)
    room = runtime.reserve(length)
    found: dict[int, Any] = {}
    for at, buffer in enumerate(buffers):
        if buffer.kind != kind:
            continue
        begin, type_ = offsets[at], np.dtype("int64" if buffer.integer else dtype)
        end = begin + evaluate(buffer.count, dims) * type_.itemsize
        found[at] = runtime.piece(room, begin, end, type_)
    return room, found


def reserved(make: Callable[[int, np.dtype[Any]], T], size: int) -> T:
    """Return an array of so many bytes.

    Raises:
        ArgumentError: there is no such memory.
    """
    try:
        return make(size, BYTE)
    except (MemoryError, OverflowError, ValueError) as error:
        raise _no_memory(size, "bytes") from error


def _no_memory(size: int, unit: str, dims: Sizes | None = None) -> ArgumentError:
    cure = "pass less at a time, or let fewer sizes multiply in one tensor"
    return ArgumentError(
        f"there is no memory for {size} {unit}", shapes=dict(dims) if dims else None, cure=cure
    )


def aligned(shape: Sequence[int], dtype: Any) -> Array:
    """Return zeros that begin at a multiple of `ALIGNMENT` bytes."""
    kind = np.dtype(dtype)
    length = math.prod(shape) * kind.itemsize
    room = reserved(np.zeros, length + ALIGNMENT)
    start = -address(room) % ALIGNMENT
    whole: Array = room[start : start + length].view(kind)
    return whole.reshape(shape)


def address(array: Array) -> int:
    """Return where an array's data begin."""
    return _word(id(array) + _HEADER).value


_word: Callable[[int], ctypes.c_size_t] = ctypes.c_size_t.from_address
_HEADER = object.__basicsize__
"""NumPy's interface for C fixes that the address of the data comes first in an array.

To read it there takes a tenth of the time of asking the array, and a call of a small kernel has many.
"""
