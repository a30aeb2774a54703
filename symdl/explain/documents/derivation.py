"""A derivation: a document that shows itself and saves itself.

Enters: what `symdl.explain.derive` found. Leaves: `Derivation`: text, LaTeX, a page, a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symdl.explain.documents import files
from symdl.explain.printers.text_page import plain
from symdl.explain.sections import Document


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Derivation(Document):
    """What was derived. Printing it shows it; a notebook shows mathematics.

    Its attributes are those of `Document`.
    """

    def latex(self) -> str:
        """Return the LaTeX of the whole derivation: headings, tables and `align*` blocks."""
        return files.latex_body(self)

    def text(self, *, width: int = 100, ascii: bool = False) -> str:
        """Return the derivation as text of at most `width` columns, in Unicode or in ASCII."""
        return plain(self, width=width, ascii=ascii)

    def html(self) -> str:
        """Return a self-contained page. Needs the extra ``html``."""
        return files.html_page(self)

    def data(self) -> Mapping[str, Any]:
        """Return the derivation as dictionaries and lists, ready for JSON."""
        return files.data(self)

    def save(self, path: str | Path) -> Path:
        """Write the derivation to a file whose ending says how: .tex, .html, .txt or .json.

        The file appears whole or not at all.

        Raises:
            ExplainError: another ending.
            MissingExtraError: .html without the extra ``html``.
        """
        return files.save(self, Path(path))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_latex_(self) -> str:
        return files.latex_cell(self)

    def _repr_html_(self) -> str | None:
        return files.html_cell(self)
