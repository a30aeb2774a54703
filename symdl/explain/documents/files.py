"""Derivations as files: the table of formats.

Enters: documents, a path and options. Leaves: a file in the format that its ending names, whole or not at
all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symdl.errors import ExplainError
from symdl.explain.documents.layout import Layout, layout_of
from symdl.explain.documents.pages import html_page
from symdl.explain.documents.pdf import pdf
from symdl.explain.documents.plain_forms import data_of, markdown, notebook, typst_document
from symdl.explain.documents.record import numbered
from symdl.explain.documents.tex import latex_document
from symdl.explain.printers.text_page import plain, sentence
from symdl.explain.sections import Depth, Document, Words
from symdl.files import replacing


@dataclass(frozen=True, slots=True)
class Job:
    """What is written: documents under a title, and how; on a page `depth` is what is shown at first."""

    title: Words
    documents: Sequence[Document]
    layout: Layout
    depth: Depth


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what writes it, and the options that it knows."""

    write: Callable[[Job], str | bytes]
    options: tuple[str, ...] = ()


def _text(job: Job) -> str:
    parts = [plain(d, width=100, ascii=False) for d in job.documents]
    heads = [sentence(job.title, ascii=False)] if len(parts) > 1 else []
    return "\n\n\n".join([*heads, *parts]) + "\n"


def _json(job: Job) -> str:
    several = {"title": sentence(job.title, ascii=False), "derivations": [data_of(d) for d in job.documents]}
    whole = several if len(job.documents) > 1 else data_of(job.documents[0])
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _latex(job: Job) -> str:
    return latex_document(job.title, job.documents, job.layout)


FORMATS: Mapping[str, Format] = {
    ".tex": Format(_latex, ("slides", "numbers", "reasons")),
    ".pdf": Format(lambda job: pdf(_latex(job)), ("slides", "numbers", "reasons")),
    ".html": Format(
        lambda job: html_page(job.title, job.documents, job.layout, job.depth), ("math", "reveal")
    ),
    ".md": Format(lambda job: markdown(job.title, job.documents), ("numbers",)),
    ".ipynb": Format(lambda job: notebook(job.title, job.documents), ("numbers",)),
    ".typ": Format(lambda job: typst_document(job.documents), ("numbers",)),
    ".txt": Format(_text, ("numbers",)),
    ".json": Format(_json, ("numbers",)),
}


def save(
    path: Path, title: Words, documents: Sequence[Document], depth: Depth, options: Mapping[str, Any]
) -> Path:
    """Write derivations in the form that the file's ending names.

    Raises:
        ExplainError: another ending, an option that says nothing about that form, or TeX that is missing.
        MissingExtraError: formulas are to be SVG, and the extra ``html`` is not installed.
        DataError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    form = FORMATS.get(suffix)
    if form is None:
        raise ExplainError(
            f"a derivation cannot be saved as {path.suffix or path.name!r}", cure=f"use {', '.join(FORMATS)}"
        )
    layout = layout_of(dict(options), suffix, form.options)
    if layout.numbers:
        documents = numbered(documents)
    content = form.write(Job(title, documents, layout, depth))
    with replacing(path, parents=True) as file:
        file.write(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path
