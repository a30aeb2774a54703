"""Derivations as files: LaTeX, HTML, text, JSON.

Enters: a derivation. Leaves: the LaTeX fragment and document, the self-contained HTML page whose formulas
are drawn when it is made, dictionaries for JSON, and files that appear whole or not at all.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from symdl.errors import ExplainError, MissingExtraError
from symdl.explain.documents.formulas import draw
from symdl.explain.drawings.graph import graph_svg
from symdl.explain.drawings.network import layer_svg, layers_of
from symdl.explain.printers.latex import latex
from symdl.explain.printers.latex_lines import rows_of, rule_latex, sentence_latex
from symdl.explain.printers.text import text
from symdl.explain.printers.text_page import plain, sentence
from symdl.explain.sections import Depth, Document, Lines, Section, Step, Table, Words
from symdl.files import replacing
from symdl.templating import template


def latex_body(derivation: Document) -> str:
    """Return headings, tables and aligned lines, for a document that loads amsmath, cancel and xcolor."""
    return template("latex/body.tex.jinja").render(
        title=sentence_latex(derivation.title), sections=[_tex_section(s) for s in derivation.shown]
    )


def latex_document(derivation: Document) -> str:
    """Return a complete LaTeX document."""
    return template("latex/document.tex.jinja").render(body=latex_body(derivation))


def _tex_section(section: Section) -> dict[str, Any]:
    words = sentence_latex(section.words)
    shared = {"title": section.title, "words": words, "rows": [], "entries": [], "lines": []}
    if isinstance(section, Table):
        rows = [
            [sentence_latex(cell if isinstance(cell, tuple) else (cell,)) for cell in row]
            for row in section.rows
        ]
        return {**shared, **(_tex_table(section.header, rows) if section.header else _tex_entries(rows))}
    lines = [
        {"first": row, "more": more, "rule": row.rule, "number": row.number}
        for row, *more in map(rows_of, section.steps)
    ]
    return {**shared, "lines": lines}


def _tex_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return rows of cells below a header."""
    return {"columns": "l" * len(header), "header": " & ".join(header), "rows": list(map(" & ".join, rows))}


def _tex_entries(rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return rows whose first cell is a name for the others."""
    return {"entries": [{"name": name, "text": " ".join(cells)} for name, *cells in rows]}


def latex_cell(derivation: Document) -> str:
    """Return what a notebook shows: all lines as one aligned block."""
    lines = [line for step in derivation.steps for line in rows_of(step)]
    return template("latex/cell.tex.jinja").render(lines=lines)


def html_page(derivation: Document) -> str:
    """Return a page with every step, of which the reader chooses the depth.

    Raises:
        MissingExtraError: the extra ``html`` is not installed.
    """
    title = derivation.title
    return html_documents(sentence(title, ascii=False), _html_words(title), [derivation], derivation.depth)


def html_documents(title: str, heading: str, derivations: Sequence[Document], depth: Depth) -> str:
    """Return a page with several derivations; `heading` is markup."""
    several = len(derivations) > 1
    documents = [
        {
            "heading": _html_words(d.title) if several else "",
            "graph": graph_svg(d.graph),
            "layers": _layers(d),
            "sections": [
                _html_section(s, f"{place}-{n}" if several else str(n))
                for n, s in enumerate(d.at("all").shown)
            ],
        }
        for place, d in enumerate(derivations)
    ]
    depths = [
        {"name": name, "words": words, "chosen": name == depth}
        for name, words in (("result", "result"), ("key", "key lines"), ("all", "every step"))
    ]
    return template("html/page.html.jinja").render(
        title=title, heading=heading, depths=depths, documents=documents
    )


def _layers(derivation: Document) -> str:
    """The drawing of a network's layers, if there are any that learn."""
    if derivation.network is None:
        return ""
    learning = [layer for layer in layers_of(derivation.network) if layer.parameters]
    return layer_svg(derivation.network) if len(learning) > 1 else ""


def _html_section(section: Section, number: str) -> dict[str, Any]:
    shared = {
        "id": f"s{number}",
        "title": section.title,
        "words": _html_words(section.words),
        "level": section.level,
        "graph": isinstance(section, Table) and section.title == "Computation graph",
    }
    if isinstance(section, Table):
        cells = [
            [_html_words(cell if isinstance(cell, tuple) else (cell,)) for cell in row]
            for row in section.rows
        ]
        return {**shared, "header": section.header, "rows": cells, "lines": []}
    lines = [line for n, step in enumerate(section.steps) for line in _html_step(section, step, n)]
    return {**shared, "header": (), "rows": [], "lines": lines}


def _html_step(section: Lines, step: Step, number: int) -> Iterator[dict[str, Any]]:
    left = section.steps[number].left
    back = number
    while left is None and back > 0:
        back -= 1
        left = section.steps[back].left
    for place, row in enumerate(rows_of(step)):
        first = place == 0
        yield {
            "level": step.level,
            "left": draw(row.left, text(step.left)) if step.left is not None and first else "",
            "again": draw(latex(left), text(left))
            if left is not None and step.left is None and first
            else "",
            "right": draw(row.relation + row.right, text(step.right)),
            "rule": _html_words(_rule_words(step)) if first else "",
            "number": step.number,
            "source": f"{row.left} {row.relation} {row.right}".strip(),
        }


def _rule_words(step: Step) -> Words:
    return (step.rule,) if step.about is None else (f"{step.rule} ", step.about)


def _html_words(words: Words) -> str:
    parts = [html.escape(w) if isinstance(w, str) else draw(latex(w), text(w), display=False) for w in words]
    return "".join(parts)


def html_cell(derivation: Document) -> str | None:
    """Return the lines for a notebook, or None where the extra ``html`` is missing and LaTeX has to do."""
    try:
        whole = derivation
        return template("html/cell.html.jinja").render(
            heading=_html_words(derivation.title),
            sections=[_html_section(s, str(n)) for n, s in enumerate(whole.shown)],
        )
    except MissingExtraError:
        return None


def data(derivation: Document) -> Mapping[str, Any]:
    """Return the derivation as plain data."""
    return {
        "title": sentence(derivation.title, ascii=False),
        "depth": derivation.depth,
        "result": str(derivation.result),
        "sections": [
            {"title": s.title, "steps": [_step_data(step) for step in s.steps]}
            if isinstance(s, Lines)
            else {
                "title": s.title,
                "header": list(s.header),
                "rows": [
                    [sentence(c if isinstance(c, tuple) else (c,), ascii=False) for c in row]
                    for row in s.rows
                ],
            }
            for s in derivation.shown
        ],
    }


def _step_data(step: Step) -> dict[str, Any]:
    return {
        "rule": step.rule if step.about is None else f"{step.rule} {text(step.about)}",
        "kind": step.kind,
        "level": step.level,
        "relation": step.relation,
        "left": None if step.left is None else text(step.left),
        "right": text(step.right),
        "latex": {"left": "" if step.left is None else latex(step.left), "right": latex(step.right)},
    }


def save(derivation: Document, path: Path) -> Path:
    """Write a derivation in the form that the file's ending names.

    Raises:
        ExplainError: another ending.
        DataError: the file cannot be written.
    """
    forms = {
        ".tex": lambda: latex_document(derivation),
        ".html": lambda: html_page(derivation),
        ".txt": lambda: plain(derivation, width=100, ascii=False) + "\n",
        ".json": lambda: json.dumps(data(derivation), indent=2, ensure_ascii=False) + "\n",
    }
    form = forms.get(path.suffix.lower())
    if form is None:
        raise ExplainError(
            f"a derivation cannot be saved as {path.suffix or path.name!r}", cure=f"use {', '.join(forms)}"
        )
    write_text(path, form())
    return path


def write_text(path: Path, content: str) -> None:
    """Write a text file whole or not at all; folders that are missing are made.

    Raises:
        DataError: it cannot be written.
    """
    with replacing(path, parents=True) as file:
        file.write(content.encode("utf-8"))


__all__ = [
    "data",
    "html_cell",
    "html_page",
    "latex_body",
    "latex_cell",
    "latex_document",
    "rule_latex",
    "save",
]
