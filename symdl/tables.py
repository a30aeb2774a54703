"""Tables for people.

Enters: rows of texts, the head first. Leaves: lines of text with columns of one width, or HTML that a
notebook shows, in which nothing of the texts is read as markup.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

Row = Sequence[str]


def widths_of(rows: Sequence[Row]) -> list[int]:
    """Return the width of each column."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def text_lines(rows: Sequence[Row], align: str = "<", widths: Sequence[int] | None = None) -> list[str]:
    """Return a line for each row.

    Args:
        align: ``"<"`` or ``">"`` for all columns, or a character for each.
        widths: of the columns, where several tables stand below each other.
    """
    widths = widths_of(rows) if widths is None else widths
    sides = align * len(widths) if len(align) == 1 else align
    padded = [
        [f"{c:{side}{width}}" for c, side, width in zip(row, sides, widths, strict=True)] for row in rows
    ]
    return ["  ".join(row).rstrip() for row in padded]


def html_table(rows: Sequence[Row], caption: str = "") -> str:
    """Return a table of HTML."""
    head, *body = rows
    caption = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    lines = "".join(f"<tr>{_cells(row, 'td')}</tr>" for row in body)
    return f"<table>{caption}<thead><tr>{_cells(head, 'th')}</tr></thead><tbody>{lines}</tbody></table>"


def _cells(row: Row, tag: str) -> str:
    return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)


def html_source(title: str, source: str) -> str:
    """Return a title that opens to a text with its line breaks, such as generated code."""
    return (
        f"<details><summary><code>{html.escape(title)}</code></summary>"
        f"<pre>{html.escape(source)}</pre></details>"
    )
