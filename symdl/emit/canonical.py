"""The text of a module without what is for people only.

Enters: generated source. Leaves: the same without comments, the names that a function gives numbered in the
order in which it gives them. Modules that differ by names have the same canonical text, and no others have:
they can share their machine code.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"(?P<comment>^[ ]*#[^\n]*\n|[ ]*#[^\n]*)"
    r"|\bdef (?P<function>\w+)\((?P<parameters>[^()]*)\)"
    r"|\bfor (?P<variable>\w+) in\b"
    r"|^[ ]+(?P<start>\w+)(?= = [^\n]*\n[ ]+while (?P=start) )"
    r"|^[ ]+(?P<name>\w+)(?= = )"
    r"|(?P<outside>^(?=\S))"  # what follows belongs to no function
    r"|(?<![\w.])[A-Za-z_]\w*",
    re.MULTILINE,
)
_WORD = re.compile(r"\w+")


def canonical(source: str) -> str:
    """Return the canonical text of a module."""
    names: dict[str, str] = {}
    count = 0

    def give(name: str) -> str:
        nonlocal count
        names[name] = f"${count}"  # no other name begins with that
        count += 1
        return names[name]

    def token(match: re.Match[str]) -> str:
        nonlocal names, count
        text, kind = match[0], match.lastgroup
        if kind is None:
            return names.get(text, text)
        if kind in ("comment", "outside"):
            names = names if kind == "comment" else {}
            return ""
        if kind == "parameters":
            names, count = {}, 0
            return f"def {match['function']}({_WORD.sub(lambda m: give(m[0]), match['parameters'])})"
        if kind == "variable":  # another loop may have had a variable of that name
            return f"for {give(match['variable'])} in"
        if kind == "start":
            return text[: -len(match["start"])] + give(match["start"])
        name = match["name"]
        return text[: -len(name)] + (names[name] if name in names else give(name))

    return _TOKEN.sub(token, source)
