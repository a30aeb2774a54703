"""Formulas as Typst writes mathematics.

Enters: the LaTeX of a formula. Leaves: what stands between dollar signs in a Typst document.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdl.explain.printers import mathlist as m

_OVER = {"bar": "macron", "overline": "overline", "vec": "arrow"}
_KNOWN = "sin cos tan cot sec csc sinh cosh tanh coth log exp arcsin arccos arctan".split()
_BIG = {"∑": "sum", "∏": "product", "∫": "integral", "max": "max", "min": "min", "det": "det"}
_PLAIN = "=+−<>≤≥≠·×⊙⊗∘∧∨¬∣∈→∼≈⊤⋯⋮⋱…′≡↦⇒∇:.!?∗"


def typst(source: str) -> str:
    """Return LaTeX as Typst's mathematics.

    Raises:
        ExplainError: a command that Typst has no form of here.
    """
    return _show(m.read(source))


def quoted(words: str) -> str:
    """Return words as a string of Typst."""
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _show(part: m.Part) -> str:
    return _PRINT[type(part)](part)


def _glyph(part: m.Glyph) -> str:
    match part.kind:
        case "letter" if len(part.text) == 1:
            return part.text
        case "number":
            return part.text
        case "function":
            return part.text if part.text in _KNOWN else f"op({quoted(part.text)})"
        case "big":
            return _BIG.get(part.text) or f"op({quoted(part.text)}, limits: #true)"
        case "open" | "close":
            return f"\\{part.text}" if part.text in "{}" else part.text
        case "space":
            return "thin" if part.text else ""
        case "operator":
            return "mod" if part.text == "mod" else part.text if part.text in _PLAIN else f"\\{part.text}"
        case _:
            return f"upright({quoted(part.text)})"


def _row(part: m.Row) -> str:
    return " ".join(filter(None, map(_show, part.parts)))


def _scripts(part: m.Scripts) -> str:
    if not isinstance(part.base, m.Glyph):
        ends = [f"{side}: {_show(p)}" for side, p in (("b", part.below), ("t", part.above)) if p is not None]
        return f"attach({_show(part.base)}, {', '.join(ends)})"
    below = f"_({_show(part.below)})" if part.below is not None else ""
    above = f"^({_show(part.above)})" if part.above is not None else ""
    return f"{_show(part.base)}{below}{above}"


def _fence(part: m.Fence) -> str:
    left, right = (f"\\{sign}" if sign in ("{", "}") else sign for sign in (part.left, part.right))
    return f"lr({left} {_show(part.inside)} {right})"


def _table(part: m.Table) -> str:
    if part.form == "cases":
        return f"cases({', '.join(' quad '.join(map(_show, row)) for row in part.rows)})"
    if part.form == "bmatrix":
        return f'mat(delim: "[", {"; ".join(", ".join(map(_show, row)) for row in part.rows)})'
    return " \\ ".join(" & ".join(map(_show, row)) for row in part.rows)


_PRINT: dict[type, Callable[[Any], str]] = {
    m.Glyph: _glyph,
    m.Row: _row,
    m.Scripts: _scripts,
    m.Ratio: lambda p: f"frac({_show(p.top)}, {_show(p.bottom)})",
    m.Root: lambda p: f"sqrt({_show(p.inside)})",
    m.Accent: lambda p: f"{_OVER.get(p.mark, p.mark)}({_show(p.inside)})",
    m.Fence: _fence,
    m.Said: lambda p: quoted(p.words),
    m.Table: _table,
    m.Braced: lambda p: f"underbrace({_show(p.inside)}, {_show(p.below)})",
    m.Tinted: lambda p: f'#text(fill: rgb("{p.colour}"), ${_show(p.inside)}$)',
    m.Struck: lambda p: f"cancel({_show(p.inside)})",
    m.Keyed: lambda p: _show(p.inside),
}
