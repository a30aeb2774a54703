"""Which loop an equation can share, and for which of its variables.

Enters: a nest, an equation on its way into it. Leaves: a loop and a variable; nothing is placed here.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.lower.ir.integers import of
from symdl.lower.ir.names import Index
from symdl.lower.loops.building import IN_MEMORY, Building, Part, Task


def shared(
    items: Sequence[Building | Part],
    new: Task,
    *,
    related: bool,
    apart: Sequence[Building | Part] | None,
) -> tuple[Building, Index] | None:
    """Return the last loop that a task can share, with the variable that it stands for.

    Args:
        items: the loops and parts at one place.
        related: the task must read something that the loop makes, or reads too.
        apart: the outermost items, if iterations of outermost loops must stay independent.
    """
    wanted = {read.tensor for read in new.reads}
    for item in reversed(items):
        if isinstance(item, Part):
            if item.equation.lhs in wanted and item.role in ("assign", "finish"):
                return None
            continue
        variable = _variable(item, new, related=related, apart=apart)
        if variable is not None:
            return item, variable
        if wanted & (item.makes.keys() | item.partial):
            return None
    return None


def _variable(
    loop: Building, new: Task, *, related: bool, apart: Sequence[Building | Part] | None
) -> Index | None:
    """Return the variable that a loop can stand for, None if there is none."""
    if any(read.tensor in loop.partial for read in new.reads):
        return None
    choices = [v for v in (*new.free, *new.bound) if _allowed(loop, new, v)]
    if apart is not None:
        choices = [v for v in choices if _independent(loop, new, v, outermost=loop in apart)]
    made = [read for read in new.reads if read.tensor in loop.makes]
    for read in made:
        where = read.where[loop.makes[read.tensor]]
        choices = [v for v in choices if where == of(v)]
    if made or not choices:
        return choices[0] if choices else None
    for read in new.reads:
        for axis in loop.reads.get(read.tensor, ()):
            for v in choices:
                if read.where[axis] == of(v):
                    return v
    return None if related else choices[0]


def _allowed(loop: Building, new: Task, variable: Index) -> bool:
    """Say whether a loop of this extent may stand for a variable, with the value that is run up in it."""
    equation = new.equation
    if equation.sizes[variable] != loop.extent:
        return False
    if new.scan and variable in (new.scan.free, new.scan.bound):
        return False
    if variable in new.free or (new.summing and equation.op != "argmax"):
        return True
    if equation.op in IN_MEMORY:
        return True
    return not new.free and (equation.op != "argmax" or variable == new.bound[0])


def _independent(loop: Building, new: Task, variable: Index, *, outermost: bool) -> bool:
    """Say whether outermost iterations stay independent, and values run up in registers."""
    if variable in new.free:
        return not (outermost and loop.partial)
    return not new.free and not (outermost and loop.makes)
