"""Fusion: which equations share a kernel.

Enters: frozen equations and those of them that are matrix products. Leaves: `Group`s in the order of
execution, each a `Contraction` or a `Nest` that holds one or more equations. An equation joins the
group that makes what it reads, or a later one that reads the same, if a loop can be shared.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from symdl.lower.equations.contractions import Contraction
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram
from symdl.lower.ir.names import Index, StepNumber
from symdl.lower.ir.visitors import reads_of
from symdl.lower.loops.nests import Nest

_NONE: Mapping[int, Index] = {}


@dataclass(slots=True, eq=False)
class Group:
    """One kernel: a matrix product, or loops; `loops` names the recurrences that repeat it, outer first.

    One of `simd` loops holds equations of tensors in sample layout only.
    """

    work: Contraction | Nest
    equations: list[FrozenEquation]
    loops: tuple[StepNumber, ...] = ()
    simd: bool = False


def ordered(program: FrozenProgram) -> list[FrozenEquation]:
    """Return the equations, those that only updates need after all others.

    An update then comes after every reader of the old value, so it can be written in place.
    """
    defined = {e.lhs: e for e in program.equations}
    needed: set[int] = set()
    todo = [t for t in program.outputs if t in defined]
    while todo:
        tensor = todo.pop()
        if tensor in needed:
            continue
        needed.add(tensor)
        todo.extend(r.tensor for r in reads_of(defined[tensor]) if r.tensor in defined)
    updated = {new for _, new in program.updates}
    early, middle, late = [], [], []
    after: set[int] = set()
    for group in _together(program):
        if any(e.lhs in needed for e in group):
            early += group
        elif any(e.lhs in updated or any(r.tensor in after for r in reads_of(e)) for e in group):
            after.update(e.lhs for e in group)
            late += group
        else:
            middle += group
    return [*early, *middle, *late]


def _together(program: FrozenProgram) -> list[list[FrozenEquation]]:
    """Return the equations in order, those of one recurrence in one list."""
    home: dict[int, int] = {}
    for recurrence in sorted(program.recurrences, key=lambda r: -len(r.members)):  # inner ones last
        first = home.get(min(recurrence.members), min(recurrence.members))
        home |= dict.fromkeys(recurrence.members, first)
    groups: dict[int, list[FrozenEquation]] = {}
    for equation in program.equations:
        groups.setdefault(home.get(equation.number, equation.number), []).append(equation)
    return list(groups.values())


def fuse(
    program: FrozenProgram,
    equations: Sequence[FrozenEquation],
    contractions: Mapping[int, Contraction],
    *,
    heads: Mapping[int, Index] = _NONE,
    simd: Container[int] = (),
    naive: bool = False,
    apart: bool = False,
) -> list[Group]:
    """Return the groups in the order of execution.

    Args:
        heads: equations that begin a group, and the index of their outermost loop.
        simd: equations that share no group with others.
        naive: give every equation its own.
        apart: let the iterations of outermost loops be independent; see `Nest`.
    """
    groups: list[Group] = []
    made: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    replaces = {new: old for old, new in program.updates}
    loops: dict[int, tuple[StepNumber, ...]] = {}
    for recurrence in program.recurrences:
        loops.update({n: (*loops.get(n, ()), recurrence.name) for n in recurrence.members})
    for equation in equations:
        reads = {read.tensor for read in reads_of(equation)}
        contraction = contractions.get(equation.number)
        place = None
        if contraction is None and not naive and equation.number not in heads:
            first = max((made[t] for t in reads if t in made), default=-1)
            old = replaces.get(equation.lhs)
            earlier = (*readers.get(equation.lhs, ()), *(readers.get(old, ()) if old is not None else ()))
            floor = max([first, *earlier])  # what reads the value of the step before comes first
            around = loops.get(equation.number, ())
            # A sum starts with zeros, perhaps before the loop that reads the value of the step before.
            barred = earlier if equation.op else ()
            alike = [
                g.loops == around and g.simd == (equation.number in simd) and p not in barred
                for p, g in enumerate(groups)
            ]
            place = _join(groups, equation, alike, floor, sorted(reads), readers)
        if place is None:
            place = len(groups)
            head = heads.get(equation.number)
            work = contraction or _alone(equation, head, scans=not naive, apart=apart)
            around, alone = loops.get(equation.number, ()), equation.number in simd
            groups.append(Group(work, [equation], around, alone))
        made[equation.lhs] = place
        for tensor in reads:
            past = readers.setdefault(tensor, [])
            if not past or past[-1] != place:
                past.append(place)
    return groups


def _alone(equation: FrozenEquation, outermost: Index | None, *, scans: bool, apart: bool) -> Nest:
    nest = Nest(scans=scans, apart=apart)
    nest.start(equation, outermost)
    return nest


def _join(
    groups: list[Group],
    equation: FrozenEquation,
    alike: Sequence[bool],
    first: int,
    reads: list[int],
    readers: dict[int, list[int]],
) -> int | None:
    """Try the group `first`, then the latest groups that read the same tensors; return the one."""
    related = {readers[t][-1] for t in reads if t in readers}
    candidates = [first, *sorted(p for p in related if p > first)] if first >= 0 else sorted(related)
    for place in candidates:
        group = groups[place]
        if alike[place] and isinstance(group.work, Nest) and group.work.join(equation):
            group.equations.append(equation)
            return place
    return None
