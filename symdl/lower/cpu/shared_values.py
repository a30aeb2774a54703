"""Values that several statements of a block need, computed once.

Enters: a tree. Leaves: the same, in which a part of an expression that stands in several statements of a loop
over lanes is a local of its own, set before the first of them. It stays in the block between two loops or
conditions: nothing is computed there that was not computed before. The compiler below would find these parts,
too, but what it is not given it need not read, type and lower first.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from symdl.lower.cpu.unroll_and_jam import used
from symdl.lower.cpu.unroll_rows import with_locals
from symdl.lower.ir.integers import Pick, Poly, atoms
from symdl.lower.ir.loops import Item, Let, Loop, Start, Statement, Store, Update, When, statements
from symdl.lower.ir.names import Local
from symdl.lower.ir.scalars import BOOLEAN, LEAVES, MATRIX, Body, Builder, Load, Node

_UNNAMED = frozenset((*BOOLEAN, *MATRIX, *LEAVES)) - {"load"}
"""What gets no local of its own: it costs nothing, or is no real number."""
_LAZY = ("select", "and", "or")
"""What may leave out operands behind the first."""


def shared_in_lanes(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return a tree in which statements of a loop over lanes share what they compute."""
    return tuple(
        replace(item, items=with_shared_values(item.items))
        if isinstance(item, Loop) and item.kind == "lanes"
        else item
        for item in items
    )


def with_shared_values(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return a tree in which statements side by side share what they compute."""
    reads = Counter(itertools.chain.from_iterable(map(used, statements(items))))
    return _block(items, reads, itertools.count())


def _block(items: Iterable[Item], reads: Counter[Local], numbers: Iterator[int]) -> tuple[Item, ...]:
    done: list[Item] = []
    run: list[Statement] = []
    for item in (*items, None):
        if item is not None and not isinstance(item, Loop | When):
            run.append(item)
            continue
        done += _Writer(_Values(tuple(run)), reads, numbers).written()
        run.clear()
        if item is not None:
            done.append(replace(item, items=_block(item.items, reads, numbers)))
    return tuple(done)


@dataclass(slots=True)
class _Values:
    """Statements one after another, in which equal values have equal numbers.

    Attributes:
        numbers: for each statement the numbers of the nodes of its body; none for one under conditions.
        readers: for each value what reads it: other values, and statements whose value it is.
        places: for each value the statements in which it stands.
    """

    statements: Sequence[Statement]
    numbers: list[list[int]] = field(default_factory=list)
    readers: dict[int, set[tuple[str, int]]] = field(default_factory=dict)
    places: dict[int, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known: dict[object, int] = {}
        held: dict[Local, int] = {}
        fresh = itertools.count()
        written = 0
        for at, item in enumerate(self.statements):
            own: list[int] = []
            for node in item.body.nodes if _plain(item) and not isinstance(item, Start) else ():
                if isinstance(node.value, Local):
                    number = held.setdefault(node.value, next(fresh))
                elif any(isinstance(a, Pick | Local) for p in _positions(node) for a in atoms(p)):
                    number = next(fresh)  # what it depends on may change
                else:
                    memory = written if isinstance(node.value, Load) else 0
                    args = tuple(own[a] for a in node.args)
                    key = (node.op, args, type(node.value).__name__, node.value, memory)
                    number = known.setdefault(key, next(fresh))
                own.append(number)
                self.places.setdefault(number, set()).add(at)
                for a in node.args:
                    self.readers.setdefault(own[a], set()).add(("value", number))
            if own:
                self.readers.setdefault(own[-1], set()).add(("statement", at))
            self.numbers.append(own)
            if isinstance(item, Store | Update):
                written += 1
            else:
                held[item.name] = own[-1] if own and isinstance(item, Let) else next(fresh)

    def shared(self, number: int) -> bool:
        """Say whether several statements need a value, and not only as a part of the same larger one."""
        return len(self.places[number]) > 1 and len(self.readers[number]) > 1


def _plain(item: Statement) -> bool:
    """Say whether a statement computes a real number, whatever holds."""
    if isinstance(item, Start):
        return False
    guarded = not isinstance(item, Store) and bool(item.guards)
    whole = isinstance(item, Let | Store) and item.integer
    return not guarded and not whole and not any(item.body.wholes)


def _positions(node: Node) -> Sequence[Poly]:
    if isinstance(node.value, Load):
        return node.value.where
    if isinstance(node.value, Poly):
        return (node.value,)
    return node.value if isinstance(node.value, tuple) else ()


class _Writer:
    """Writes the statements again, each shared value before its first reader."""

    def __init__(self, values: _Values, reads: Counter[Local], numbers: Iterator[int]) -> None:
        self.values, self.fresh = values, numbers
        inside = Counter(itertools.chain.from_iterable(map(used, values.statements)))
        self.spare = {name for name, count in inside.items() if count == reads[name]}
        """Locals that nothing else reads."""
        self.names: dict[int, Local] = {}
        """Which local has a value."""
        self.instead: dict[Local, Local] = {}
        self.read: set[int] = set()
        """The elements that are read whatever holds."""
        self.done: list[Item] = []

    def written(self) -> list[Item]:
        """Return the statements."""
        for item, own in zip(self.values.statements, self.values.numbers, strict=True):
            if isinstance(item, Start):
                self.done.append(item)
            elif not own:
                self.done.append(replace(item, body=with_locals(item.body, self.instead)))
            elif isinstance(item, Let) and own[-1] in self.names and item.name in self.spare:
                self.instead[item.name] = self.names[own[-1]]
            else:
                self.done.append(replace(item, body=self.body(item.body, own, item)))
                if isinstance(item, Let):
                    self.names.setdefault(own[-1], item.name)
        return self.done

    def body(self, body: Body, own: Sequence[int], item: Statement) -> Body:
        """Return a body that reads shared values; those that have no local yet get one."""
        needed = self.needed(body, own)
        builder, place, safe = Builder(), dict[int, int](), dict[int, bool]()
        for at, (node, number) in enumerate(zip(body.nodes, own, strict=True)):
            if at not in needed:
                continue
            if number in self.names:
                place[at], safe[at] = builder.add("local", value=self.names[number]), True
                continue
            place[at] = builder.add(node.op, *(place[a] for a in node.args), value=node.value)
            safe[at] = number in self.read if node.op == "load" else all(safe[a] for a in node.args)
            whole = at == len(own) - 1 and isinstance(item, Let)
            if safe[at] and not whole and node.op not in _UNNAMED and self.values.shared(number):
                name = Local(item.equation, (("part", next(self.fresh)),))
                self.done.append(Let(name, builder.body(place[at]), equation=item.equation))
                self.names[number] = name
                place[at] = builder.add("local", value=name)
        return builder.body(place[len(own) - 1])

    def needed(self, body: Body, own: Sequence[int]) -> set[int]:
        """Return the nodes that must be computed; note which elements they read whatever holds."""
        last = len(own) - 1
        needed, certain = {last}, {last}
        for at in range(last, -1, -1):
            node = body.nodes[at]
            if at in certain:
                certain.update(node.args[:1] if node.op in _LAZY else node.args)
                if node.op == "load":
                    self.read.add(own[at])
            if at in needed and own[at] not in self.names:
                needed.update(node.args)
        return needed
