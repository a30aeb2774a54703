"""What a derivation consists of: sections of lines, tables and words, at three depths.

Enters: formulas and reasons. Leaves: `Document`: data that printers, drawings and files read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, Self, TypeAlias

import sympy as sp

from symdl.errors import ExplainError
from symdl.explain.notation.tree import Node
from symdl.express.program import Program
from symdl.express.tensors import Tensor

Depth = Literal["result", "key", "all"]
DEPTHS: tuple[Depth, ...] = ("result", "key", "all")
Words: TypeAlias = tuple[str | Node, ...]
"""A sentence: words and formulas in it."""

Kind = Literal["definition", "graph", "chain", "adjoint", "index", "matrix", "rewrite", "result", "check"]

Relation = Literal["=", "+=", ":="]


@dataclass(frozen=True, slots=True)
class Step:
    """One line ``left = right``, and why.

    Attributes:
        rule: the reason, at the right of the line.
        left: the left-hand side; None where the line goes on from the one before.
        right: the right-hand side.
        kind: which part of the derivation it belongs to.
        level: the least depth at which it is shown.
        number: an equation number, or nothing.
        relation: ``=``, ``+=`` or ``:=``.
        about: a formula that the reason names.
        uses: the numbers of earlier lines that this one uses.
        notes: remarks that stand below the line: shapes, values.
        blank: what a reader is to fill in: the right-hand side, the reason, or both.
        answered: whether what is blank is shown as an answer.
    """

    rule: str
    left: Node | None
    right: Node
    kind: Kind = "chain"
    level: Depth = "key"
    number: str = ""
    relation: Relation = "="
    about: Node | None = None
    uses: tuple[str, ...] = ()
    notes: tuple[Words, ...] = ()
    blank: Literal["", "right", "rule", "both"] = ""
    answered: bool = False


class Deferred(Sequence[Step]):
    """Lines that are made when somebody first looks at them; at most depths nobody does."""

    def __init__(self, make: Callable[[], Sequence[Step]]) -> None:
        self._make = cache(lambda: tuple(make()))

    def __len__(self) -> int:
        return len(self._make())

    def __getitem__(self, place: Any) -> Any:
        return self._make()[place]


@dataclass(frozen=True, slots=True)
class Lines:
    """A section of aligned lines, under a title, after a sentence."""

    title: str | Words
    steps: Sequence[Step]
    words: Words = ()
    level: Depth = "key"


@dataclass(frozen=True, slots=True)
class Table:
    """A section with a table; cells are words, formulas, or sentences of both."""

    title: str | Words
    header: tuple[str, ...]
    rows: tuple[tuple[str | Node | Words, ...], ...]
    words: Words = ()
    level: Depth = "key"


Section: TypeAlias = Lines | Table


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of a computation graph: its name, its operation and the edges that lead to it."""

    name: Node
    operation: Node
    edges: tuple[tuple[int, Node], ...]
    given: bool = False


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Document:
    """What was derived, as data.

    Attributes:
        title: the heading, as words and formulas.
        sections: all lines and tables, whatever the depth.
        result: for a scalar function its derivative as a SymPy expression; for a tensor the gradient tensor.
        depth: what is shown: ``result``, ``key`` lines, or ``all`` steps.
        program: computes everything that the lines speak of.
        graph: the computation graph, if it is small enough to draw.
        where: for a scalar function too long to be written out, the intermediates that `result` names, in
            the order in which they can be computed.
        network: for a network its loss, of whose layers a page shows a drawing.
    """

    title: Words
    sections: tuple[Section, ...]
    result: Any
    depth: Depth = "key"
    program: Program | None = None
    graph: tuple[GraphNode, ...] = ()
    where: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    network: Tensor | None = None

    def at(self, depth: Depth) -> Self:
        """Return the derivation at another depth.

        Raises:
            ExplainError: there is no such depth.
        """
        if depth not in DEPTHS:
            raise ExplainError(
                f"{depth!r} is no depth of a derivation", cure=f"use one of {', '.join(DEPTHS)}"
            )
        return replace(self, depth=depth)

    @property
    def shown(self) -> tuple[Section, ...]:
        """The sections at this depth, with their lines at this depth; empty ones left out."""
        reach = DEPTHS.index(self.depth)
        kept: list[Section] = []
        for section in self.sections:
            if DEPTHS.index(section.level) > reach:
                continue
            if isinstance(section, Table):
                kept.append(section)
                continue
            steps = _visible(section.steps, reach)
            if steps:
                kept.append(replace(section, steps=steps))
        return tuple(kept)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every line at this depth, in order."""
        return tuple(step for section in self.shown if isinstance(section, Lines) for step in section.steps)


def respelled(sections: Sequence[Section], change: Callable[[Node], Node]) -> tuple[Section, ...]:
    """Return sections with every formula changed; lines that are made later are changed then."""

    def cell(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(map(cell, part))
        return part if isinstance(part, str) else change(part)

    def line(step: Step) -> Step:
        left, about = (side and change(side) for side in (step.left, step.about))
        return replace(step, left=left, right=change(step.right), about=about)

    def section(one: Section) -> Section:
        if isinstance(one, Table):
            return replace(one, rows=cell(one.rows), words=cell(one.words))
        return replace(one, steps=Deferred(lambda: [*map(line, one.steps)]), words=cell(one.words))

    return tuple(map(section, sections))


def _visible(steps: Sequence[Step], reach: int) -> tuple[Step, ...]:
    """Keep the lines of a depth; one that goes on from a hidden line takes over its left side."""
    kept: list[Step] = []
    pending: Node | None = None
    for step in steps:
        if step.left is not None:
            pending = step.left
        if DEPTHS.index(step.level) > reach:
            continue
        kept.append(replace(step, left=pending) if step.left is None and pending is not None else step)
        pending = None
    return tuple(kept)
