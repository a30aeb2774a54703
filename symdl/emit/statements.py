"""Statements as lines.

Enters: the items of a kernel. Leaves: `Line`s, each with its depth, ready for a template.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from symdl.emit.scalar import Printer, condition, integer, number
from symdl.emit.syntax import NEAR, Syntax
from symdl.lower.ir.loops import (
    IDENTITY,
    WHOLE_IDENTITY,
    Condition,
    Fold,
    Item,
    Let,
    Loop,
    Start,
    Statement,
    Store,
    Update,
    When,
    statements,
)
from symdl.lower.ir.scalars import Body

_LONGEST_COMMENT = 96
_MOST_LINES = 40


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a kernel: its indentation and its text."""

    indent: str
    text: str


def comment(text: str) -> str:
    """Return text that can stand in a comment: one printable line, not too long."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    clean = re.sub(r"\s+", " ", clean).strip()
    return clean if len(clean) <= _LONGEST_COMMENT else clean[: _LONGEST_COMMENT - 1] + "…"


def comments(text: str) -> list[str]:
    """Return text as lines that can stand in comments, cut at blanks; far too long a text ends with ``…``."""
    clean = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
    found = textwrap.wrap(
        clean, _LONGEST_COMMENT, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return found if len(found) <= _MOST_LINES else [*found[: _MOST_LINES - 1], "  …"]


def repeatable(items: tuple[Item, ...], syntax: Syntax) -> bool:
    """Say whether a kernel has a faster form, and may be done again where that form does not hold."""
    found = list(statements(items))
    bodies = [s.body for s in found if not isinstance(s, Start)]
    fast = any(node.op in syntax.near for body in bodies for node in body.nodes)
    written = {s.tensor for s in found if isinstance(s, Store | Update)}
    read = {load.tensor for body in bodies for load in body.loads}
    return fast and not written & read and not any(isinstance(s, Update) for s in found)


class Writer:
    """Writes the body of a kernel, each equation as a comment where it begins."""

    def __init__(self, syntax: Syntax, describe: Callable[[int], str]) -> None:
        self.syntax, self.describe = syntax, describe
        self.lines: list[Line] = []
        self.told: set[int] = set()
        self.depth = 1
        self.printer = Printer(syntax, self.line)

    def line(self, text: str) -> None:
        self.lines.append(Line("    " * self.depth, text))

    def block(self, items: tuple[Item, ...], depth: int) -> None:
        """Write a block."""
        for item in items:
            self.depth = depth
            if isinstance(item, Loop):
                self.loop(item, depth)
            elif isinstance(item, When):
                self.line(f"if {' and '.join(map(condition, item.conditions))}:")
                self.block(item.items, depth + 1)
            else:
                self.tell(item)
                self.statement(item)

    def loop(self, item: Loop, depth: int) -> None:
        """Write a loop."""
        head = self.syntax.loops[item.kind]
        self.line(head.format(var=item.var, extent=integer(item.extent)))
        self.block(item.items, depth + 1)

    def tell(self, statement: Statement) -> None:
        """Write the equation that a statement begins."""
        if statement.equation >= 0 and statement.equation not in self.told:
            self.told.add(statement.equation)
            for text in comments(self.describe(statement.equation)):
                self.line(f"# {text}")

    def statement(self, item: Statement) -> None:
        """Write a statement."""
        if isinstance(item, Start):
            first = f"np.int64({WHOLE_IDENTITY[item.op]})" if item.whole else number(IDENTITY[item.op])
            if item.wide:
                self.printer.wide.add(item.name)
                first = "np.float64(0.0)"
            self.line(f"{item.name} = {first}")
            if item.op == "argmax":
                self.line(f"{item.name}_at = 0")
        elif isinstance(item, Let):
            if item.guards:
                self.line(f"{item.name} = {'0' if item.integer else number(0.0)}")
            self.guarded(item.guards)
            self.line(f"{item.name} = {self.printer.body(item.body)}")
        elif isinstance(item, Store) and item.body.result.op == "inverse":
            self.line(f"invert({item.tensor}, {integer(item.where[0])}, {self.printer.body(item.body)})")
        elif isinstance(item, Store):
            place = f"{item.tensor}[{integer(item.where[0])}]"
            self.line(f"{place} = {self.printer.body(item.body)}")
        elif isinstance(item, Fold):
            self.guarded(item.guards)
            self.fold(item.name, item.op, item.body, integer(item.at) if item.at is not None else "")
        else:
            self.guarded(item.guards)
            self.fold(f"{item.tensor}[{integer(item.where[0])}]", item.op, item.body, "")

    def guarded(self, guards: tuple[Condition, ...]) -> None:
        """Write the condition under which what follows is done."""
        if guards:
            self.line(f"if {' and '.join(map(condition, guards))}:")
            self.depth += 1

    def fold(self, name: str, op: str, body: Body, at: str) -> None:
        """Write one step of a running value; a NaN stays."""
        value = self.printer.body(body)
        if op in ("sum", "prod"):
            whole = self.syntax.wholes.get("add" if op == "sum" else "mul") if body.whole else None
            step = f"= {whole}({name}, {value})" if whole else f"{'+' if op == 'sum' else '*'}= {value}"
            self.line(f"{name} {step}")
            return
        if not at:
            self.line(f"{name} = {'max' if body.whole else 'larger'}({name}, {value})")
            return
        if not value.isidentifier():
            held = f"{self.printer.prefix}{self.printer.count}"
            self.printer.count += 1
            self.line(f"{held} = {value}")
            value = held
        missing = "" if body.whole else f" or ({value} != {value} and {name} == {name})"
        self.line(f"if {value} > {name}{missing}:")
        self.depth += 1
        self.line(f"{name} = {value}")
        self.line(f"{name}_at = {at}")


__all__ = ["Line", "Update", "Writer", "comment", "comments", "repeatable"]


def lines(items: tuple[Item, ...], syntax: Syntax, describe: Callable[[int], str]) -> list[Line]:
    """Return the lines of a kernel's body, each equation as a comment where it begins."""
    writer = syntax.writer(syntax, describe)
    tiled = any(isinstance(item, Loop) and item.kind == "lanes" for item in items)
    if tiled or not repeatable(items, syntax):
        writer.block(items, 1)
        return writer.lines or [Line("    ", "pass")]
    writer.printer.near = True
    writer.line("far = reach(real(0.0))")
    writer.block(items, 1)
    writer.depth, writer.printer.near = 1, False
    writer.line(f"if far > reach(real({NEAR!r})):  # once more, for any argument")
    writer.block(items, 2)
    return writer.lines
