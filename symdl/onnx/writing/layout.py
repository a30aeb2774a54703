"""Elements laid over the indices of an equation.

Enters: an equation, and the values of the tensors that it reads. Leaves: for each access a value with one
axis for each index of the equation, of size 1 where the access does not depend on it, so that all broadcast.
Axes in front of all that it depends on are left out, as they broadcast by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from symdl.express.dims import Dim, Extent, Index
from symdl.express.equations import Divisible, Equation, Guard, InRange, guard_terms, reads_data
from symdl.express.tensors import Access, Tensor
from symdl.express.walks import kinds_of
from symdl.onnx.writing.formulas import Formula
from symdl.onnx.writing.nodes import Graph, Made
from symdl.run.reference.scalars import Scope

MOST = 1 << 16
"""Positions that are known are written as an array up to this number."""


def indices_of(expr: Any) -> set[Index]:
    """Return the index variables of an expression, those inside accesses too."""
    found: set[Index] = set()
    todo = [expr]
    while todo:
        node = todo.pop()
        if isinstance(node, Index):
            found.add(node)
        elif isinstance(node, Access):
            todo += node.indices
        else:
            todo += getattr(node, "args", ())
    return found


@dataclass(slots=True)
class Grid:
    """The indices of an equation, free ones first.

    Attributes:
        graph: the graph that is written.
        equation: whose indices these are.
        tensor: the value of a tensor.
        size: the value of a `Dim`.
    """

    graph: Graph
    equation: Equation
    tensor: Callable[[Tensor], Made]
    size: Callable[[Dim], Made]
    formula: Formula = field(init=False)

    def __post_init__(self) -> None:
        self.formula = Formula(self.graph, self.leaf)

    @property
    def indices(self) -> tuple[Index, ...]:
        return tuple(self.equation.extents)

    def leaf(self, expr: Any) -> Made:
        """Return the value of an element, an index variable or a size."""
        if isinstance(expr, Access):
            return self.access(expr)
        if isinstance(expr, Dim):
            return self.size(expr)
        return self.lay(self.steps(expr), [expr])

    def extent(self, size: Extent) -> Made:
        """Return a size as a number."""
        return self.graph.array(size) if isinstance(size, int) else self.formula.value(size)

    def extents(self, sizes: Sequence[Extent]) -> Made:
        """Return sizes as a list."""
        if all(isinstance(size, int) for size in sizes):
            return self.graph.whole([int(size) for size in sizes])
        axis = self.graph.whole([0])
        return self.graph.node(
            "Concat", *(self.graph.node("Unsqueeze", self.extent(s), axis) for s in sizes), axis=0
        )

    def steps(self, index: Index) -> Made:
        """Return the values of an index variable, ``0 .. size - 1``."""
        size = self.equation.extents[index]
        if isinstance(size, int) and size < 4096:
            return self.graph.whole(range(size))
        return self.graph.node("Range", self.graph.array(0), self.extent(size), self.graph.array(1))

    def lay(self, value: Made, axes: Sequence[Index]) -> Made:
        """Return a value whose axes are these indices as one that broadcasts over all."""
        wanted = [i for i in self.indices if i in axes]
        value = self.ordered(value, axes, wanted)
        lead = self.lead(axes)  # what stands before all axes broadcasts by itself
        missing = [a - lead for a, i in enumerate(self.indices) if i not in axes and a > lead]
        return self.graph.node("Unsqueeze", value, self.graph.whole(missing)) if missing else value

    def lead(self, axes: Iterable[Index]) -> int:
        """Return how many indices stand before all of these."""
        return min(map(self.indices.index, axes), default=len(self.indices))

    def ordered(self, value: Made, axes: Sequence[Index], wanted: Sequence[Index]) -> Made:
        """Return a value with its axes in another order."""
        perm = [list(axes).index(i) for i in wanted]
        return value if perm == sorted(perm) else self.graph.node("Transpose", value, perm=perm)

    def access(self, access: Access) -> Made:
        """Return the elements that an access reads."""
        apart = self.apart(access)
        if apart is not None:
            return self.lay(*apart)
        flat = self.graph.node("Reshape", self.tensor(access.tensor), self.graph.whole([-1]))
        place: Made | None = None
        for expr, size in zip(access.indices, access.tensor.shape, strict=True):
            own = self.within(self.formula.value(expr), size)
            if place is not None:
                place = self.graph.node("Add", self.graph.node("Mul", place, self.extent(size)), own)
            else:
                place = own
        assert place is not None
        return self.graph.node("Gather", flat, place, kind=flat.kind)

    def apart(self, access: Access) -> tuple[Made, list[Index]] | None:
        """Return elements and their axes where each index stands in one place of the access only."""
        own = [sorted(indices_of(e), key=self.indices.index) for e in access.indices]
        together = [i for found in own for i in found]
        if len(set(together)) < len(together) or access.nested():
            return None
        value, axis = self.tensor(access.tensor), 0
        for expr, found, size in zip(access.indices, own, access.tensor.shape, strict=True):
            if not isinstance(expr, Index) or self.equation.extents[expr] != size:
                value = self.graph.node("Gather", value, self.positions(expr, found, size), axis=axis)
            axis += len(found)
        return value, together

    def positions(self, expr: Any, axes: Sequence[Index], size: Extent) -> Made:
        """Return where an axis is read, as an array over these indices."""
        places = numbers(self.equation, expr, axes)
        if places is not None and isinstance(size, int):
            return self.graph.array(np.clip(places, 0, max(size - 1, 0)))
        if not axes:
            return self.within(self.formula.value(expr), size)
        small: dict[Any, Made] = {}
        for place, index in enumerate(axes):
            others = [a for a in range(len(axes)) if a != place]
            steps = self.steps(index)
            small[index] = self.graph.node("Unsqueeze", steps, self.graph.whole(others)) if others else steps
        return self.within(
            Formula(self.graph, lambda e: small[e] if e in small else self.leaf(e)).value(expr), size
        )

    def within(self, place: Made, size: Extent) -> Made:
        """Return positions moved into an axis: what guards exclude is read from its ends, and not used."""
        place = self.graph.integer(place)
        if place.number is not None:
            return place
        last = self.graph.node("Sub", self.extent(size), self.graph.array(1))
        if isinstance(size, int):
            last = self.graph.array(size - 1)
        return self.graph.node("Max", self.graph.node("Min", place, last), self.graph.array(0))

    def holds(self, guard: Guard) -> Made:
        """Return where a guard holds."""
        graph, value = self.graph, self.formula.value
        axes = [i for i in self.indices if any(i in indices_of(term) for term in guard_terms(guard))]
        where = known(self.equation, guard, axes)
        if where is not None:
            return self.lay(graph.array(where), axes)
        if isinstance(guard, InRange):
            above = graph.node("GreaterOrEqual", value(guard.expr), graph.array(0), kind="truth")
            below = graph.node("Less", value(guard.expr), self.extent(guard.extent), kind="truth")
            return graph.node("And", above, below)
        if isinstance(guard, Divisible):
            left = graph.node("Mod", value(guard.expr), graph.array(int(guard.by)))
            return graph.node("Equal", left, graph.array(0), kind="truth")
        return graph.node("Equal", *self.formula.alike(value(guard.left), value(guard.right)), kind="truth")


def numbers(equation: Equation, expr: Any, axes: Sequence[Index]) -> Any:
    """Return the values of positions, or None where sizes are variable or the positions many."""
    sizes = [equation.extents[i] for i in axes]
    if kinds_of(expr, Dim) or not all(isinstance(n, int) for n in sizes) or prod(map(int, sizes)) > MOST:
        return None
    shape = tuple(map(int, sizes))
    spans = dict(zip(axes, np.indices(shape), strict=True))
    # An index stands for the array of its values, with which a scope computes as with numbers.
    values = Scope(lambda leaf, _: spans[leaf], np.True_).value(expr)  # type: ignore[arg-type]
    return np.broadcast_to(np.asarray(values), shape).astype("int64")


def known(equation: Equation, guard: Guard, axes: Sequence[Index]) -> Any:
    """Return where a guard of known sizes holds."""
    if reads_data(guard) or (isinstance(guard, InRange) and not isinstance(guard.extent, int)):
        return None
    found = [numbers(equation, term, axes) for term in guard_terms(guard)]
    if any(each is None for each in found):
        return None
    if isinstance(guard, InRange):
        return (found[0] >= 0) & (found[0] < guard.extent)
    return found[0] % guard.by == 0 if isinstance(guard, Divisible) else found[0] == found[1]


def guarded(grid: Grid, value: Made, guards: Sequence[Guard], identity: float) -> Made:
    """Return a value where guards hold, the identity elsewhere."""
    if not guards:
        return value
    holds = grid.holds(guards[0])
    for guard in guards[1:]:
        holds = grid.graph.node("And", holds, grid.holds(guard))
    number: float = float(identity)
    if value.kind == "int64":
        number = int(identity) if np.isfinite(identity) else -(2**63)
    return grid.graph.node("Where", holds, value, grid.graph.array(number), kind=value.kind)
