"""LaTeX drawn as SVG, through the extra ``html``.

Enters: LaTeX for mathematics mode. Leaves: markup for a page that needs neither script nor font.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any

from symdl.errors import ExplainError, require_extra


@lru_cache(maxsize=1)
def _renderer() -> Any:
    return require_extra("quickjax", "html").MathJaxRenderer()


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
    return re.sub(r"<svg ", '<svg aria-hidden="true" ', found[0], count=1)


def draw(source: str, spoken: str, *, display: bool = True) -> str:
    """Return a formula as markup; `spoken` is read aloud in its place.

    Raises:
        MissingExtraError: the extra ``html`` is not installed.
        ExplainError: the formula cannot be drawn.
    """
    label = html.escape(spoken, quote=True)
    return f'<span class="m" role="math" aria-label="{label}">{_svg(source, display)}</span>'
