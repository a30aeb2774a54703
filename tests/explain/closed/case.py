"""One closed form: what is derived, and how a textbook writes the result."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

import symdl as sd
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation import tree as t
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines, Step
from symdl.express.tensors import Access


@dataclass(frozen=True)
class Case:
    """A function, what it is differentiated with respect to, and the textbook's derivative.

    Attributes:
        name: says what it is.
        make: returns the function and the variable.
        book: the textbook's form, in the notation of a page as text.
        prints: what the page prints where that is another form.
        options: of `sd.derive`, such as facts.
        positive: names of inputs whose values are drawn positive.
        shares: names of inputs whose last axis is drawn as probabilities.
    """

    name: str
    make: Callable[[], tuple[Any, Any]]
    book: str
    prints: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    positive: str = ""
    shares: str = ""

    def derived(self) -> Derivation:
        """Return the derivation."""
        f, x = self.make()
        return sd.derive(f, x, **self.options)

    def is_array(self) -> bool:
        """Say whether the function is a tensor, not an expression in symbols."""
        return isinstance(self.make()[0], sd.Tensor)

    @property
    def expected(self) -> str:
        """What a page prints."""
        return self.prints or self.book


def last(derivation: Derivation) -> Step:
    """Return the last line of a derivation that is its result."""
    lines = [x for x in derivation.sections if isinstance(x, Lines) and x.steps]
    ends = [s for x in lines for s in x.steps if s.kind == "result"]
    return ends[-1] if ends else lines[-1].steps[-1]


def shown(derivation: Derivation) -> str:
    """Return the result as a line of text."""
    return text(last(derivation).right)


def is_closed(derivation: Derivation) -> bool:
    """Say whether the last line is over the given symbols alone, without indices."""
    if not isinstance(derivation.result, sd.Tensor):
        return True
    steps = [s for x in derivation.sections if isinstance(x, Lines) for s in x.steps]
    hot = {s.left.tensor for s in steps if s.rule == "one-hot rows" and isinstance(s.left, t.Item)}
    for part in t.walk(last(derivation).right):
        if isinstance(part, t.Item | t.Big | t.Delta | t.Entry):
            return False
        named = part.tensor if isinstance(part, t.Array) else None
        if isinstance(part, t.Symbol) and isinstance(part.expr, Access):
            named = part.expr.tensor
        if named is not None and named.name is None and named not in hot:
            return False
    return True


def length(line: str) -> int:
    """Count the symbols of a line: brackets and dots of products are free, an accent counts nothing."""
    line = re.sub(r"[\s()·]", "", line)
    return len(re.findall(r"[a-z]{2,}|[\d.]+|.", line)) - sum(line.count(mark) for mark in "\u0304\u0302")


__all__ = ["Case", "is_closed", "last", "length", "shown", "sp"]
