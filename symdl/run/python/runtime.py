"""How plain Python runs programs: the same loops, without a compiler.

Enters: source code, a lowered program. Leaves: `PythonRuntime`. A place is an array, flat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.operations import Operation
from symdl.lower.lowered import Lowered
from symdl.run import modules
from symdl.run.python.loops import loops
from symdl.run.runtime import Runtime

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Module:
    """Loops over the launch list, by name; they know the kernels by number."""

    loops: Mapping[str, Callable[..., int]]
    products: int = 0

    def entries(self, names: Sequence[str], operations: Set[Operation]) -> Array:
        """Return the numbers of kernels."""
        return np.arange(len(names), dtype="int64")

    def call(self, name: str, *arguments: Any, alive: object = None) -> Callable[[], int]:
        """Return a call of a loop; places are arrays here, which keep their memory."""
        return np.errstate(all="ignore")(partial(self.loops[name], *arguments))


class PythonRuntime(Runtime):
    """The loops as Python runs them."""

    def load(self, text: str, *, lowered: Lowered, dtype: str, training: bool) -> _Module:
        """Import the module; see `Runtime.load`."""
        counts = [len(kernel.arrays) + len(kernel.sizes) for kernel in lowered.kernels]
        entries = modules.load(text).entries
        return _Module(loops(list(zip(entries, counts, strict=True)), dtype=dtype))

    def place(self, array: Array) -> Array:
        """Return an array, flat."""
        return array.reshape(-1)

    def behind(self, place: Array, count: int, itemsize: int) -> Array:
        """Return the array from there on."""
        return place[count:]

    def vector(self, places: Sequence[Any]) -> list[Any]:
        """Return a list."""
        return list(places)
