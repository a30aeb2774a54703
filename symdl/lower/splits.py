"""Which calls can be cut into blocks, and along what.

Enters: steps. Leaves: a `Split` for each: along the samples of the batch (*rows*), along the rows of a
weight whose gradient sums over the batch (*columns*), along the elements of an update (*elements*), or not
at all (*whole*). A split says which elements of every buffer a block touches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from symdl.lower.canonical import LITERAL
from symdl.lower.equations.contractions import Contraction, Operand
from symdl.lower.ir.integers import (
    ONE,
    ZERO,
    Atom,
    Pick,
    Poly,
    Size,
    from_terms,
    of,
    parts,
    product,
    rebuild,
    variables,
)
from symdl.lower.ir.loops import (
    Fold,
    Item,
    Let,
    Loop,
    Start,
    Store,
    TensorInfo,
    Update,
    When,
    terms,
)
from symdl.lower.ir.names import Local, LoopVar, Rows, TensorId, Var, Variable
from symdl.lower.ir.scalars import Load, Node
from symdl.lower.memory.buffers import Step


def with_rows(items: tuple[Item, ...], batch: str) -> tuple[Item, ...]:
    """Return a tree whose loops over the batch end at the number of rows of a block.

    The size of the batch itself stays in values and distances, which are the same for every block.
    """
    return tuple(_looped(item, batch) if isinstance(item, Loop) else item for item in items)


def _looped(loop: Loop[TensorId], batch: str) -> Loop[TensorId]:
    whole = loop.extent == of(Size(batch))
    extent = of(Size(Rows(batch))) if whole else loop.extent
    return replace(loop, extent=extent, items=with_rows(loop.items, batch))


def fewer(poly: Poly, values: Mapping[Rows, Poly]) -> Poly:
    """Return an expression with numbers of samples replaced."""

    def atom(found: Atom) -> Poly | None:
        rows = found.name if isinstance(found, Size) else None
        return values.get(rows) if isinstance(rows, Rows) else None

    return rebuild(poly, atom)


@dataclass(frozen=True, slots=True)
class Touch:
    """How a call uses a buffer: each unit of the cut uses `stride` elements on from the one before.

    Without a stride it may use all of it. `flat` if the elements of a unit lie together.
    """

    buffer: int
    written: bool
    stride: Poly | None = None
    flat: bool = True


@dataclass(frozen=True, slots=True)
class Split:
    """How a call is cut: along what, into how many units, what they touch, what is a sum over blocks.

    `cut` names what bounds the units of a matrix product: ``m``, ``k``, or the number of an outer loop.
    `other` is a second way: a gradient that sums over the batch may also be a sum over blocks of it.
    """

    kind: Literal["rows", "columns", "elements", "whole"]
    units: Poly
    touches: tuple[Touch, ...]
    sums: tuple[int, ...] = ()
    cut: str = ""
    other: Split | None = None


class _Not(Exception):
    """The step cannot be cut this way."""


def split(step: Step, tensors: Sequence[TensorInfo], places: Mapping[TensorId, int], batch: str) -> Split:
    """Return how a step is cut."""
    for attempt in (_product,) if isinstance(step.work, Contraction) else (_rows, _elements):
        try:
            return attempt(step, tensors, places, batch)
        except _Not:
            continue
    read = [Touch(places[t], False) for t in step.read]
    return Split("whole", ONE, (*read, *(Touch(places[t], True) for t in step.written)))


def _require(holds: bool) -> None:
    if not holds:
        raise _Not


def _product(step: Step, tensors: Sequence[TensorInfo], places: Mapping[TensorId, int], batch: str) -> Split:
    work = step.work
    assert isinstance(work, Contraction)
    size = of(Size(batch))

    def touch(operand: Operand, stride: Poly | None) -> Touch:
        shape = tensors[operand.tensor].shape
        flat = stride is not None and bool(shape) and shape[0] == size and stride == product(shape[1:])
        return Touch(places[operand.tensor], operand is work.result, stride, flat)

    uses = [_mentions(p, batch) for p in (work.m, work.n, work.k)]
    loops = [at for at, extent in enumerate(work.batch) if _mentions(extent, batch)]
    operands = (work.left, work.right, work.result)
    if loops:
        (at,) = loops if len(loops) == 1 else (-1,)
        _require(at >= 0 and work.batch[at] == size and not any(uses))
        strides = [o.steps[at] if o.steps[at] != ZERO else None for o in operands]
        _require(strides[2] is not None)
        found = tuple(touch(o, s) for o, s in zip(operands, strides, strict=True))
        return Split("rows", size, found, (), str(at))
    result = work.result
    if uses[0] and not uses[1] and not uses[2]:
        each = _each(work.m, batch)  # rows of a sample, the samples one after another
        _require(not work.left.transposed and not work.batch)
        moved = tuple(touch(o, o.lead * each) for o in (work.left, result))
        _require(each == ONE or all(t.flat for t in moved))
        return Split("rows", size, (*moved, Touch(places[work.right.tensor], False)), (), "m")
    _require(uses == [False, False, True] and not work.batch and work.m.number is not None)
    whole = result.lead == work.n and result.offset == ZERO
    _require(whole and work.m * work.n == product(tensors[result.tensor].shape))
    read = [Touch(places[o.tensor], False) for o in (work.left, work.right)]
    other = None
    with suppress(_Not):
        each = _each(work.k, batch)
        far = (work.left.transposed, not work.right.transposed)  # the samples are rows in memory
        pairs = zip((work.left, work.right), far, strict=True)
        own = [touch(o, o.lead * each if down else each) for o, down in pairs]
        _require(all(t.flat for t in own))
        place = places[result.tensor]
        other = Split("rows", size, (*own, Touch(place, True)), (place,), "k")
    found = (*read, Touch(places[result.tensor], True, result.lead))
    return Split("columns", work.m, found, (), "m", other)


def _mentions(poly: Poly, batch: str) -> bool:
    return any(Size(batch) in monomial for monomial, _ in poly.terms)


def _each(poly: Poly, batch: str) -> Poly:
    """Return what a multiple of the batch's size is a multiple by."""
    (monomial, factor), *others = poly.terms
    rest = list(monomial)
    rest.remove(Size(batch))
    _require(not others and Size(batch) not in rest)
    return from_terms({tuple(rest): factor})


def _elements(
    step: Step, _tensors: Sequence[TensorInfo], places: Mapping[TensorId, int], _batch: str
) -> Split:
    """One flat loop that computes every element from those at the same position."""
    items = step.work
    assert isinstance(items, tuple)
    _require(len(items) == 1 and isinstance(items[0], Loop) and items[0].extent.number is not None)
    loop = items[0]
    assert isinstance(loop, Loop)
    _require((loop.extent.number or 0) > LITERAL)  # a shorter loop has its length written into the kernel
    here = (of(loop.var),)
    uses: dict[int, Touch] = {}
    for item in loop.items:
        _require(isinstance(item, Store) or (isinstance(item, Let) and not item.guards))
        assert isinstance(item, Store | Let)
        accesses = [(node.value, False) for node in item.body.nodes if node.value is not None]
        if isinstance(item, Store):
            accesses.append((Load(item.target, item.where), True))
        for access, written in accesses:
            if not isinstance(access, Load):
                _require(not isinstance(access, Poly | tuple))
                continue
            same = access.where == here
            _require(same or (not written and not any(_direct(p) for p in access.where)))
            _note(uses, Touch(places[access.tensor], written, ONE if same else None))
    return Split("elements", loop.extent, tuple(uses.values()))


def _note(uses: dict[int, Touch], touch: Touch) -> None:
    known = uses.get(touch.buffer, touch)
    _require((known.stride, known.flat) == (touch.stride, touch.flat))
    uses[touch.buffer] = Touch(touch.buffer, known.written or touch.written, touch.stride, touch.flat)


def _direct(poly: Poly) -> set[Variable]:
    """Return the variables of an expression, except those that say which element of a tensor is read."""

    def inside(atom: Atom) -> Iterator[Variable]:
        if isinstance(atom, Var):
            yield atom
        elif not isinstance(atom, Pick):
            for part in parts(atom):
                yield from _direct(part)

    return {name for monomial, _ in poly.terms for atom in monomial for name in inside(atom)}


def _picks(poly: Poly) -> Iterator[Pick]:
    for monomial, _ in poly.terms:
        for atom in monomial:
            if isinstance(atom, Pick):
                yield atom
            for part in parts(atom):
                yield from _picks(part)


def _rows(step: Step, tensors: Sequence[TensorInfo], places: Mapping[TensorId, int], batch: str) -> Split:
    analysis = _Samples(tensors, places, batch)
    analysis.collect(step.nested, None)
    _require(analysis.found)
    analysis.block(step.nested, None)
    sums = {places[t] for t in analysis.added}
    _require(not sums & {t.buffer for t in analysis.uses.values()})
    touches = (*analysis.uses.values(), *(Touch(b, True) for b in sums))
    return Split("rows", of(Size(batch)), touches, tuple(sorted(sums)))


class _Samples:
    """Follows the batch's variable through a tree with one index an axis."""

    def __init__(self, tensors: Sequence[TensorInfo], places: Mapping[TensorId, int], batch: str) -> None:
        self.tensors, self.places, self.batch = tensors, places, batch
        self.uses: dict[int, Touch] = {}
        self.partial: set[Local] = set()  # running sums over samples
        self.added: set[TensorId] = set()  # tensors that are such sums
        self.found = False

    def collect(
        self, items: tuple[Item, ...], sample: LoopVar | None, made: frozenset[Local] = frozenset()
    ) -> None:
        """Find what is summed over the samples; `made` are the running values of the same sample."""
        own = set(made)
        for item in items:
            match item:
                case Loop():
                    inside = self.entered(item, sample)
                    fresh = inside is not None and sample is None
                    self.collect(item.items, inside, frozenset() if fresh else frozenset(own))
                case Start():
                    own.add(item.name)
                case Fold():
                    if sample and item.name not in own:
                        _require(item.op == "sum")
                        self.partial.add(item.name)
                case Update():
                    if sample and not any(sample in _direct(p) for p in item.where):
                        _require(item.op == "sum")
                        self.added.add(item.target)
                case Store():
                    if not sample and _local(item.body.result) in self.partial:
                        _require(len(item.body.nodes) == 1)
                        self.added.add(item.target)
                case Let() | When():
                    pass
                case _:
                    assert_never(item)

    def entered(self, loop: Loop[TensorId], sample: LoopVar | None) -> LoopVar | None:
        """Return the variable that counts samples inside a loop."""
        if not any(Size(Rows(self.batch)) in m for m, _ in loop.extent.terms):
            return sample
        _require(not sample and loop.extent == of(Size(Rows(self.batch))))
        self.found = True
        return loop.var

    def block(self, items: tuple[Item, ...], sample: LoopVar | None) -> None:
        """Check a block and note what it touches."""
        for item in items:
            if isinstance(item, Loop):
                self.block(item.items, self.entered(item, sample))
            elif not isinstance(item, Start | When):
                self.statement(item, sample)

    def statement(
        self, item: Let | Fold | Store[TensorId] | Update[TensorId], sample: LoopVar | None
    ) -> None:
        """Check a statement and note what it touches."""
        values = list(_values(item))
        _require(not any(sample in _direct(p) for p in values))
        target = item.target if isinstance(item, Store | Update) else None
        where = item.where if isinstance(item, Store | Update) else ()
        places = [*values, *where, *(p for load in item.body.loads for p in load.where)]
        if (item.body.locals | set().union(*map(_locals, places))) & self.partial:
            _require(target in self.added and not sample and len(item.body.nodes) == 1)
        elif isinstance(item, Store) and target in self.added:
            _require(not sample and item.body.nodes[-1].value in (0.0, ZERO) and len(item.body.nodes) == 1)
        for load in item.body.loads:
            self.access(load.tensor, load.where, sample, written=False)
        for poly in places:
            for pick in _picks(poly):
                self.access(pick.tensor, pick.where, sample, written=False)
        if target is not None and target not in self.added:
            _require(sample is not None)
            self.access(target, where, sample, written=True)

    def access(
        self, tensor: TensorId, where: Sequence[Poly], sample: LoopVar | None, *, written: bool
    ) -> None:
        """Note which elements of a tensor a sample touches."""
        _require(tensor not in self.added)
        shape = self.tensors[tensor].shape
        axes = [at for at, p in enumerate(where) if sample and sample in _direct(p)]
        if not axes:
            _require(not written)
            _note(self.uses, Touch(self.places[tensor], False))
            return
        (at,) = axes if len(axes) == 1 else (-1,)
        assert sample is not None  # it is in a position
        _require(at >= 0 and where[at] == of(sample) and shape[at] == of(Size(self.batch)))
        # In sample layout, too: a block of samples begins with a layout block.
        stride = product(shape[at + 1 :])
        flat = all(size == ONE for size in shape[:at])
        _note(self.uses, Touch(self.places[tensor], written, stride, flat))


def _locals(poly: Poly) -> set[Local]:
    return {v for v in variables(poly) if isinstance(v, Local)}


def _local(node: Node) -> Local | None:
    """Return the local that a node is, real or int64."""
    value = node.value.atom if isinstance(node.value, Poly) else node.value
    return value if isinstance(value, Local) else None


def _values(item: Let | Fold | Store[TensorId] | Update[TensorId]) -> Iterator[Poly]:
    """Yield the integer expressions that are no positions of elements."""
    for node in item.body.nodes:
        if isinstance(node.value, Poly):
            yield node.value
        elif isinstance(node.value, tuple):
            yield from node.value
    if isinstance(item, Fold) and item.at is not None:
        yield item.at
    if not isinstance(item, Store):
        for guard in item.guards:
            yield from terms(guard)


LARGEST_SUM = 1 << 16
"""Elements of a sum over samples of which every block may have its own."""
