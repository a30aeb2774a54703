"""Products and sums of matrix expressions, factor by factor.

Enters: a reader, which reads their parts, and expressions in index form. Leaves: a part.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import sympy as sp

from symdl.explain.matrix.algebra import (
    NoMatrixForm,
    Part,
    elementwise,
    inner_product,
    is_unit,
    joined,
    oriented,
    with_front,
)
from symdl.explain.notation.order import ordered_factors, ordered_terms, primitive
from symdl.explain.notation.tree import Call, Node, Ones, number, walk
from symdl.express.dims import Index
from symdl.express.tensors import Access, Tensor, map_accesses

if TYPE_CHECKING:
    from symdl.explain.matrix.matrix import Reader


def times_of(reader: Reader, factors: Sequence[tuple[sp.Expr, Part]], wish: Sequence[Index]) -> Part:
    """Multiply factors, each with its part; those without axes are read together, from what they are."""
    scalars = [(f, part) for f, part in factors if not part.axes]
    sums = [part.node for f, part in scalars if reader.is_sum(f)]
    front = reader.notation.times(tuple(f for f, part in scalars if part.node not in sums))
    rest = elementwise([part for _, part in factors if part.axes])
    result = joined(rest, wish) if rest else Part(number(1))
    for node in sums:
        result = Part(node) if result.node == number(1) else with_front(node, result)
    return with_front(front, result)


def total_of(reader: Reader, body: sp.Expr, bound: Sequence[Index], wish: Sequence[Index]) -> Part:
    """Sum an expression over `bound`, factor by factor."""
    traced = _trace(reader, body, bound[0]) if len(bound) == 1 and not wish else None
    if traced is not None:
        return traced
    if isinstance(body, sp.Add):
        return _total_of_sum(reader, body, bound, wish)
    order = (*wish, *bound)
    every = primitive(ordered_factors(body)) if body.is_Mul else (body,)
    factors = [pair for f in every for pair in _squares(reader, f, order)]
    front = reader.notation.times(tuple(f for f, p in factors if not p.axes))
    parts = _without_ones([p for _, p in factors if p.axes])
    left = list(bound)
    while left:
        whole = inner_product(parts, left, wish)
        if whole is not None:
            return with_front(front, whole)
        units = {axis for p in parts if is_unit(p.node) for axis in p.axes}
        index = next((i for i in reversed(left) if i in units), left[-1])
        left.remove(index)
        parts = reader.eliminated(parts, index, wish)
    scalars = tuple(p.node for p in parts if not p.axes)
    parts = [p for p in parts if p.axes]
    result = joined(elementwise(parts), wish) if parts else Part(number(1))
    for scalar in scalars:
        result = Part(scalar) if result.node == number(1) else with_front(scalar, result)
    return with_front(front, result)


def _trace(reader: Reader, body: sp.Expr, index: Index) -> Part | None:
    """``sum_i f(A[i, i])`` is ``tr(f(A))``, `f` entry by entry."""
    front, inside = body.as_independent(Access, as_Add=False)
    accesses = inside.atoms(Access)
    if isinstance(body, sp.Add) or not accesses or any(a.indices != (index, index) for a in accesses):
        return None
    column = Index(f"{index}_{len(reader.extents)}")
    reader.extents[column] = reader.extents[index]
    spread = map_accesses(inside, lambda a: a.tensor.at(index, column))
    matrix = reader.part(spread, (index, column))
    node: Node = Call("trace", (oriented(matrix, (index, column)).node,))
    return with_front(reader.notation.read(front), Part(node))


def _without_ones(parts: list[Part]) -> list[Part]:
    """Leave out vectors of ones along axes that other parts have."""

    def idle(part: Part) -> bool:
        others = {axis for p in parts if p is not part for axis in p.axes}
        return isinstance(part.node, Ones) and set(part.axes) <= others

    return [part for part in parts if not idle(part)]


def _total_of_sum(reader: Reader, body: sp.Add, bound: Sequence[Index], wish: Sequence[Index]) -> Part:
    """Sum term by term, or everything at once where that is shorter."""
    terms = reader.terms([reader.total(a, bound, wish) for a in ordered_by_width(reader.inline, body)], wish)
    try:
        whole = reader.part(body, (*wish, *bound))
        parts = [whole]
        for index in reversed(bound if set(bound) <= set(whole.axes) else ()):
            parts = reader.eliminated(parts, index, wish)
    except NoMatrixForm:
        return terms
    size = sum(1 for _ in walk(terms.node))
    once = parts != [whole] and len(parts) == 1 and parts[0].axes == terms.axes
    return parts[0] if once and sum(1 for _ in walk(parts[0].node)) < size else terms


def _squares(reader: Reader, body: sp.Expr, order: Sequence[Index]) -> list[tuple[sp.Expr, Part]]:
    if isinstance(body, sp.Pow) and body.exp == 2:
        part = reader.part(body.base, order)
        return [(body.base, part), (body.base, part)]
    return [(body, reader.part(body, order))]


def ordered_by_width(inline: Collection[Tensor], expr: sp.Add) -> list[sp.Expr]:
    """Order the terms of a sum: positive before negative, contractions first, then wide before narrow."""
    terms = ordered_terms(expr.args)
    narrow = -99 if terms[-1].is_number else 99

    def width(term: sp.Expr) -> tuple[bool, bool, int]:
        accesses = term.atoms(Access)
        inlined = any(a.tensor in inline for a in accesses)
        return (
            term.could_extract_minus_sign(),
            not inlined,
            -max((len(a.indices) for a in accesses), default=narrow),
        )

    return sorted(terms, key=width)
