"""Sums over given positions, as sums over segments.

Enters: equations. Leaves: the same, in which a sum of all elements at which given positions are those of the
result, ``out[p] = sum_i f(i) where ids[i] = p``, takes the positions in the order of ``ids``: those of one
``p`` lie side by side, a *segment*. Otherwise every ``p`` would look at all positions. As a segment may be
long, sums of whole pieces of the order come first, and no thread runs through more than two pieces:

``parts[c] = sum_s f(order[64*c + s])``, where piece ``c`` lies in one segment;
``out[p] = (positions before whole pieces) + sum_c parts[c] + (positions behind them)``.

The order of all sums depends on sizes and positions only, so results repeat bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from symdl.lower.equations.sorting import PIECE, SEGMENT, Sorting, length
from symdl.lower.ir.integers import (
    ZERO,
    Clamp,
    Pick,
    Poly,
    atoms,
    constant,
    floor,
    mod,
    of,
    product,
    substitute,
    variables,
)
from symdl.lower.ir.loops import (
    Condition,
    FrozenEquation,
    FrozenProgram,
    Same,
    Stated,
    TensorInfo,
    Within,
    map_condition,
    terms,
)
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import Body, Builder, Load, load, whole
from symdl.lower.ir.visitors import with_index

_SHORT = PIECE
"""Up to so many positions every element of the result looks at all of them."""


@dataclass(frozen=True, slots=True)
class _Scattered:
    """A sum over given positions.

    Attributes:
        equation: the sum, without the guards below.
        given: for each axis of the result that positions choose, its index variable and the position.
        guards: where positions count, whatever they are.
        moving: the index variables that say which positions are read; at least one is summed over.
        cells: the free index variables that say which elements of the result share a segment.
    """

    equation: FrozenEquation
    given: dict[Index, Poly]
    guards: tuple[Condition, ...]
    moving: tuple[Index, ...]
    cells: tuple[Index, ...]

    @property
    def shape(self) -> tuple[Poly, ...]:
        """The size of each moving variable."""
        return tuple(self.equation.sizes[v] for v in self.moving)

    @property
    def below(self) -> Poly:
        """How many segments there are."""
        return product(self.equation.sizes[v] for v in self.cells)

    @property
    def key(self) -> Poly:
        """The number of the segment of a position, if it has one."""
        return self.flat([self.given.get(v, of(v)) for v in self.cells])

    @property
    def inside(self) -> tuple[Condition, ...]:
        """What holds where a position has a segment."""
        return *self.guards, *(Within(where, self.equation.sizes[p]) for p, where in self.given.items())

    def flat(self, where: Sequence[Poly]) -> Poly:
        """Return the number of the segment of some elements of the result."""
        number = ZERO
        for variable, position in zip(self.cells, where, strict=True):
            number = number * self.equation.sizes[variable] + position
        return number


def in_segments(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation], dict[int, Sorting]]:
    """Return the program, its equations, and which of them sort."""
    writer = _Writer(program)
    repeated = {number for recurrence in program.recurrences for number in recurrence.members}
    for equation in equations:
        found = None if equation.number in repeated else _scattered(equation)
        if found is None:
            writer.made.append(equation)
        else:
            writer.sum(found)
    program = replace(program, tensors=tuple(writer.tensors), stated=writer.stated)
    return program, writer.made, writer.sortings


def _scattered(equation: FrozenEquation) -> _Scattered | None:
    """Return an equation as a sum over given positions, or None if it is none, or one of few."""
    plain = equation.where == tuple(map(of, equation.free)) and not equation.fixed
    if equation.op != "sum" or not plain:
        return None
    given: dict[Index, Poly] = {}
    rest: list[Condition] = []
    for guard in equation.guards:
        found = _given(guard, equation)
        if found is None or found[0] in given:
            rest.append(guard)
        else:
            given[found[0]] = found[1]
    used = {v for where in given.values() for v in variables(where)}
    moving = tuple(v for v in (*equation.free, *equation.bound) if v in used)
    if used & given.keys() or not used.intersection(equation.bound):
        return None
    cells = tuple(v for v in equation.free if v in given or v in used)
    own = tuple(g for g in rest if set[Variable]().union(*map(variables, terms(g))) <= used)
    equation = replace(equation, guards=tuple(g for g in rest if g not in own))
    made = _Scattered(equation, given, own, moving, cells)
    count = product(made.shape).number
    return made if count is None or count > _SHORT else None


def _given(guard: Condition, equation: FrozenEquation) -> tuple[Index, Poly] | None:
    """Return the axis of the result that a guard chooses, and the given position that it compares."""
    if not isinstance(guard, Same):
        return None
    for side, other in ((guard.left, guard.right), (guard.right, guard.left)):
        atom = side.atom
        if (
            isinstance(atom, Index)
            and atom in equation.free
            and any(isinstance(a, Pick) for a in atoms(other))
        ):
            return atom, other
    return None


class _Writer:
    """Makes equations. What has been sorted once is not sorted again."""

    def __init__(self, program: FrozenProgram) -> None:
        self.tensors, self.stated = list(program.tensors), dict(program.stated)
        self.made: list[FrozenEquation] = []
        self.sortings: dict[int, Sorting] = {}
        self.orders: dict[object, Sorting] = {}

    def tensor(self, name: str, shape: tuple[Poly, ...], *, integer: bool = True) -> TensorId:
        """Return a new tensor."""
        number = TensorId(len(self.tensors))
        self.tensors.append(TensorInfo(number, name, shape, integer, "intermediate"))
        return number

    def add(
        self,
        text: str,
        lhs: TensorId,
        free: Sequence[Index],
        body: Body,
        names: tuple[str, ...] = (),
        **more: Any,
    ) -> int:
        """Add an equation of a new tensor, whose index variables have names; return its number."""
        number = len(self.stated)
        self.stated[number] = Stated(text, names)
        options: dict[str, Any] = {"bound": (), "extents": (), "op": None, "guards": ()} | more
        extents = (*self.tensors[lhs].shape, *options.pop("extents"))
        where = tuple(map(of, free))
        made = FrozenEquation(number, lhs, tuple(free), extents=extents, body=body, where=where, **options)
        self.made.append(made)
        return number

    def sum(self, found: _Scattered) -> None:
        """Add the equations of a sum over given positions."""
        found, keys = self.along_keys(found)
        _Sum(self, found, self.order(found, keys)).write()

    def along_keys(self, found: _Scattered) -> tuple[_Scattered, TensorId | None]:
        """Return the tensor of keys if there is one, and its axes as the moving variables."""
        (where, *more), (_, *cells) = found.given.values(), found.cells
        pick = where.atom
        if more or cells or found.guards or not isinstance(pick, Pick):
            return found, None
        axes = tuple(e.atom for e in pick.where)
        if len(set(axes)) < len(axes) or set(axes) != set(found.moving):
            return found, None
        along = replace(found, moving=tuple(v for v in axes if isinstance(v, Index)))
        return (along, pick.tensor) if along.shape == self.tensors[pick.tensor].shape else (found, None)

    def order(self, found: _Scattered, keys: TensorId | None) -> Sorting:
        """Return the order of the positions, sorted if that was not done before.

        Keys that are no tensor are laid out, one more than they are, so that 0 is none.
        """
        numbers = tuple(Index(at) for at in range(len(found.moving)))
        numbered: dict[Variable, Poly] = dict(zip(found.moving, map(of, numbers), strict=True))
        key = substitute(found.key, numbered)
        guards = tuple(map_condition(g, lambda p: substitute(p, numbered)) for g in found.inside)
        known = (keys, key, guards, found.shape, found.below)
        if known in self.orders:
            return self.orders[known]
        first = 0 if keys is not None else 1
        if keys is None:
            name = f"{self.tensors[found.equation.lhs].name} positions"
            keys = self.tensor(name, found.shape)
            self.add(f"{name}, from 1 on, or 0", keys, numbers, whole(key + 1), guards=guards)
        count, name = product(found.shape), self.tensors[keys].name
        order = self.tensor(f"{name} order", (length(count),))
        read = Pick(keys, _unravelled(of(Index(0)), found.shape))
        number = self.add(f"positions in the order of {name}", order, (Index(0),), whole(of(read)))
        axes = (*(found.equation.sizes[v] for v in found.cells), constant(SEGMENT))
        segments = self.tensor(f"{name} segments", axes)
        free = tuple(Index(at) for at in range(len(axes)))
        self.add(
            f"where positions of one element lie in {name} order",
            segments,
            free,
            whole(of(Pick(order, (of(free[0]),)))),
        )
        self.sortings[number] = made = Sorting(keys, order, segments, count, found.below, first)
        self.orders[known] = made
        return made


def _unravelled(flat: Poly, shape: Sequence[Poly]) -> tuple[Poly, ...]:
    """Return the positions along axes of a row-major one."""
    found: list[Poly] = []
    for size in shape[:0:-1]:
        found.insert(0, mod(flat, size))
        flat = floor(flat, size)
    return flat, *found


class _Sum:
    """Writes a sum over given positions whose order is known."""

    def __init__(self, writer: _Writer, found: _Scattered, order: Sorting) -> None:
        self.writer, self.found, self.order = writer, found, order
        self.equation, self.sizes = found.equation, found.equation.sizes
        self.info = writer.tensors[found.equation.lhs]
        stated = writer.stated[found.equation.number]
        last = max(v.number for v in (*self.equation.free, *self.equation.bound))
        self.piece, self.inside = Index(last + 1), Index(last + 2)
        known = (*stated.indices, *("i",) * last)[: last + 1]
        self.text, self.names = stated.text, (*known, "piece", "s")
        self.count = product(found.shape)
        self.rest = tuple(v for v in self.equation.bound if v not in found.moving)
        self.others = tuple(v for v in self.equation.free if v not in found.cells)

    def write(self) -> None:
        """Add the equations: sums of whole pieces, three sums an element, and what these make together."""
        begin, ahead, piece, last, behind, end = map(self.segment, range(SEGMENT))
        parts = self.parts()
        summands = (
            self.run("first", begin, ahead),
            self.pieces(parts, piece, last),
            self.run("last", behind, end),
        )
        where = self.equation.where
        builder = Builder()
        if self.info.integer:
            body = whole(reduce(add, (of(Pick(tensor, where)) for tensor in summands)))
        else:
            loads = [builder.add("load", value=Load(tensor, where)) for tensor in summands]
            body = builder.body(builder.total(loads))
        extents = tuple(self.sizes[v] for v in self.equation.free)
        self.writer.made.append(
            replace(self.equation, bound=(), extents=extents, op=None, guards=(), body=body)
        )

    def segment(self, part: int) -> Poly:
        """Return what is known of the segment of an element of the result; see `sorting`."""
        return of(Pick(self.order.segments, (*map(of, self.found.cells), constant(part))))

    def at(self, place: Poly) -> dict[Index, Poly]:
        """Return what moves, for a place of the order."""
        where = _unravelled(of(Pick(self.order.order, (place,))), self.found.shape)
        return dict(zip(self.found.moving, where, strict=True))

    def parts(self) -> TensorId:
        """Add the sums of whole pieces that lie in one segment; return their tensor."""
        first = of(self.piece) * PIECE
        moved = _with(_with(self.equation, self.found.given), self.at(first + of(self.inside)))
        ends = [
            of(Pick(self.order.keys, tuple(self.at(place).values())))
            for place in (first, first + (PIECE - 1))
        ]
        one = Within(ends[0] - self.order.first, self.found.below), Same(ends[0], ends[1])
        shape = (floor(self.count, constant(PIECE)), *(self.sizes[v] for v in self.others))
        lhs = self.writer.tensor(f"{self.info.name} (pieces)", shape, integer=self.info.integer)
        self.writer.add(
            f"{PIECE} terms at a time of {self.text}",
            lhs,
            (self.piece, *self.others),
            moved.body,
            self.names,
            op="sum",
            bound=(self.inside, *self.rest),
            extents=(constant(PIECE), *(self.sizes[v] for v in self.rest)),
            guards=(*one, *moved.guards),
        )
        return lhs

    def pieces(self, parts: TensorId, begin: Poly, end: Poly) -> TensorId:
        """Add the sums of the pieces in each segment, from one to another."""
        where = (begin + of(self.piece), *map(of, self.others))
        body = whole(of(Pick(parts, where))) if self.info.integer else load(parts, where)
        return self.sum("middle", body, self.piece, end - begin, floor(self.count, self.found.below * PIECE))

    def run(self, name: str, begin: Poly, end: Poly) -> TensorId:
        """Add the sums of single positions of each segment, from one place of the order to another."""
        moved = _with(self.equation, self.at(begin + of(self.inside)))
        average = of(Clamp(floor(self.count, self.found.below), constant(PIECE // 2)))
        return self.sum(name, moved.body, self.inside, end - begin, average, self.rest, moved.guards)

    def sum(
        self,
        name: str,
        body: Body,
        along: Index,
        extent: Poly,
        average: Poly,
        rest: tuple[Index, ...] = (),
        guards: tuple[Condition, ...] = (),
    ) -> TensorId:
        """Add sums for all elements of the result; return their tensor."""
        lhs = self.writer.tensor(f"{self.info.name} ({name})", self.info.shape, integer=self.info.integer)
        self.writer.add(
            f"{name} terms of {self.text}",
            lhs,
            self.equation.free,
            body,
            self.names,
            op="sum",
            bound=(along, *rest),
            extents=(extent, *(self.sizes[v] for v in rest)),
            guards=guards,
            averages=((along, average),),
        )
        return lhs


def _with(equation: FrozenEquation, values: Mapping[Index, Poly]) -> FrozenEquation:
    """Return an equation with values in place of index variables."""
    for variable, value in values.items():
        equation = with_index(equation, variable, value)
    return equation
