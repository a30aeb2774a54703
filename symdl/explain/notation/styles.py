r"""How the user wants symbols to be set: other letters, and colours.

Enters: for a name a `Style`. Leaves: a `Label`. A LaTeX alias is read, not pasted: it is taken apart into
what a label can say, and anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from symdl.errors import ExplainError
from symdl.explain.notation.names import GREEK, label_of
from symdl.explain.notation.tree import Label

_FONTS = ("mathbf", "mathcal", "mathrm", "mathsf")
_ACCENTS = ("bar", "dot", "hat", "tilde", "vec")
_WRAPPED = re.compile(rf"\\({'|'.join((*_FONTS, *_ACCENTS))})(?:\{{(.+)\}}|\s*([A-Za-z])|\s*(\\[A-Za-z]+))")
_SUB = re.compile(r"(.+?)_(?:([A-Za-z0-9])|\{([A-Za-z0-9,+]+)\}|(\\[A-Za-z]+))")


@dataclass(frozen=True, slots=True)
class Style:
    r"""How a symbol is set.

    Attributes:
        latex: a letter, a Greek letter, or a word in ``\mathrm``, in ``\mathbf``, ``\mathcal`` or ``\mathsf``
            if wished, under accents, with a subscript: ``\mathcal{X}_1``, ``\hat\theta``. None keeps
            the name's own form.
        colour: such as ``#0B6E4F``; None keeps the colour of the text.
    """

    latex: str | None = None
    colour: str | None = None


def label_styled(name: str, style: Style) -> Label:
    """Return the label of a name in a style.

    Raises:
        ExplainError: the alias says more than a label can, or the colour is none.
    """
    label = label_of(name) if style.latex is None else _read(style.latex.strip(), style.latex)
    if style.colour is None:
        return label
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", style.colour):
        raise ExplainError(f"{style.colour!r} is no colour", cure="write it as #0B6E4F")
    return replace(label, color=style.colour.upper())


def labels_styled(styles: Mapping[str, Style]) -> dict[str, Label]:
    """Return the labels of names."""
    return {name: label_styled(name, style) for name, style in styles.items()}


def _read(text: str, whole: str) -> Label:
    sub = _SUB.fullmatch(text)
    if sub:
        below = sub[2] or sub[3] or sub[4]
        below = _greek(below, whole) if below.startswith("\\") else below
        inner = _read(sub[1], whole)
        if not inner.sub:
            return replace(inner, sub=(below,))
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped:
        command, inside = wrapped[1], wrapped[2] or wrapped[3] or wrapped[4]
        if command == "mathrm":
            if re.fullmatch(r"[A-Za-z0-9]+", inside):
                return Label(inside, verbatim=True)
            raise _refused(whole)
        inner = _read(inside, whole)
        if command in _ACCENTS:
            return replace(inner, accents=(*inner.accents, command))  # type: ignore[arg-type]
        if not inner.sub and not inner.accents and not inner.font:
            return replace(inner, font=command)
    if re.fullmatch(r"[A-Za-z]", text):
        return Label(text)
    return Label(_greek(text, whole))


def _greek(text: str, whole: str) -> str:
    name = "epsilon" if text == r"\varepsilon" else text[1:]
    if not text.startswith("\\") or name not in GREEK:
        raise _refused(whole)
    return name


def _refused(whole: str) -> ExplainError:
    return ExplainError(
        f"{whole!r} cannot be a symbol's LaTeX",
        cure=r"use a letter or Greek letter, \mathbf, \mathcal, \mathsf or \mathrm, accents, and a subscript",
    )
