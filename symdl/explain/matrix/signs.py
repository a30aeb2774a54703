"""Which way round a difference stands: ``S^-1 (x - m)``, not ``-S^-1 (m - x)``.

Enters: matrix expressions. Leaves: the same values, where a difference that occurs twice, up to its sign
or its transpose, stands the same way round, and a sign in front is taken into a difference that occurs once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from symdl.explain.matrix.algebra import transposed
from symdl.explain.matrix.monomials import Monomial, build, parse
from symdl.explain.notation.tree import (
    Fraction,
    Hadamard,
    Multiply,
    Negative,
    Node,
    Norm,
    Number,
    Power,
    Product,
    Terms,
    Transpose,
    mapped,
)

Facing: TypeAlias = Mapping[Node, int]
"""For each difference, as `signed` knows it, whether it is meant as it stands there (1) or the other way."""


def signed(core: Node) -> tuple[int, Node]:
    """Return a sign and a core that are the same for ``A (x - y)`` and ``-A (y - x)``; terms are sorted."""
    sign, found = straight(core)
    return sign, _sorted(found)


def straight(core: Node) -> tuple[int, Node]:
    """Return a sign and a core in which every difference begins with the same one of its terms."""
    return turned(core, _own)


def turned(core: Node, choose: Callable[[Terms], int]) -> tuple[int, Node]:
    """Turn the differences that are factors of `core` where `choose` says -1; return the sign this costs."""
    match core:
        case Multiply() | Hadamard():
            pairs = [turned(factor, choose) for factor in core.args]
            return math.prod(sign for sign, _ in pairs), type(core)(tuple(inner for _, inner in pairs))
        case Transpose():
            sign, inner = turned(core.arg, choose)
            return sign, Transpose(inner)
        case Terms():
            sign = choose(core)
            return sign, core if sign > 0 else opposite(core)
    return 1, core


def opposite(terms: Terms) -> Terms:
    """Return the difference with the other sign, positive terms first."""
    parts = [t.arg if isinstance(t, Negative) else Negative(t) for t in terms.args]
    return Terms(tuple(sorted(parts, key=lambda t: isinstance(t, Negative))))


def _own(terms: Terms) -> int:
    first = min(terms.args, key=lambda term: str(term.arg if isinstance(term, Negative) else term))
    return -1 if isinstance(first, Negative) else 1


def _sorted(core: Node) -> Node:
    match core:
        case Multiply() | Hadamard():
            return type(core)(tuple(map(_sorted, core.args)))
        case Transpose():
            return Transpose(_sorted(core.arg))
        case Terms():
            return Terms(tuple(sorted(core.args, key=str)))
    return core


def is_mixed(node: Node) -> bool:
    """Say whether a node is a difference: a sum with a positive and a negative term."""
    return isinstance(node, Terms) and len({isinstance(term, Negative) for term in node.args}) == 2


def facing(given: list[Node]) -> dict[Node, int]:
    """Return what `faced` needs, from given ones that stand the way they are meant."""
    found: dict[Node, int] = {}
    for node in given:
        for way in (node, transposed(node)):
            sign, core = signed(way)
            if isinstance(core, Terms):
                found.setdefault(core, sign)
    return found


def faced(node: Node, known: Facing) -> Node:
    """Turn every difference in a matrix expression the way in which it is known, and signs into them."""

    def change(part: Node) -> Node | None:
        match part:
            case Terms():
                terms = [faced(term, known) for term in part.args]
                return Terms(tuple(sorted(terms, key=lambda t: isinstance(t, Negative))))
            case Norm(arg=Terms() as inner):
                return Norm(faced(turned(inner, lambda terms: _meant(terms, known))[1], known))
            case Power(base=Terms() as inner, exponent=Number() as power) if power.value % 2 == 0:
                inside = turned(inner, lambda terms: _meant(terms, known))[1]
                return replace(part, base=faced(inside, known))
            case Negative() | Product() | Fraction() | Multiply() | Hadamard():
                return _monomial(part, known)
        return None

    return mapped(node, change)


def _monomial(node: Node, known: Facing) -> Node:
    part = parse(node)
    core = part.core
    if core is None:
        tops = [turned(factor, lambda terms: _meant(terms, known)) for factor in part.top]
        sign = math.prod(s for s, _ in tops)
        inner = tuple(_inside(factor, known) for _, factor in tops)
        return build(Monomial(part.coefficient * sign, inner, _all(part.bottom, known)))
    core = (
        faced(core, known) if isinstance(core, Terms) else core
    )  # its sign is that of its terms as they face
    sign, core = turned(core, lambda terms: _meant(terms, known))
    coefficient = part.coefficient * sign
    if coefficient < 0 and len(both := differences(core)) == 1:
        _, core = turned(core, lambda terms: -1 if terms is both[0] else 1)
        coefficient = -coefficient
    top = part.top
    mixed = [f for f in top if isinstance(f, Terms) and is_mixed(f)]
    if coefficient < 0 and len(mixed) == 1:
        top = tuple(opposite(f) if f is mixed[0] else f for f in top)  # -2 (3 - tr A) I is 2 (tr A - 3) I
        coefficient = -coefficient
    return build(Monomial(coefficient, _all(top, known), _all(part.bottom, known), _inside(core, known)))


def _all(factors: tuple[Node, ...], known: Facing) -> tuple[Node, ...]:
    return tuple(_inside(factor, known) for factor in factors)


def _inside(core: Node, known: Facing) -> Node:
    """Turn what is inside the factors of a product, each on its own."""
    match core:
        case Multiply() | Hadamard():
            return type(core)(tuple(_inside(factor, known) for factor in core.args))
        case Transpose():
            return Transpose(_inside(core.arg, known))
        case Product() | Negative() | Fraction():
            return core
    return faced(core, known)


def differences(core: Node) -> list[Terms]:
    """Return the differences that are factors of `core`; of one that comes with its transpose, both."""
    match core:
        case Multiply() | Hadamard():
            return [terms for factor in core.args for terms in differences(factor)]
        case Transpose():
            return differences(core.arg)
        case Terms() if is_mixed(core):
            return [core]
    return []


def _meant(terms: Terms, known: Facing) -> int:
    if all(isinstance(term, Negative) for term in terms.args):
        return -1
    sign, core = signed(terms)
    if core in known:
        return sign * known[core]
    sign, core = signed(transposed(terms))
    return sign * known[core] if core in known else 1
