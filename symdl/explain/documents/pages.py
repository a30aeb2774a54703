"""Derivations as pages for a browser, and for a notebook.

Enters: documents. Leaves: one self-contained page, whose formulas are drawn when it is made. Symbols carry
keys, by which the page's script shows what one is, where it is defined and what it is used in.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symdl.errors import MissingExtraError
from symdl.explain.documents.formulas import Form, draw, form_of
from symdl.explain.documents.layout import Layout
from symdl.explain.documents.record import Spelling, lefts, section_record
from symdl.explain.drawings.graph import graph_svg
from symdl.explain.drawings.network import layer_svg, layers_of
from symdl.explain.notation.tree import Array, Item, Node, Symbol, mapped
from symdl.explain.printers.text import text
from symdl.explain.printers.text_page import sentence
from symdl.explain.sections import Depth, Document, Section, Table, Words
from symdl.express.dims import Dim, Index
from symdl.express.tensors import Tensor
from symdl.templating import template

_DEPTHS: tuple[tuple[Depth, str], ...] = (("result", "result"), ("key", "key lines"), ("all", "every step"))
_COLOURS = ("#0b5fa5", "#b3541e", "#0b7a4b", "#8a3ffc", "#a11c52", "#7a6a00", "#00748a", "#8d4a9a")
"""Of the nodes of a graph; they are read on white and, made lighter, on black."""


@dataclass(slots=True)
class Keys:
    """The keys of the symbols on a page, and what is said of each: its name, its shape, what a bar is of."""

    found: dict[Any, str] = field(default_factory=dict)
    about: dict[str, dict[str, str]] = field(default_factory=dict)

    def of(self, node: Node) -> str:
        """Return the key of a symbol that names a value; of an index, a size or a mere name nothing."""
        what = _value_of(node)
        if what is None:
            return ""
        if what not in self.found:
            key = self.found[what] = f"{len(self.found)}"
            label = getattr(node, "label", None)
            name = text(Symbol(replace(label, key=""))) if label is not None else ""
            self.about[key] = {"name": name, "shape": _shape(what), "of": ""}
            inner = what.of if isinstance(what, Tensor) and what.role == "cotangent" else None
            if inner is not None:
                self.about[key]["of"] = self.found.get(inner, "")
        return self.found[what]

    def marked(self, node: Node) -> Node:
        """Return a formula whose symbols carry their keys."""

        def mark(part: Node) -> Node | None:
            if not isinstance(part, Item | Array | Symbol) or part.label.key:
                return None
            key = self.of(part)
            if not key:
                return None
            label = replace(part.label, key=key)
            if isinstance(part, Item):
                return replace(part, label=label, indices=tuple(map(self.marked, part.indices)))
            return replace(part, label=label)

        return mapped(node, mark)


def _value_of(node: Node) -> Any:
    if isinstance(node, Item | Array):
        return node.tensor
    if not isinstance(node, Symbol) or node.expr is None or isinstance(node.expr, Index | Dim):
        return None
    tensor = getattr(node.expr, "tensor", None)
    return tensor if tensor is not None else node.expr if node.expr.is_Symbol else None


def _shape(what: Any) -> str:
    if not isinstance(what, Tensor):
        return ""
    return " × ".join(map(str, what.shape)) or "scalar"


def _words(words: str) -> str:
    return html.escape(words)


def spelling_of(form: Form, keys: Keys | None = None) -> Spelling:
    """Return how a page writes: formulas as markup."""
    return Spelling(
        formula=lambda source, node: draw(source, text(node), form=form),
        inline=lambda source, node: draw(source, text(node), display=False, form=form),
        words=_words,
        change=keys.marked if keys is not None else lambda node: node,
    )


def html_page(title: Words, documents: Sequence[Document], layout: Layout, depth: Depth) -> str:
    """Return a page with every step of derivations, of which the reader chooses the depth.

    Raises:
        MissingExtraError: formulas are to be SVG, and the extra ``html`` is not installed.
    """
    form = form_of(layout.math)
    several = len(documents) > 1
    shown: list[dict[str, Any]] = []
    keys = Keys()
    for place, document in enumerate(documents):
        spelling = spelling_of(form, keys)
        shown.append(
            {
                "heading": spelling.sentence(document.title) if several else "",
                "graph": graph_svg(document.graph, keys.of),
                "layers": _layers(document),
                "sections": [
                    _section(s, spelling, f"{place}-{n}" if several else str(n), keys, layout)
                    for n, s in enumerate(document.at("all").shown)
                ],
            }
        )
    depths = [{"name": name, "words": words, "chosen": name == depth} for name, words in _DEPTHS]
    return template("html/page.html.jinja").render(
        title=sentence(title, ascii=False),
        heading=spelling_of(form).sentence(title),
        depths=depths,
        documents=shown,
        tints=_tints(documents, keys),
        symbols=json.dumps(keys.about, ensure_ascii=False).replace("<", "\\u003c"),
    )


def _tints(documents: Sequence[Document], keys: Keys) -> list[dict[str, str]]:
    """A colour for every node of a computation graph, the same in the drawing and in all lines."""
    nodes = [node.name for document in documents if graph_svg(document.graph) for node in document.graph]
    known = dict.fromkeys(filter(None, (keys.of(name) for name in nodes if not _coloured(name))))
    return [{"key": key, "colour": _COLOURS[n % len(_COLOURS)]} for n, key in enumerate(known)]


def _coloured(node: Node) -> bool:
    return bool(node.label.color) if isinstance(node, Symbol) else False


def _layers(document: Document) -> str:
    """The drawing of a network's layers, if there are any that learn."""
    if document.network is None:
        return ""
    learning = [layer for layer in layers_of(document.network) if layer.parameters]
    return layer_svg(document.network) if len(learning) > 1 else ""


def _section(section: Section, spelling: Spelling, name: str, keys: Keys, layout: Layout) -> dict[str, Any]:
    data = section_record(section, spelling, name)
    data |= {"id": f"s{name}", "graph": isinstance(section, Table) and section.title == "Computation graph"}
    if isinstance(section, Table):
        return data
    for line, left in zip(data["lines"], lefts(section.steps), strict=True):
        line["defines"] = keys.of(left) if left is not None else ""
        line["reveals"] = layout.reveal
        if line["blank_right"]:
            line["source"] = ""
        if line["blank_right"] and not layout.reveal:
            line.update(right="", more=[])
        if line["blank_rule"] and not layout.reveal:
            line["rule"] = ""
    return data


def html_sections(document: Document, form: Form) -> list[dict[str, Any]]:
    """Return the sections of a derivation for a page of somebody else's.

    The macro ``section_body`` of ``html/lines.html.jinja`` prints each under its ``title``, which is HTML.

    Args:
        form: of formulas, ``"mathml"`` or ``"svg"``.
    """
    spelling = spelling_of(form)
    sections = [_section(s, spelling, str(n), Keys(), Layout()) for n, s in enumerate(document.shown)]
    for line in (line for section in sections for line in section["lines"]):
        line["source"] = ""  # of a button that copies it
    return sections


def html_cell(document: Document) -> str | None:
    """Return the lines for a notebook, or None where the extra ``html`` is missing and LaTeX has to do."""
    try:
        form_of("svg")
    except MissingExtraError:
        return None
    spelling = spelling_of("svg")
    sections = [_section(s, spelling, str(n), Keys(), Layout()) for n, s in enumerate(document.shown)]
    return template("html/cell.html.jinja").render(
        heading=spelling.sentence(document.title), sections=sections
    )
