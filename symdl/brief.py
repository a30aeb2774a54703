"""Expressions in messages: whole where they are short, else their outermost parts.

Enters: anything. Leaves: a text for people whose length and whose cost are bounded. ``str`` writes an
expression as a tree: what stands in it twice is written twice, on each level, so a few dozen shared parts
make a text that never ends, and one that is ten thousand functions deep exceeds Python's stack.
"""

from __future__ import annotations

from typing import Any

SHORT = 80
"""Nodes, each as often as it is written, of an expression that is written whole in a message."""
_PART = 24
"""The same of a part of a longer one."""
_PARTS = 6
"""Parts of a longer one that are written."""
_LONGEST = 1000
"""Characters of any text."""


def brief(thing: object, short: int = SHORT) -> str:
    """Return a text of an expression for a message; what is left out is three dots.

    Args:
        thing: an expression; of anything else the text, cut at the end where it is very long.
        short: an expression of so many nodes is written whole.

    Example:
        >>> brief(sp.sin(x) + y)
        'y + sin(x)'
    """
    if not isinstance(getattr(thing, "args", None), tuple):
        text = str(thing)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    if not longer(thing, short):
        return str(thing)
    parts = [str(part) if not longer(part, _PART) else f"{_head(part)}(…)" for part in _args(thing)[:_PARTS]]
    parts += ["…"] if _args(thing)[_PARTS:] else []
    return f"{_head(thing)}({', '.join(parts)})"


def longer(expr: Any, most: int) -> bool:
    """Say whether an expression, written as a tree, has more nodes than so many; it looks at no more."""
    todo, count = [expr], 0
    while todo and count <= most:
        todo += _args(todo.pop())
        count += 1
    return count > most


def _args(expr: Any) -> tuple[Any, ...]:
    args = getattr(expr, "args", ())
    return args if isinstance(args, tuple) else ()


def _head(expr: Any) -> str:
    return type(expr).__name__
