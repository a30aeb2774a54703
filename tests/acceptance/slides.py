"""What the acceptance tests share: how a line is read, and when two formulas are the same."""

from __future__ import annotations

import re

from symdl.explain.documents.derivation import Derivation
from symdl.explain.printers.latex import latex
from symdl.explain.sections import Lines


def squeezed(text: str) -> str:
    """LaTeX without the spacing and the braces that change nothing."""
    text = re.sub(r"\\left|\\right|\\,|\s|\[4pt\]", "", text)
    return re.sub(r"([_^])\{(.)\}", r"\1\2", text)


def same(shown: str, slide: str) -> None:
    """Two formulas are the same up to spacing."""
    assert squeezed(shown) == squeezed(slide)


def lines_of(derivation: Derivation, title: str | None = None) -> list[str]:
    """Every line, or those of one section: ``left = right``, the left side only where there is one."""
    sections = [s for s in derivation.shown if isinstance(s, Lines) and title in (None, s.title)]
    return [
        (latex(step.left) + " " if step.left is not None else "") + "= " + latex(step.right)
        for section in sections
        for step in section.steps
    ]
