"""A scalar function at one point.

Enters: numbers by name. Leaves: numbers. No array is made: the arguments are written where generated code
looks for them, and the results are read from where it leaves them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdl.run.built import Built
from symdl.run.memory import address

_NUMBERS = frozenset((float, int, np.float64, np.float32))


class Point:
    """A scalar function with its own memory for one point.

    Args:
        built: the function, whose only size is ``points``, for the target ``cpu``.
        names: its inputs in order.
    """

    def __init__(self, built: Built, names: Sequence[str]) -> None:
        self._names, self._lock = tuple(names), threading.Lock()
        self._real = np.dtype(built.dtype).type
        program, places = built.lowered.program, built.lowered.plan.places
        arrays = list(dict.fromkeys((*program.inputs, *program.outputs)))
        self._values = np.zeros(len(arrays), built.dtype)
        self._results = tuple(arrays.index(t) for t in program.outputs)
        self._memory = built.memory({"points": 1})
        for at, tensor in enumerate(arrays):
            self._memory.slots[places[tensor]] = address(self._values) + at * self._values.itemsize
        self._slots: Any = memoryview(self._values)  # type: ignore[arg-type]
        self._run = self._memory.run

    def __call__(self, values: Mapping[str, Any]) -> list[Any] | None:
        """Return the results, or None if the arguments are not just one number a name."""
        if len(values) != len(self._names):
            return None
        with self._lock:
            slots = self._slots
            for at, name in enumerate(self._names):
                value = values.get(name)
                if type(value) not in _NUMBERS:
                    return None
                try:
                    slots[at] = value
                except ValueError:  # an integer that no float can hold
                    return None
            self._run()
            return [self._real(slots[at]) for at in self._results]
