"""Copies of statements for several values of a loop's variable.

Enters: the items of a loop. Leaves: the items for several steps, statement by statement, with locals of their
own; what is the same in all steps stays one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from symdl.lower.cpu.unroll_rows import with_locals
from symdl.lower.ir.integers import Atom, Poly, constant, of, rebuild, variables
from symdl.lower.ir.loops import (
    Condition,
    Fold,
    Item,
    Let,
    Loop,
    Start,
    Statement,
    When,
    map_condition,
    statements,
    terms,
)
from symdl.lower.ir.names import Local, LoopVar, Var, Variable
from symdl.lower.ir.visitors import map_statement, polys


def copies(items: tuple[Item, ...], var: LoopVar, values: Sequence[Poly]) -> list[Item]:
    """Return the items of a loop for several values of its variable."""
    return _Copier(var, values, {s.name for s in statements(items) if isinstance(s, Start)}).block(items)


def unrolled(items: tuple[Item, ...], var: LoopVar, size: int) -> list[Item]:
    """Return all steps of a loop, one after another."""
    made = {s.name for s in statements(items) if isinstance(s, Let | Start)}
    done: list[Item] = []
    for k in range(size):
        names = {name: name.copy("step", k) for name in made}
        done += [_renamed(item, {var: constant(k)}, names) for item in items]
    return done


def depends(condition: Condition, variable: Variable) -> bool:
    """Say whether a condition depends on a variable."""
    return any(variable in variables(p) for p in terms(condition))


def names_of(items: Iterable[Item]) -> set[Local]:
    """Return the locals that a tree makes or uses."""
    found: set[Local] = set()
    for item in statements(tuple(items)):
        if isinstance(item, Let | Start | Fold):
            found.add(item.name)
        found |= used(item)
    return found


def used(item: Statement) -> set[Local]:
    """Return the locals that a statement reads."""
    if isinstance(item, Start):
        return set()
    inside = {v.value for p in polys(item) for v in variables(p) if isinstance(v, Local)}
    return item.body.locals | inside


class _Copier:
    def __init__(self, var: LoopVar, values: Sequence[Poly], own: set[Local]) -> None:
        self.var, self.values, self.own = var, values, own
        """Locals of which each step has its own."""

    def block(self, items: tuple[Item, ...]) -> list[Item]:
        done: list[Item] = []
        for item in items:
            if isinstance(item, Loop):
                done.append(replace(item, items=tuple(self.block(item.items))))
            elif isinstance(item, When):
                if any(depends(c, self.var) for c in item.conditions):
                    self.own |= {s.name for s in statements(item.items) if isinstance(s, Let)}
                    done += self.each(item)
                else:
                    done.append(replace(item, items=tuple(self.block(item.items))))
            elif isinstance(item, Let):
                if self.var in _variables(item) or used(item) & self.own:
                    self.own.add(item.name)
                    done += self.each(item)
                else:
                    done.append(item)
            else:
                done += self.each(item)
        return done

    def each(self, item: Item) -> list[Item]:
        """Return the copies of an item."""
        if len(self.values) == 1:
            return [_renamed(item, {self.var: self.values[0]}, {})]
        return [
            _renamed(item, {self.var: value}, {name: name.copy("step", k) for name in self.own})
            for k, value in enumerate(self.values)
        ]


def _variables(item: Statement) -> set[Variable]:
    return set().union(*map(variables, polys(item)))


def _renamed(item: Item, values: Mapping[Variable, Poly], names: Mapping[Local, Local]) -> Item:
    """Return an item with other loop variables and locals."""

    def atom(found: Atom) -> Poly | None:
        if isinstance(found, Local) and found.value in names:
            new = names[found.value]
            return of(new if found.part == "value" else new.position)
        return values.get(found) if isinstance(found, Var) else None

    def poly(expr: Poly) -> Poly:
        return rebuild(expr, atom)

    if isinstance(item, Loop):
        return replace(item, items=tuple(_renamed(i, values, names) for i in item.items))
    if isinstance(item, When):
        conditions = tuple(map_condition(c, poly) for c in item.conditions)
        return When(conditions, tuple(_renamed(i, values, names) for i in item.items))
    if isinstance(item, Start):
        return replace(item, name=names.get(item.name, item.name))
    moved = map_statement(item, poly)
    assert not isinstance(moved, Start)
    moved = replace(moved, body=with_locals(moved.body, names))
    if isinstance(moved, Let | Fold):
        moved = replace(moved, name=names.get(moved.name, moved.name))
    return moved
