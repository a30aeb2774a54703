"""What things can be called.

Enters: a name that somebody chose, or that stands in a file. Leaves: the same name, if every character of it
is seen: no control character, none that turns the direction of writing, no blank at an end. Names go into
error messages, pages and files; each of those spells them in its own way, and runs nothing of them.
"""

from __future__ import annotations

from symdl.errors import ExpressionError

LONGEST = 1000
"""Characters of a name; those that exporters of large models make have some hundred."""


def checked_name(name: object, what: str = "tensor") -> str:
    """Return a name that a tensor, or `what` else, can have.

    Raises:
        ExpressionError: it is none.
    """
    if not isinstance(name, str) or not name or not name.isprintable() or name != name.strip():
        shown = repr(name)[:80]
        raise ExpressionError(
            f"{shown} cannot name a {what}", cure="use printable text, no blanks at its ends"
        )
    if len(name) > LONGEST:
        raise ExpressionError(
            f"the name {name[:40]!r}… has {len(name)} characters", cure=f"use {LONGEST} at most"
        )
    return name
