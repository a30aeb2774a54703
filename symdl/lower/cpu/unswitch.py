"""Conditions where they cost least.

Enters: a tree with blocks under conditions. Leaves: the same, in which conditions stand outside the loops
that they do not depend on, and those that always hold are gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symdl.lower.cpu.unroll_and_jam import depends
from symdl.lower.ir.integers import Poly, linear
from symdl.lower.ir.loops import Condition, Item, Let, Loop, When, Within
from symdl.lower.ir.names import TensorId, Variable


def hoisted(items: tuple[Item, ...], extents: Mapping[Variable, Poly]) -> tuple[Item, ...]:
    """Return a tree with its conditions moved out; `extents` are those of the loops around."""
    done: list[Item] = []
    for item in items:
        if isinstance(item, When):
            rest = tuple(c for c in item.conditions if not _holds(c, extents))
            inner = hoisted(item.items, extents)
            done += [When(rest, inner)] if rest else inner
        elif isinstance(item, Loop):
            done.append(_loop(item, extents))
        else:
            done.append(item)
    return tuple(done)


def _loop(item: Loop[TensorId], extents: Mapping[Variable, Poly]) -> Item:
    inner = _common(hoisted(item.items, {**extents, item.var: item.extent}))
    only = inner[0] if len(inner) == 1 else None
    if not isinstance(only, When):
        return replace(item, items=inner)
    out = tuple(c for c in only.conditions if not depends(c, item.var))
    rest = tuple(c for c in only.conditions if c not in out)
    new = replace(item, items=(When(rest, only.items),) if rest else only.items)
    return When(out, (new,)) if out else new


def _common(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Put a block under the conditions that all its parts have; reads go under them with what uses them."""
    parts = [item for item in items if isinstance(item, When)]
    others = [item for item in items if not isinstance(item, When)]
    plain = all(isinstance(item, Let) and not item.guards for item in others)
    if not parts or not plain:
        return items
    shared = [c for c in parts[0].conditions if all(c in p.conditions for p in parts)]
    if not shared:
        return items
    inner: list[Item] = []
    for item in items:
        if not isinstance(item, When):
            inner.append(item)
            continue
        rest = tuple(c for c in item.conditions if c not in shared)
        inner += [When(rest, item.items)] if rest else item.items
    return (When(tuple(shared), tuple(inner)),)


def _holds(condition: Condition, extents: Mapping[Variable, Poly]) -> bool:
    """Say whether a condition is proved by the ranges of the loops around."""
    end = condition.extent.number if isinstance(condition, Within) else None
    if end is None or not isinstance(condition, Within):
        return False
    parts = linear(condition.value)
    rest = parts[1].number if parts else None
    if parts is None or rest is None:
        return False
    low = high = rest
    for name, slope in parts[0].items():
        factor, size = slope.number, extents[name].number if name in extents else None
        if factor is None or size is None:
            return False
        low += min(0, factor * (size - 1))
        high += max(0, factor * (size - 1))
    return low >= 0 and high < end
