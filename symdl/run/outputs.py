"""What calls return: which outputs kernels write, and which are copies.

Enters: a lowered program. Leaves: `Outputs`. An output that is an input, or another output once more, is in
no buffer of its own: it is copied when all others are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from symdl.lower.lowered import Lowered
from symdl.run.results import Places
from symdl.run.storage import dtype_of

Array = NDArray[Any]


class Outputs:
    """The outputs of a program in order.

    Attributes:
        dtypes: the type of each.
        written: result and buffer of each one that kernels write.
        copies: the others, each with the input that it is, or with the result that it is (``~result``).
    """

    def __init__(self, lowered: Lowered, dtype: str) -> None:
        program, places = lowered.program, lowered.plan.places
        self.dtypes = [dtype_of(program.tensors[t], dtype) for t in program.outputs]
        self.written: list[tuple[int, int]] = []
        self.copies: list[tuple[int, int]] = []
        first: dict[int, int] = {}
        for at, tensor in enumerate(program.outputs):
            if tensor in program.inputs:
                self.copies.append((at, program.inputs.index(tensor)))
            elif tensor in first:
                self.copies.append((at, ~first[tensor]))
            else:
                first[tensor] = at
                self.written.append((at, places[tensor]))

    def copy(self, results: Sequence[Array], given: Sequence[Array], places: Places) -> None:
        """Fill the results that are copies, from the arguments or from other results."""
        for at, source in self.copies:
            places.copy(results[at], given[source] if source >= 0 else results[~source])
