"""Numbers that need no tensor come first.

Enters: equations in their order. Leaves: the same, with those in front that make a number of given numbers,
such as a power of the step's number that an optimizer divides by. What reads them can then join the matrix
product or the sum of a gradient; behind it, it would be a launch of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.lower.ir.loops import FrozenEquation, FrozenProgram
from symdl.lower.ir.names import TensorId
from symdl.lower.ir.visitors import reads_of


def numbers_first(program: FrozenProgram, equations: Sequence[FrozenEquation]) -> list[FrozenEquation]:
    """Return the equations in their new order."""
    old = {new: before for before, new in program.updates}
    repeated = {number for recurrence in program.recurrences for number in recurrence.members}
    readers: dict[TensorId, set[int]] = {}
    for equation in equations:
        for read in reads_of(equation):
            readers.setdefault(read.tensor, set()).add(equation.number)
    barred: set[int] = set(repeated)
    while True:
        known, moved = set(program.inputs), set[int]()
        for equation in equations:
            number = not equation.free and not equation.op and equation.number not in barred
            if number and all(read.tensor in known for read in reads_of(equation)):
                known.add(equation.lhs)
                moved.add(equation.number)
        # A state is overwritten in place, after all that reads its old value.
        early = {
            e.number
            for e in equations
            if e.number in moved and e.lhs in old and not readers.get(old[e.lhs], set()) <= moved
        }
        if not early:
            return sorted(equations, key=lambda e: e.number not in moved)
        barred |= early
