"""Formulas on a page: drawn as SVG through the extra ``html``, or as MathML, which browsers draw.

Enters: LaTeX for mathematics mode. Leaves: markup for a page that needs neither script nor font.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any, Literal

from symdl.errors import ExplainError, MissingExtraError, require_extra
from symdl.explain.printers.mathml import mathml

Form = Literal["svg", "mathml"]


@lru_cache(maxsize=1)
def _renderer() -> Any:
    return require_extra("quickjax", "html").MathJaxRenderer()


def form_of(wish: Form | None) -> Form:
    """Return how formulas are drawn: as wished, else as SVG where the extra ``html`` is installed.

    Raises:
        MissingExtraError: SVG is wished, and the extra is not installed.
    """
    if wish == "mathml":
        return wish
    try:
        _renderer()
    except MissingExtraError:
        if wish == "svg":
            raise
        return "mathml"
    return "svg"


@lru_cache(maxsize=4096)
def _svg(source: str, display: bool) -> str:
    web = re.sub(r"\\textcolor\[HTML\]\{", r"\\textcolor{#", source)  # xcolor's form is not MathJax's
    try:
        drawn = str(_renderer().render(web, display=display))
    except RuntimeError as error:
        raise ExplainError("a formula cannot be drawn", expression=source) from error
    found = re.search(r"<svg.*</svg>", drawn, re.DOTALL)
    if found is None or "data-mjx-error" in drawn:
        raise ExplainError("a formula cannot be drawn", expression=source)
    bare = re.sub(r' data-(?:latex|mml-node|mjx-texclass)="[^"]*"', "", found[0])
    return re.sub(r"<svg ", '<svg aria-hidden="true" ', bare, count=1)


def draw(source: str, spoken: str, *, display: bool = True, form: Form = "svg") -> str:
    """Return a formula as markup; `spoken` is read aloud in its place.

    Raises:
        MissingExtraError: the extra ``html`` is not installed, and `form` needs it.
        ExplainError: the formula cannot be drawn.
    """
    if form == "mathml":
        return f'<span class="m">{mathml(source, display=False)}</span>'
    label = html.escape(spoken, quote=True)
    return f'<span class="m" role="math" aria-label="{label}">{_svg(source, display)}</span>'
