"""Fusion: which equations share a kernel.

Enters: frozen equations and those of them that are matrix products. Leaves: `Group`s in the order of
execution, each a `Contraction` or a `Nest` that holds one or more equations. An equation joins the
group that makes what it reads, or a later one that reads the same, if a loop can be shared. Where matrix
products have epilogues, an elementwise equation of a product joins it, and the product becomes loops, too.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from symdl.lower.equations.contractions import Contraction
from symdl.lower.equations.sorting import Sorting
from symdl.lower.ir.integers import ONE, Poly, of
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram
from symdl.lower.ir.names import Index, StepNumber
from symdl.lower.ir.scalars import MATRIX
from symdl.lower.ir.visitors import reads_of
from symdl.lower.loops.nests import Nest

_NONE: Mapping[int, Index] = {}


@dataclass(slots=True, eq=False)
class Group:
    """One kernel: a matrix product, a sorting, or loops.

    `loops` names the recurrences that repeat it, outer first. One of `simd` loops holds equations of tensors
    in sample layout only. One with an `epilogue` is a matrix product and what is done with its elements.
    """

    work: Contraction | Sorting | Nest
    equations: list[FrozenEquation]
    loops: tuple[StepNumber, ...] = ()
    simd: bool = False
    epilogue: bool = False

    def join(self, equation: FrozenEquation) -> bool:
        """Place an equation in the loops, if it fits; say whether."""
        if self.epilogue and not elementwise_on(self.equations, equation):
            return False
        if isinstance(self.work, Contraction):
            if not self.epilogue:
                return False
            nest = _alone(self.equations[0], None, scans=False, apart=True)
            if not nest.join(equation):
                return False
            self.work = nest
        elif isinstance(self.work, Sorting):
            if equation.lhs != self.work.segments:
                return False
        elif not self.work.join(equation):
            return False
        self.equations.append(equation)
        return True


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
    whole: Mapping[int, Contraction | Sorting],
    *,
    heads: Mapping[int, Index] = _NONE,
    simd: Container[int] = (),
    naive: bool = False,
    apart: bool = False,
    epilogues: Container[int] = (),
) -> list[Group]:
    """Return the groups in the order of execution.

    Args:
        whole: equations that are no loops, by their numbers.
        heads: equations that begin a group, and the index of their outermost loop.
        simd: equations that share no group with others.
        naive: give every equation its own.
        apart: let the iterations of outermost loops be independent; see `Nest`.
        epilogues: matrix products that elementwise equations may join.
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
        ready = whole.get(equation.number)
        place = None
        if ready is None and not naive and equation.number not in heads:
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
            work = ready or _alone(equation, head, scans=not naive, apart=apart)
            around, alone = loops.get(equation.number, ()), equation.number in simd
            groups.append(Group(work, [equation], around, alone, equation.number in epilogues))
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
        if alike[place] and groups[place].join(equation):
            return place
    return None


def elementwise_on(made: Sequence[FrozenEquation], equation: FrozenEquation) -> bool:
    """Say whether an equation needs, of what others make, the element of its own place only.

    All are then done in the loops over the free variables of the first.
    """
    if equation.op or equation.body.result.op in MATRIX or not in_place(equation):
        return False
    makers = {e.lhs: e for e in made}
    read = [(r.where, makers[r.tensor]) for r in reads_of(equation) if r.tensor in makers]
    return bool(read) and all(_same_place(where, maker, equation) for where, maker in read)


def in_place(equation: FrozenEquation) -> bool:
    """Say whether each element is written where its free variables say."""
    pairs = zip(equation.free, equation.where, strict=True)
    return not equation.scattered and all(v in equation.fixed or where == of(v) for v, where in pairs)


def _same_place(where: Sequence[Poly], maker: FrozenEquation, equation: FrozenEquation) -> bool:
    """Say whether an element that is read moves with all free variables, each on one axis and all over it."""
    sizes, used = equation.sizes, []
    for position, variable, written in zip(where, maker.free, maker.where, strict=True):
        size = maker.sizes[variable]
        if variable in maker.fixed:
            if position != written:
                return False
        elif size != ONE:
            used.append(position.atom)
            if not isinstance(position.atom, Index) or sizes[position.atom] != size:
                return False
    own = [v for v in equation.free if sizes[v] != ONE and v not in equation.fixed]
    return len(used) == len(own) and set(used) == set(own)
