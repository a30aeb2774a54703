"""Statements in SIMD lanes, one for each sample of a layout block.

Enters: a loop over lanes. Leaves: `SimdWriter`, which writes it. Inside, what differs between samples is one
value with a lane for each sample: arithmetic is written as for numbers, choices and functions by name.
``live`` is the number of samples from the layout block's first one on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from symdl.emit import printed
from symdl.emit.integers import by_lane
from symdl.emit.names import Names
from symdl.emit.scalar import Printer, number
from symdl.emit.statements import Writer
from symdl.emit.syntax import Syntax
from symdl.lower.cpu.vectorize import values_of
from symdl.lower.ir.integers import ZERO, Element, Poly, from_terms, rebuild, variables
from symdl.lower.ir.loops import (
    IDENTITY,
    LAYOUT_BLOCK,
    Condition,
    Fold,
    KernelItem,
    KernelStatement,
    Let,
    Loop,
    Start,
    Store,
    Update,
    Within,
    statements,
    terms,
)
from symdl.lower.ir.names import ROW, Lane, Local, Slot, Variable
from symdl.lower.ir.scalars import Body, Node, Routine

_ATOMIC = 9
_ZERO = number(0.0)


class _SimdPrinter(Printer):
    """Writes expressions of which some differ between samples: those of the locals in `several`."""

    def __init__(self, syntax: Syntax, names: Names, assign: Callable[[str, str], None]) -> None:
        super().__init__(syntax, names, assign)
        self.wrapping = {}  # operators of SIMD values wrap around
        self.several: set[Local] = set()
        self.last = False
        """Whether the body written last differs between samples."""
        self.scopes: list[dict[Poly, str]] = []
        """Names of positions, apart from a number that is added, in the blocks around."""
        self.values: list[dict[Body, str]] = []
        """Names of values in the blocks around, as long as nothing is written."""

    def element(self, slot: Slot, position: Poly) -> str:
        """Return what reads an element, or one of each sample of a layout block."""
        array = self.names.of(slot)
        base, lane, step = by_lane(position)
        if lane is None:
            return f"{array}[{self.place(base)}]"
        if lane.row:
            return f"rows_at({array}, {self.place(base)}, {self.integers.text(step)}, live)"
        return f"samples_at({array}, {self.place(base)})"

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Forget at the end what gets a name inside."""
        self.scopes.append({})
        self.values.append({})
        yield
        self.scopes.pop()
        self.values.pop()

    def forget(self) -> None:
        """Take it that memory has changed."""
        for values in self.values:
            values.clear()

    def place(self, position: Poly) -> str:
        """Return a position; what it shares with others that differ by a number gets a name."""
        moving = from_terms({m: f for m, f in position.terms if m})
        if len(moving.terms) < 2 or not self.scopes:
            return self.integers.text(position)
        name = next((s[moving] for s in self.scopes if moving in s), "")
        if not name:
            name = self.scopes[-1][moving] = self.names.fresh("p")
            self.assign(name, self.integers.text(moving))
        rest = (position - moving).number or 0
        return f"{name} + {rest}" if rest > 0 else f"{name} - {-rest}" if rest else name

    def body(self, body: Body) -> str:
        """Return the text of a body; `last` says whether it differs between samples."""
        self.flags: list[bool] = []
        text = super().body(body)
        self.last = self.flags[-1]
        return text

    def mask(self, guard: Condition) -> str:
        """Return a condition that differs between samples."""
        if isinstance(guard, Within):
            value, extent = self.integers.text(guard.value), self.integers.text(guard.extent)
            return f"({value} >= 0) & ({value} < {extent})"
        return self.integers.condition(guard)

    def differs(self, polys: Iterable[Poly]) -> bool:
        """Say whether integer expressions differ between samples."""
        found = set().union(*map(variables, polys))
        return any(isinstance(v, Lane) or (isinstance(v, Local) and v.value in self.several) for v in found)

    def node(self, node: Node, texts: list[tuple[str, int]]) -> tuple[str, int]:
        """Return the text of a node and how tightly it binds."""
        value = node.value
        own = value in self.several if isinstance(value, Local) else self.differs(_polys(node))
        flag = own or any(self.flags[a] for a in node.args)
        self.flags.append(flag)
        args = [texts[a][0] for a in node.args]
        if isinstance(value, Element) and node.op == "load":
            return self.integers.widened(self.element(value.array, value.at), value), _ATOMIC
        if flag and isinstance(value, Poly) and node.op == "index":
            return f"each(real, {self.integers.text(value)})", _ATOMIC
        if not flag or not args:
            return super().node(node, texts)
        if node.op == "select":
            return f"choose({', '.join(args)})", _ATOMIC
        if node.op in ("and", "or"):
            sign = "&" if node.op == "and" else "|"
            return f"(({args[0]}) {sign} ({args[1]}))", _ATOMIC
        if node.op == "not":
            return f"(~({args[0]}))", _ATOMIC
        if node.op == "pow":
            return f"each_of_two(pow, {', '.join(args)})", _ATOMIC
        if node.op == "uniform" and isinstance(value, Poly):
            return (
                f"each(real, each_of_three(uniform, {', '.join(args)}, {self.integers.text(value)}))",
                _ATOMIC,
            )
        if isinstance(value, Routine):
            name = ("each", "each_of_two", "each_of_three")[len(args) - 1]
            return f"{name}({', '.join((value.name, *args))})", _ATOMIC
        if node.op in self.syntax.functions:
            name = "each" if len(args) == 1 else "each_of_two"
            return f"{name}({self.syntax.functions[node.op]}, {', '.join(args)})", _ATOMIC
        return super().node(node, texts)


def _beside(poly: Poly) -> set[Variable]:
    """Return the variables of an expression outside positions of elements."""
    apart = rebuild(poly, lambda a: ZERO if isinstance(a, Element) else None)
    return variables(apart)


def _polys(node: Node) -> list[Poly]:
    value = node.value
    if isinstance(value, Poly):
        return [value]
    if isinstance(value, tuple):
        return list(value)
    return [value.at] if isinstance(value, Element) else []


class SimdWriter(Writer):
    """Writes a loop over layout blocks into the block that is open in `outer`."""

    def __init__(self, outer: Writer) -> None:
        super().__init__(outer.syntax, outer.names, outer.told)
        self.indent, self.open = outer.indent, outer.open
        self.simd = self.printer = _SimdPrinter(self.syntax, self.names, self.let)
        self.simd.wide = outer.printer.wide
        self.integer = self.simd.integers.text

    def loop(self, item: Loop[Slot]) -> None:
        """Write a loop."""
        if item.kind != "lanes":
            super().loop(item)
            return
        with self.deeper() as body:
            self.block(item.items)
        var, extent = self.names.of(item.var), self.integer(item.extent)
        rows = any(ROW in _beside(p) for s in statements(item.items) for p in values_of(s))
        row = self.names.of(ROW) if rows else ""
        blocks, live = (
            f"({extent} + {LAYOUT_BLOCK - 1}) // {LAYOUT_BLOCK}",
            f"{extent} - {LAYOUT_BLOCK} * {var}",
        )
        self.add(printed.SimdLoop, var, blocks, live, row, tuple(body))

    def block(self, items: tuple[KernelItem, ...]) -> None:
        """Write a block."""
        with self.simd.scope():
            super().block(items)

    def statement(self, item: KernelStatement) -> None:
        """Write a statement; what is named under a condition is not known after it."""
        if isinstance(item, Start | Store) or not item.guards:
            self.on_samples(item)
            return
        with self.simd.scope():
            self.on_samples(item)

    def on_samples(self, item: KernelStatement) -> None:
        """Write a statement for all samples of a layout block."""
        if isinstance(item, Start):
            self.start(item)
        elif isinstance(item, Let):
            self.local(item)
        elif isinstance(item, Store):
            self.put(item, self.spread(item.body))
        elif isinstance(item, Fold) and item.name in self.simd.several:
            with self.shared(item.guards):
                self.fold(item, self.differing(item.guards))
        else:
            with self.shared(item.guards):
                self.update(item, self.differing(item.guards))

    def start(self, item: Start) -> None:
        """Write a running value of each sample before its first step."""
        self.simd.several.add(item.name)
        at = (self.names.of(item.name.position), "spread(0)") if item.op == "argmax" else ("", "")
        first = f"spread({number(IDENTITY[item.op])})"
        self.add(printed.Start, self.names.of(item.name), first, *at)

    def spread(self, body: Body) -> str:
        """Return a value for each sample."""
        text = self.simd.body(body)
        return text if self.simd.last else f"spread({text})"

    def shared(self, guards: tuple[Condition, ...]) -> AbstractContextManager[None]:
        """Write what follows under the conditions that all samples share."""
        return self.where(tuple(g for g in guards if not self.simd.differs(terms(g))))

    def differing(self, guards: tuple[Condition, ...]) -> str:
        """Return the conditions that differ between samples."""
        return " & ".join(f"({self.simd.mask(g)})" for g in guards if self.simd.differs(terms(g)))

    def local(self, item: Let) -> None:
        """Write the value of a local."""
        name, zero = self.names.of(item.name), "0" if item.integer else _ZERO
        some = self.differing(item.guards)
        if all(self.simd.differs(terms(g)) for g in item.guards):
            text, differs = self.simd.body(item.body), self.simd.last
            self.let(name, _chosen(some, text, zero))
        else:
            polys = [p for node in item.body.nodes for p in _polys(node)]
            differs = self.simd.differs(polys) or bool(item.body.locals & self.simd.several)
            self.let(name, f"spread({zero})" if some or differs else zero)
            with self.shared(item.guards):
                self.let(name, _chosen(some, self.simd.body(item.body), zero))
        if some or differs:
            self.simd.several.add(item.name)

    def fold(self, item: Fold, some: str) -> None:
        """Write one step of a running value of each sample."""
        name = self.names.of(item.name)
        if item.op in ("sum", "prod"):
            neutral = _ZERO if item.op == "sum" else number(1.0)
            value = _chosen(some, self.simd.body(item.body), neutral)
            self.add(printed.Accumulate, name, "+" if item.op == "sum" else "*", value)
            return
        held = self.held(item.body)
        nan = f"({held} != {held})"
        better = f"({held} > {name}) | ({nan} & ({name} == {name}))"
        if item.op == "max":
            better = f"({held} > {name}) | {nan}"
        if some:
            better = f"({better}) & {some}"
        if item.at is not None:
            self.let(f"{held}_more", better)
            better, at = f"{held}_more", self.names.of(item.name.position)
            self.let(at, f"choose({better}, {self.integer(item.at)}, {at})")
        self.let(name, f"choose({better}, {held}, {name})")

    def held(self, body: Body) -> str:
        """Return the name of a value that several running values of a block may take."""
        own = bool(body.locals)
        name = "" if own else next((values[body] for values in self.simd.values if body in values), "")
        if not name:
            text = self.spread(body)
            name = self.names.fresh("y")
            self.let(name, text)
            if not own:
                self.simd.values[-1][body] = name
        return name

    def update(self, item: Fold | Update[Slot], some: str) -> None:
        """Write a step of a sum over samples, or of one for each sample in memory."""
        text = _chosen(some, self.spread(item.body), _ZERO)
        if isinstance(item, Fold):
            total = f"total({text}, live)"
            self.add(printed.Accumulate, self.names.of(item.name), "+", total)
            return
        place = self.simd.element(item.target, item.where[0])
        if by_lane(item.where[0])[1] is None:
            self.add(printed.Accumulate, place, "+", f"total({text}, live)")
            self.simd.forget()
        elif item.op == "max":
            held = self.names.fresh("y")
            self.let(held, text)
            self.put(item, f"choose(({held} > {place}) | ({held} != {held}), {held}, {place})")
        else:
            self.put(item, f"{place} {'+' if item.op == 'sum' else '*'} ({text})")

    def put(self, item: Store[Slot] | Update[Slot], text: str) -> None:
        """Write a value of each sample to memory."""
        self.simd.forget()
        base, lane, step = by_lane(item.where[0])
        array, place = self.names.of(item.target), self.simd.place(base)
        if lane is not None and not lane.row:
            self.add(printed.StoreSamples, array, place, text)
        else:
            self.add(printed.StoreRows, array, place, self.integer(step), text)


def _chosen(some: str, text: str, other: str) -> str:
    """Return a value where conditions hold, another elsewhere."""
    return f"choose({some}, {text}, {other})" if some else text
