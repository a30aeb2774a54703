"""Where the arrays of a call are.

Enters: the inputs of a call. Leaves: new arrays for the outputs, and the addresses of all of them where
generated code looks for them. Asking NumPy for an address costs more than a small kernel, so all outputs of a
call lie in one block.
"""

from __future__ import annotations

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
    offsets: Array
    length: int


def layout(shapes: Sequence[tuple[int, ...]], kinds: Sequence[np.dtype[Any]]) -> Layout:
    """Place outputs one after the other, each at a multiple of 64."""
    parts, length = [], 0
    for shape, kind in zip(shapes, kinds, strict=True):
        parts.append((shape, kind, length))
        size = int(np.prod(shape, dtype=object)) * kind.itemsize
        length += -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
    return Layout(tuple(parts), np.array([p[2] for p in parts], "int64"), length)


class Places:
    """Tells generated code where arrays are.

    Args:
        inputs: the buffer of every input.
        outputs: pairs of an output's number and its buffer; other outputs are not computed but copied.
        target: arrays are passed by address on the CPU, and as flat arrays to plain Python.
    """

    def __init__(self, inputs: Sequence[int], outputs: Sequence[tuple[int, int]], target: str) -> None:
        self.inputs = np.array(inputs, "int64")
        self.numbers = np.array([number for number, _ in outputs], "int64")
        self.outputs = np.array([place for _, place in outputs], "int64")
        self.target = target

    def fill(self, memory: Memory, given: Sequence[Array], made: Layout) -> list[Array]:
        """Return new arrays for the outputs, after noting where they and the inputs are."""
        block = np.empty(made.length, "uint8")
        results = [np.ndarray(shape, kind, block, offset) for shape, kind, offset in made.parts]
        if self.target == "python":
            for place, array in zip(self.inputs, given, strict=True):
                memory.places[place] = array.reshape(-1)
            for number, place in zip(self.numbers, self.outputs, strict=True):
                memory.places[place] = results[number].reshape(-1)
            return results
        memory.places[self.inputs] = [array.__array_interface__["data"][0] for array in given]
        memory.places[self.outputs] = address(block) + made.offsets[self.numbers]
        return results
