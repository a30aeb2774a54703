"""What a program says besides its equations.

Enters: a program. Leaves: its recurrences.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from symdl.express.dims import Extent
from symdl.express.program import Program
from symdl.lower.ir.integers import Poly
from symdl.lower.ir.loops import FrozenRecurrence
from symdl.lower.ir.names import StepNumber

Freeze = Callable[[Extent], Poly]


def recurrences(program: Program, extent: Freeze) -> Iterator[FrozenRecurrence]:
    """Yield the recurrences, their members by number, each before those inside it."""
    places = {e.lhs: n for n, e in enumerate(program.equations)}
    waiting = list(program.recurrences)
    for number in itertools.count():
        if not waiting:
            return
        found = waiting.pop(0)
        waiting = [*found.inner, *waiting]
        members = {places[e.lhs]: found.axes[e.lhs] for e in found.equations}
        yield FrozenRecurrence(StepNumber(number), members, extent(found.extent), found.direction)
