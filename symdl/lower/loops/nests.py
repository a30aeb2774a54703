"""Loop nests under construction.

Enters: frozen equations. Leaves: `Nest`, a tree of loops into which equations are placed one by one. An
equation becomes one assignment, or the start, step and end of a running value; a sum whose free
variables lie inside its summed ones adds up in memory. Which loops an equation shares, `matching` says.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from symdl.lower.ir.integers import of, substitute
from symdl.lower.ir.loops import FrozenEquation
from symdl.lower.ir.names import Index, LoopVar
from symdl.lower.loops.building import IN_MEMORY, Building, Part, Task, task
from symdl.lower.loops.matching import shared
from symdl.lower.loops.prefix_scans import Scan


class Nest:
    """A kernel under construction: a list of loops and parts.

    With `apart`, the iterations of an outermost loop never depend on each other, unless all that is done in
    it is to run up values: then no sum is kept in memory, and other threads can take other iterations. Where
    an equation is a scatter after all, others may add to its elements at the same time, and it stays alone.
    """

    def __init__(self, *, scans: bool = True, apart: bool = False) -> None:
        self.scans, self.apart = scans, apart
        self.items: list[Building | Part] = []
        self._numbers = itertools.count()
        self._closed = False

    def start(self, equation: FrozenEquation, outermost: Index | None = None) -> None:
        """Place the first equation; with an `outermost` index its loops are not reordered."""
        new = task(equation, scans=self.scans and outermost is None)
        self._closed = self.apart and bool(equation.scattered)
        free = sorted(new.free, key=lambda v: v != outermost)
        self._fresh(self.items, new, [*free, *new.bound] if outermost else None)

    def join(self, equation: FrozenEquation) -> bool:
        """Place an equation that reads what others here make or read, if it fits; say whether."""
        if self._closed or (self.apart and equation.scattered):
            return False
        new = task(equation, scans=self.scans)
        if not new.free and not new.bound:
            if self.apart and any(isinstance(item, Building) and item.makes for item in self.items):
                return False
            self._fresh(self.items, new)
            return True
        chosen = self._shared(self.items, new, related=True)
        if chosen is None:
            return False
        self._enter(self.items, *chosen, new)
        return True

    def _shared(
        self, items: list[Building | Part], new: Task, *, related: bool
    ) -> tuple[Building, Index] | None:
        return shared(items, new, related=related, apart=self.items if self.apart else None)

    def _enter(self, items: list[Building | Part], loop: Building, variable: Index, new: Task) -> None:
        """Place the task inside an existing loop."""
        place = items.index(loop)
        if variable in new.bound and not new.summing:
            before, after = self._around(new)
            items[place:place] = before
            items[place + len(before) + 1 : place + len(before) + 1] = after
        loop.take(variable, new)
        chosen = self._shared(loop.items, new, related=False)
        if chosen is not None:
            self._enter(loop.items, *chosen, new)
        else:
            self._fresh(loop.items, new)

    def _fresh(self, items: list[Building | Part], new: Task, order: list[Index] | None = None) -> None:
        """Place what is left of the task in new loops at the end."""
        if order is None:
            apart = self.apart and not new.equation.scattered
            order = [*new.free, *new.bound] if apart else preferred(new)
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
            extent = substitute(new.equation.sizes[variable], new.names)
            average = dict(new.equation.averages).get(variable)
            loop = Building(LoopVar(next(self._numbers)), extent, average=average)
            loop.take(variable, new)
            items.append(loop)
            items.extend(after)
            items = loop.items
        items.append(self._step(new))

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
