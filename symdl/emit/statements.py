"""Statements as a printed tree.

Enters: the items of a kernel. Leaves: the nodes that the templates of a target print, each equation as a
comment above what computes it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import get_args

from symdl.emit import printed
from symdl.emit.names import Names
from symdl.emit.printed import BLOCKS, Printed
from symdl.emit.scalar import Kind, Printer, number
from symdl.emit.syntax import NEAR, Syntax
from symdl.errors import EmitError
from symdl.lower.ir.loops import (
    IDENTITY,
    WHOLE_IDENTITY,
    Condition,
    Fold,
    KernelItem,
    KernelStatement,
    Let,
    Loop,
    Start,
    Stated,
    Store,
    Update,
    When,
    statements,
)
from symdl.lower.ir.names import Local, Slot
from symdl.lower.ir.scalars import MATRIX_WRITERS, Body

MARK = "\x02{}\x03"
"""What begins a line that tells which equation it computes, by its number."""
_LONGEST_COMMENT = 96
_MOST_LINES = 40


def comment(text: str) -> str:
    """Return text that can stand in a comment: one printable line, not too long."""
    clean = _clean(text)
    return clean if len(clean) <= _LONGEST_COMMENT else clean[: _LONGEST_COMMENT - 1] + "…"


def comments(text: str) -> list[str]:
    """Return text as lines that can stand in comments, cut at blanks; far too long a text ends with ``…``."""
    clean = _clean(text)
    found = textwrap.wrap(
        clean, _LONGEST_COMMENT, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return found if len(found) <= _MOST_LINES else [*found[: _MOST_LINES - 1], "  …"]


def _clean(text: str) -> str:
    """Return text as one printable line that ends a comment in no language."""
    clean = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
    return clean.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")  # of trigraphs


def repeatable(items: tuple[KernelItem, ...], syntax: Syntax) -> bool:
    """Say whether a kernel has a faster form, and may be done again where that form does not hold."""
    found = list(statements(items))
    bodies = [s.body for s in found if not isinstance(s, Start)]
    fast = any(node.op in syntax.near for body in bodies for node in body.nodes)
    written = {s.target for s in found if isinstance(s, Store | Update)}
    read = {element.array for body in bodies for element in body.elements}
    return fast and not written & read and not any(isinstance(s, Update) for s in found)


class Told:
    """Which equations stand as comments already, and which running values have no step yet.

    A comment stands above the first line that computes something of its equation. If that is the first step
    of a running value and nothing else was written since its start, it stands above the start.
    """

    def __init__(self, items: tuple[KernelItem, ...], stated: Mapping[int, Stated]) -> None:
        self.stated = stated
        self.summed = {s.equation for s in statements(items) if isinstance(s, Update)}
        self.told: set[int] = set()
        self.starts: dict[int, tuple[list[Printed], int, str]] = {}
        self.present = -1

    def tell(self, item: KernelStatement, block: list[Printed], indent: str) -> None:
        """Write the equation of a statement above it, into the block that is open, if it belongs there."""
        self.present = item.equation
        if isinstance(item, Start):
            self.starts.setdefault(item.equation, (block, len(block), indent))
        elif isinstance(item, Store) and item.equation in self.summed:
            self.starts.clear()  # zeros, to which is added later
        else:
            block, at, indent = self.starts.get(item.equation, (block, len(block), indent))
            self.starts.clear()
            if item.equation >= 0 and item.equation not in self.told:
                self.told.add(item.equation)
                found = comments(self.stated[item.equation].text)
                block[at:at] = [printed.Comment(indent, text) for text in found]


class Writer:
    """Makes the nodes of a kernel; what is written goes into the block that is open."""

    def __init__(self, syntax: Syntax, names: Names, told: Told) -> None:
        self.syntax, self.names, self.told = syntax, names, told
        self.indent = "    "
        self.kinds: dict[str, Kind] = {}
        self.open: list[Printed] = []
        self.printer = Printer(syntax, names, self.let)
        self.integer = self.printer.integers.text

    def add(self, node: Callable[..., Printed], *parts: object) -> None:
        """Write a node into the block that is open."""
        computes = self.names.marked and node not in BLOCKS
        mark = MARK.format(self.told.present) if computes else ""
        self.open.append(node(f"{mark}{self.indent}", *parts))

    def let(self, name: str, value: str, kind: Kind = "real") -> None:
        """Give a value a name, which is one of its kind from now on."""
        self.kinds.setdefault(name, kind)
        self.add(printed.Let, name, value)

    @contextmanager
    def deeper(self) -> Iterator[list[Printed]]:
        """Open a block inside the one that is open; leave what is written into it."""
        outer, indent = self.open, self.indent
        self.open, self.indent = [], indent + "    "
        yield self.open
        self.open, self.indent = outer, indent

    @contextmanager
    def under(self, condition: str) -> Iterator[None]:
        """Write what follows under a condition, if there is one."""
        if not condition:
            yield
            return
        with self.deeper() as body:
            yield
        self.add(printed.When, condition, tuple(body))

    def where(self, conditions: tuple[Condition, ...]) -> AbstractContextManager[None]:
        """Write what follows under conditions, if there are any."""
        return self.under(self.printer.integers.conditions(conditions))

    def block(self, items: tuple[KernelItem, ...]) -> None:
        """Write a block."""
        for item in items:
            if isinstance(item, Loop):
                self.loop(item)
            elif isinstance(item, When):
                with self.where(item.conditions):
                    self.block(item.items)
            else:
                self.told.tell(item, self.open, self.indent)
                self.statement(item)

    def loop(self, item: Loop[Slot]) -> None:
        """Write a loop; one over layout blocks is written by the target's writer of those."""
        if item.kind == "lanes":
            if self.syntax.simd is None:
                raise EmitError(f"the target {self.syntax.name} has no loops over samples")
            self.syntax.simd(self).loop(item)
            return
        with self.deeper() as body:
            self.block(item.items)
        var, extent = self.names.of(item.var), self.integer(item.extent)
        self.add(printed.Loop, var, extent, tuple(body))

    def statement(self, item: KernelStatement) -> None:
        """Write a statement."""
        value = self.printer.body
        if isinstance(item, Start):
            self.start(item)
        elif isinstance(item, Let):
            name = self.names.of(item.name)
            kind: Kind = "whole" if item.integer or item.body.whole else "real"
            if item.guards:
                self.let(name, "0" if item.integer else number(0.0), kind)
            with self.where(item.guards):
                self.let(name, value(item.body), kind)
        elif isinstance(item, Store):
            array = self.names.of(item.target)
            if item.body.result.op in MATRIX_WRITERS:
                self.add(printed.Call, self.printer.matrix(item.body, array, self.integer(item.where[0])))
            else:
                place = self.printer.integers.position(item.where[0])
                self.add(printed.Store, array, place, value(item.body))
        elif isinstance(item, Fold) and item.at is not None:
            with self.where(item.guards):
                self.larger(item.name, item.body, self.integer(item.at))
        else:
            with self.where(item.guards):
                self.step(self.place(item), item.op, item.body)

    def place(self, item: Fold | Update[Slot]) -> str:
        """Return where a running value is: a local, or an element in memory."""
        if isinstance(item, Fold):
            return self.names.of(item.name)
        return f"{self.names.of(item.target)}[{self.printer.integers.position(item.where[0])}]"

    def start(self, item: Start) -> None:
        """Write a running value before its first step."""
        first, kind = self.identity(item), self.kinds.setdefault
        if item.wide:
            self.printer.wide.add(item.name)
            first = self.syntax.spelling.double
        kind(self.names.of(item.name), "double" if item.wide else "whole" if item.whole else "real")
        at = (self.names.of(item.name.position), "0") if item.op == "argmax" else ("", "")
        if at[0]:
            kind(at[0], "whole")
        self.add(printed.Start, self.names.of(item.name), first, *at)

    def identity(self, item: Start) -> str:
        """Return what changes nothing when it is added to a running value."""
        spelling = self.syntax.spelling
        if item.whole:
            first = WHOLE_IDENTITY[item.op]
            return spelling.smallest if first == -(2**63) else spelling.whole.format(first)
        return number(IDENTITY[item.op], spelling)

    def step(self, place: str, op: str, body: Body) -> None:
        """Write one step of a running value; a NaN stays."""
        value, wholes = self.printer.body(body), self.syntax.wholes
        if op not in ("sum", "prod"):
            function = self.syntax.spelling.larger_whole if body.whole else "larger"
        elif not body.whole or not wholes:
            sign = "+" if op == "sum" else "*"
            self.add(printed.Accumulate, place, sign, value)
            return
        else:
            function = wholes["add" if op == "sum" else "mul"]
        self.add(printed.Combine, place, function, value)

    def larger(self, local: Local, body: Body, position: str) -> None:
        """Write one step towards the largest value and its position."""
        value = self.printer.body(body)
        if not value.isidentifier():
            held = self.names.fresh("y")
            self.let(held, value, "whole" if body.whole else "real")
            value = held
        name, at = self.names.of(local), self.names.of(local.position)
        self.add(printed.Larger, name, at, value, position, not body.whole)


def body(
    items: tuple[KernelItem, ...], syntax: Syntax, names: Names, stated: Mapping[int, Stated]
) -> tuple[Printed, ...]:
    """Return the nodes of a kernel's body, each equation as a comment above what computes it."""
    writer = Writer(syntax, names, Told(items, stated))
    simd = any(isinstance(item, Loop) and item.kind == "lanes" for item in items)
    if simd or not repeatable(items, syntax):
        writer.block(items)
        return (*declared(writer), *writer.open)
    writer.printer.near = True
    writer.let("far", "reach(real(0.0))")
    writer.block(items)
    writer.printer.near = False
    with writer.deeper() as again:
        writer.add(printed.Comment, "Some argument was large: once more, for any argument.")
        writer.block(items)
    writer.add(printed.When, f"far > reach(real({NEAR!r}))", tuple(again))
    return tuple(writer.open)


def declared(writer: Writer) -> Iterator[Printed]:
    """Yield what declares the locals of a body, where the language wants that."""
    if writer.syntax.spelling.declares:
        for kind in get_args(Kind):
            found = [name for name, its in writer.kinds.items() if its == kind]
            if found:
                yield printed.Declare("    ", kind, ", ".join(found))
