"""Where the arrays of a call are.

Enters: the inputs of a call. Leaves: new arrays for the outputs, and the addresses of all of them where
generated code looks for them. Asking NumPy for an address costs more than a small kernel, so all outputs of a
call lie in one block. The block of a call whose results are no longer used by anyone is used again: the first
touch of new memory costs more than many a kernel.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.lower.buffers import ALIGNMENT
from symdl.run.memory import Memory, address

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The outputs of a call inside one block: shape, dtype and offset of each, and the block's length."""

    parts: tuple[tuple[tuple[int, ...], np.dtype[Any], int], ...]
    length: int


def layout(shapes: Sequence[tuple[int, ...]], kinds: Sequence[np.dtype[Any]]) -> Layout:
    """Place outputs one after the other, each at a multiple of 64."""
    parts, length = [], 0
    for shape, kind in zip(shapes, kinds, strict=True):
        parts.append((shape, kind, length))
        size = math.prod(shape) * kind.itemsize
        length += -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
    return Layout(tuple(parts), length)


class Room:
    """Memory for the results of a call: that of one of the latest two if nobody looks at it any more.

    It belongs to one call at a time, as all memory of calls does (`symdl.run.pool`).

    Two, because ``result = f(...)`` in a loop lets go of a result only when the next one is there.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[Array, int]] = []

    def take(self, length: int) -> tuple[Array, int, int]:
        """Return a block, its first place at a multiple of 64, and the address of that place."""
        for block, place in self._blocks:
            if len(block) == length + ALIGNMENT and sys.getrefcount(block) <= _UNUSED:
                return block, -place % ALIGNMENT, place + -place % ALIGNMENT
        block = np.empty(length + ALIGNMENT, "uint8")
        place = address(block)
        self._blocks = [(block, place), *self._blocks[:1]]
        return block, -place % ALIGNMENT, place + -place % ALIGNMENT


_UNUSED = 3
"""References to a block that no result refers to: by its room, by the loop and by the question."""


class Places:
    """Tells generated code where arrays are.

    Args:
        inputs: the buffer of every input.
        outputs: pairs of an output's number and its buffer; other outputs are not computed but copied.
        target: arrays are passed by address on the CPU, and as flat arrays to plain Python.
    """

    def __init__(self, inputs: Sequence[int], outputs: Sequence[tuple[int, int]], target: str) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.target = target

    def fill(self, memory: Memory, given: Sequence[Array], made: Layout, room: Room) -> list[Array]:
        """Return new arrays for the outputs, after noting where they and the inputs are."""
        results, first = self.new(made, room)
        slots = memory.slots
        if self.target == "python":
            for place, array in zip(self.inputs, given, strict=True):
                slots[place] = array.reshape(-1)
            for number, place in self.outputs:
                slots[place] = results[number].reshape(-1)
            return results
        for place, array in zip(self.inputs, given, strict=True):
            slots[place] = address(array)
        for number, place in self.outputs:
            slots[place] = first + made.parts[number][2]
        return results

    def new(self, made: Layout, room: Room) -> tuple[list[Array], int]:
        """Return new arrays for the outputs, and the address of the first."""
        block, start, first = room.take(made.length)
        return [np.ndarray(shape, kind, block, start + offset) for shape, kind, offset in made.parts], first

    def addresses(self, given: Sequence[Array], made: Layout, first: int) -> list[tuple[int, int]]:
        """Return the buffers of all inputs and computed outputs with the addresses of their arrays."""
        found = [(at, address(array)) for at, array in zip(self.inputs, given, strict=True)]
        return found + [(at, first + made.parts[number][2]) for number, at in self.outputs]
