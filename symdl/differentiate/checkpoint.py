"""Recurrences that keep their states every so many steps only.

Enters: a program with derivatives, in which states ask for it (`Tensor.segment`). Leaves: the same values in
less memory. The steps are cut into segments. The forward pass keeps the state at the end of each segment; the
backward pass takes the segments from last to first and computes the steps of one again before it walks back
through them. What is summed over all steps is added up segment by segment (Chen et al., 2016).

Everything is equations again: a recurrence over segments, each step of which holds a recurrence over the
places in one. What no other segment reads needs the memory of one segment only; `lower` sees to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

import sympy as sp

from symdl.differentiate.companions import Companions, companions
from symdl.differentiate.segments import (
    Cut,
    Place,
    Read,
    accumulated,
    copied,
    joined,
    keeping,
    offset,
    segmented,
    shifted,
    version,
)
from symdl.express.dims import Index
from symdl.express.equations import Equation, check, map_guard
from symdl.express.ordering import Recurrence
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, is_plain, map_accesses


def checkpointed(program: Program) -> Program:
    """Return the program with less to keep, where a recurrence asks for it and another walks back through it.

    Without a backward pass and with derivatives of derivatives, recurrences stay as they are.
    """
    for recurrence in program.recurrences:
        length = max((e.lhs.segment or 0 for e in recurrence.equations), default=0)
        found = companions(program, recurrence, length) if length and not recurrence.inner else None
        if found is not None:
            program = _Rewriter(found).program()
    return program


@dataclass(slots=True)
class _Versions:
    """The tensors by segments, and which of them stands for one that is read.

    Attributes:
        first, again, last: the tensors by segments, of the forward pass, computed again, and of the backward.
        kept: of tensors of both passes, the values at the end of each segment.
        shifts: for tensors by segments, the equations of their values one step before.
        whole: what is also read at other steps than its own, and therefore kept at all of them.
    """

    found: Companions
    first: dict[Tensor, Tensor] = field(init=False)
    last: dict[Tensor, Tensor] = field(init=False)
    again: dict[Tensor, Tensor] = field(default_factory=dict)
    kept: dict[Tensor, Tensor] = field(default_factory=dict)
    shifts: dict[Tensor, tuple[Equation, ...]] = field(default_factory=dict)
    whole: set[Tensor] = field(default_factory=set)

    def __post_init__(self) -> None:
        found = self.found
        self.first = {t: version(t, axis, found.cut, "'") for t, axis in found.ahead.items()}
        self.last = {t: version(t, axis, found.cut, "'") for t, axis in found.back.items()}

    @property
    def mirror(self) -> Cut:
        """The segments in the order of the backward pass."""
        return replace(self.found.cut, direction=-self.found.cut.direction)

    def at_first(self, access: Access, step: Index, s: Index, r: Index) -> Place | None:
        """What the forward pass reads."""
        if access.tensor not in self.found.ahead:
            return None
        return self.moved(access, (step, s, r), self.first, self.found.ahead, self.found.cut)

    def at_last(self, access: Access, step: Index, s: Index, r: Index) -> Place | None:
        """What the backward pass reads, and what is computed again for it."""
        tensor, ahead = access.tensor, self.found.ahead
        if tensor in self.found.back:
            return self.moved(access, (step, s, r), self.last, self.found.back, self.mirror)
        if tensor not in ahead:
            return None
        if offset(access.indices[ahead[tensor]], step) is not None and tensor not in self.again:
            self.again[tensor] = version(tensor, ahead[tensor], self.found.cut, "''")
        return self.moved(access, (step, s, r), self.again, ahead, self.found.cut)

    def moved(
        self,
        access: Access,
        steps: tuple[Index, Index, Index],
        versions: dict[Tensor, Tensor],
        places: dict[Tensor, int],
        cut: Cut,
    ) -> Place | None:
        """Return what is read by segments: the same step, the one before, or a fixed one."""
        axis = places[access.tensor]
        distance = offset(access.indices[axis], steps[0])
        if distance is None:
            return self.fixed(access, axis, cut)
        tensor = versions[access.tensor]
        if distance:
            if tensor not in self.shifts:
                self.shifts[tensor] = shifted(tensor, self.keep(access.tensor, axis), axis, cut)
            tensor = self.shifts[tensor][-1].lhs
        return tensor, axis, steps[1:]

    def fixed(self, access: Access, axis: int, cut: Cut) -> Place | None:
        """Return the kept state that is read at a fixed step; other steps need all of them."""
        segment = cut.segment(access.indices[axis])
        if segment is None:
            self.whole.add(access.tensor)
            return None
        return self.keep(access.tensor, axis), axis, (segment,)

    def keep(self, tensor: Tensor, axis: int) -> Tensor:
        """Return the tensor of what is kept of one."""
        if tensor not in self.kept:
            shape = (*tensor.shape[:axis], self.found.cut.count, *tensor.shape[axis + 1 :])
            name = None if tensor.name is None else f"{tensor.name} kept"
            self.kept[tensor] = Tensor(name, shape, role=tensor.role, of=tensor.of)
        return self.kept[tensor]

    def shifted(self, versions: dict[Tensor, Tensor]) -> Iterator[tuple[Equation, int]]:
        """Yield the equations of what is read one step before, with the axis of segments."""
        places = self.found.ahead | self.found.back
        for tensor, made in versions.items():
            yield from ((e, places[tensor]) for e in self.shifts.get(made, ()))

    def keeps(self, versions: dict[Tensor, Tensor]) -> Iterator[tuple[Equation, int]]:
        """Yield the equations of what is kept at the ends of the segments."""
        for tensor, kept in self.kept.items():
            if tensor in versions:
                ahead = tensor in self.found.ahead
                axis = (self.found.ahead if ahead else self.found.back)[tensor]
                cut = self.found.cut if ahead else self.mirror
                yield keeping(versions[tensor], kept, axis, cut), axis


@dataclass(slots=True)
class _Rewriter:
    """Writes the program in segments."""

    found: Companions
    versions: _Versions = field(init=False)

    def __post_init__(self) -> None:
        self.versions = _Versions(self.found)

    def program(self) -> Program:
        """Return the new program."""
        found, versions = self.found, self.versions
        table = found.source.definitions
        own = {e.lhs for r in found.source.recurrences for e in r.equations}
        ahead = {t: self.cut_up(table[t], versions.first[t], versions.at_first) for t in found.ahead}
        back = {t: self.cut_up(table[t], versions.last[t], versions.at_last) for t in found.back}
        sums = {t: self.added_up(table[t]) for t in table if t in found.sums}
        again: dict[Tensor, Equation] = {}
        while versions.again.keys() - again.keys():
            for t in [*versions.again]:
                if t not in again:
                    again[t] = self.cut_up(table[t], versions.again[t], versions.at_last)
        fixed = {*found.source.outputs, *chain(*found.source.updates)}
        versions.whole.update(t for t in fixed if t in ahead or t in back)
        flat = {t: self.flat(e, t in own) for t, e in table.items() if t not in found.steps}
        ways = self.forward(ahead), self.backward(again, back, sums)
        equations: list[Equation] = []
        recurrences: list[Recurrence] = []
        replaced = dict(zip((found.forward.equations, found.backward.equations), ways, strict=True))
        others = {r.equations: r for r in found.source.recurrences}
        for group in found.source.groups:
            if group in replaced:
                recurrences.append(replaced[group])
                equations += replaced[group].equations
                equations += self.joined(found.ahead if group is found.forward.equations else found.back)
                continue
            recurrences += [others[group]] if group in others else []
            equations += [flat[e.lhs] for e in group if e.lhs in flat]
            equations += [sums[e.lhs][1] for e in group if e.lhs in sums]
        return replace(found.source, equations=tuple(equations), recurrences=tuple(recurrences))

    def cut_up(self, equation: Equation, lhs: Tensor, read: Read) -> Equation:
        """Return an equation by segments."""
        return segmented(equation, self.found.steps[equation.lhs], lhs, self.found.cut, read)

    def flat(self, equation: Equation, together: bool) -> Equation:
        """Return an equation that does not go along; those of another recurrence stay as they are."""
        places = self.found.ahead | self.found.back
        if together or not any(t in places for t in equation.reads()):
            self.versions.whole.update(t for t in equation.reads() if t in places)
            return equation

        def access(found: Access) -> sp.Expr:
            where = [map_accesses(e, access) for e in found.indices]
            tensor = found.tensor
            if tensor in places:
                cut = self.found.cut if tensor in self.found.ahead else self.versions.mirror
                place = self.versions.fixed(found, places[tensor], cut)
                if place is not None:
                    tensor, axis, kept = place
                    where[axis : axis + 1] = kept
            return Access(tensor, *where)

        guards = tuple(map_guard(g, lambda e: map_accesses(e, access)) for g in equation.guards)
        return check(replace(equation, body=map_accesses(equation.body, access), guards=guards))

    def added_up(self, equation: Equation) -> tuple[list[tuple[Equation, int]], Equation]:
        """Return the equations that add up a sum, with the axis of segments, and the one of the whole sum."""
        found = self.found
        part = Tensor(
            None, (found.cut.count, *equation.lhs.shape), role=equation.lhs.role, of=equation.lhs.of
        )
        copies: dict[Tensor, tuple[Equation, int]] = {}

        def read(access: Access, step: Index, s: Index, r: Index) -> Place | None:
            place = self.versions.at_last(access, step, s, r)
            if place is None and step in access.indices and is_plain(access):
                axis = access.indices.index(step)  # side by side, so that it can be a matrix product
                if access.tensor not in copies:
                    copies[access.tensor] = copied(access.tensor, axis, found.cut), axis
                return copies[access.tensor][0].lhs, axis, (s, r)
            return place

        made = segmented(equation, found.steps[equation.lhs], part, found.cut, read)
        run, total = accumulated(equation, part, self.versions.mirror)
        return [*copies.values(), *((e, 0) for e in (made, *run))], total

    def joined(self, places: dict[Tensor, int]) -> list[Equation]:
        """Return the equations of what is kept at all steps."""
        versions = self.versions.first | self.versions.last
        tensors = sorted((t for t in self.versions.whole if t in places), key=lambda t: t.serial)
        return [joined(t, versions[t], places[t], self.found.cut) for t in tensors]

    def forward(self, ahead: dict[Tensor, Equation]) -> Recurrence:
        """The forward pass: segment by segment, keeping the ends."""
        found, versions = self.found, self.versions
        group = _Group(found.cut)
        members = found.forward.axes
        group.add((ahead[t], found.ahead[t]) for t in self.ordered(ahead) if t not in members)
        group.run(
            versions.shifted(versions.first),
            ((ahead[t], members[t]) for t in self.ordered(members)),
        )
        group.add(versions.keeps(versions.first))
        return group.made()

    def backward(
        self,
        again: dict[Tensor, Equation],
        back: dict[Tensor, Equation],
        sums: dict[Tensor, tuple[list[tuple[Equation, int]], Equation]],
    ) -> Recurrence:
        """The backward pass: each segment is computed again, then walked back through, then added up."""
        found, versions = self.found, self.versions
        group = _Group(versions.mirror)
        members = found.forward.axes
        group.add((again[t], found.ahead[t]) for t in self.ordered(again) if t not in members)
        inner = [(again[t], members[t]) for t in self.ordered(again) if t in members]
        group.run(versions.shifted(versions.again), inner, cut=found.cut)
        members = found.backward.axes
        places = {e.lhs: n for n, e in enumerate(found.source.equations)}
        begin = min(places[t] for t in members)
        group.add((back[t], found.back[t]) for t in self.ordered(back) if places[t] < begin)
        group.run(versions.shifted(versions.last), ((back[t], members[t]) for t in self.ordered(members)))
        group.add(versions.keeps(versions.last))
        for t in self.ordered(back | sums):
            if t in sums:
                group.add(sums[t][0])
            elif t not in members and places[t] > begin:
                group.add([(back[t], found.back[t])])
        return group.made()

    def ordered(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """Return tensors in the order in which they were computed."""
        places = {e.lhs: n for n, e in enumerate(self.found.source.equations)}
        return sorted(tensors, key=places.__getitem__)


@dataclass(slots=True)
class _Group:
    """A recurrence over segments under construction."""

    cut: Cut
    equations: list[Equation] = field(default_factory=list)
    axes: dict[Tensor, int] = field(default_factory=dict)
    inner: list[Recurrence] = field(default_factory=list)

    def add(self, found: Iterable[tuple[Equation, int]]) -> None:
        """Compute equations segment by segment."""
        for equation, axis in found:
            self.equations.append(equation)
            self.axes[equation.lhs] = axis

    def run(self, *parts: Iterable[tuple[Equation, int]], cut: Cut | None = None) -> None:
        """Compute equations step by step within a segment, in the order of `cut`."""
        found = list(chain(*parts))
        self.add(found)
        if found:
            axes = {e.lhs: axis + 1 for e, axis in found}
            cut = cut or self.cut
            members = tuple(e for e, _ in found)
            self.inner.append(Recurrence(members, axes, cut.length, cut.direction))

    def made(self) -> Recurrence:
        """Return the recurrence."""
        inner = tuple(self.inner)
        return Recurrence(tuple(self.equations), self.axes, self.cut.count, self.cut.direction, inner)
