"""How a file is laid out: the options of all formats, in one record.

Enters: what a caller wishes. Leaves: a `Layout`, checked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, Literal

from symdl.errors import ExplainError


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is laid out.

    Attributes:
        slides: frames on which the lines appear one after the other, for .tex and .pdf.
        numbers: number the lines that later lines use; each reason says which ones it uses.
        reasons: ``"beside"`` the lines, or as words ``"between"`` them.
        math: on a page, formulas as ``"svg"``, which looks the same everywhere and needs the extra
            ``html``, or as ``"mathml"``, which browsers draw; by default what is there.
        reveal: on a page with blanks, whether a click shows the answer; without, it is not in the file.
    """

    slides: bool = False
    numbers: bool = False
    reasons: Literal["beside", "between"] = "beside"
    math: Literal["svg", "mathml"] | None = None
    reveal: bool = True


_CHOICES: dict[str, tuple[Any, ...]] = {
    "slides": (True, False),
    "numbers": (True, False),
    "reasons": ("beside", "between"),
    "math": ("svg", "mathml", None),
    "reveal": (True, False),
}


def layout_of(options: dict[str, Any], suffix: str, used: Collection[str]) -> Layout:
    """Return the layout that options ask for.

    Raises:
        ExplainError: an option or its value is unknown, or says nothing about files with that ending.
    """
    names = [field.name for field in fields(Layout)]
    for name, value in options.items():
        if name not in names:
            raise ExplainError(f"{name} is no option of a file", cure=f"use one of {', '.join(names)}")
        if value not in _CHOICES[name]:
            choices = ", ".join(map(repr, _CHOICES[name]))
            raise ExplainError(f"{name} cannot be {value!r}", cure=f"use one of {choices}")
        if name not in used:
            known = ", ".join(n for n in names if n in used)
            cure = f"leave it out; these are known there: {known}" if known else "leave it out"
            raise ExplainError(f"{name} says nothing about a {suffix} file", cure=cure)
    return Layout(**options)
