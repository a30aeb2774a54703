"""Several derivations in one document.

Enters: a title and derivations. Leaves: one LaTeX document, one page, one text, or a file of any format.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symdl.explain.documents.derivation import Derivation
from symdl.explain.documents.files import save
from symdl.explain.documents.layout import Layout
from symdl.explain.documents.pages import html_page
from symdl.explain.documents.tex import latex_document
from symdl.explain.sections import Depth
from symdl.express.naming import checked_name


@dataclass(frozen=True, slots=True)
class Collection:
    """Derivations under one title, in this order.

    Attributes:
        title: plain words.
        derivations: each at its own depth; on a page the reader chooses one depth for all.
    """

    title: str
    derivations: tuple[Derivation, ...]

    def __post_init__(self) -> None:
        checked_name(self.title, "page")

    def latex(self) -> str:
        """Return a complete LaTeX document."""
        return latex_document((self.title,), self.derivations, Layout())

    def html(self, *, depth: Depth = "all") -> str:
        """Return one page; `depth` is what is shown at first."""
        return html_page((self.title,), self.derivations, Layout(), depth)

    def text(self, *, width: int = 100, ascii: bool = False) -> str:
        """Return all derivations as text."""
        parts = [d.text(width=width, ascii=ascii) for d in self.derivations]
        return "\n\n\n".join([self.title, *parts])

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write a file whose ending says how; it appears whole or not at all.

        Endings and options are those of `Derivation.save`.

        Raises:
            ExplainError: another ending or option, or TeX that is missing.
            MissingExtraError: ``math="svg"`` without the extra ``html``.
            DataError: the file cannot be written.
        """
        return save(Path(path), (self.title,), self.derivations, "all", options)
