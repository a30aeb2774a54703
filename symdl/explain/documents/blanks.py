"""Which lines of a derivation a reader is to fill in.

Enters: a document and what to hide. Leaves: its sections with those lines blank; nothing else on the page
holds what was hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from symdl.errors import ExplainError
from symdl.explain.documents.record import lefts
from symdl.explain.notation.tree import Array, Call, Gradient, Item, Node, Partial, Symbol
from symdl.explain.printers.text import text
from symdl.explain.sections import Document, Lines, Section, Step
from symdl.express.tensors import Access, Tensor

Hide: TypeAlias = (
    Literal["derivatives", "reasons", "both", "result"] | Collection[str] | Callable[[Step], bool]
)
"""What is left blank: right sides of derivatives, reasons, both, the result; lines by name or by a test."""

_WORDS = ("derivatives", "reasons", "both", "result")


def blanked(document: Document, hide: Hide) -> tuple[Section, ...]:
    """Return the shown sections, what is hidden in them blank; deeper ones are left out.

    Raises:
        ExplainError: `hide` names nothing on the page.
    """
    kind: Literal["right", "rule", "both"] = "right"
    if isinstance(hide, str):
        if hide not in _WORDS:
            known = ", ".join(map(repr, _WORDS))
            raise ExplainError(
                f"{hide!r} cannot be hidden", cure=f"use {known}, a list of names, or a function"
            )
        kind = "rule" if hide == "reasons" else "both" if hide == "both" else "right"
    shown = document.shown
    chosen = [_chosen(section, hide) if isinstance(section, Lines) else () for section in shown]
    if not any(map(any, chosen)):
        names = ", ".join(dict.fromkeys(name for s in shown if isinstance(s, Lines) for name in _names_in(s)))
        raise ExplainError(f"{hide!r} hides no line of the page", cure=f"use some of {names}")
    if kind == "rule":
        return tuple(_marked(s, marks, kind) for s, marks in zip(shown, chosen, strict=True))
    hidden = [
        step.right
        for section, marks in zip(shown, chosen, strict=True)
        if isinstance(section, Lines)
        for step, mark in zip(section.steps, marks, strict=True)
        if mark
    ]
    return tuple(
        _marked(
            section,
            [mark or step.right in hidden for step, mark in zip(section.steps, marks, strict=True)],
            kind,
        )
        if isinstance(section, Lines)
        else section
        for section, marks in zip(shown, chosen, strict=True)
    )


def _chosen(section: Lines, hide: Hide) -> Sequence[bool]:
    whose = lefts(section.steps)
    pairs = list(zip(section.steps, whose, strict=True))
    if callable(hide):
        return [bool(hide(step)) for step in section.steps]
    if hide == "result":
        return [step.kind == "result" for step in section.steps]
    if isinstance(hide, str):
        return [left is not None and is_derivative(left) and not _is_start(step) for step, left in pairs]
    wanted = set(hide)
    return [
        section.title in wanted or (left is not None and bool(wanted & _names(left))) for _, left in pairs
    ]


def _is_start(step: Step) -> bool:
    """Say whether a line is the seed, which nobody derives."""
    return step.rule == "where we start"


def is_derivative(left: Node) -> bool:
    """Say whether what stands at the left of a line is a derivative."""
    tensor = tensor_of(left)
    if tensor is not None and tensor.role == "cotangent":
        return True
    barred = isinstance(left, Symbol | Item | Array) and "bar" in left.label.accents
    moving = isinstance(left, Call) and left.name == "differential"
    return barred or moving or isinstance(left, Partial | Gradient)


def tensor_of(node: Node) -> Tensor | None:
    """Return the tensor that a left side defines."""
    if isinstance(node, Item | Array):
        return node.tensor
    if isinstance(node, Symbol) and isinstance(node.expr, Access):
        return node.expr.tensor
    return None


def _names(left: Node) -> set[str]:
    """The names under which a line can be hidden: what is printed, the tensor, what a bar is of."""
    found = {text(left)}
    tensor = tensor_of(left)
    if tensor is not None:
        found |= {str(t.name) for t in (tensor, tensor.of) if t is not None and t.name is not None}
    if isinstance(left, Item | Array | Symbol):
        found.add(text(Symbol(left.label)))
        found.add(text(Symbol(replace(left.label, accents=()))))
    if isinstance(left, Partial):
        found.add(text(left.bottom))
    return found


def _names_in(section: Lines) -> list[str]:
    return [name for left in lefts(section.steps) if left is not None for name in sorted(_names(left))[-1:]]


def _marked(section: Section, marks: Sequence[bool], kind: Literal["right", "rule", "both"]) -> Section:
    if not isinstance(section, Lines):
        return section
    steps = [
        replace(step, blank=kind) if mark and (kind != "rule" or step.rule) else step
        for step, mark in zip(section.steps, marks, strict=True)
    ]
    return replace(section, steps=steps)


def answered(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Return sections in which the blanks are filled in, and marked as answers."""
    return tuple(
        replace(s, steps=[replace(step, answered=bool(step.blank)) for step in s.steps])
        if isinstance(s, Lines)
        else s
        for s in sections
    )
