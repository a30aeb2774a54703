"""Loop nests under construction.

Enters: frozen equations. Leaves: `Nest`, a tree of loops into which equations are placed one by one. An
equation becomes one assignment, or the start, step and end of a running value; a sum whose free
variables lie inside its summed ones adds up in memory.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Literal

from symdl.lower.ir.integers import ONE, ZERO, Poly, of
from symdl.lower.ir.loops import FrozenEquation
from symdl.lower.ir.names import Index, LoopVar, TensorId, Variable
from symdl.lower.ir.visitors import Read, reads_of
from symdl.lower.loops.prefix_scans import Scan, as_scan

IN_MEMORY = ("sum", "prod", "max")
"""Reductions whose running values may be elements of a tensor."""

Role = Literal["assign", "start", "step", "finish", "zero", "add", "shift", "expsum", "running"]


@dataclass(slots=True, eq=False)
class Part:
    """A piece of an equation at one place; `names` maps its index variables to loop variables."""

    role: Role
    equation: FrozenEquation
    names: dict[Variable, Poly]


@dataclass(slots=True, eq=False)
class Building:
    """A loop that may still grow.

    Attributes:
        makes: tensors whose elements are complete within an iteration, with the axis that runs.
        partial: tensors that are complete only when the loop has ended.
        reads: tensors that are read at the loop's variable, with the axes.
        indices: the index variable for which it was made, with the number of its equation.
    """

    var: LoopVar
    extent: Poly
    items: list[Building | Part] = field(default_factory=list)
    makes: dict[TensorId, int] = field(default_factory=dict)
    partial: set[TensorId] = field(default_factory=set)
    reads: dict[TensorId, set[int]] = field(default_factory=dict)
    indices: tuple[tuple[int, Index], ...] = ()


@dataclass(slots=True)
class Task:
    """An equation on its way into a nest: what it reads, which variables still need a loop."""

    equation: FrozenEquation
    reads: list[Read]
    free: list[Index]
    bound: list[Index]
    names: dict[Variable, Poly] = field(default_factory=dict)
    summing: bool = False
    in_memory: bool = False
    scan: Scan | None = None


def task(equation: FrozenEquation, *, scans: bool) -> Task:
    """Return an equation with all its variables still to do; with `scans`, running values take one loop."""
    sizes = equation.sizes
    skipped = (*equation.scattered, *equation.fixed)
    free = [v for v in equation.free if v not in skipped and sizes[v] != ONE]
    bound = [v for v in equation.bound if sizes[v] != ONE]
    units: dict[Variable, Poly] = {v: ZERO for v in sizes if sizes[v] == ONE}
    units |= {v: e for v, e in zip(equation.free, equation.where, strict=True) if v in equation.fixed}
    new = Task(equation, reads_of(equation), free, bound, units)
    new.scan = as_scan(equation, IN_MEMORY) if scans else None
    return new


class Nest:
    """A kernel under construction: a list of loops and parts.

    With `apart`, the iterations of an outermost loop never depend on each other, unless all that is done in
    it is to run up values: then no sum is kept in memory, and other threads can take other iterations.
    """

    def __init__(self, *, scans: bool = True, apart: bool = False) -> None:
        self.scans, self.apart = scans, apart
        self.items: list[Building | Part] = []
        self._numbers = itertools.count()

    def start(self, equation: FrozenEquation, outermost: Index | None = None) -> None:
        """Place the first equation; with an `outermost` index its loops are not reordered."""
        new = task(equation, scans=self.scans and outermost is None)
        free = sorted(new.free, key=lambda v: v != outermost)
        self._fresh(self.items, new, [*free, *new.bound] if outermost else None)

    def join(self, equation: FrozenEquation) -> bool:
        """Place an equation that reads what others here make or read, if it fits; say whether."""
        new = task(equation, scans=self.scans)
        if not new.free and not new.bound:
            if self.apart and any(isinstance(item, Building) and item.makes for item in self.items):
                return False
            self._fresh(self.items, new)
            return True
        chosen = self._matching(self.items, new, related=True)
        if chosen is None:
            return False
        self._enter(self.items, *chosen, new)
        return True

    def _matching(
        self, items: list[Building | Part], new: Task, *, related: bool
    ) -> tuple[Building, Index] | None:
        """Return the last loop that the task can share, with the variable that it stands for."""
        wanted = {read.tensor for read in new.reads}
        for item in reversed(items):
            if isinstance(item, Part):
                if item.equation.lhs in wanted and item.role in ("assign", "finish"):
                    return None
                continue
            variable = self._variable(item, new, related=related)
            if variable is not None:
                return item, variable
            if wanted & (item.makes.keys() | item.partial):
                return None
        return None

    def _variable(self, loop: Building, new: Task, *, related: bool) -> Index | None:
        if any(read.tensor in loop.partial for read in new.reads):
            return None
        choices = [v for v in (*new.free, *new.bound) if self._allowed(loop, new, v)]
        if self.apart:
            choices = [v for v in choices if self._independent(loop, new, v)]
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

    def _allowed(self, loop: Building, new: Task, variable: Index) -> bool:
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

    def _independent(self, loop: Building, new: Task, variable: Index) -> bool:
        """Say whether outermost iterations stay independent, and values run up in registers."""
        outermost = loop in self.items
        if variable in new.free:
            return not (outermost and loop.partial)
        return not new.free and not (outermost and loop.makes)

    def _enter(self, items: list[Building | Part], loop: Building, variable: Index, new: Task) -> None:
        """Place the task inside an existing loop."""
        place = items.index(loop)
        if variable in new.bound and not new.summing:
            before, after = self._around(new)
            items[place:place] = before
            items[place + len(before) + 1 : place + len(before) + 1] = after
        self._take(loop, variable, new)
        chosen = self._matching(loop.items, new, related=False)
        if chosen is not None:
            self._enter(loop.items, *chosen, new)
        else:
            self._fresh(loop.items, new)

    def _fresh(self, items: list[Building | Part], new: Task, order: list[Index] | None = None) -> None:
        """Place what is left of the task in new loops at the end."""
        if order is None:
            order = [*new.free, *new.bound] if self.apart else preferred(new)
        if new.scan:
            order = [v for v in order if v not in (new.scan.free, new.scan.bound)]
        while order or (new.equation.op and not new.summing):
            if new.scan and not order:
                items.extend(self._run_up(new, new.scan))
                return
            variable = order.pop(0) if order else None
            after: list[Building | Part] = []
            if variable not in new.free and not new.summing:
                before, after = self._around(new)
                items.extend(before)
            if variable is None:
                items.extend([self._step(new), *after])
                return
            loop = Building(LoopVar(next(self._numbers)), new.equation.sizes[variable])
            self._take(loop, variable, new)
            items.append(loop)
            items.extend(after)
            items = loop.items
        items.append(self._step(new))

    def _take(self, loop: Building, variable: Index, new: Task) -> None:
        """Let a loop stand for a variable of the task."""
        equation = new.equation
        new.names[variable] = of(loop.var)
        if variable in new.bound:
            new.bound.remove(variable)
            loop.partial.add(equation.lhs)
        else:
            new.free.remove(variable)
            if not new.summing:
                loop.makes[equation.lhs] = equation.free.index(variable)
            else:
                loop.partial.add(equation.lhs)
        for read in new.reads:
            for axis, where in enumerate(read.where):
                if where == of(variable):
                    loop.reads.setdefault(read.tensor, set()).add(axis)
        loop.indices = loop.indices or ((equation.number, variable),)

    def _step(self, new: Task) -> Part:
        if not new.equation.op:
            return Part("assign", new.equation, new.names)
        return Part("add" if new.in_memory else "step", new.equation, new.names)

    def _run_up(self, new: Task, scan: Scan) -> list[Building | Part]:
        """Return a loop that takes one step of a running value for every element, and its start."""
        equation = replace(new.equation, guards=scan.guards)
        start = Part("start", equation, dict(new.names))
        loop = Building(LoopVar(next(self._numbers)), equation.sizes[scan.free])
        loop.partial.add(equation.lhs)
        here = of(loop.var)
        new.names[scan.free] = new.names[scan.bound] = loop.extent - 1 - here if scan.backward else here
        step, keep = Part("step", equation, new.names), Part("running", equation, new.names)
        loop.items.extend([keep, step] if scan.exclusive else [step, keep])
        loop.indices = ((equation.number, scan.free),)
        return [start, loop]

    def _around(self, new: Task) -> tuple[list[Building | Part], list[Building | Part]]:
        """Return what comes before and after the loops over which the task runs up its value."""
        new.summing = True
        new.in_memory = bool(new.free) or bool(new.equation.scattered)
        equation, outer = new.equation, dict(new.names)
        if new.in_memory:
            return [self._zero(new)], []
        start = Part("start", equation, outer)
        if equation.op != "logsumexp":
            return [start], [Part("finish", equation, outer)]
        # The second run over the same axes comes after the first, in loops of its own.
        names = dict(outer)
        inner: list[Building | Part] = []
        tail: list[Building | Part] = inner
        for variable in new.bound:
            loop = Building(LoopVar(next(self._numbers)), equation.sizes[variable])
            loop.partial.add(equation.lhs)
            names[variable] = of(loop.var)
            tail.append(loop)
            loop.indices = ((equation.number, variable),)
            tail = loop.items
        tail.append(Part("expsum", equation, names))
        return [start], [Part("shift", equation, outer), *inner, Part("finish", equation, outer)]

    def _zero(self, new: Task) -> Building | Part:
        """Return loops that set the elements of a sum in memory to zero."""
        names = dict(new.names)
        rest = [v for v in new.equation.free if v in new.free or v in new.equation.scattered]
        part = Part("zero", new.equation, names)
        item: Building | Part = part
        for variable in reversed(rest):
            loop = Building(LoopVar(next(self._numbers)), new.equation.sizes[variable], [item])
            loop.partial.add(new.equation.lhs)
            names[variable] = of(loop.var)
            item = loop
            loop.indices = ((new.equation.number, variable),)
        return item


def preferred(new: Task) -> list[Index]:
    """Order the variables that still need loops: the innermost one should step through memory by one."""
    equation = new.equation
    if not equation.op or new.summing:
        return [*new.bound, *new.free]
    if equation.scattered:
        return [*new.bound, *new.free]
    if equation.op not in IN_MEMORY or not new.free or not new.bound:
        return [*new.free, *new.bound]
    last = {read.where[-1].atom for read in new.reads if read.where}
    if last.isdisjoint(new.bound) and new.free[-1] in last:
        return [*new.free[:-1], *new.bound, new.free[-1]]
    return [*new.free, *new.bound]
