"""How plain Python runs programs: the same loops, without a compiler.

Enters: source code, a lowered program. Leaves: `PythonRuntime`. A place is an array, flat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.lower.lowered import Lowered
from symdl.run import modules
from symdl.run.runtime import Runtime

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Module:
    """A module with kernels and loops; kernels are called by number."""

    module: ModuleType
    products: int = 0

    def entries(self, names: Sequence[str]) -> Array:
        """Return the numbers of kernels."""
        return np.arange(len(names), dtype="int64")

    def call(self, name: str, *arguments: Any) -> Callable[[], int]:
        """Return a call of a loop."""
        return np.errstate(all="ignore")(partial(getattr(self.module, name), *arguments))


class PythonRuntime(Runtime):
    """The loops as Python runs them."""

    def load(self, text: str, steps: str, *, lowered: Lowered, dtype: str) -> _Module:
        """Import the module; see `Runtime.load`."""
        return _Module(modules.load(text))

    def place(self, array: Array) -> Array:
        """Return an array, flat."""
        return array.reshape(-1)

    def behind(self, place: Array, count: int, itemsize: int) -> Array:
        """Return the array from there on."""
        return place[count:]

    def vector(self, places: Sequence[Any]) -> list[Any]:
        """Return a list."""
        return list(places)
