"""Which elements of which buffers a call touches.

Enters: a call of a schedule, with sizes that are known. Leaves: `Touched`: for each buffer the places read
and written, found from the positions in kernels and the matrices of products, not from how a call was cut.
Where a position depends on data, it is any that the data may name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from symdl.errors import InternalError
from symdl.lower.ir.integers import (
    Atom,
    Clamp,
    Element,
    Floor,
    Mod,
    Pick,
    Poly,
    Size,
    Sizes,
    atoms,
    evaluate,
    of,
)
from symdl.lower.ir.loops import (
    LAYOUT_BLOCK,
    Condition,
    Divides,
    Fold,
    KernelItem,
    KernelStatement,
    Let,
    Loop,
    Same,
    Start,
    Store,
    Update,
    When,
    Within,
    terms,
)
from symdl.lower.ir.names import LANE, ROW, Index, Lane, Local, LoopVar, Param, Slot, Var, Variable
from symdl.lower.ir.visitors import polys
from symdl.lower.kernels import (
    Call,
    CheckCall,
    CombineCall,
    GatherCall,
    Kernel,
    KernelCall,
    Matrix,
    ProductCall,
    RepeatCall,
    SortCall,
    TotalCall,
)

Places = NDArray[np.int64]
_MOST = 1 << 22
"""Places of one access that are looked at; of more, conditions are left out."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Elements of a buffer or view, by number; None stands for all of it."""

    buffer: int
    written: bool
    places: Places | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when a call runs: sizes, kernels, and a bound of the integers in a buffer or view."""

    sizes: Sizes
    kernels: Sequence[Kernel]
    below: Mapping[int, Poly]


def touched(call: Call, known: Known) -> Iterator[Touched]:
    """Yield what a call touches."""

    def value(poly: Poly) -> int:
        return evaluate(poly, known.sizes)

    match call:
        case KernelCall():
            yield from _Kernel(call, known).touched()
        case ProductCall():
            batch = [value(size) for size in call.batch]
            m, n, k = map(value, (call.m, call.n, call.k))
            for matrix, shape in ((call.left, (m, k)), (call.right, (k, n)), (call.result, (m, n))):
                places = _matrix(matrix, shape, batch, known.sizes)
                yield Touched(matrix.buffer, matrix is call.result, places)
        case GatherCall():
            rows, columns = np.arange(call.count), np.arange(call.width)
            yield Touched(call.target, True, (rows[:, None] * call.lead + columns).reshape(-1))
        case CombineCall():
            count, distance = value(call.count), value(call.distance)
            parts = np.arange(value(call.number))[:, None] * distance + np.arange(count)
            yield Touched(call.parts, False, parts.reshape(-1))
            yield Touched(call.buffer, True, np.arange(count))
        case SortCall():
            yield Touched(call.keys, False, np.arange(value(call.count)))
            yield from (Touched(made, True, None) for made in (call.order, call.segments))
        case TotalCall():
            yield Touched(call.buffer, False, np.arange(1))
        case CheckCall() | RepeatCall():
            pass  # a schedule has no checks, and repeating touches nothing
        case _:
            assert_never(call)


def _matrix(matrix: Matrix, shape: tuple[int, int], batch: Sequence[int], sizes: Sizes) -> Places:
    operand = matrix.operand
    lead = evaluate(operand.lead, sizes)
    rows, columns = (lead, 1) if not operand.transposed else (1, lead)
    places: Places = np.arange(shape[0])[:, None] * rows + np.arange(shape[1]) * columns
    for count, step in zip(batch, operand.steps, strict=True):
        places = np.arange(count).reshape(-1, *(1,) * places.ndim) * evaluate(step, sizes) + places
    return places.reshape(-1) + evaluate(operand.offset, sizes)


_Axis: TypeAlias = Variable | Element
"""What a position changes with: a variable, or an integer that is read."""


class _Unknown(Exception):
    """A position depends on something that is not followed."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """Loops and conditions around a statement."""

    ranges: Mapping[Variable, Places]
    conditions: tuple[Condition, ...] = ()


class _Kernel:
    """Follows positions through the loops of a kernel."""

    def __init__(self, call: KernelCall, known: Known) -> None:
        self.kernel, self.known = known.kernels[call.kernel], known
        slots = (array.slot for array in self.kernel.arrays)
        self.buffers = dict(zip(slots, call.buffers, strict=True))
        values = (evaluate(size, known.sizes) for size in call.sizes)
        self.params = dict(zip(self.kernel.sizes, values, strict=True))
        self.chosen: dict[Variable, Places] = {}  # what integer locals may be

    def touched(self) -> Iterator[Touched]:
        """Yield what the kernel touches."""
        yield from self.block(self.kernel.items, _Scope({}))

    def block(self, items: tuple[KernelItem, ...], scope: _Scope) -> Iterator[Touched]:
        """Yield what a block touches."""
        for item in items:
            if isinstance(item, Loop):
                yield from self.block(item.items, self.entered(item, scope))
            elif isinstance(item, When):
                conditions = (*scope.conditions, *item.conditions)
                yield from self.block(item.items, replace(scope, conditions=conditions))
            elif not isinstance(item, Start):
                yield from self.statement(item, scope)

    def entered(self, loop: Loop[Slot], scope: _Scope) -> _Scope:
        """Return the scope inside a loop; one over lanes takes the samples of a layout block at once."""
        count = int(self.value(loop.extent, {}))
        if loop.kind != "lanes":
            return replace(scope, ranges={**scope.ranges, loop.var: np.arange(count)})
        sample = of(loop.var) * LAYOUT_BLOCK + of(LANE)
        ranges = {
            **scope.ranges,
            loop.var: np.arange(-(-count // LAYOUT_BLOCK)),
            LANE: np.arange(LAYOUT_BLOCK),
        }
        return _Scope(ranges, (*scope.conditions, Within(sample, loop.extent)))

    def statement(self, item: KernelStatement, scope: _Scope) -> Iterator[Touched]:
        """Yield what a statement touches."""
        assert not isinstance(item, Start)
        if not isinstance(item, Store):
            scope = replace(scope, conditions=(*scope.conditions, *item.guards))
        inside = chain.from_iterable(atoms(poly) for poly in polys(item))
        picks = (atom for atom in inside if isinstance(atom, Element))
        for element in (*picks, *item.body.elements):
            yield Touched(self.buffers[element.array], False, self.places(element.at, scope))
        if isinstance(item, Store | Update):
            yield Touched(self.buffers[item.target], True, self.places(item.where[0], scope))
        if isinstance(item, Fold) and item.at is not None:
            self.choose(item.name.position, item.at, scope)
        if isinstance(item, Let) and item.body.polys:
            self.choose(item.name, item.body.polys[-1], scope)

    def choose(self, name: Local, poly: Poly, scope: _Scope) -> None:
        """Remember what a local position may be."""
        found = self.places(poly, scope)
        if found is not None:
            self.chosen[name] = np.unique(np.append(self.chosen.get(name, found), found))

    def places(self, poly: Poly, scope: _Scope) -> Places | None:
        """Return the values of a position, or None if it may be any."""
        try:
            axes = self.axes([poly], scope)
            near = [c for c in scope.conditions if self.followed(c, scope)]
            near = [c for c in near if not (on := set(self.axes(terms(c), scope))) or on & set(axes)]
            wide = {**axes, **self.axes([p for c in near for p in terms(c)], scope)}
        except _Unknown:
            return None
        if np.prod([float(len(r)) for r in wide.values()]) > _MOST:
            wide, near = axes, []
        grid = np.meshgrid(*wide.values(), indexing="ij", sparse=True)
        values: dict[_Axis, Any] = dict(zip(wide, grid, strict=True))
        where = self.value(poly, values)
        holds: Any = np.bool_(True)
        for condition in near:
            left, right = (self.value(p, values) for p in terms(condition))
            holds = holds & _holds(condition, left, right)
        if holds.all():
            return np.ravel(where)
        shape = np.broadcast_shapes(np.shape(where), np.shape(holds))
        found: Places = np.broadcast_to(where, shape)[np.broadcast_to(holds, shape)]
        return found

    def followed(self, condition: Condition, scope: _Scope) -> bool:
        """Say whether a condition is about loops alone."""
        try:
            return not any(isinstance(key, Element) for key in self.axes(terms(condition), scope))
        except _Unknown:
            return False

    def axes(self, found: Sequence[Poly], scope: _Scope) -> dict[_Axis, Places]:
        """Return the range of everything that a position depends on."""
        axes: dict[_Axis, Places] = {}
        for atom in chain.from_iterable(map(atoms, found)):
            if isinstance(atom, Element):
                below = self.known.below.get(self.buffers[atom.array])
                if below is None:
                    raise _Unknown
                axes[atom] = np.arange(evaluate(below, self.known.sizes))
            elif isinstance(atom, Var):
                name = LANE if atom == ROW else atom
                ranges = scope.ranges if name in scope.ranges else self.chosen
                if name not in ranges:
                    raise _Unknown
                axes[name] = ranges[name]
        inside = {v for element in axes if isinstance(element, Element) for v in atoms(element.at)}
        alone = {v for p in found for v in _outside(p)}
        return {k: r for k, r in axes.items() if isinstance(k, Element) or k not in inside - alone}

    def value(self, poly: Poly, values: Mapping[_Axis, Any]) -> Any:
        """Return the value of a position on a grid."""
        total: Any = 0
        for monomial, factor in poly.terms:
            one: Any = factor
            for atom in monomial:
                one = one * self.atom(atom, values)
            total = total + one
        return total

    def atom(self, atom: Atom, values: Mapping[_Axis, Any]) -> Any:
        """Return the value of a part of a position."""
        match atom:
            case Index() | LoopVar() | Lane() | Local():
                return values[LANE if atom == ROW else atom]
            case Param():
                return self.params[atom]
            case Size():
                return self.known.sizes[atom.name]
            case Element():
                return values[atom]
            case Clamp():
                return np.clip(self.value(atom.value, values), 0, self.value(atom.below, values) - 1)
            case Floor():
                return self.value(atom.value, values) // self.value(atom.by, values)
            case Mod():
                return self.value(atom.value, values) % self.value(atom.by, values)
            case Pick():
                raise InternalError("a kernel reads a tensor, not an array")
            case _:
                assert_never(atom)


def _outside(poly: Poly) -> Iterator[Atom]:
    """Yield the atoms of a position that do not say which element is read."""
    for monomial, _ in poly.terms:
        for atom in monomial:
            yield atom
            if isinstance(atom, Floor | Mod):
                yield from chain(_outside(atom.value), _outside(atom.by))
            elif isinstance(atom, Clamp):
                yield from chain(_outside(atom.value), _outside(atom.below))


def _holds(condition: Condition, left: Any, right: Any) -> Any:
    match condition:
        case Within():
            return (left >= 0) & (left < right)
        case Divides():
            return left % right == 0
        case Same():
            return left == right
        case _:
            assert_never(condition)
