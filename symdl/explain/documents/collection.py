"""Several derivations in one document.

Enters: a title and derivations. Leaves: one LaTeX document, one page, or one text.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.documents.files import html_documents, latex_body, write_text
from symdl.explain.printers.latex_lines import words_latex
from symdl.explain.sections import Depth
from symdl.templating import template


@dataclass(frozen=True, slots=True)
class Collection:
    """Derivations under one title, in this order.

    Attributes:
        title: plain words.
        derivations: each at its own depth; on a page the reader chooses one depth for all.
    """

    title: str
    derivations: tuple[Derivation, ...]

    def latex(self) -> str:
        """Return a complete LaTeX document."""
        heading = rf"\begin{{center}}\LARGE {words_latex(self.title)}\end{{center}}"
        bodies = [latex_body(derivation) for derivation in self.derivations]
        return template("latex/document.tex.jinja").render(body="\n\n".join([heading, *bodies]))

    def html(self, *, depth: Depth = "all") -> str:
        """Return one page; `depth` is what is shown at first. Needs the extra ``html``."""
        return html_documents(self.title, html.escape(self.title), self.derivations, depth)

    def text(self, *, width: int = 100, ascii: bool = False) -> str:
        """Return all derivations as text."""
        parts = [d.text(width=width, ascii=ascii) for d in self.derivations]
        return "\n\n\n".join([self.title, *parts])

    def save(self, path: str | Path) -> Path:
        """Write a file whose ending says how: .tex, .html or .txt; it appears whole or not at all.

        Raises:
            ExplainError: another ending.
            MissingExtraError: .html without the extra ``html``.
            DataError: the file cannot be written.
        """
        file = Path(path)
        forms = {".tex": self.latex, ".html": self.html, ".txt": self.text}
        form = forms.get(file.suffix.lower())
        if form is None:
            raise ExplainError(
                f"derivations cannot be saved as {file.suffix or file.name!r}", cure=f"use {', '.join(forms)}"
            )
        write_text(file, form())
        return file
