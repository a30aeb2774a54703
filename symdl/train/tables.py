"""A table of what a model holds.

Enters: the arrays of parameters and states by name. Leaves: text with names, shapes and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = tuple[str, str, str]


def summary(parameters: Mapping[str, Any], states: Mapping[str, Any]) -> str:
    """Return a table of the parameters and their total; below it one of the states, if there are any."""
    count = sum(array.size for array in parameters.values())
    blocks = [[("parameter", "shape", "count"), *_rows(parameters), ("total", "", f"{count:,}")]]
    if states:
        blocks.append([("state", "shape", "count"), *_rows(states)])
    widths = [max(len(row[c]) for block in blocks for row in block) for c in range(3)]
    first, *others = (_lines(block, widths) for block in blocks)
    rule = "-" * len(first[0])
    lines = [first[0], rule, *first[1:-1], rule, first[-1]]
    for head, *rest in others:
        lines += ["", head, rule, *rest]
    return "\n".join(lines)


def _rows(arrays: Mapping[str, Any]) -> list[Row]:
    return [
        (name, " x ".join(map(str, array.shape)) or "1", f"{array.size:,}") for name, array in arrays.items()
    ]


def _lines(rows: Sequence[Row], widths: Sequence[int]) -> list[str]:
    a, b, c = widths
    return [f"{name:<{a}}  {shape:<{b}}  {count:>{c}}" for name, shape, count in rows]
