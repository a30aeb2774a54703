"""Lines of a derivation in pieces: broken where they are too long; words for LaTeX's text mode.

Enters: a formula or a sentence. Leaves: the pieces that stand below each other, or LaTeX.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from symdl.explain.notation.tree import Grid, Label, Negative, Node, Product, Symbol, Terms, mapped, walk
from symdl.explain.printers.latex import latex
from symdl.explain.printers.text import text
from symdl.explain.printers.text_page import columns

LONGEST = 62
"""Columns of the text form that fit beside a left side and a reason."""
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
    "∘": r"$\circ$",
    "∑": r"$\sum$",
    "⁻": r"${}^{-}$",
    "¹": r"${}^{1}$",
    "²": r"${}^{2}$",
    "‖": r"$\Vert$",
    "ᵀ": r"${}^{\top}$",
    "×": r"$\times$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a formula that stands on a row of its own, and the sign that leads it, ``+`` or ``*``."""

    sign: str
    node: Node


def pieces(node: Node, room: int = LONGEST) -> list[Piece]:
    """Return a formula in pieces, cut before a top-level plus or minus where it is too long."""
    if width(node) <= room:
        return [Piece("", node)]
    if isinstance(node, Product) and len(node.args) > 1 and node.dots:
        half = len(node.args) // 2
        head, tail = (replace(node, args=part) for part in (node.args[:half], node.args[half:]))
        return [Piece("", head), Piece("*", tail)]
    if not isinstance(node, Terms):
        return [Piece("", node)]
    found: list[Piece] = []
    group: list[Node] = []
    for term in node.args:
        if group and width(Terms((*group, term))) > room:
            found.append(_group(group, first=not found))
            group = []
        group.append(term)
    return [*found, _group(group, first=not found)]


def width(node: Node) -> int:
    """The columns that a formula takes; a matrix is as wide as its rows, not as their sum."""

    def narrow(part: Node) -> Node | None:
        if not isinstance(part, Grid):
            return None
        sizes = [max(width(entry) for entry in column) for column in zip(*part.rows, strict=True)]
        return Symbol(Label("x" * (sum(sizes) + 2 * len(sizes)), verbatim=True))

    grids = any(isinstance(part, Grid) for part in walk(node))
    return columns(text(mapped(node, narrow) if grids else node))


def _group(terms: list[Node], *, first: bool) -> Piece:
    return Piece("" if first or isinstance(terms[0], Negative) else "+", Terms(tuple(terms)))


def words_latex(words: str) -> str:
    """Escape words for text mode; a letter that LaTeX may lack is spelled out."""
    return "".join(_SPECIAL.get(c) or _WORDS.get(c) or (c if c.isascii() else f"u{ord(c):x}") for c in words)


def inline_latex(node: Node) -> str:
    """Return a formula for text mode."""
    return f"${latex(node)}$"
