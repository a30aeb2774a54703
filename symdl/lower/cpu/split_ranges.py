"""Loops over ranges in parts are split: one loop for each part.

Enters: a resolved loop tree. Leaves: the same tree, in which an innermost loop whose statements hold only on
parts of its range is one loop for each part, without the conditions. The gradient of a slice is such a
statement: it is 0 outside the slice, and the gradient of four gates is a sum of four of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from symdl.lower.cpu.unroll_rows import as_values, renamed
from symdl.lower.ir.integers import ZERO, Poly, constant, linear, of
from symdl.lower.ir.loops import Condition, Fold, Item, Let, Loop, Start, Statement, Update, When, Within
from symdl.lower.ir.names import LoopVar, TensorId, Variable
from symdl.lower.ir.scalars import number, whole

_SHORTEST, _MOST = 8, 8
"""Steps of the shortest part, and how many parts there may be."""


def in_segments(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the tree with loops cut where conditions on their variables change."""
    done: list[Item] = []
    for item in items:
        if not isinstance(item, Loop):
            done.append(item)
        elif any(isinstance(inner, Loop | When) for inner in item.items):
            done.append(replace(item, items=in_segments(item.items)))
        else:
            done.extend(_cut(item))
    return tuple(done)


def _cut(loop: Loop[TensorId]) -> Sequence[Loop[TensorId]]:
    extent = loop.extent.number
    inside = [s for s in loop.items if not isinstance(s, Loop | When)]
    if extent is None or any(isinstance(s, Start) for s in inside):
        return [loop]
    ranges = [r for s in inside for g in _guards(s) if (r := _range(g, loop.var)) is not None]
    edges = sorted({0, extent, *(e for pair in ranges for e in pair if 0 < e < extent)})
    lengths = [high - low for low, high in pairwise(edges)]
    if not 2 <= len(lengths) <= _MOST or min(lengths) < _SHORTEST:
        return [loop]
    parts = (_part(loop, inside, low, length) for low, length in zip(edges, lengths, strict=False))
    return [part for part in parts if part.items]  # a sum may have no terms on a part


def _guards(statement: Statement) -> tuple[Condition, ...]:
    return statement.guards if isinstance(statement, Let | Fold | Update) else ()


def _range(guard: Condition, variable: LoopVar) -> tuple[int, int] | None:
    """Return where a condition on a loop variable alone holds; None if it is another one."""
    if not isinstance(guard, Within) or guard.extent.number is None:
        return None
    parts = linear(guard.value)
    if parts is None or parts[0] != {variable: constant(1)} or parts[1].number is None:
        return None
    start = -parts[1].number
    return start, start + guard.extent.number


def _part(loop: Loop[TensorId], inside: Sequence[Statement], low: int, length: int) -> Loop[TensorId]:
    """Return the loop over one part of the range, conditions decided."""
    names = {s.name: s.name.copy("range", low) for s in inside if isinstance(s, Let)}
    variable = loop.var.copy("range", low)
    values: dict[Variable, Poly] = {loop.var: of(variable) + constant(low), **as_values(names)}
    items = [s for old in inside if (s := _decided(old, loop.var, low)) is not None]
    changed = tuple(renamed(s, names, values) for s in items)
    return Loop(variable, constant(length), changed, loop.kind, loop.indices)


def _decided(statement: Statement, variable: LoopVar, low: int) -> Statement | None:
    """Return a statement without the conditions that hold all over a part; None if nothing is left."""
    if not isinstance(statement, Let | Fold | Update):
        return statement
    kept = []
    for guard in statement.guards:
        found = _range(guard, variable)
        if found is None:
            kept.append(guard)
        elif not found[0] <= low < found[1]:
            return _nothing(statement)
    return replace(statement, guards=tuple(kept))


def _nothing(statement: Let | Fold | Update[TensorId]) -> Statement | None:
    if not isinstance(statement, Let):
        return None
    zero = whole(ZERO) if statement.integer else number(0.0)
    return replace(statement, body=zero, guards=())
