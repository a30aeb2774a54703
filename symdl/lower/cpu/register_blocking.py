"""Blocks of registers: loops taken several steps at a time.

Enters: a loop over samples whose statements can be computed in lanes. Leaves: its items, in which

- the condition under which a term counts stands around the loops that it does not depend on,
- the sum with the most terms is computed for several elements at once (*unroll and jam*), so that what is
  read once serves several of them: for a convolution, a pixel for eight channels,
- short sums have no loop, and a loop over positions that are divided by a number, as in the gradient of a
  pool, takes so many steps at once that the division is gone.

`factors` holds the cost model: cycles a term, on a machine that does one multiply-add and one read of a
layout block a cycle, and half a cycle's work for a number that all samples share.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from symdl.lower.cpu.unroll_and_jam import copies, names_of, unrolled
from symdl.lower.cpu.unswitch import hoisted
from symdl.lower.ir.integers import ZERO, Floor, Mod, Pick, Poly, atoms, constant, of, variables
from symdl.lower.ir.loops import (
    Condition,
    Fold,
    Item,
    Let,
    Loop,
    Start,
    Store,
    TensorInfo,
    Update,
    When,
    statements,
    terms,
)
from symdl.lower.ir.names import Local, LoopVar, TensorId, Variable
from symdl.lower.ir.scalars import Body, Load, Node
from symdl.lower.ir.visitors import loaded, polys

_LATENCY = 4
"""Cycles until a sum can go on: so many of them shall be under way."""
_MOST = 16
"""Running values that fit into registers beside what they are made from."""
_FACTORS = (1, 2, 3, 4, 5, 6, 7, 8)
_TEST = 0.5
"""Cycles of a condition."""
_ROUND = 1.0
"""Cycles of a step of a loop."""
_COPY = 0.01
"""What another running value must save, in cycles a term, to be worth compiling."""
_SHORT, _LINES = 8, 40
"""Steps, and statements in all, up to which a sum's loop is written out."""


def blocked(loop: Loop[TensorId], tensors: Sequence[TensorInfo]) -> tuple[Item, ...]:
    """Return the items of a loop over lanes."""
    items = _conditional(loop.items, loop.var, {}, tensors)
    products = [s for s in _sums(items, (), loop.var) if len(s.vectors) + len(s.numbers) > 1]
    if products:
        hot = max(products, key=lambda s: s.terms)
        found = factors(hot)
        if any(f > 1 for f in found.values()):
            items = _jammed(items, found, hot.name)
    return hoisted(_short(_divided(items), frozenset()), {})


def _conditional(
    items: tuple[Item, ...], sample: LoopVar, extents: dict[Variable, Poly], tensors: Sequence[TensorInfo]
) -> tuple[Item, ...]:
    """Put conditions that all samples share around terms, and reads that need none before them."""
    done: list[Item] = []
    for item in items:
        if isinstance(item, Loop):
            inner = {**extents, item.var: item.extent}
            done.append(replace(item, items=_conditional(item.items, sample, inner, tensors)))
        elif isinstance(item, Fold | Update) and item.guards:
            shared = tuple(g for g in item.guards if not _differs(g))
            rest = tuple(g for g in item.guards if _differs(g))
            early: list[Item] = []
            late: list[Item] = []
            body = _separate(item, sample, extents, tensors, early, late) if item.op == "sum" else item.body
            late.append(replace(item, body=body, guards=rest))
            done += [*early, When(shared, tuple(late))] if shared else [*early, *late]
        elif isinstance(item, Fold) and item.op == "sum":
            early = []
            body = _separate(item, sample, extents, tensors, early, early)
            done += [*early, replace(item, body=body)]
        else:
            done.append(item)
    return tuple(done)


def _separate(
    item: Fold | Update[TensorId],
    sample: LoopVar,
    extents: dict[Variable, Poly],
    tensors: Sequence[TensorInfo],
    early: list[Item],
    late: list[Item],
) -> Body:
    """Read what differs between samples into locals, before the condition if that is surely possible."""
    nodes: list[Node] = []
    for node in item.body.nodes:
        load = node.value
        if node.op != "load" or not isinstance(load, Load) or of(sample) not in load.where:
            nodes.append(node)
            continue
        count = len(early) + len(late)
        if isinstance(item, Fold):
            name = item.name.copy("read", count)
        else:
            name = Local(item.equation, (("term", count),))
        sizes = tensors[load.tensor].shape
        safe = all(_inside(p, size, sample, extents) for p, size in zip(load.where, sizes, strict=True))
        (early if safe else late).append(Let(name, Body((node,)), (), False, item.equation))
        nodes.append(Node("local", (), name))
    return Body(tuple(nodes))


def _inside(index: Poly, size: Poly, sample: LoopVar, extents: dict[Variable, Poly]) -> bool:
    atom = index.atom
    if isinstance(atom, LoopVar):
        return atom == sample or extents.get(atom) == size
    return index.number is not None


def _differs(condition: Condition) -> bool:
    """Say whether a condition may differ between samples: it reads data or an integer local."""
    return any(isinstance(a, Pick | Local) for p in terms(condition) for a in atoms(p))


@dataclass(frozen=True, slots=True)
class Sum:
    """A running sum: its name, the loops around its start, what its terms read, its conditions.

    `vectors` and `numbers` hold for each read of samples and of a single number the variables it depends on.
    """

    name: Local
    loops: tuple[Loop[TensorId], ...]
    terms: int
    vectors: tuple[frozenset[Variable], ...]
    numbers: tuple[frozenset[Variable], ...]
    tests: frozenset[Variable]
    short: int


def _sums(items: tuple[Item, ...], path: tuple[Item, ...], sample: LoopVar) -> Iterator[Sum]:
    """Yield the sums that start in a block or in one inside it."""
    starts = {s.name for s in items if isinstance(s, Start) and s.op == "sum"}
    for item in items:
        if not isinstance(item, Loop):
            continue
        yield from _sums(item.items, (*path, item), sample)
        for inner, block, fold in _folds((item,), ()):
            if fold.name in starts:
                loops = tuple(p for p in path if isinstance(p, Loop))
                yield _described(fold, loops, inner, block)


def _folds(
    items: tuple[Item, ...], path: tuple[Loop[TensorId], ...]
) -> Iterator[tuple[tuple[Loop[TensorId], ...], tuple[Item, ...], Fold]]:
    """Yield the steps of sums with the loops around them and their block."""
    for item in items:
        if isinstance(item, Loop):
            yield from _folds(item.items, (*path, item))
        elif isinstance(item, When):
            for s in item.items:
                if isinstance(s, Fold) and s.op == "sum":
                    yield path, (*items, *item.items), s
        elif isinstance(item, Fold) and item.op == "sum":
            yield path, items, item


def _described(
    fold: Fold, loops: tuple[Loop[TensorId], ...], inner: tuple[Loop[TensorId], ...], block: tuple[Item, ...]
) -> Sum:
    used = fold.body.locals
    reads = [s for s in block if isinstance(s, Let) and s.name in used]
    around = [w for w in block if isinstance(w, When) and fold in w.items]
    tests = [t for w in around for c in w.conditions for t in terms(c)]
    count = 1
    for loop in (*loops, *inner):
        count *= loop.extent.number or 1000
    last = inner[-1].extent.number or 1000
    return Sum(
        fold.name,
        loops,
        count,
        tuple(frozenset().union(*map(variables, polys(s))) for s in reads),
        tuple(frozenset().union(*map(variables, load.where)) for load in fold.body.loads),
        frozenset().union(*map(variables, tests)),
        last if last <= _SHORT else 1,
    )


def factors(found: Sum) -> dict[LoopVar, int]:
    """Return how many steps of each loop around a sum are best taken at once."""
    choices = []
    for loop in found.loops:
        size = loop.extent.number or 1
        choices.append([f for f in _FACTORS if size % f == 0])
    best = {loop.var: 1 for loop in found.loops}
    for pair in itertools.combinations(range(len(found.loops)), min(2, len(found.loops))):
        for chosen in itertools.product(*(choices[at] for at in pair)):
            steps = {found.loops[at].var: f for at, f in zip(pair, chosen, strict=True)}
            trial = {loop.var: steps.get(loop.var, 1) for loop in found.loops}
            if prod(trial.values()) <= _MOST and cost(found, trial) < cost(found, best) - 1e-3:
                best = trial
    return best


def cost(found: Sum, steps: dict[LoopVar, int]) -> float:
    """Return about how many cycles a term takes if so many steps of each loop are taken at once."""
    sums = prod(steps.values())

    def distinct(names: frozenset[Variable]) -> int:
        return prod(f for v, f in steps.items() if v in names)

    reads = sum(map(distinct, found.vectors)) + sum(map(distinct, found.numbers)) / 2
    busy = max(1.0, reads / sums, _LATENCY / sums)
    return busy + (_TEST * distinct(found.tests) + _ROUND / found.short) / sums + _COPY * sums


def _jammed(items: tuple[Item, ...], steps: dict[LoopVar, int], hot: Local) -> tuple[Item, ...]:
    """Take several steps at once of the loops around a sum."""
    done: list[Item] = []
    for item in items:
        if isinstance(item, Loop) and any(
            isinstance(s, Start) and s.name == hot for s in statements((item,))
        ):
            inner = replace(item, items=_jammed(item.items, steps, hot))
            done += several(inner, steps.get(item.var, 1), hot)
        else:
            done.append(item)
    return tuple(done)


def several(loop: Loop[TensorId], steps: int, hot: Local | None = None) -> tuple[Item, ...]:
    """Return a loop that takes several steps at once.

    Items that have nothing to do with the sum `hot`, if one is named, are computed one after another.
    """
    size = loop.extent.number
    segments = _segments(loop.items, hot)
    if (
        steps == 1
        or size is None
        or size % steps
        or not all(_apart(run) for run, together in segments if together)
    ):
        return (loop,)
    base = of(loop.var) * steps if size > steps else ZERO
    done: list[Item] = []
    for run, together in segments:
        if together:
            done += copies(run, loop.var, [base + k for k in range(steps)])
        else:
            each = loop.var.copy("each", 0)
            moved = copies(run, loop.var, [base + of(each)])
            done.append(Loop(each, constant(steps), tuple(moved), indices=loop.indices))
    if size == steps:
        return tuple(done)
    return (replace(loop, extent=constant(size // steps), items=tuple(done)),)


def _segments(items: tuple[Item, ...], hot: Local | None) -> list[tuple[tuple[Item, ...], bool]]:
    """Return runs of items that are computed together with the sum `hot`, or without it."""

    def has(item: Item) -> bool:
        return any(
            isinstance(s, Fold) and hot is not None and s.name.is_step(hot) for s in statements((item,))
        )

    mine = set().union(*(names_of((item,)) for item in items if has(item)))
    if hot is None or any(names_of((item,)) & mine for item in items if not has(item)):
        return [(items, True)]
    runs = [(tuple(run), together) for together, run in itertools.groupby(items, has)]
    return _with_own_locals(runs) or [(items, True)]


def _with_own_locals(runs: list[tuple[tuple[Item, ...], bool]]) -> list[tuple[tuple[Item, ...], bool]] | None:
    """Return the runs so that no two of those apart have a local in common, or None if that cannot be.

    Each of them becomes a loop of its own: one that starts a running value waits for the one that ends it, if
    memory allows.
    """
    for at, (run, together) in enumerate(runs):
        names = set() if together else names_of(run)
        later = [k for k in range(at + 1, len(runs)) if not runs[k][1] and names_of(runs[k][0]) & names]
        if not later:
            continue
        if not all(_exchange_nothing(run, other) for other, _ in runs[at + 1 : later[0]]):
            return None
        joined = (*run, *runs[later[0]][0])
        return _with_own_locals(
            [*runs[:at], *runs[at + 1 : later[0]], (joined, False), *runs[later[0] + 1 :]]
        )
    return runs


def _apart(items: tuple[Item, ...]) -> bool:
    """Say whether no statement reads what another one stores."""
    stored, read = _memory(items)
    return not stored & read


def _exchange_nothing(one: tuple[Item, ...], other: tuple[Item, ...]) -> bool:
    """Say whether the order of two runs does not matter to memory."""
    (stored, read), (written, used) = _memory(one), _memory(other)
    return not (stored & (used | written) or read & written)


def _memory(items: tuple[Item, ...]) -> tuple[set[TensorId], set[TensorId]]:
    """Return the tensors that statements store and those that they read."""
    stored = {s.target for s in statements(items) if isinstance(s, Store | Update)}
    return stored, set(loaded(items))


def _divided(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Take as many steps at once as positions are divided by."""
    done: list[Item] = []
    for item in items:
        if isinstance(item, Loop):
            inner = replace(item, items=_divided(item.items))
            done += several(inner, _divisor(inner))
        else:
            done.append(item)
    return tuple(done)


def _divisor(loop: Loop[TensorId]) -> int:
    found = {
        atom.by.number
        for s in statements(loop.items)
        for p in polys(s)
        for atom in atoms(p)
        if isinstance(atom, Floor | Mod) and loop.var in variables(atom.value)
    }
    number = found.pop() if len(found) == 1 else None
    return number if number is not None and 1 < number <= 4 else 1


def _short(items: tuple[Item, ...], made: frozenset[Local]) -> tuple[Item, ...]:
    """Write short sums without a loop; `made` are the running values that started outside."""
    made |= {s.name for s in items if isinstance(s, Start)}
    done: list[Item] = []
    for item in items:
        if isinstance(item, When):
            done.append(replace(item, items=_short(item.items, made)))
            continue
        if not isinstance(item, Loop):
            done.append(item)
            continue
        inner = replace(item, items=_short(item.items, made))
        inside = list(statements(inner.items))
        summed = any(isinstance(s, Fold) and s.name in made for s in inside)
        size = item.extent.number
        flat = not any(isinstance(i, Loop) for i in _all(inner.items))
        if summed and flat and size is not None and size <= _SHORT and size * len(inside) <= _LINES:
            done += unrolled(inner.items, item.var, size)
        else:
            done.append(inner)
    return tuple(done)


def _all(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        if isinstance(item, Loop | When):
            yield from _all(item.items)


__all__ = ["Sum", "blocked", "cost", "factors", "several"]
