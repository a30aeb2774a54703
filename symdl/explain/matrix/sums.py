"""Sums in closed matrix formulas: like terms added, what they share taken out.

Enters: tidy terms, and what multiplies tidy matrices. Leaves: their sum, as ``(A + A') x`` or
``2/|w|^2 (S w - R w)`` where that is shorter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

import sympy as sp

from symdl.explain.matrix.algebra import transposed
from symdl.explain.matrix.monomials import Monomial, build, is_size, parse, times_of
from symdl.explain.matrix.signs import differences, signed, straight
from symdl.explain.notation.tree import (
    Array,
    Call,
    Diagonal,
    Fraction,
    Item,
    Multiply,
    Negative,
    Node,
    Norm,
    Number,
    Ones,
    Power,
    Symbol,
    Terms,
    Transpose,
    number,
    walk,
)

_MANY = 3  # terms from which a number that all have goes in front
Times: TypeAlias = Callable[[Sequence[Node]], Node]


def collected(terms: Sequence[Node], times: Times) -> Node:
    """Add like terms; a term and its transpose are one where they are scalars."""
    flat = [inner for term in terms for inner in _terms(term)]
    found: dict[tuple[object, ...], Monomial] = {}
    for part in _numbers_alone([parse(term) for term in flat]):
        key: tuple[object, ...] = (frozenset(part.top), len(part.top), part.bottom)
        if part.core is not None:
            sign, core = straight(part.core)
            part = replace(part, coefficient=part.coefficient * sign, core=core)
            key = (*key, signed(core)[1])
        if key in found:
            part = replace(found[key], coefficient=found[key].coefficient + part.coefficient)
        found[key] = part
    kept = _in_order([part for part in found.values() if part.coefficient != 0])
    if not kept:
        return number(0)
    nodes = _common(kept, times) or _by_groups(kept, times)
    return nodes[0] if len(nodes) == 1 else Terms(tuple(nodes))


def _numbers_alone(parts: Sequence[Monomial]) -> list[Monomial]:
    """Write ``c 1`` as c beside an array and a number, which is added to every entry, too."""
    arrays = any(part.core is not None and not isinstance(part.core, Ones) for part in parts)
    if not arrays or all(part.core is not None for part in parts):
        return list(parts)
    return [replace(part, core=None) if isinstance(part.core, Ones) else part for part in parts]


def _terms(node: Node) -> list[Node]:
    """The terms of a sum, of minus one, of a number that is a sum, and of that times ``1``."""
    if isinstance(node, Negative) and isinstance(node.arg, Terms):
        return [t.arg if isinstance(t, Negative) else Negative(t) for t in node.arg.args]
    if isinstance(node, Terms):
        return [*node.args]
    part = parse(node)
    sums = [factor for factor in part.top if isinstance(factor, Terms)]
    if len(sums) != 1 or len(part.top) > 1 or part.bottom or not isinstance(part.core, Ones | None):
        return [node]
    front = replace(part, top=())
    return [build(times_of([front, parse(term)])) for term in sums[0].args]


def _in_order(parts: Sequence[Monomial]) -> list[Monomial]:
    """Positive before negative, ``A`` before ``A'``, ``I`` before and ``s I`` after the others."""

    def key(part: Monomial) -> tuple[bool, int]:
        unit = isinstance(part.core, Diagonal) and isinstance(part.core.arg, Ones)
        scaled = bool(part.top or part.bottom)
        place = (1 if scaled else -1) if unit else 0
        return bool(part.coefficient < 0) and not _turns(part.core), place

    ordered = sorted(parts, key=key)
    for place, (first, second) in enumerate(pairwise(tuple(ordered))):
        pair = first.core is not None and second.core is not None and transposed(first.core) == second.core
        if pair and _transposes(first.core) > _transposes(second.core):
            ordered[place : place + 2] = [second, first]
    return ordered


def _transposes(core: Node | None) -> int:
    return sum(isinstance(part, Transpose) for part in walk(core)) if core is not None else 0


def _turns(core: Node | None) -> bool:
    """Say whether a sign can go into a core: there is one difference in it."""
    return core is not None and len(differences(core)) == 1


def _by_groups(parts: Sequence[Monomial], times: Times) -> list[Node]:
    """Write a sum whose terms have a common end, or a common scalar, in groups only: ``(A + A') x + b``."""
    for place in (-1, 0, None):
        groups: dict[object, list[Monomial]] = {}
        for part in parts:
            chain = part.core.args if isinstance(part.core, Multiply) else ()
            end = signed(chain[place])[1] if chain and place is not None else None
            alike = bool(chain) if place is not None else bool(part.top or part.bottom)
            groups.setdefault((*_face(part), end) if alike else part, []).append(part)
        if 1 < len(groups) < len(parts):
            together = [(group, _common(group, times)) for group in groups.values()]
            return [n for group, found in together for n in found or [build(part) for part in group]]
    return [build(part) for part in parts]


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all terms have: a number and scalars in front, one factor at the left or right end."""

    front: Monomial
    side: int | None


def _common(parts: Sequence[Monomial], times: Times) -> list[Node] | None:
    """Take out what all terms have, where that shortens: ``(A + A')/2``, ``A' (x - y)``."""
    if len(parts) < 2 or any(part.core is None for part in parts):
        return None
    shared = _shared(parts)
    if shared is None:
        return None
    chains: list[tuple[Node, ...]] = [
        p.core.args if isinstance(p.core, Multiply) else (p.core,) for p in parts if p.core is not None
    ]
    side = shared.side
    cut = slice(1, None) if side == 0 else slice(None, -1) if side == -1 else slice(None)
    signs = [signed(chain[side])[0] if side is not None else 1 for chain in chains]
    rest = []
    for part, chain, sign in zip(parts, chains, signs, strict=True):
        inside = chain[cut]
        core = inside[0] if len(inside) == 1 else Multiply(inside)
        top = tuple((Counter(part.top) - Counter(shared.front.top)).elements())
        bottom = tuple((Counter(part.bottom) - Counter(shared.front.bottom)).elements())
        own = part.coefficient / shared.front.coefficient * sign * signs[0]
        rest.append(build(Monomial(own, top, bottom, core)))
    inner = collected(rest, times)
    if side is not None:
        outer = chains[0][side]
        inner = times((outer, inner) if side == 0 else (inner, outer))
    whole = build(times_of([shared.front, parse(inner)]))
    same = len(parts) >= _MANY or all(_face(p) == _face(parts[0]) for p in parts)
    same = same or shared.front.coefficient.q != 1
    plain = Terms(tuple(build(part) for part in parts))
    return [whole] if same or size_of(whole) < size_of(plain) else None


def _face(part: Monomial) -> tuple[object, ...]:
    return abs(part.coefficient), part.top, part.bottom


def _shared(parts: Sequence[Monomial]) -> _Shared | None:
    sides = [place for place in (0, -1) if _same_end(parts, place)]
    tops, bottoms = ([Counter(scalars) for scalars in all_of] for all_of in _scalars(parts))
    top, bottom = tops[0], bottoms[0]
    for other_top, other_bottom in zip(tops, bottoms, strict=True):
        top, bottom = top & other_top, bottom & other_bottom
    sizes = {abs(part.coefficient) for part in parts}
    coefficient = sizes.pop() if len(sizes) == 1 else sp.Integer(1)
    front = Monomial(coefficient, tuple(top.elements()), tuple(bottom.elements()))
    same = all(_face(part) == _face(parts[0]) for part in parts)
    below = any(not is_size(factor) for factor in front.bottom)
    many = coefficient.q != 1 or (len(parts) >= _MANY and coefficient != 1)
    if not sides and not below and (_face(parts[0]) == (1, (), ()) if same else not many):
        return None
    return _Shared(front, sides[0] if sides else None)


def _scalars(parts: Sequence[Monomial]) -> tuple[list[tuple[Node, ...]], list[tuple[Node, ...]]]:
    return [part.top for part in parts], [part.bottom for part in parts]


def _same_end(parts: Sequence[Monomial], place: int) -> bool:
    ends = {signed(p.core.args[place])[1] if isinstance(p.core, Multiply) else None for p in parts}
    return len(ends) == 1 and None not in ends


def size_of(node: Node) -> int:
    """Return how long a formula is: about how many symbols it has."""
    count = -2 if isinstance(node, Terms) else 0  # no brackets outside
    for part in walk(node):
        match part:
            case Array() | Symbol() | Number() | Item() | Ones() | Fraction() | Transpose() | Power():
                count += 1
            case Terms():
                count += len(part.args) + 1
            case Norm():
                count += 3
            case Call(name=name):
                count += 0 if name == "sqrt" and isinstance(part.args[0], Norm) else 1
            case Diagonal():
                count += 0 if isinstance(part.arg, Ones) else 1
    return count
