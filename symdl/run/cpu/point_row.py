"""A scalar function at the points of a row, no more than a block has.

Enters: numbers and flat arrays by name, as most calls have them. Leaves: the results in new arrays. Such
calls are so short that what is done around them counts: all memory is kept for the next call with as many
points, and a number is written into a row of it, where generated code looks for an array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.run.build import Built
from symdl.run.cpu.threads.point_blocks import block_size
from symdl.run.memory import address
from symdl.run.outputs import Outputs
from symdl.run.pool import Pool
from symdl.run.results import AddressedPlaces, Layout, layout

Array = NDArray[Any]
_NUMBERS: frozenset[Any] = frozenset((float, int, np.float64))
_KEPT = 8
"""For how many numbers of points memory is kept."""


@dataclass(frozen=True, slots=True)
class _Held:
    """Memory for a number of points: rows of the inputs, their addresses, the layout of the results."""

    rows: list[Array]
    addresses: list[int]
    slots: Any
    made: Layout
    run: Callable[[], int]


class Row:
    """A scalar function with its own memory for rows of points.

    Args:
        built: the function, whose only size is ``points``, with places that are addresses.
        names: its inputs in order.
    """

    def __init__(self, built: Built, names: Sequence[str]) -> None:
        self._built, self._names, self._dtype = built, tuple(names), np.dtype(built.dtype)
        self._largest = float(np.finfo(self._dtype).max)
        program, places = built.lowered.program, built.lowered.plan.places
        self._slots = [places[tensor] for tensor in program.inputs]
        self._outputs = Outputs(built.lowered, built.dtype)
        self._places = AddressedPlaces(self._slots, self._outputs.written)
        self._most = block_size(built)
        self._free: Pool[_Held] = Pool(keys=_KEPT)

    def _memory(self, count: int) -> _Held:
        rows = np.empty((len(self._names), count), self._dtype)
        memory = self._built.memory({"points": count})
        made = layout([(count,)] * len(self._outputs.dtypes), self._outputs.dtypes)
        addresses = [address(rows) + at * rows.strides[0] for at in range(len(rows))]
        return _Held(list(rows), addresses, memory.slots, made, memory.run)

    def __call__(self, values: Mapping[str, Any]) -> Sequence[Array] | None:
        """Return the results, or None if an argument is no finite number and no flat array of that length."""
        if len(values) != len(self._names):
            return None
        count, given = -1, []
        for name in self._names:
            value: Any = values.get(name)
            if type(value) is np.ndarray:
                if value.dtype != self._dtype or value.ndim != 1 or not value.flags.carray:
                    return None
                if count not in (-1, len(value)):
                    return None
                count = len(value)
            elif type(value) not in _NUMBERS or not abs(value) <= self._largest:
                return None
            given.append(value)
        if not 0 < count <= self._most:
            return None
        held = self._free.take(count) or self._memory(count)
        try:
            return self._computed(held, given)
        finally:
            self._free.give(held, count)

    def _computed(self, held: _Held, given: list[Any]) -> Sequence[Array]:
        """Return new arrays with the results for arrays and numbers."""
        slots = held.slots
        for at, slot in enumerate(self._slots):
            value = given[at]
            if type(value) is np.ndarray:
                slots[slot] = address(value)
            else:
                held.rows[at].fill(value)
                slots[slot] = held.addresses[at]
        results, first = self._places.new(held.made)
        for number, slot in self._places.outputs:
            slots[slot] = first + held.made.parts[number][2]
        held.run()
        self._outputs.copy(results, given, self._places)
        return results
