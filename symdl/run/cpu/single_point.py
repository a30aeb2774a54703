"""A scalar function at one point.

Enters: numbers by name. Leaves: numbers. No array is made: the arguments are written where generated code
looks for them, and the results are read from where it leaves them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symdl.run.build import Built
from symdl.run.memory import address

_NUMBERS = frozenset((float, int, np.float64, np.float32))
_KEPT = 8
"""How many calls at once find memory that was used before."""


class Point:
    """A scalar function with its own memory for one point.

    Args:
        built: the function, whose only size is ``points``, with places that are addresses.
        names: its inputs in order.
    """

    def __init__(self, built: Built, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._real = np.dtype(built.dtype).type
        program, self._places = built.lowered.program, built.lowered.plan.places
        self._arrays = list(dict.fromkeys((*program.inputs, *program.outputs)))
        self._results = tuple(self._arrays.index(t) for t in program.outputs)
        self._built = built
        self._free = deque([self._memory()], maxlen=_KEPT)  # as in `symdl.run.pool`, without its keys

    def _memory(self) -> tuple[Any, Callable[[], int]]:
        """Return new memory for the arguments and results, and what computes one from the other."""
        values, memory = np.zeros(len(self._arrays), self._built.dtype), self._built.memory({"points": 1})
        for at, tensor in enumerate(self._arrays):
            memory.slots[self._places[tensor]] = address(values) + at * values.itemsize
        return memoryview(values), memory.run  # type: ignore[arg-type]

    def __call__(self, values: Mapping[str, Any]) -> list[Any] | None:
        """Return the results, or None if the arguments are not just one number a name."""
        if len(values) != len(self._names):
            return None
        free = self._free
        slots, run = mine = free.pop() if free else self._memory()
        try:
            for at, name in enumerate(self._names):
                value = values.get(name)
                if type(value) not in _NUMBERS:
                    return None
                slots[at] = value
            run()
            return [self._real(slots[at]) for at in self._results]
        except ValueError:  # an integer that no float can hold
            return None
        finally:
            free.append(mine)
