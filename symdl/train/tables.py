"""A table of what a model holds.

Enters: the arrays of parameters and states by name. Leaves: text, or HTML, with names, shapes and counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdl.tables import html_table, text_lines, widths_of

Row = tuple[str, str, str]


def summary(parameters: Mapping[str, Any], states: Mapping[str, Any]) -> str:
    """Return a table of the parameters and their total; below it one of the states, if there are any."""
    blocks = _blocks(parameters, states)
    widths = widths_of([row for block in blocks for row in block])
    first, *others = (text_lines(block, "<<>", widths) for block in blocks)
    rule = "-" * len(first[0])
    lines = [first[0], rule, *first[1:-1], rule, first[-1]]
    for head, *rest in others:
        lines += ["", head, rule, *rest]
    return "\n".join(lines)


def summary_html(title: str, parameters: Mapping[str, Any], states: Mapping[str, Any]) -> str:
    """Return the same as HTML, which a notebook shows."""
    first, *others = _blocks(parameters, states)
    return html_table(first, title) + "".join(map(html_table, others))


def _blocks(parameters: Mapping[str, Any], states: Mapping[str, Any]) -> list[list[Row]]:
    count = sum(array.size for array in parameters.values())
    blocks = [[("parameter", "shape", "count"), *_rows(parameters), ("total", "", f"{count:,}")]]
    if states:
        blocks.append([("state", "shape", "count"), *_rows(states)])
    return blocks


def _rows(arrays: Mapping[str, Any]) -> list[Row]:
    return [
        (name, " x ".join(map(str, array.shape)) or "1", f"{array.size:,}") for name, array in arrays.items()
    ]
