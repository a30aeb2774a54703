"""What a page must keep besides the values of its lines: every name on it is explained, none is idle.

Enters: a derivation. Leaves: the names that are used and not defined at a depth, and those that are defined
on the way and used by no line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation import tree as t
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines, Step, Table
from symdl.express.tensors import Access


def named(node: t.Node | None) -> Iterator[str]:
    """The names in a formula, as they are printed."""
    for part in t.walk(node) if node is not None else ():
        if isinstance(part, t.Item):
            yield text(t.Symbol(part.label))
        elif isinstance(part, t.Array) or (isinstance(part, t.Symbol) and isinstance(part.expr, Access)):
            yield text(t.Symbol(part.label))


def undefined(derivation: Derivation) -> set[str]:
    """Names in lines that neither the table of symbols gives nor a line defines at this depth."""
    known: set[str] = set()
    used: set[str] = set()
    for section in derivation.shown:
        if isinstance(section, Table):
            known |= given(section)
            continue
        for step in section.steps:
            known |= set(defined(step))
            used |= {*named(step.right), *named(step.about), *named(step.left)}
    return used - known


def given(table: Table) -> set[str]:
    """The names that a table explains as given."""
    rows = [row for row in table.rows if row[0] in ("given", "constants", "parameters")]
    cells = [cell for row in rows for cell in row if isinstance(cell, tuple)]
    return {name for cell in cells for part in cell if isinstance(part, t.Node) for name in named(part)}


def too_early(derivation: Derivation) -> set[str]:
    """Names that a line of the function, or of the backward section, reads before they have their line."""
    early: set[str] = set()
    for section in derivation.shown:
        if not isinstance(section, Lines) or section.title not in ("Forward", "Backward"):
            continue
        steps = section.steps
        places: dict[str, int] = {}
        for place, step in enumerate(steps):
            for name in defined(step) if not isinstance(step.left, t.Partial) else ():
                places.setdefault(name, place)
        early |= {n for place, s in enumerate(steps) for n in named(s.right) if places.get(n, -1) > place}
    return early


def idle(derivation: Derivation) -> set[str]:
    """Names that lines define on the way and nothing reads; the value of a derivative may say something."""
    sections = [x for x in derivation.shown if isinstance(x, Lines)]
    steps = [s for x in sections for s in x.steps]
    read = {name for s in steps for name in (*named(s.right), *named(s.about))}
    forward = [s for x in sections if x.title == "Forward" for s in x.steps]
    own = [*forward, *(s for x in sections if x.title == "Backward" for s in x.steps)]
    made = {name for s in own for name in defined(s)}
    last = [*[s for s in forward if s.left is not None][-1:], *(s for s in steps if s.kind == "result")]
    ends = {name for s in last for name in defined(s)}
    return {name for name in made - read - ends if not is_bar(name)}


def defined(step: Step) -> list[str]:
    """The name that a line is about."""
    return list(named(step.left))[:1]


def is_bar(name: str) -> bool:
    return bool({"\u0304", "\u0305"} & set(unicodedata.normalize("NFD", name)))
