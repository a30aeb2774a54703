"""The one record from which all formats are printed: titles, sentences, tables and lines, as strings.

Enters: a document and a `Spelling`, which says how a format writes formulas and words. Leaves: dictionaries
that templates arrange. Whatever a format shows is here; what it does not use it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symdl.explain.notation.tree import Node, walk
from symdl.explain.printers.latex import latex
from symdl.explain.printers.latex_lines import LONGEST, Piece, pieces
from symdl.explain.sections import Document, Lines, Section, Step, Table, Words

RELATIONS = {"=": "= ", "+=": r"\mathrel{+}= ", ":=": ":= "}
"""Relations in LaTeX."""
_LEADS = {"": "", "+": "+ ", "*": r"\cdot "}


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a format writes.

    Attributes:
        formula: what makes a formula on a line of its own; it takes LaTeX and the formula in words.
        inline: the same for a formula in a sentence.
        words: what escapes words.
        room: columns of the text form that fit into a line.
        change: what is done to every formula before it is written.
        reasons: how reasons are written, if they stand inside a formula.
    """

    formula: Callable[[str, Node], str]
    inline: Callable[[str, Node], str]
    words: Callable[[str], str]
    room: int = LONGEST
    change: Callable[[Node], Node] = lambda node: node
    reasons: Spelling | None = None

    def sentence(self, words: Words | str) -> str:
        """Return words with formulas in them."""
        parts = (words,) if isinstance(words, str) else words
        return "".join(
            self.words(w) if isinstance(w, str) else self.inline(latex(self.change(w)), w) for w in parts
        )

    def side(self, node: Node | None, before: str = "") -> str:
        """Return one side of a line, LaTeX in front of it."""
        return "" if node is None else self.formula(before + latex(self.change(node)), node)


def record(document: Document, spelling: Spelling, *, name: str = "") -> dict[str, Any]:
    """Return a document's title and shown sections; `name` distinguishes its lines from another's."""
    return {
        "title": spelling.sentence(document.title),
        "sections": [section_record(s, spelling, f"{name}{n}") for n, s in enumerate(document.shown)],
    }


def section_record(section: Section, spelling: Spelling, name: str) -> dict[str, Any]:
    """Return one section."""
    shared = {
        "name": name,
        "title": spelling.sentence(section.title),
        "words": spelling.sentence(section.words),
        "level": section.level,
        "header": [],
        "rows": [],
        "entries": [],
        "lines": [],
    }
    if isinstance(section, Table):
        cells = [
            [spelling.sentence(c if isinstance(c, tuple) else (c,)) for c in row] for row in section.rows
        ]
        if section.header:
            return {**shared, "header": list(map(spelling.words, section.header)), "rows": cells}
        return {**shared, "entries": [{"name": first, "text": " ".join(rest)} for first, *rest in cells]}
    lines = [line_record(step, spelling, f"{name}-{n}") for n, step in enumerate(section.steps)]
    for line, whose in zip(lines, lefts(section.steps), strict=True):
        line["again"] = "" if line["left"] else spelling.side(whose)
    return {**shared, "lines": lines}


def lefts(steps: Sequence[Step]) -> list[Node | None]:
    """Return of each line what stands at its left, or at the left of the line that it goes on from."""
    found: list[Node | None] = []
    for step in steps:
        found.append(step.left if step.left is not None or not found else found[-1])
    return found


def line_record(step: Step, spelling: Spelling, name: str) -> dict[str, Any]:
    """Return one line: its sides, its reason, what is left blank in it, remarks."""
    asked = step.blank and not step.answered
    first, *more = pieces(step.right, spelling.room)
    relation = RELATIONS[step.relation]
    return {
        "name": name,
        "label": f"eq:{step.number}" if step.number else "",
        "left": spelling.side(step.left),
        "relation": spelling.formula(relation.strip(), step.right),
        "right": spelling.side(first.node, relation),
        "more": [_below(piece, spelling) for piece in more],
        "rule": (spelling.reasons or spelling).sentence(reason(step)),
        "number": step.number,
        "uses": list(step.uses),
        "notes": list(map((spelling.reasons or spelling).sentence, step.notes)),
        "level": step.level,
        "blank_right": asked and step.blank != "rule",
        "blank_rule": asked and step.blank != "right",
        "answered": step.answered,
        "source": source(step),
    }


def _below(piece: Piece, spelling: Spelling) -> str:
    return spelling.side(piece.node, rf"\quad {_LEADS[piece.sign]}")


def source(step: Step) -> str:
    """Return a line as LaTeX that can be copied."""
    left = "" if step.left is None else latex(step.left)
    return f"{left} {RELATIONS[step.relation]}{latex(step.right)}".strip()


def reason(step: Step) -> Words:
    """Return why a line holds."""
    return (step.rule,) if step.about is None else (f"{step.rule} ", step.about)


def numbered(documents: Sequence[Document]) -> list[Document]:
    """Number the lines that later lines use, and say which ones each uses."""
    shown = [d.shown for d in documents]
    count = 0
    renamed: list[Document] = []
    for document, sections in zip(documents, shown, strict=True):
        places = [(n, k) for n, s in enumerate(sections) if isinstance(s, Lines) for k in range(len(s.steps))]
        uses: dict[tuple[int, int], list[tuple[int, int]]] = {}
        said: dict[Any, tuple[int, int]] = {}
        key: Any = None
        for place in places:
            step = _step(sections, place)
            key = _key(step.left) if step.left is not None else key
            names = dict.fromkeys(filter(None, map(_key, walk(step.right))))
            uses[place] = sorted({said[k] for k in names if k in said and k is not key})
            if key is not None:
                said[key] = place  # of several equal lines the last one is the shortest
        numbers: dict[tuple[int, int], str] = {}
        for place in sorted({p for found in uses.values() for p in found}):
            count += 1
            numbers[place] = str(count)
        new: list[Section] = []
        for n, section in enumerate(sections):
            if isinstance(section, Lines):
                steps = [
                    replace(s, number=numbers.get((n, k), ""), uses=tuple(numbers[p] for p in uses[n, k]))
                    for k, s in enumerate(section.steps)
                ]
                section = replace(section, steps=steps)
            new.append(section)
        renamed.append(replace(document, sections=tuple(new)))
    return renamed


def _step(sections: Sequence[Section], place: tuple[int, int]) -> Step:
    section = sections[place[0]]
    assert isinstance(section, Lines)
    return section.steps[place[1]]


def _key(node: Node) -> Any:
    """What a name stands for: a tensor, a symbol, or a label without either."""
    tensor = getattr(node, "tensor", None)
    if tensor is not None:
        return tensor
    expr = getattr(node, "expr", None)
    if expr is not None:
        return getattr(expr, "tensor", None) or (expr if not expr.is_Integer else None)
    return None
