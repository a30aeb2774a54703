"""What a command shows: on a terminal, in a pipe, without colours.

Enters: text, tables, source code. Leaves: lines on standard output. Nothing that others typed reaches a
terminal as a command to it: control characters, and those that turn the direction of writing, are spelled
out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from symdl.errors import printable

PLAIN_WIDTH = 100
"""Columns of text where there is no terminal."""


def prepared(*streams: TextIO | None) -> None:
    """Let streams spell out what their encoding does not have, instead of failing in the middle of a line."""
    for stream in streams:
        again = getattr(stream, "reconfigure", None)
        if again is not None:
            again(errors="backslashreplace")


def say(text: str) -> None:
    """Print a text as it is."""
    print(printable(text))


def columns() -> int:
    """Return how many columns a text may have."""
    return _console().width if sys.stdout.isatty() else PLAIN_WIDTH


def ascii_only() -> bool:
    """Say whether standard output has no letters of mathematics."""
    try:
        "∂ᵀ̄ᵢ".encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return True
    return False


def show_source(source: str, language: str) -> None:
    """Print source code; on a terminal in colours, unless ``NO_COLOR`` is set."""
    text = printable(source)
    if not sys.stdout.isatty():
        print(text.rstrip("\n"))
        return
    shown = Syntax(text, language, theme="ansi_dark", background_color="default", word_wrap=False)
    _console().print(shown.highlight(text.rstrip("\n")), soft_wrap=True, end="")


def show_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: on a terminal with a line below its head, else in columns that are two blanks apart."""
    cells = [tuple(map(printable, row)) for row in rows]
    if sys.stdout.isatty():
        table = Table(box=None, header_style="bold", pad_edge=False, show_header=any(head))
        for title in head:
            table.add_column(title, overflow="fold")
        for row in cells:
            table.add_row(*map(Text, row))
        _console().print(table)
        return
    every = [tuple(head), *cells] if any(head) else cells
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    for row in every:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def tell_written(paths: Iterable[Path]) -> None:
    """Say which files were written: on standard error, so that standard output is the result alone."""
    for path in paths:
        print(printable(f"written: {path}"), file=sys.stderr)


def _console(**options: Any) -> Console:
    return Console(markup=False, highlight=False, emoji=False, **options)
