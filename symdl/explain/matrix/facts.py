"""Declared equations used in a matrix formula: ``U' U`` is I, ``|w|^2`` is 1, ``P P`` is P.

Enters: a tidy formula; the two sides of each fact as formulas. Leaves: the formula with left sides replaced
by right sides where that shortens it; and which facts were used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symdl.explain.matrix.algebra import multiply, transposed
from symdl.explain.matrix.sums import size_of
from symdl.explain.notation.tree import Multiply, Negative, Node, Terms, mapped

_ROUNDS = 8  # of replacements; each makes a formula shorter


@dataclass(frozen=True, slots=True)
class Known:
    """An equation between two formulas: ``left`` may be replaced by ``right``."""

    left: Node
    right: Node


def with_facts(
    node: Node, facts: Sequence[Known], tidy: Callable[[Node], Node]
) -> tuple[Node, tuple[Known, ...]]:
    """Return a shorter formula of the same value, and the facts that it needs."""
    used: dict[Known, None] = {}
    for _ in range(_ROUNDS):
        found = next(((f, new) for f in facts if (new := _shorter(node, f, tidy)) is not None), None)
        if found is None:
            break
        used[found[0]] = None
        node = found[1]
    return node, tuple(used)


def _shorter(node: Node, fact: Known, tidy: Callable[[Node], Node]) -> Node | None:
    """Use a fact in a formula as it is, or in its products of sums multiplied out, if that shortens it."""
    best: Node | None = None
    for form in (node, tidy(expanded(node))):
        new = replaced(form, fact)
        if new == form:
            continue
        new = tidy(new)
        if best is None or size_of(new) < size_of(best):
            best = new
    return best if best is not None and size_of(best) < size_of(node) else None


def replaced(node: Node, fact: Known) -> Node:
    """Put the right side of a fact in the place of its left side, and of what is its transpose."""
    pairs = [(fact.left, fact.right)]
    if transposed(fact.left) not in (fact.left, fact.right):
        pairs.append((transposed(fact.left), transposed(fact.right)))

    def change(part: Node) -> Node | None:
        for left, right in pairs:
            if part == left:
                return right
            if isinstance(left, Multiply) and isinstance(part, Multiply):
                chain = _in_chain(part.args, left.args, right)
                if chain is not None:
                    return replaced(chain, fact)
        return None

    return mapped(node, change)


def _in_chain(factors: tuple[Node, ...], run: tuple[Node, ...], right: Node) -> Node | None:
    for start in range(len(factors) - len(run) + 1):
        if factors[start : start + len(run)] == run:
            return multiply(*factors[:start], right, *factors[start + len(run) :])
    return None


def expanded(node: Node) -> Node:
    """Multiply out products of sums."""

    def change(part: Node) -> Node | None:
        if not isinstance(part, Multiply):
            return None
        inner = [expanded(factor) for factor in part.args]
        place = next((n for n, f in enumerate(inner) if isinstance(f, Terms)), None)
        if place is None:
            return multiply(*inner)
        terms = inner[place]
        assert isinstance(terms, Terms)
        every = []
        for term in terms.args:
            sign, core = (-1, term.arg) if isinstance(term, Negative) else (1, term)
            whole = expanded(multiply(*inner[:place], core, *inner[place + 1 :]))
            every.append(whole if sign > 0 else Negative(whole))
        return Terms(tuple(every))

    return mapped(node, change)


__all__ = ["Known", "expanded", "replaced", "with_facts"]
