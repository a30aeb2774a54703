"""What a program says besides its equations.

Enters: a program. Leaves: its recurrences, and which given integers must be positions inside a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from symdl.express.dims import Extent
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor
from symdl.lower.ir import FrozenRecurrence
from symdl.lower.poly import Poly

Freeze = Callable[[Extent], Poly]


def recurrences(program: Program, extent: Freeze) -> Iterator[FrozenRecurrence]:
    """Yield the recurrences, their members by number."""
    places = {e.lhs: n for n, e in enumerate(program.equations)}
    for number, found in enumerate(program.recurrences):
        members = {places[e.lhs]: found.axes[e.lhs] for e in found.equations}
        yield FrozenRecurrence(f"@{number}", members, extent(found.extent), found.direction)


def gathers(program: Program, numbers: Mapping[Tensor, int], extent: Freeze) -> dict[tuple[int, Poly], None]:
    """Collect which given integer tensors are used as positions, and the sizes they must stay below."""
    found: dict[tuple[int, Poly], None] = {}
    given = set(program.inputs)
    for equation in program.equations:
        for access in equation.accesses():
            for where, size in zip(access.indices, access.tensor.shape, strict=True):
                if isinstance(where, Access) and where.tensor in given:
                    found[numbers[where.tensor], extent(size)] = None
    return found
