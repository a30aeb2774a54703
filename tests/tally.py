"""A target that counts operations instead of computing: the smallest one there can be.

Enters: nothing. Leaves: `TALLY`. It is what "Add a target" in CONTRIBUTING.md asks for, and no more:
passes, a syntax, and a runtime with the four methods that every runtime has. Results hold nothing in
particular.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.operations import FIRST_PLACE, Operation
from symdl.emit.python.syntax import PYTHON as PYTHON_SYNTAX
from symdl.lower.ir.integers import Poly
from symdl.lower.ir.loops import KernelItem, Loop, Start, When
from symdl.lower.ir.names import Param
from symdl.lower.lowered import Lowered
from symdl.lower.passes import ELIDE_COPIES, LAY_OUT_WINDOWS, SCATTER_SUMS
from symdl.lower.target import Lowering
from symdl.run.runtime import Runtime, Target

Array = NDArray[Any]


@dataclass(frozen=True)
class Tally:
    """A program whose calls are counted: how often each operation would be done."""

    lowered: Lowered
    counted: Counter[str] = field(default_factory=Counter)
    products: int = 0

    def entries(self, names: Sequence[str], operations: Set[Operation]) -> Array:
        """Kernels go by number."""
        return np.arange(len(names), dtype="int64")

    def call(self, name: str, *given: Any, alive: object = None) -> Callable[[], int]:
        """Return what counts a call, or an epoch."""
        code, *arguments = given
        if name == "once":
            _, sizes, *_ = arguments
            return lambda: self.rows(code, sizes, 1)
        script, _, sizes, *_, limits = arguments
        batches = -(-(limits[1] - limits[0]) // limits[2])
        return lambda: [self.rows(code[begin:end], sizes, batches) for begin, end in script][-1]

    def rows(self, code: Array, sizes: Array, times: int) -> int:
        """Count rows of the launch list."""
        for row in code:
            if row[0] == Operation.PRODUCT:
                m, n, k = (int(sizes[at]) for at in row[6:9])
                self.counted["multiply and add"] += m * n * k * times
            elif row[0] == Operation.KERNEL:
                kernel = self.lowered.kernels[row[1]]
                first = FIRST_PLACE + len(kernel.arrays)
                known = {param: int(sizes[row[first + param.number]]) for param in kernel.sizes}
                self.items(kernel.items, known, times)
        return -1

    def items(self, items: Sequence[KernelItem], sizes: dict[Param, int], times: int) -> None:
        """Count a loop tree; conditions are taken to hold."""
        for item in items:
            if isinstance(item, Loop):
                self.items(item.items, sizes, times * value(item.extent, sizes))
            elif isinstance(item, When):
                self.items(item.items, sizes, times)
            elif not isinstance(item, Start):
                self.counted.update({node.op: 0 for node in item.body.nodes})
                for node in item.body.nodes:
                    self.counted[node.op] += times


def value(extent: Poly, sizes: dict[Param, int]) -> int:
    """Return the extent of a kernel's loop, a polynomial in its parameters."""
    return sum(
        factor * math.prod(sizes[p] for p in atoms if isinstance(p, Param)) for atoms, factor in extent.terms
    )


class TallyRuntime(Runtime):
    """Places are arrays, as in plain Python."""

    def load(self, text: str, *, lowered: Lowered, dtype: str, training: bool) -> Tally:
        """Nothing is loaded."""
        return Tally(lowered)

    def place(self, array: Array) -> Array:
        """An array is its own place."""
        return array

    def behind(self, place: Array, count: int, itemsize: int) -> Array:
        """Nobody looks there."""
        return place

    def vector(self, places: Sequence[Any]) -> list[Any]:
        """A list."""
        return list(places)


TALLY = Target(
    name="tally",
    lowering=Lowering(equations=(SCATTER_SUMS, LAY_OUT_WINDOWS, ELIDE_COPIES)),
    syntax=replace(PYTHON_SYNTAX, name="tally"),
    runtime=TallyRuntime(),
)
"""Counts."""
