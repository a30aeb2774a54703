"""Short rows: loops of a few steps inside a long one become statements.

Enters: a resolved loop tree. Leaves: the same tree, in which a long loop that did several short ones in each
of its steps does none. It then is an innermost loop, and vectors run along it: along the samples where a row
is three classes. Values of the row are locals, and an element of the row at a position that is read from data
is chosen from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symdl.lower.ir.integers import Clamp, Pick, Poly, constant, of, substitute
from symdl.lower.ir.loops import (
    Fold,
    Item,
    Let,
    Loop,
    Start,
    Statement,
    Store,
    TensorInfo,
    Update,
    When,
    statements,
)
from symdl.lower.ir.names import Local, TensorId, Variable
from symdl.lower.ir.scalars import Body, Builder, Load
from symdl.lower.ir.visitors import map_statement

_LONGEST, _MOST = 8, 64
"""Steps of a loop that becomes statements, and how many statements there may then be."""

_Place = tuple[TensorId, tuple[Poly, ...]]


def short_rows(items: tuple[Item, ...], tensors: Sequence[TensorInfo]) -> tuple[Item, ...]:
    """Return the tree without short loops inside long ones, where there are several in one."""
    return tuple(_long(item, tensors) if isinstance(item, Loop) else item for item in items)


def _long(loop: Loop[TensorId], tensors: Sequence[TensorInfo]) -> Loop[TensorId]:
    inner = [item for item in loop.items if isinstance(item, Loop)]
    if _short(loop) or not inner or len(loop.items) == 1:
        return replace(loop, items=short_rows(loop.items, tensors))
    if not all(map(_simple, inner)) or sum(map(_size, loop.items)) > _MOST:
        return replace(loop, items=short_rows(loop.items, tensors))
    flat: list[Statement] = []
    for item in loop.items:
        if isinstance(item, Loop):
            flat.extend(_copies(item))
        elif not isinstance(item, When):  # conditions have blocks in schedules only
            flat.append(item)
    return replace(loop, items=tuple(_Forward(flat, tensors).run()))


def _short(loop: Loop[TensorId]) -> bool:
    return loop.extent.number is not None and 0 < loop.extent.number <= _LONGEST


def _simple(loop: Loop[TensorId]) -> bool:
    """Say whether a loop is short and does the same in every step, whatever its data are."""
    return _short(loop) and not any(
        isinstance(item, Loop) or (isinstance(item, Let | Fold | Update) and bool(item.guards))
        for item in loop.items
    )


def _size(item: Item) -> int:
    if not isinstance(item, Loop):
        return 1
    return (item.extent.number or 1) * sum(map(_size, item.items))


def _copies(loop: Loop[TensorId]) -> list[Statement]:
    """Return the statements of all steps of a loop."""
    found: list[Statement] = []
    inside = list(statements(loop.items))
    own = [s.name for s in inside if isinstance(s, Let | Start)]
    for step in range(loop.extent.number or 0):
        names = {name: name.copy("row", step) for name in own}
        values: dict[Variable, Poly] = {loop.var: constant(step), **as_values(names)}
        found.extend(renamed(s, names, values) for s in inside)
    return found


def as_values(names: Mapping[Local, Local]) -> dict[Variable, Poly]:
    """Return what integer expressions have in place of locals that get other names."""
    found: dict[Variable, Poly] = {old: of(new) for old, new in names.items()}
    return found | {old.position: of(new.position) for old, new in names.items()}


def renamed(statement: Statement, names: Mapping[Local, Local], values: Mapping[Variable, Poly]) -> Statement:
    """Return a statement with other names for its locals, and other values for its variables."""
    changed = map_statement(statement, lambda p: substitute(p, values))
    if not isinstance(changed, Start):
        changed = replace(changed, body=with_locals(changed.body, names))
    if isinstance(changed, Let | Start | Fold):
        changed = replace(changed, name=names.get(changed.name, changed.name))
    return changed


def with_locals(body: Body, names: Mapping[Local, Local]) -> Body:
    """Return a body with other names for its locals."""
    nodes = (
        replace(n, value=names[n.value]) if isinstance(n.value, Local) and n.value in names else n
        for n in body.nodes
    )
    return Body(tuple(nodes))


class _Forward:
    """Reads elements that a block has computed from its locals."""

    def __init__(self, block: Sequence[Statement], tensors: Sequence[TensorInfo]) -> None:
        self.block, self.tensors = block, tensors
        self.changing = {s.target for s in block if isinstance(s, Update)}
        self.known: dict[_Place, Local] = {}

    def run(self) -> list[Statement]:
        """Return the block."""
        done: list[Statement] = []
        for statement in self.block:
            if not isinstance(statement, Start):
                statement = replace(statement, body=self.body(statement.body))
            done.append(statement)
            if isinstance(statement, Store) and statement.target not in self.changing:
                name = statement.body.result.value
                if isinstance(name, Local):
                    self.known[statement.target, statement.where] = name
        return done

    def body(self, body: Body) -> Body:
        """Return a body that reads from locals what they hold."""
        builder = Builder()
        place: list[int] = []
        for node in body.nodes:
            if isinstance(node.value, Load) and node.op == "load":
                place.append(self.element(builder, node.value))
            else:
                args = tuple(place[a] for a in node.args)
                place.append(builder.add(node.op, *args, value=node.value))
        return builder.body(place[-1])

    def element(self, builder: Builder, load: Load) -> int:
        """Return the node of an element."""
        tensor = load.tensor
        name = self.known.get((tensor, load.where))
        if name is not None:
            return builder.add("local", value=name)
        for axis, position in enumerate(load.where):
            size = self.tensors[tensor].shape[axis].number
            if isinstance(position.atom, Pick | Clamp) and size is not None and 0 < size <= _LONGEST:
                places = [(*load.where[:axis], constant(at), *load.where[axis + 1 :]) for at in range(size)]
                names = [self.known.get((tensor, where)) for where in places]
                if all(names):
                    return _chosen(builder, position, names)
        return builder.add("load", value=load)


def _chosen(builder: Builder, position: Poly, names: Sequence[Local | None]) -> int:
    """Return the node of the local whose number is `position`."""
    result = builder.add("local", value=names[-1])
    for at in range(len(names) - 2, -1, -1):
        here = builder.add("ieq", value=(position, constant(at)))
        result = builder.add("select", here, builder.add("local", value=names[at]), result)
    return result
