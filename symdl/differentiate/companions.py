"""What goes along with the steps of a recurrence.

Enters: a program with derivatives, and a recurrence of its forward pass. Leaves: `Companions`: the recurrence
that walks back through it, and the equations that can be computed beside either of them, segment by segment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

from symdl.differentiate.segments import Cut, cut, offset
from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.ordering import Recurrence
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor


@dataclass(slots=True)
class Companions:
    """What is cut into segments: two recurrences and what goes along with their steps.

    Attributes:
        ahead, back: the axis of steps of what belongs to the forward and to the backward recurrence.
        steps: the variable of the steps in each of their equations, and in those of `sums`.
        sums: what is summed over the steps of the backward recurrence.
    """

    source: Program
    forward: Recurrence
    backward: Recurrence
    cut: Cut
    ahead: dict[Tensor, int]
    back: dict[Tensor, int]
    steps: dict[Tensor, Index]
    sums: set[Tensor] = field(default_factory=set)

    def add(self, equation: Equation, axis: int, places: dict[Tensor, int]) -> None:
        """Take an equation along."""
        places[equation.lhs] = axis
        self.steps[equation.lhs] = equation.indices[axis]

    def fits(self, equation: Equation, step: Index) -> bool:
        """Say whether all that an equation reads of these tensors is at its own step, or one before."""
        for access in equation.accesses():
            for places, direction in ((self.ahead, self.cut.direction), (self.back, -self.cut.direction)):
                if access.tensor not in places:
                    continue
                where = access.indices[places[access.tensor]]
                fixed = not where.atoms(Index, Access) and places is self.ahead
                if offset(where, step) not in (0, -direction) and (equation.lhs in self.ahead or not fixed):
                    return False
        return True


def companions(program: Program, forward: Recurrence, length: int) -> Companions | None:
    """Return what can be cut into segments of `length` steps.

    None where no other recurrence reads the states, or more than one does, or one that runs the same way;
    where a step reads other steps than its own and the one before; where segments do not come out even.
    """
    made = cut(forward.extent, length, forward.direction)
    readers = [r for r in program.recurrences if r is not forward and _reads(r.equations, forward)]
    if made is None or len(readers) != 1:
        return None
    (backward,) = readers
    if backward.inner or backward.extent != forward.extent or backward.direction == forward.direction:
        return None
    found = Companions(program, forward, backward, made, {}, {}, {})
    for recurrence, places in ((forward, found.ahead), (backward, found.back)):
        for equation in recurrence.equations:
            found.add(equation, recurrence.axes[equation.lhs], places)
    if not all(found.fits(e, found.steps[e.lhs]) for e in (*forward.equations, *backward.equations)):
        return None
    single = [g[0] for g in program.groups if len(g) == 1 and g[0].lhs not in found.steps]
    _take_along_after(found, single)
    _take_along_before(found, single)
    return found


def _reads(equations: tuple[Equation, ...], recurrence: Recurrence) -> bool:
    return any(tensor in recurrence.axes for e in equations for tensor in e.reads())


def _take_along_after(found: Companions, single: list[Equation]) -> None:
    """Take along what is computed from the backward recurrence step by step, and what sums over its steps."""
    numbers = {e.lhs: n for n, e in enumerate(found.source.equations)}
    begin = min(numbers[e.lhs] for e in found.backward.equations)
    own = {e.lhs for r in found.source.recurrences for e in r.equations}
    for equation in single:
        if numbers[equation.lhs] < begin or equation.lhs in own:
            continue
        hits = [a.indices[found.back[a.tensor]] for a in equation.accesses() if a.tensor in found.back]
        steps = {i for i in hits if isinstance(i, Index)}
        ready = all(
            t in found.ahead or t in found.back or numbers.get(t, -1) < begin for t in equation.reads()
        )
        if len(steps) != 1 or not ready:
            continue
        (step,) = steps
        if equation.extents[step] != found.backward.extent or not found.fits(equation, step):
            continue
        if step in equation.indices:
            found.add(equation, equation.indices.index(step), found.back)
        elif equation.reduction is not None and equation.reduction.op == "sum":
            found.sums.add(equation.lhs)
            found.steps[equation.lhs] = step


def _take_along_before(found: Companions, single: list[Equation]) -> None:
    """Take along what only they read, at their own step."""
    users: dict[Tensor, list[tuple[Equation, Access]]] = {}
    for equation in found.source.equations:
        for access in equation.accesses():
            users.setdefault(access.tensor, []).append((equation, access))
    fixed = {*found.source.outputs, *chain(*found.source.updates)}
    own = {e.lhs for r in found.source.recurrences for e in r.equations}
    numbers = {e.lhs: n for n, e in enumerate(found.source.equations)}
    begin = min(numbers[e.lhs] for e in found.backward.equations)
    for equation in reversed([e for e in single if numbers[e.lhs] < begin]):
        lhs = equation.lhs
        if lhs in found.steps or lhs in fixed or lhs in own or lhs not in users:
            continue
        for axis, size in enumerate(lhs.shape):
            along = all(found.steps.get(e.lhs) == a.indices[axis] for e, a in users[lhs])
            if size != found.forward.extent or not along or not found.fits(equation, equation.indices[axis]):
                continue
            early = any(e.lhs in found.ahead for e, _ in users[lhs])
            found.add(equation, axis, found.ahead if early else found.back)
            break
