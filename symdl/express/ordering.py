"""The order of computation.

Enters: the tensors that are wanted and the equation of each. Leaves: the equations in topological order and,
where equations depend on each other, `Recurrence`: a group that is computed step by step along an axis of
which every member reads earlier (or later) steps only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor

Definition = Callable[[Tensor], Equation | None]


@dataclass(frozen=True, slots=True, eq=False)
class Recurrence:
    """Equations that are computed together, one step of an axis at a time.

    Attributes:
        equations: in the order of computation within a step.
        axes: for each tensor that they define, the axis of its steps.
        extent: the number of steps.
        direction: 1 if steps read earlier steps, -1 if they read later ones.
        inner: recurrences over another axis that run within each step; their equations are among `equations`.
    """

    equations: tuple[Equation, ...]
    axes: dict[Tensor, int]
    extent: Extent
    direction: int
    inner: tuple[Recurrence, ...] = ()

    @property
    def items(self) -> tuple[Equation | Recurrence, ...]:
        """What a step computes, in order: equations, and inner recurrences as a whole."""
        within = {e.lhs: r for r in self.inner for e in r.equations}
        return tuple(dict.fromkeys(within.get(e.lhs, e) for e in self.equations))

    def step_index(self, equation: Equation) -> Index:
        """Return the index variable that counts the steps in one of the equations."""
        return equation.indices[self.axes[equation.lhs]]


@dataclass(frozen=True, slots=True)
class Ordered:
    """Equations in topological order, the given tensors, and the recurrences among the equations."""

    equations: tuple[Equation, ...]
    inputs: tuple[Tensor, ...]
    recurrences: tuple[Recurrence, ...]


def order(wanted: Iterable[Tensor], definition: Definition) -> Ordered:
    """Return everything that `wanted` depends on, each tensor after what it reads.

    Raises:
        ExpressionError: a tensor depends on itself, and not through earlier steps of one axis.
        ShapeError: tensors that depend on each other differ in their number of steps.
    """
    equations: list[Equation] = []
    inputs: list[Tensor] = []
    recurrences: list[Recurrence] = []
    for group in _components(wanted, definition):
        members = [e for e in map(definition, group) if e is not None]
        if not members:
            inputs += group
        elif depends_on_itself(members):
            recurrence = _recurrence(members)
            recurrences.append(recurrence)
            equations += recurrence.equations
        else:
            equations += members
    given = sorted(inputs, key=lambda t: t.serial)
    return Ordered(tuple(equations), tuple(given), tuple(recurrences))


def depending(
    groups: Iterable[Sequence[Equation]],
    start: Iterable[Tensor],
    reads: Callable[[Equation], Iterable[Tensor]] = Equation.reads,
) -> set[Tensor]:
    """Return `start` and every tensor that is computed from it, along what `reads` lists.

    Equations of one group use each other, so a group is gone over until nothing is added. Everything that
    follows dependencies asks this or `needed`: one walk from top to bottom misses what a recurrence reads of
    its other steps.
    """
    found = set(start)
    for group in groups:
        while new := [e.lhs for e in group if e.lhs not in found and not found.isdisjoint(reads(e))]:
            found.update(new)
    return found


def needed(
    groups: Sequence[Sequence[Equation]],
    end: Iterable[Tensor],
    reads: Callable[[Equation], Iterable[Tensor]] = Equation.reads,
) -> set[Tensor]:
    """Return `end` and every tensor that it is computed from, along what `reads` lists."""
    found = set(end)
    for group in reversed(groups):
        before = -1
        while len(found) != before:
            before = len(found)
            for equation in group:
                if equation.lhs in found:
                    found.update(reads(equation))
    return found


def real_reads(equation: Equation) -> list[Tensor]:
    """Return what a real tensor is computed from by real numbers: guards and positions have no derivative."""
    return [a.tensor for a in equation.body.atoms(Access)] if equation.lhs.dtype == "real" else []


def depends_on_itself(group: Sequence[Equation]) -> bool:
    """Say whether equations that belong together are a recurrence."""
    return len(group) > 1 or group[0].lhs in group[0].reads()


def _components(wanted: Iterable[Tensor], definition: Definition) -> Iterator[list[Tensor]]:
    """Yield the strongly connected components, dependencies first (Tarjan, 1972), without recursion."""
    number: dict[Tensor, int] = {}
    lowest: dict[Tensor, int] = {}
    path: list[Tensor] = []
    on_path: set[Tensor] = set()
    for root in wanted:
        work = [(root, iter(_reads(root, definition)))] if root not in number else []
        while work:
            tensor, reads = work[-1]
            if tensor not in number:
                number[tensor] = lowest[tensor] = len(number)
                path.append(tensor)
                on_path.add(tensor)
            for other in reads:
                if other not in number:
                    work.append((other, iter(_reads(other, definition))))
                    break
                if other in on_path:
                    lowest[tensor] = min(lowest[tensor], number[other])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    lowest[above] = min(lowest[above], lowest[tensor])
                if lowest[tensor] == number[tensor]:
                    group = [path.pop()]
                    while group[-1] is not tensor:
                        group.append(path.pop())
                    on_path.difference_update(group)
                    yield group


def _reads(tensor: Tensor, definition: Definition) -> list[Tensor]:
    equation = definition(tensor)
    return equation.reads() if equation is not None else []


def _recurrence(members: list[Equation]) -> Recurrence:
    first = members[0]
    for axis in range(first.lhs.rank):
        axes = _axes(members, first.lhs, axis)
        found = axes and _steps(members, axes)
        if found:
            equations, direction = found
            assert axes is not None
            return Recurrence(equations, axes, _number_of_steps(equations, axes), direction)
    names = ", ".join(sorted(str(e.lhs) for e in members))
    raise ExpressionError(
        f"{names} depend on themselves",
        expression=first,
        cure="a recurrence may read only earlier steps of one axis, such as h[t - 1, n, j] for h[t, n, j]",
    )


def _number_of_steps(members: Sequence[Equation], axes: dict[Tensor, int]) -> Extent:
    """Return the size of the axis of steps, which all members share: each is computed at every step."""
    first, *others = sorted(members, key=lambda e: (e.lhs.name is None, e.lhs.serial))
    count = first.lhs.shape[axes[first.lhs]]
    for equation in others:
        size = equation.lhs.shape[axes[equation.lhs]]
        if sp.expand(size - count) != 0:
            raise ShapeError(
                f"{equation.lhs} and {first.lhs} depend on each other, but have {size} and {count} steps",
                expression=equation,
                shapes={str(t): t.shape for t in (equation.lhs, first.lhs)},
                cure="let both have as many steps, and read a part of the longer one after the recurrence",
            )
    return count


def _axes(members: list[Equation], start: Tensor, axis: int) -> dict[Tensor, int] | None:
    """Find the axis of steps of every tensor, if the first one's is `axis`; None if there is none."""
    inside = {e.lhs: e for e in members}
    axes = {start: axis}
    pending = [start]
    while pending:
        equation = inside[pending.pop()]
        step = equation.indices[axes[equation.lhs]]
        for access in equation.accesses():
            if access.tensor not in inside:
                continue
            places = [a for a, e in enumerate(access.indices) if _offset(e, step) is not None]
            if len(places) != 1 or axes.get(access.tensor, places[0]) != places[0]:
                return None
            if access.tensor not in axes:
                axes[access.tensor] = places[0]
                pending.append(access.tensor)
    return axes


def _offset(expr: sp.Expr, step: Index) -> int | None:
    """Return `c` where `expr` is ``step + c`` with a whole number `c`."""
    gap = sp.expand(expr - step)
    return int(gap) if gap.is_Integer else None


def _steps(members: list[Equation], axes: dict[Tensor, int]) -> tuple[tuple[Equation, ...], int] | None:
    """Order the equations within a step and find the direction; None if a step would need itself."""
    same: dict[Tensor, list[Tensor]] = {}
    signs: set[int] = set()
    for equation in members:
        step = equation.indices[axes[equation.lhs]]
        same[equation.lhs] = []
        for access in equation.accesses():
            if access.tensor not in axes:
                continue
            offset = _offset(access.indices[axes[access.tensor]], step)
            if offset == 0:
                same[equation.lhs].append(access.tensor)
            elif offset is not None:
                signs.add(1 if offset < 0 else -1)
    if len(signs) != 1:
        return None
    done: dict[Tensor, None] = {}
    waiting = sorted(members, key=lambda e: e.lhs.serial)
    while waiting:
        ready = [e for e in waiting if all(t in done for t in same[e.lhs])]
        if not ready:
            return None
        done.update(dict.fromkeys(e.lhs for e in ready))
        waiting = [e for e in waiting if e.lhs not in done]
    table = {e.lhs: e for e in members}
    return tuple(table[t] for t in done), signs.pop()
