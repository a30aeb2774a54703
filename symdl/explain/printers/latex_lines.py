"""Lines of a derivation as LaTeX: aligned, with their reason, broken where they are too long.

Enters: a step. Leaves: rows of an alignment, the first with the left-hand side and the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from symdl.explain.notation.tree import Grid, Label, Negative, Node, Product, Symbol, Terms, mapped
from symdl.explain.printers.latex import latex
from symdl.explain.printers.text import text
from symdl.explain.printers.text_page import columns
from symdl.explain.sections import Step, Words

_LONGEST = 62  # columns of the text form that fit beside a left side and a reason
_RELATIONS = {"=": "=", "+=": r"\mathrel{+}=", ":=": ":="}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "^": r"\^{}",
    "~": r"\~{}",
}
_WORDS = {
    "δ": r"$\delta$",
    "σ": r"$\sigma$",
    "⊙": r"$\odot$",
    "∑": r"$\sum$",
    "⁻": r"${}^{-}$",
    "¹": r"${}^{1}$",
    "ᵀ": r"${}^{\top}$",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: left side, relation, right side, reason, number; all LaTeX."""

    left: str
    relation: str
    right: str
    rule: str
    number: str


def rows_of(step: Step) -> list[Row]:
    """Return the rows of a step."""
    left = latex(step.left) if step.left is not None else ""
    pieces = broken(step.right)
    first = Row(left, _RELATIONS[step.relation] + " ", pieces[0], rule_latex(step), step.number)
    return [first, *(Row("", r"\quad ", piece, "", "") for piece in pieces[1:])]


def broken(node: Node, room: int = _LONGEST) -> list[str]:
    """Return a formula in pieces, cut before a top-level plus or minus where it is too long."""
    if width(node) <= room:
        return [latex(node)]
    if isinstance(node, Product) and len(node.args) > 1 and node.dots:
        half = len(node.args) // 2
        head, tail = (replace(node, args=part) for part in (node.args[:half], node.args[half:]))
        return [latex(head), rf"\cdot {latex(tail)}"]
    if not isinstance(node, Terms):
        return [latex(node)]
    pieces: list[str] = []
    group: list[Node] = []
    for term in node.args:
        if group and width(Terms((*group, term))) > room:
            pieces.append(_group(group, first=not pieces))
            group = []
        group.append(term)
    return [*pieces, _group(group, first=not pieces)]


def width(node: Node) -> int:
    """The columns that a formula takes; a matrix is as wide as its rows, not as their sum."""

    def narrow(part: Node) -> Node | None:
        if not isinstance(part, Grid):
            return None
        sizes = [max(width(entry) for entry in column) for column in zip(*part.rows, strict=True)]
        return Symbol(Label("x" * (sum(sizes) + 2 * len(sizes)), verbatim=True))

    return columns(text(mapped(node, narrow)))


def _group(terms: list[Node], *, first: bool) -> str:
    shown = latex(Terms(tuple(terms)))
    return shown if first or isinstance(terms[0], Negative) else f"+ {shown}"


def rule_latex(step: Step) -> str:
    """Return the reason of a step for text mode."""
    about = f" ${latex(step.about)}$" if step.about is not None else ""
    return words_latex(step.rule) + about


def words_latex(words: str) -> str:
    """Escape words for text mode; a letter that LaTeX may lack is spelled out."""
    return "".join(_SPECIAL.get(c) or _WORDS.get(c) or (c if c.isascii() else f"u{ord(c):x}") for c in words)


def sentence_latex(words: Words) -> str:
    """Return words with formulas for text mode."""
    return "".join(words_latex(w) if isinstance(w, str) else f"${latex(w)}$" for w in words)
