"""Formulas as MathML, which browsers draw by themselves.

Enters: the LaTeX of a formula. Leaves: a ``math`` element in MathML Core, without script, font or picture.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from symdl.explain.printers import mathlist as m

_OVER = {"bar": "¯", "overline": "¯", "dot": "˙", "hat": "^", "tilde": "~", "vec": "→"}
_APPLY = "<mo>&#x2061;</mo>"
_UPRIGHT = frozenset("ΓΔΘΛΞΠΣΥΦΨΩ")
_THIN = '<mspace width=".17em"/>'


@lru_cache(maxsize=4096)
def mathml(source: str, *, display: bool = True) -> str:
    """Return LaTeX as a ``math`` element.

    Raises:
        ExplainError: a command that MathML has no form of.
    """
    kind = ' display="block"' if display else ""
    return f"<math{kind}>{_show(m.read(source))}</math>"


def _show(part: m.Part) -> str:
    return _PRINT[type(part)](part)


def _glyph(part: m.Glyph) -> str:
    text = html.escape(part.text)
    match part.kind:
        case "letter":
            upright = ' mathvariant="normal"' if text in _UPRIGHT else ""
            return f"<mi{upright}>{text}</mi>"
        case "upright":
            return f'<mi mathvariant="normal">{text}</mi>'
        case "number":
            return f"<mn>{text}</mn>"
        case "function":
            return f"<mi>{text}</mi>{_APPLY}"
        case "big":
            return f'<mo movablelimits="false">{text}</mo>' if len(text) == 1 else f"<mo>{text}</mo>"
        case "open" | "close":
            form = "prefix" if part.kind == "open" else "postfix"
            return f'<mo form="{form}" stretchy="false">{text}</mo>'
        case "space":
            return f'<mspace width="{".3em" if text else "0"}"/>'
        case _:
            return _operator(part.text, text)


def _operator(sign: str, text: str) -> str:
    if sign == "⊤":
        return '<mi mathvariant="normal">⊤</mi>'
    if sign == "mod":
        return '<mo lspace=".25em" rspace=".25em">mod</mo>'
    if sign in "|∣":
        return f'<mo stretchy="false">{text}</mo>'
    return f'<mo separator="true">{text}</mo>' if sign in ",;" else f"<mo>{text}</mo>"


def _row(part: m.Row) -> str:
    """Parts side by side; a function keeps a little distance from what stands before it."""
    markup = ""
    for before, one in zip((None, *part.parts), part.parts, strict=False):
        base = one.base if isinstance(one, m.Scripts) else one
        named = isinstance(base, m.Glyph) and base.kind == "function"
        apart = named and not (before is None or _is_sign(before))
        markup += (_THIN if apart else "") + _show(one)
    return f"<mrow>{markup}</mrow>"


def _is_sign(part: m.Part) -> bool:
    return isinstance(part, m.Glyph) and part.kind in ("operator", "open", "space", "big")


def _scripts(part: m.Scripts) -> str:
    applied = isinstance(part.base, m.Glyph) and part.base.kind == "function"
    base = _show(part.base).removesuffix(_APPLY) if applied else _show(part.base)
    names = ("munder", "mover", "munderover") if part.limits else ("msub", "msup", "msubsup")
    inner = [_show(p) for p in (part.below, part.above) if p is not None]
    name = names[2] if len(inner) == 2 else names[0] if part.below is not None else names[1]
    return f"<{name}>{_grouped(base)}{''.join(map(_grouped, inner))}</{name}>" + (_APPLY if applied else "")


def _grouped(markup: str) -> str:
    return f"<mrow>{markup}</mrow>"


def _accent(part: m.Accent) -> str:
    stretchy = "true" if part.mark == "overline" else "false"
    mark = f'<mo stretchy="{stretchy}">{_OVER[part.mark]}</mo>'
    close = "" if part.mark == "bar" else ' accent="true"'  # an accent would touch a small letter
    return f"<mover{close}>{_grouped(_show(part.inside))}{mark}</mover>"


def _fence(part: m.Fence) -> str:
    left, right = (html.escape(sign) for sign in (part.left, part.right))
    before = f'<mo form="prefix" stretchy="true">{left}</mo>' if left else ""
    after = f'<mo form="postfix" stretchy="true">{right}</mo>' if right else ""
    return f"<mrow>{before}{_show(part.inside)}{after}</mrow>"


def _table(part: m.Table) -> str:
    rows = "".join(
        "<mtr>" + "".join(f"<mtd>{_show(cell)}</mtd>" for cell in row) + "</mtr>" for row in part.rows
    )
    table = f'<mtable class="{part.form}">{rows}</mtable>'
    around = {"cases": ("{", ""), "bmatrix": ("[", "]")}.get(part.form, ("", ""))
    ends = [f'<mo stretchy="true">{sign}</mo>' if sign else "" for sign in around]
    return f"<mrow>{ends[0]}{table}{ends[1]}</mrow>"


def _braced(part: m.Braced) -> str:
    over = f'<munder>{_grouped(_show(part.inside))}<mo stretchy="true">⏟</mo></munder>'
    return f"<munder>{over}{_grouped(_show(part.below))}</munder>"


def _said(part: m.Said) -> str:
    return f"<mtext>{html.escape(part.words).replace(' ', '&#xa0;')}</mtext>"


_PRINT: dict[type, Callable[[Any], str]] = {
    m.Glyph: _glyph,
    m.Row: _row,
    m.Scripts: _scripts,
    m.Ratio: lambda p: f"<mfrac>{_grouped(_show(p.top))}{_grouped(_show(p.bottom))}</mfrac>",
    m.Root: lambda p: f"<msqrt>{_show(p.inside)}</msqrt>",
    m.Accent: _accent,
    m.Fence: _fence,
    m.Said: _said,
    m.Table: _table,
    m.Braced: _braced,
    m.Tinted: lambda p: f'<mrow style="color:{p.colour}">{_show(p.inside)}</mrow>',
    m.Struck: lambda p: f'<mrow class="struck">{_show(p.inside)}</mrow>',
    m.Keyed: lambda p: f'<mrow data-s="{html.escape(p.key, quote=True)}">{_show(p.inside)}</mrow>',
}
