"""Derivations in LaTeX: fragments, documents, slides, and what a notebook shows.

Enters: documents. Leaves: LaTeX that needs amsmath, cancel and xcolor; with a computation graph tikz.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from symdl.explain.documents.layout import Layout
from symdl.explain.documents.record import Spelling, record, section_record
from symdl.explain.drawings.tikz import graph_tikz
from symdl.explain.notation.tree import Node
from symdl.explain.printers.latex_lines import words_latex
from symdl.explain.sections import Document, Table, Words
from symdl.templating import template


def _as_it_is(source: str, node: Node) -> str:
    return source


LATEX = Spelling(_as_it_is, lambda source, node: f"${source}$", words_latex)
_SLIDES = Spelling(_as_it_is, LATEX.inline, words_latex, room=54)
_ROOM = 7.5  # heights of a line on one slide
_TALL = (r"\frac", r"\sum", r"\prod", r"\begin", r"\underbrace", r"\left")


def latex_body(
    document: Document, layout: Layout | None = None, *, name: str = "", graph: bool = False
) -> str:
    """Return headings, tables and aligned lines, for a document that loads amsmath, cancel and xcolor."""
    layout = layout or Layout()
    drawing = graph_tikz(document.graph) if graph else ""
    data = record(document, LATEX, name=name)
    for section, given in zip(data["sections"], document.shown, strict=True):
        section["drawing"] = drawing if _has_graph(given) else ""
    return template("latex/body.tex.jinja").render(**data, between=layout.reasons == "between")


def _has_graph(section: object) -> bool:
    return isinstance(section, Table) and section.title == "Computation graph"


def latex_document(title: Words, documents: Sequence[Document], layout: Layout) -> str:
    """Return a complete LaTeX document, or slides."""
    if layout.slides:
        return latex_slides(title, documents)
    several = len(documents) > 1
    bodies = [
        latex_body(d, layout, name=f"{n}-" if several else "", graph=True) for n, d in enumerate(documents)
    ]
    heading = LATEX.sentence(title) if several else ""
    drawn = any("tikzpicture" in body for body in bodies)
    return template("latex/document.tex.jinja").render(heading=heading, bodies=bodies, drawn=drawn)


def latex_slides(title: Words, documents: Sequence[Document]) -> str:
    """Return slides: a frame for each section or part of one, its lines one after the other."""
    frames = [frame for document in documents for frame in _frames(document)]
    drawn = any(frame["drawing"] for frame in frames)
    heads = [LATEX.sentence(d.title) for d in documents] if len(documents) > 1 else []
    return template("latex/slides.tex.jinja").render(
        title=LATEX.sentence(title), frames=frames, drawn=drawn, heads=heads
    )


def _frames(document: Document) -> Iterator[dict[str, Any]]:
    drawing = graph_tikz(document.graph)
    empty = {"words": "", "rows": [], "header": [], "cells": [], "entries": [], "drawing": ""}
    for number, section in enumerate(document.shown):
        data = section_record(section, _SLIDES, str(number))
        shared = {**empty, "title": data["title"], "document": LATEX.sentence(document.title)}
        if _has_graph(section) and drawing:
            yield {**shared, "drawing": drawing}
        for start in range(0, len(data["rows"]), 8):
            yield {**shared, "header": data["header"], "cells": data["rows"][start : start + 8]}
        if data["entries"]:
            yield {**shared, "words": data["words"], "entries": data["entries"]}
        for n, lines in enumerate(_filled(data["lines"])):
            yield {**shared, "words": "" if n else data["words"], "rows": list(_rows(lines))}


def _filled(lines: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lines in groups of about the same height, none higher than a slide."""
    heights = [_height(line) for line in lines]
    slides = math.ceil(sum(heights) / _ROOM)
    share = sum(heights) / max(slides, 1)
    group: list[dict[str, Any]] = []
    used = 0.0
    for line, high in zip(lines, heights, strict=True):
        if group and (used + high > _ROOM or used + high / 2 > share):
            yield group
            group, used = [], 0.0
            if not line["left"]:
                line = {**line, "left": line["again"]}
        group.append(line)
        used += high
    if group:
        yield group


def _height(line: dict[str, Any]) -> float:
    """How high a line is on a slide, in lines without fractions."""
    rows = [1.7 if any(mark in row for mark in _TALL) else 1.0 for row in (line["right"], *line["more"])]
    return sum(rows) + 0.6 * len(line["notes"])


def _rows(lines: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for n, line in enumerate(lines, start=1):
        yield {**line, "when": f"<{n}->", "last": n == len(lines)}


def latex_cell(document: Document) -> str:
    """Return what a notebook shows: all lines as one aligned block."""
    data = record(document, LATEX)
    lines = [line for section in data["sections"] for line in section["lines"]]
    return template("latex/cell.tex.jinja").render(lines=lines)
