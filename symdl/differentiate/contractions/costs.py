"""What a step of a contraction costs.

Enters: which indices the factors of a step have, and the size of each index. Leaves: about as many
nanoseconds as one core needs. The figures need not be exact: they decide between orders that differ by the
size of an axis, and against a step where sizes are so small that a step more costs more than it saves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

MULTIPLY_ADD = 0.05
"""In a matrix product, for each of its m·n·k."""
OPERATION = 0.5
"""In a loop nest."""
WRITTEN = 1.0
"""For each element of a result: memory is slower than arithmetic."""
STEP = 300.0
"""Of each step, whatever its size."""
CALL = 100.0
"""Of each of many matrix products."""
_WIDTH = 8
"""Matrices with fewer rows or columns are as expensive as with so many."""
_BATCH_AXES = 2
"""How many axes may count matrix products; see `symdl.lower.equations.contractions`."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A factor: its indices as a set of bits, the operations that make an element of it.

    `stored` ones are read from memory by a matrix product; others are formulas, or read elsewhere.
    """

    axes: int
    operations: int = 0
    stored: bool = True


@dataclass(slots=True)
class Costs:
    """Costs of steps for given sizes, one for each bit.

    Attributes:
        sizes: of the indices.
        most: elements that a result may have; a larger one is out of the question.
        known: the number of elements for sets of indices so far.
    """

    sizes: Sequence[float]
    most: float = math.inf
    known: dict[int, float] = field(default_factory=dict)

    def count(self, axes: int) -> float:
        """Return the number of values of some indices."""
        found = self.known.get(axes)
        if found is None:
            found = 1.0
            for bit, size in enumerate(self.sizes):
                if axes >> bit & 1:
                    found *= size
            self.known[axes] = found
        return found

    def step(self, parts: Sequence[Operand], kept: int) -> float:
        """Return what the product of `parts` costs, summed over all indices but `kept`."""
        if self.count(kept) > self.most:
            return math.inf
        product = self._matrix_product(parts[0], parts[1], kept) if len(parts) == 2 else None
        if product is None:
            axes = kept
            for part in parts:
                axes |= part.axes
            # What is not summed over is computed, and multiplied by, outside of the innermost loops.
            inside = [part for part in parts if part.axes & ~kept]
            outside = [part for part in parts if not part.axes & ~kept]
            operations = (max(1, len(inside) - 1) + sum(p.operations for p in inside)) * self.count(axes)
            operations += (len(outside) + sum(p.operations for p in outside)) * self.count(kept)
            product = OPERATION * operations
        return STEP + product + WRITTEN * self.count(kept)

    def _matrix_product(self, left: Operand, right: Operand, kept: int) -> float | None:
        """Return what the arithmetic costs where it is a matrix product, else None."""
        both, either = left.axes & right.axes, left.axes | right.axes
        inner = either & ~kept
        rows, columns = kept & left.axes & ~both, kept & right.axes & ~both
        if not (left.stored and right.stored) or not inner or inner & ~both or kept & ~either:
            return None
        batch = kept & both
        if not rows | columns or batch.bit_count() > _BATCH_AXES:
            return None
        size = max(self.count(rows), _WIDTH) * max(self.count(columns), _WIDTH) * self.count(inner)
        return self.count(batch) * (MULTIPLY_ADD * size + (CALL if batch else 0.0))
