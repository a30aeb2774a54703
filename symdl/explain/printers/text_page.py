"""A derivation as text for a terminal.

Enters: a derivation. Leaves: lines of at most a given width; a formula that is too long goes on below.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

from symdl.explain.notation.names import GREEK
from symdl.explain.printers.text import text
from symdl.explain.sections import Document, Lines, Step, Table, Words

_BLANK = "_" * 24


def plain(derivation: Document, *, width: int, ascii: bool) -> str:
    """Return the whole derivation as text."""
    title = sentence(derivation.title, ascii=ascii)
    lines = [title, ("=" if ascii else "═") * columns(title)]
    for section in derivation.shown:
        lines += ["", sentence(section.title, ascii=ascii)]
        if section.words:
            lines += _wrapped(sentence(section.words, ascii=ascii), width, indent=2)
        show = (
            _table(section, width, ascii) if isinstance(section, Table) else _aligned(section, width, ascii)
        )
        lines += show
    return "\n".join(line.rstrip() for line in lines)


def sentence(words: Words | str, *, ascii: bool) -> str:
    """Return words with formulas as one line of text."""
    line = "".join(part if isinstance(part, str) else text(part, ascii=ascii) for part in words)
    return _ascii(line) if ascii else line


_PLAIN = {
    **{letter: name for name, letter in GREEK.items()},
    "ᵀ": "'",
    "∈": "in",
    "ℝ": "R",
    "×": "x",
    "—": "-",
    "′": "'",
    "∑": "sum",
    "⊙": ".*",
    "∘": ".",
    "⁻¹": "^-1",
    "√": "sqrt",
    "∂": "d",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "∞": "inf",
    "·": "*",
    "𝟏": "1",
    "²": "^2",
    "⊗": "(x)",
    "‖": "||",
}


def _ascii(line: str) -> str:
    for character, plain_ in _PLAIN.items():
        line = line.replace(character, plain_)
    return line


def columns(line: str) -> int:
    """The number of columns that a line takes: combining marks take none."""
    return sum(not unicodedata.combining(c) for c in line)


def _padded(line: str, width: int) -> str:
    return line + " " * (width - columns(line))


def _table(table: Table, width: int, ascii: bool) -> list[str]:
    rows = [
        [sentence(cell if isinstance(cell, tuple) else (cell,), ascii=ascii) for cell in row]
        for row in table.rows
    ]
    body = [list(table.header), *rows] if table.header else rows
    widths = [max(columns(r[n]) for r in body) for n in range(len(body[0]))]
    before = sum(widths[:-1]) + 3 * (len(widths) - 1) + 2
    widths[-1] = max(20, min(widths[-1], width - before))
    shown: list[str] = []
    for place, row in enumerate(body):
        last = textwrap.wrap(row[-1], widths[-1]) or [""]
        cells = [*(_padded(c, w) for c, w in zip(row[:-1], widths, strict=False)), last[0]]
        shown.append("  " + "   ".join(cells))
        shown += [" " * before + more for more in last[1:]]
        if place == 0 and table.header:
            shown.append("  " + ("-" if ascii else "─") * (before - 2 + widths[-1]))
    return shown


def _aligned(section: Lines, width: int, ascii: bool) -> list[str]:
    lefts = [text(s.left, ascii=ascii) if s.left is not None else "" for s in section.steps]
    left_width = min(max(map(columns, lefts)), width // 3)
    rules = max((columns(_note(s, ascii)) for s in section.steps), default=0)
    room = max(20, width - left_width - 7)
    lines: list[str] = []
    for step, left in zip(section.steps, lefts, strict=True):
        asked = step.blank in ("right", "both") and not step.answered
        pieces = [_BLANK] if asked else broken(text(step.right, ascii=ascii), room)
        note = _note(step, ascii)
        for place, piece in enumerate(pieces):
            head = _padded(left if place == 0 else "", left_width)
            sign = step.relation if place == 0 else " " * len(step.relation)
            lines.append(f"  {head} {sign} {piece}")
        if note:
            note = f"({note})"
            last = lines[-1]
            if columns(last) + columns(note) + 3 > width:
                lines.append(" " * max(0, width - columns(note)) + note)
            else:
                gap = max(3, width - columns(last) - max(rules + 2, columns(note)))
                lines[-1] = last + " " * gap + note
        indent = left_width + 5
        for remark in step.notes:
            lines += _wrapped(sentence(remark, ascii=ascii), width, indent=indent)
    return lines


def _note(step: Step, ascii: bool) -> str:
    about = f" {text(step.about, ascii=ascii)}" if step.about is not None else ""
    rule = _ascii(step.rule + about) if ascii else step.rule + about
    if step.blank in ("rule", "both") and not step.answered:
        rule = _BLANK
    if step.uses:
        used = ", ".join(f"[{number}]" for number in step.uses)
        rule = f"{rule}, from {used}" if rule else f"from {used}"
    return f"{rule}  [{step.number}]" if step.number and rule else rule or step.number


def broken(line: str, room: int) -> Sequence[str]:
    """Break a formula before a top-level plus or minus, else at blanks, into lines of at most `room`."""
    pieces: list[str] = []
    while cut := _cut(line, room):
        pieces.append(line[:cut])
        line = f"  {line[cut:].strip()}"
    return [*pieces, line]


def _cut(line: str, room: int) -> int:
    """Where to break a line that is too long; 0 if it is not, or cannot be broken."""
    depth, last, any_blank = 0, 0, 0
    indent = len(line) - len(line.lstrip())
    used = 0
    for place, character in enumerate(line):
        if used > room:
            return last or any_blank
        used += not unicodedata.combining(character)
        depth += (character in "([{") - (character in ")]}")
        if place > indent and (character == " " or line[place - 1] in "·*"):
            any_blank = place
            if depth == 0 and re.match(r" [+-] ", line[place : place + 3]):
                last = place
    return last or any_blank if used > room else 0


def _wrapped(line: str, width: int, *, indent: int) -> list[str]:
    return textwrap.wrap(line, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
