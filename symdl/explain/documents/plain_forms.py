"""Derivations as Markdown, notebooks, Typst, JSON.

Enters: documents. Leaves: text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from symdl.explain.documents.record import Spelling, reason, record
from symdl.explain.notation.tree import Node
from symdl.explain.printers.latex import latex
from symdl.explain.printers.latex_lines import words_latex
from symdl.explain.printers.text import text
from symdl.explain.printers.text_page import sentence
from symdl.explain.printers.typst import quoted, typst
from symdl.explain.sections import Document, Lines, Step, Words
from symdl.templating import template


def _web(source: str, node: Node) -> str:
    """LaTeX as MathJax and KaTeX read it; who reads no formulas finds neither tags nor links in it."""
    source = re.sub(r"<(?=[A-Za-z/!?])|\](?=\()", r"\g<0> ", source)
    return re.sub(r"\\textcolor\[HTML\]\{", r"\\textcolor{#", source)


def _markdown_words(words: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|$])", r"\\\1", words)


def _in_formula(words: str) -> str:
    """Words inside a formula; those in Greek and signs leave the text for a moment."""
    outside = re.sub(r"[$](.*?)[$]", r"}\1\\text{", words_latex(words))
    return rf"\text{{{outside}}}" if words else ""


_BECAUSE = Spelling(_web, _web, _in_formula)
MARKDOWN = Spelling(_web, lambda s, node: f"${_web(s, node)}$", _markdown_words, reasons=_BECAUSE)


def _typst_words(words: str) -> str:
    return f"#{quoted(words)}" if words else ""


TYPST = Spelling(lambda s, node: typst(s), lambda s, node: f"${typst(s)}$", _typst_words)


def markdown(title: Words, documents: Sequence[Document]) -> str:
    """Return Markdown whose formulas stand between dollar signs."""
    several = len(documents) > 1
    parts = [
        {
            "heading": MARKDOWN.sentence(d.title) if several else "",
            "sections": [{"text": part} for part in _markdown_sections(d, "###" if several else "##")],
        }
        for d in documents
    ]
    return template("markdown/page.md.jinja").render(title=MARKDOWN.sentence(title), documents=parts)


def _markdown_sections(document: Document, marks: str) -> list[str]:
    page = template("markdown/section.md.jinja")
    return [page.render(**s, marks=marks).strip() for s in record(document, MARKDOWN)["sections"]]


def notebook(title: Words, documents: Sequence[Document]) -> str:
    """Return a notebook with one cell for each section."""
    texts = [f"# {MARKDOWN.sentence(title)}"]
    for document in documents:
        if len(documents) > 1:
            texts.append(f"## {MARKDOWN.sentence(document.title)}")
        texts += _markdown_sections(document, "###" if len(documents) > 1 else "##")
    cells = [
        {"cell_type": "markdown", "id": f"cell-{n}", "metadata": {}, "source": one.splitlines(keepends=True)}
        for n, one in enumerate(texts)
    ]
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def typst_document(documents: Sequence[Document]) -> str:
    """Return a Typst document."""
    data = [record(d, TYPST) for d in documents]
    for one in data:
        for section in one["sections"]:
            section["columns"] = len(section["header"])
    return template("typst/document.typ.jinja").render(documents=data)


def data_of(document: Document) -> Mapping[str, Any]:
    """Return the derivation as plain data."""
    return {
        "title": sentence(document.title, ascii=False),
        "depth": document.depth,
        "result": str(document.result),
        "sections": [
            {
                "title": sentence(s.title, ascii=False),
                "words": sentence(s.words, ascii=False),
                "steps": [_step_data(step) for step in s.steps],
            }
            if isinstance(s, Lines)
            else {
                "title": sentence(s.title, ascii=False),
                "words": sentence(s.words, ascii=False),
                "header": list(s.header),
                "rows": [
                    [sentence(c if isinstance(c, tuple) else (c,), ascii=False) for c in row]
                    for row in s.rows
                ],
            }
            for s in document.shown
        ],
    }


def _step_data(step: Step) -> dict[str, Any]:
    asked = not step.answered
    right = "" if asked and step.blank in ("right", "both") else text(step.right)
    rule = "" if asked and step.blank in ("rule", "both") else sentence(reason(step), ascii=False)
    return {
        "rule": rule,
        "kind": step.kind,
        "level": step.level,
        "relation": step.relation,
        "left": None if step.left is None else text(step.left),
        "right": right,
        "latex": {
            "left": "" if step.left is None else latex(step.left),
            "right": latex(step.right) if right else "",
        },
        "number": step.number,
        "uses": list(step.uses),
        "notes": [sentence(note, ascii=False) for note in step.notes],
    }
