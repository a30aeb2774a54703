"""Where the arrays of a call are.

Enters: the inputs of a call. Leaves: new arrays for the outputs, and the addresses of all of them where
generated code looks for them. Asking NumPy for an address costs more than a small kernel, so all outputs of a
call lie in one block. A large block is used again when its results are gone: the first touch of new memory
costs more than many a kernel. Whoever keeps a result, in whatever form, keeps the `Lease` of which all
results of the call are views; when it has ended, and only then, the block is free.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.lower.memory.buffers import ALIGNMENT
from symdl.run.memory import BYTE, Memory, address, reserved

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The outputs of a call inside one block.

    Attributes:
        parts: shape, dtype and offset of each.
        length: of the block, in bytes.
        rows: shape, dtype and strides of one array whose rows are the outputs, if they are alike.
    """

    parts: tuple[tuple[tuple[int, ...], np.dtype[Any], int], ...]
    length: int
    rows: tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]] | None


def layout(shapes: Sequence[tuple[int, ...]], kinds: Sequence[np.dtype[Any]]) -> Layout:
    """Place outputs one after the other, each at a multiple of 64."""
    parts, length = [], 0
    for shape, kind in zip(shapes, kinds, strict=True):
        parts.append((shape, kind, length))
        size = math.prod(shape) * kind.itemsize
        length += -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
    return Layout(tuple(parts), length, _rows(parts, length))


def _rows(
    parts: Sequence[tuple[tuple[int, ...], np.dtype[Any], int]], length: int
) -> tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]] | None:
    """Return outputs of one shape as rows of one array, which is made faster than many."""
    if len({(shape, kind) for shape, kind, _ in parts}) != 1 or not parts[0][0]:
        return None
    (shape, kind, _), count = parts[0], len(parts)
    steps = [kind.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return (count, *shape), kind, (length // count, *steps)


class Outlasting(np.ndarray[Any, Any]):
    """Bytes that outlast the results of one call. A type of its own: else NumPy would pass over the lease."""

    __slots__ = ()


class Lease(np.ndarray[Any, Any]):
    """The memory of one call's results: the base of all of them, so it ends after the last."""

    __slots__ = ()
    base = None  # who got hold of what is behind it would keep that, and not the lease


class Room:
    """Memory for the results of all calls of a function.

    Small results get new memory. Large ones get that of a late call if nobody has any part of it: of one of
    the latest two at least, because ``result = f(...)`` in a loop lets go of a result only when there is the
    next one. There is no lock (see `symdl.run.pool`): what is given to a call is taken out of a list
    first.
    """

    def __init__(self) -> None:
        self._pieces: list[tuple[int, Place]] = []
        self._blocks: list[tuple[Outlasting, int, weakref.ref[Lease]]] = []

    def take(self, length: int) -> Place:
        """Return a block, its first place at a multiple of 64, and the address of that place."""
        if length >= _LARGE:
            return self._leased(length + ALIGNMENT)
        if length >= _SMALL:
            return _new(length + ALIGNMENT)
        try:
            size, place = self._pieces.pop()
        except IndexError:
            size = 0
        return place if size == length else self._cut(length)

    def _cut(self, length: int) -> Place:
        """Return a piece of new memory; the next calls get the others."""
        block, begin, first = _new(_SMALL + ALIGNMENT)
        steps = range(0, _SMALL - length + 1, length)
        pieces = [(length, (block, begin + step, first + step)) for step in steps]
        mine = pieces.pop()[1]
        self._pieces = pieces
        return mine

    def _leased(self, size: int) -> Place:
        """Return memory that no result is in. It leaves the list meanwhile: nobody else is given it."""
        for _ in range(len(self._blocks)):
            try:
                memory, first, lease = self._blocks.pop(0)
            except IndexError:
                break
            if lease() is None and len(memory) == size:
                return self._lent(memory, first)
            self._blocks.append((memory, first, lease))
        memory = reserved(Outlasting, size)
        return self._lent(memory, address(memory))

    def _lent(self, memory: Outlasting, first: int) -> Place:
        lease = Lease(memory.shape, BYTE, memory)
        self._blocks.append((memory, first, weakref.ref(lease)))
        del self._blocks[:-_BLOCKS]
        start = -first % ALIGNMENT
        return lease, start, first + start


def _new(size: int) -> Place:
    block: Array = np.empty(size, BYTE)
    first = address(block)
    start = -first % ALIGNMENT
    return block, start, first + start


Place = tuple[Array, int, int]
"""A block of bytes, a position in it, and the address of that position, which is a multiple of 64."""
_BLOCKS = 4
_SMALL, _LARGE = 1 << 10, 1 << 16
"""Bytes below which several calls share new memory, and from which on a block is used again.

In between, the C library gives memory that was used just before.
"""


class Places:
    """Tells generated code where arrays are.

    Args:
        inputs: the buffer of every input.
        outputs: pairs of an output's number and its buffer; other outputs are not computed but copied.
        place: what generated code knows of an array: see `symdl.run.runtime.Runtime.place`.
    """

    def __init__(
        self, inputs: Sequence[int], outputs: Sequence[tuple[int, int]], place: Callable[[Array], Any]
    ) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.place, self.room = place, Room()

    def fill(self, memory: Memory, given: Sequence[Array], made: Layout) -> Sequence[Array]:
        """Return new arrays for the outputs, after noting where they and the inputs are."""
        results, _ = self.new(made, given)
        slots = memory.slots
        for at, array in zip(self.inputs, given, strict=True):
            slots[at] = self.place(array)
        for number, at in self.outputs:
            slots[at] = self.place(results[number])
        return results

    def new(self, made: Layout, given: Sequence[Any] = ()) -> tuple[Sequence[Array], int]:
        """Return new arrays for the outputs of a call with these arguments, and the address of the first."""
        block, start, first = self.room.take(made.length)
        if made.rows is not None:
            shape, kind, steps = made.rows
            # An array is the sequence of its rows, but to a type checker.
            return np.ndarray(shape, kind, block, start, steps), first  # type: ignore[return-value]
        return [np.ndarray(shape, kind, block, start + offset) for shape, kind, offset in made.parts], first

    def copy(self, target: Any, source: Any) -> None:
        """Copy the values of an argument or of a result to another result."""
        np.copyto(target, source)

    def addresses(self, given: Sequence[Array], made: Layout, first: int) -> list[tuple[int, int]]:
        """Return the buffers of all inputs and computed outputs with the addresses of their arrays."""
        found = [(at, address(array)) for at, array in zip(self.inputs, given, strict=True)]
        return found + [(at, first + made.parts[number][2]) for number, at in self.outputs]


class AddressedPlaces(Places):
    """The same where places are addresses: those of results are known before there are arrays."""

    def __init__(self, inputs: Sequence[int], outputs: Sequence[tuple[int, int]]) -> None:
        super().__init__(inputs, outputs, address)

    def fill(self, memory: Memory, given: Sequence[Array], made: Layout) -> Sequence[Array]:
        """Return new arrays for the outputs, after noting where they and the inputs are."""
        results, first = self.new(made)
        slots = memory.slots
        for at, array in zip(self.inputs, given, strict=True):
            slots[at] = address(array)
        for number, at in self.outputs:
            slots[at] = first + made.parts[number][2]
        return results
