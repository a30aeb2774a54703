"""Updates of large tables where a batch touches few of their elements.

Enters: steps with their buffers. Leaves: the same, in which a gradient that a scatter adds up, and that only
an update in place reads, is neither set to zero nor gone through as a whole: the scatter's own loops run
three times, and set its elements to zero, add to them, and update the table there. Every element gets the
value that it had before this pass, to the last bit: the first update of an element sets its sum back to zero,
a sum of zero changes nothing, and so an element that a batch names often is updated once.

How many elements a batch touches is known when sizes are. Where they are as many as the table has, loops
over the table cost less, and are kept under that condition.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from symdl.lower.ir.integers import Clamp, Pick, Poly, atoms, of, product, substitute, variables
from symdl.lower.ir.loops import (
    FrozenProgram,
    Item,
    Let,
    Loop,
    Store,
    TensorInfo,
    Update,
    When,
    Within,
    loops,
    statements,
)
from symdl.lower.ir.names import LoopVar, TensorId, Variable
from symdl.lower.ir.scalars import Body, Load, Node, map_body, number
from symdl.lower.ir.visitors import loaded
from symdl.lower.loops.addressing import flatten
from symdl.lower.memory.buffers import Plan, Step

LEAST = 1 << 16
"""Elements that a table has more of: a sum of fewer may be one over blocks of samples."""


@dataclass(frozen=True, slots=True)
class _Descent:
    """A step that does nothing but ``new = old ± factor * sum``, element by element and in place."""

    value: Let
    store: Store[TensorId]
    old: TensorId
    total: TensorId


@dataclass(frozen=True, slots=True)
class _Scatter:
    """The loops of a scatter that its places depend on, outer first, and these places, all in range."""

    around: tuple[Loop[TensorId], ...]
    where: tuple[Poly, ...]
    equation: int

    @property
    def touches(self) -> Poly:
        """How many elements are added to, each counted as often as it is."""
        return product([loop.expected for loop in self.around])


def touching(program: FrozenProgram, steps: Sequence[Step], plan: Plan) -> tuple[Step, ...]:
    """Return the steps with updates of what was touched."""
    done = list(steps)
    for at, step in enumerate(steps):
        descent = None if step.loops else _descent(step, program.tensors, plan)
        if descent is None:
            continue
        makers = [k for k, other in enumerate(steps) if descent.total in other.written]
        readers = [k for k, other in enumerate(steps) if descent.total in other.read]
        if len(makers) != 1 or readers != [at] or steps[makers[0]].loops:
            continue
        maker = makers[0]
        scatter = _scatter(done[maker], descent.total, program.tensors)
        if scatter is None or not _kept(scatter, steps[maker : at + 1], plan):
            continue
        done[maker] = _with(done[maker], _cleared(done[maker], descent.total, scatter, program), program)
        done[at] = _with(step, _updated(step, descent, scatter, program), program)
    return tuple(done)


def _with(step: Step, nested: tuple[Item, ...], program: FrozenProgram) -> Step:
    return replace(step, nested=nested, work=flatten(nested, program.tensors))


def _descent(step: Step, tensors: Sequence[TensorInfo], plan: Plan) -> _Descent | None:
    """Return what a step does, if it is the update of a table by the elements of a sum."""
    path = list(_alone(step.nested))
    inside = path[-1].items if path else ()
    match inside:
        case (Let(guards=()) as value, Store() as store):
            pass
        case _:
            return None
    here = tuple(of(loop.var) for loop in path)
    count = tensors[store.target].count.number
    if store.where != here or store.body.locals != {value.name} or len(store.body.nodes) != 1:
        return None
    if store.target not in plan.in_place or count is None or count <= LEAST:
        return None
    place = plan.places[store.target]
    olds = [load for load in value.body.loads if plan.places[load.tensor] == place]
    totals = [load for load in value.body.loads if load.where and load not in olds]
    if len(olds) != 1 or len(totals) != 1 or not olds[0].where == totals[0].where == here:
        return None
    arena = plan.buffers[plan.places[totals[0].tensor]].kind == "arena"
    if not arena or not _stays(value.body, olds[0], totals[0]):
        return None
    return _Descent(value, store, olds[0].tensor, totals[0].tensor)


def _alone(items: tuple[Item, ...]) -> Iterator[Loop[TensorId]]:
    """Yield loops in each other, as long as each is all there is."""
    while len(items) == 1 and isinstance(items[0], Loop):
        yield items[0]
        items = items[0].items


def _stays(body: Body, old: Load, total: Load) -> bool:
    """Say whether a body is the old value where the sum is zero: it adds a multiple of the sum to it."""
    nodes = body.nodes

    def zero(at: int) -> bool:
        node = nodes[at]
        match node.op:
            case "load":
                return node.value == total
            case "neg":
                return zero(node.args[0])
            case "mul":
                one, other = node.args
                return (zero(one) and alike(other)) or (zero(other) and alike(one))
            case "div":
                return zero(node.args[0]) and _nonzero(nodes[node.args[1]])
            case _:
                return False

    def alike(at: int) -> bool:
        """Say whether a node is one number for all elements; rates are finite."""
        node = nodes[at]
        if isinstance(node.value, Load):
            return node.value.where == ()
        return node.op in ("const", "neg", "mul") and all(map(alike, node.args)) and _finite(node)

    def same(at: int) -> bool:
        return nodes[at].op == "load" and nodes[at].value == old

    result = body.result
    if result.op == "sub":
        return same(result.args[0]) and zero(result.args[1])
    one, other = result.args if result.op == "add" else (0, 0)
    return result.op == "add" and ((same(one) and zero(other)) or (same(other) and zero(one)))


def _finite(node: Node) -> bool:
    return not isinstance(node.value, float) or isfinite(node.value)


def _nonzero(node: Node) -> bool:
    return node.op == "const" and node.value != 0 and _finite(node)


def _scatter(step: Step, total: TensorId, tensors: Sequence[TensorInfo]) -> _Scatter | None:
    """Return how a sum is scattered, if its places are known from loops and given positions alone."""
    found = list(_updates(step.nested, total, ()))
    if len(found) != 1 or _zeros(step.nested, total) is None or total in loaded(step.nested):
        return None
    around, update = found[0]
    ranges = {loop.var: loop.extent for loop in around}
    inside = {guard.value: guard.extent for guard in update.guards if isinstance(guard, Within)}
    where = []
    for place, size in zip(update.where, tensors[total].shape, strict=True):
        atom = place.atom
        if isinstance(atom, LoopVar) and ranges.get(atom) == size:
            where.append(place)
        elif inside.get(place) == size:
            where.append(of(Clamp(place, size)))
        else:
            return None
    used: set[Variable] = set().union(*map(variables, where))
    needed = []
    for loop in reversed(around):
        if loop.var in used:
            needed.append(loop)
            used |= variables(loop.extent)
    if update.op != "sum" or not used <= ranges.keys() or not any(map(_positions, where)):
        return None
    return _Scatter(tuple(reversed(needed)), tuple(where), update.equation)


def _updates(
    items: tuple[Item, ...], total: TensorId, around: tuple[Loop[TensorId], ...]
) -> Iterator[tuple[tuple[Loop[TensorId], ...], Update[TensorId]]]:
    for item in items:
        if isinstance(item, Loop):
            yield from _updates(item.items, total, (*around, item))
        elif isinstance(item, Update) and item.target == total:
            yield around, item


def _zeros(items: tuple[Item, ...], total: TensorId) -> int | None:
    """Return which item of a tree sets a sum to zero, if one does and nothing else."""
    found = [at for at, item in enumerate(items) if _stores(item, total)]
    if len(found) != 1:
        return None
    path = list(_alone(items[found[0] : found[0] + 1]))
    only = path[-1].items if path else ()
    return found[0] if len(only) == 1 and isinstance(only[0], Store) else None


def _stores(item: Item, total: TensorId) -> bool:
    return any(isinstance(s, Store) and s.target == total for s in statements((item,)))


def _positions(poly: Poly) -> set[TensorId]:
    return {atom.tensor for atom in atoms(poly) if isinstance(atom, Pick)}


def _kept(scatter: _Scatter, steps: Sequence[Step], plan: Plan) -> bool:
    """Say whether positions are still there after `steps`."""
    polys = (*scatter.where, *(loop.extent for loop in scatter.around))
    needed = {plan.places[tensor] for poly in polys for tensor in _positions(poly)}
    written = {plan.places[tensor] for step in steps for tensor in step.written}
    return all(plan.buffers[place].kind == "given" for place in needed) and not needed & written


def _cleared(step: Step, total: TensorId, scatter: _Scatter, program: FrozenProgram) -> tuple[Item, ...]:
    """Return the tree of the scatter's step, which sets to zero what will be added to."""
    at = _zeros(step.nested, total)
    assert at is not None  # _scatter has found it
    zero = number(0.0)

    def clear(where: tuple[Poly, ...]) -> tuple[Item, ...]:
        return (Store(total, where, zero, equation=scatter.equation),)

    nest = _nest(step, scatter, clear)
    either = _either(scatter, program.tensors[total].count, nest, step.nested[at])
    return (*step.nested[:at], *either, *step.nested[at + 1 :])


def _updated(step: Step, descent: _Descent, scatter: _Scatter, program: FrozenProgram) -> tuple[Item, ...]:
    """Return the tree of the update's step, which updates what has been added to, once."""
    value, store, moved = descent.value, descent.store, (descent.old, descent.total)

    def update(where: tuple[Poly, ...]) -> tuple[Item, ...]:
        def element(load: Load) -> Node:
            return Node("load", (), Load(load.tensor, where) if load.tensor in moved else load)

        taken = replace(value, body=map_body(value.body, lambda p: p, element))
        clear = Store(descent.total, where, number(0.0), equation=scatter.equation)
        return taken, replace(store, where=where), clear

    (whole,) = step.nested
    return _either(scatter, program.tensors[descent.total].count, _nest(step, scatter, update), whole)


def _nest(step: Step, scatter: _Scatter, inside: Callable[[tuple[Poly, ...]], tuple[Item, ...]]) -> Item:
    """Return the scatter's loops, with variables that a step does not have, around other statements."""
    used = [loop.var.number for loop in loops(step.nested)]
    fresh = map(LoopVar, itertools.count(max(used, default=-1) + 1))
    names: dict[Variable, Poly] = {}
    made: list[Loop[TensorId]] = []
    for loop in scatter.around:
        new = replace(loop, var=next(fresh), extent=substitute(loop.extent, names), items=())
        names[loop.var] = of(new.var)
        made.append(new)
    items = inside(tuple(substitute(place, names) for place in scatter.where))
    for loop in reversed(made):
        items = (replace(loop, items=items),)
    (nest,) = items
    return nest


def _either(scatter: _Scatter, count: Poly, few: Item, all_: Item) -> tuple[Item, ...]:
    """Return loops over what is touched where that is less than `count`, else those over all."""
    touches = scatter.touches
    known, most = touches.number, count.number
    if known is not None and most is not None:
        return (few,) if known < most else (all_,)
    fewer, more = Within(touches, count), Within(count, touches + 1)
    return When((fewer,), (few,)), When((more,), (all_,))
