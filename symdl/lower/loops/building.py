"""What loop nests are built of: loops that may still grow, and pieces of equations in them.

Enters: a frozen equation. Leaves: its `Task`, which says what still needs a loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
        average: about what the extent is, if that is read from memory.
    """

    var: LoopVar
    extent: Poly
    items: list[Building | Part] = field(default_factory=list)
    makes: dict[TensorId, int] = field(default_factory=dict)
    partial: set[TensorId] = field(default_factory=set)
    reads: dict[TensorId, set[int]] = field(default_factory=dict)
    indices: tuple[tuple[int, Index], ...] = ()
    average: Poly | None = None

    def take(self, variable: Index, new: Task) -> None:
        """Let the loop stand for a variable of a task."""
        equation = new.equation
        new.names[variable] = of(self.var)
        if variable in new.bound:
            new.bound.remove(variable)
            self.partial.add(equation.lhs)
        else:
            new.free.remove(variable)
            if not new.summing:
                self.makes[equation.lhs] = equation.free.index(variable)
            else:
                self.partial.add(equation.lhs)
        for read in new.reads:
            for axis, where in enumerate(read.where):
                if where == of(variable):
                    self.reads.setdefault(read.tensor, set()).add(axis)
        self.indices = self.indices or ((equation.number, variable),)


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
