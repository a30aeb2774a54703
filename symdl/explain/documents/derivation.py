"""A derivation: a document that shows itself and saves itself.

Enters: what `symdl.explain.derive` found. Leaves: `Derivation`: text, LaTeX, a page, a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from symdl.explain.documents.blanks import Hide, answered, blanked
from symdl.explain.documents.files import save
from symdl.explain.documents.layout import Layout
from symdl.explain.documents.pages import html_cell, html_page
from symdl.explain.documents.plain_forms import data_of
from symdl.explain.documents.tex import latex_body, latex_cell
from symdl.explain.printers.text_page import plain
from symdl.explain.sections import Document


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Derivation(Document):
    """What was derived. Printing it shows it; a notebook shows mathematics.

    Its attributes are those of `Document`.
    """

    def latex(self) -> str:
        """Return the LaTeX of the whole derivation: headings, tables and `align*` blocks."""
        return latex_body(self)

    def text(self, *, width: int = 100, ascii: bool = False) -> str:
        """Return the derivation as text of at most `width` columns, in Unicode or in ASCII."""
        return plain(self, width=width, ascii=ascii)

    def html(self) -> str:
        """Return a self-contained page; its formulas are SVG with the extra ``html``, else MathML."""
        return html_page(self.title, [self], Layout(), self.depth)

    def data(self) -> Mapping[str, Any]:
        """Return the derivation as dictionaries and lists, ready for JSON."""
        return data_of(self)

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write the derivation to a file, in the format that its ending names, whole or not at all.

        Endings: .tex, .pdf (by the TeX that is installed), .html, .md, .ipynb, .typ (Typst), .txt, .json.

        Args:
            path: where; folders that are missing are made.
            options: how, where the format knows it: ``slides=True`` (.tex, .pdf: frames, line by line),
                ``numbers=True`` (lines that others use are numbered, reasons say which they use),
                ``reasons="between"`` (.tex, .pdf: words between the lines), ``math="mathml"`` or ``"svg"``
                (.html), ``reveal=False`` (.html: answers to blanks are not in the page).

        Raises:
            ExplainError: another ending or option, or TeX that is missing.
            MissingExtraError: ``math="svg"`` without the extra ``html``.
            DataError: the file cannot be written.
        """
        return save(Path(path), self.title, [self], self.depth, options)

    def worksheet(self, *, hide: Hide = "derivatives") -> Worksheet:
        """Return this derivation as an exercise: a page with blanks, and its key.

        Args:
            hide: ``"derivatives"``: the right sides of all lines that are derivatives; ``"reasons"``;
                ``"both"``; ``"result"``: the result, wherever it stands; the names of tensors or sections
                (``["second.Z"]``: all lines that define it or its bar); or a function of a `Step`.

        Raises:
            ExplainError: nothing on the page is hidden by that.
        """
        sections = blanked(self, hide)
        page = replace(self, title=("Exercise: ", *self.title), sections=sections)
        key = replace(self, title=("Answers: ", *self.title), sections=answered(sections))
        return Worksheet(page, key)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_latex_(self) -> str:
        return latex_cell(self)

    def _repr_html_(self) -> str | None:
        return html_cell(self)


@dataclass(frozen=True, slots=True, eq=False)
class Worksheet:
    """An exercise and its solution, from one derivation.

    Attributes:
        page: the derivation with lines left blank; on an HTML page a click shows each.
        key: the same with the answers, marked as such.
    """

    page: Derivation
    key: Derivation

    def save(self, path: str | Path, **options: Any) -> tuple[Path, Path]:
        """Write the page to `path` and the key beside it: ``ex.pdf`` and ``ex-key.pdf``.

        Endings, options and errors are those of `Derivation.save`.
        """
        file = Path(path)
        beside = file.with_name(f"{file.stem}-key{file.suffix}")
        return self.page.save(file, **options), self.key.save(beside, **options)

    def __str__(self) -> str:
        return self.page.text()
