"""Vectors of ones in closed formulas: their sums are sizes, beside an array they are left out.

Enters: a matrix expression, and what writes a size. Leaves: the same value: ``v 1' 1`` as n v, ``x - c 1`` as
``x - c``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from symdl.explain.matrix.closed_algebra import tidy
from symdl.explain.matrix.monomials import Monomial, build, parse, shape
from symdl.explain.notation.tree import (
    Call,
    Diagonal,
    Multiply,
    Negative,
    Node,
    Norm,
    Ones,
    Terms,
    Transpose,
    mapped,
    product,
)
from symdl.express.dims import Extent


def with_sizes(node: Node, size: Callable[[Extent], Node]) -> Node:
    """Write the trace of a unit matrix and sums of ones as the size that they are."""

    def change(part: Node) -> Node | None:
        match part:
            case Call(name="trace", args=(Diagonal(arg=Ones() as ones),)):
                return size(ones.size)
            case Norm(arg=Ones() as ones):
                return size(ones.size)
            case Multiply():
                return _without_sums(part, size)
        return None

    return mapped(node, change)


def _without_sums(node: Multiply, size: Callable[[Extent], Node]) -> Node | None:
    """Write ``v 1' 1`` as n times v, ``(X' - u 1') 1`` as ``X' 1 - n u``."""
    for place, (left, right) in enumerate(pairwise(node.args)):
        rest = (*node.args[:place], *node.args[place + 2 :])
        if not isinstance(right, Ones):
            continue
        if left == Transpose(right):
            whole = Multiply(rest) if len(rest) > 1 else rest[0] if rest else None
            return size(right.size) if whole is None else product((size(right.size), whole))
        if isinstance(left, Terms) and any(_is_outer(term, right) for term in left.args):
            total = _times_ones(left, right, size(right.size))
            return Multiply((*node.args[:place], total, *node.args[place + 2 :])) if rest else total
    return None


def _is_outer(term: Node, ones: Ones) -> bool:
    """Say whether a term is ``u 1'``."""
    core = parse(term).core
    return isinstance(core, Multiply) and core.args[-1] == Transpose(ones)


def _times_ones(total: Terms, ones: Ones, size: Node) -> Node:
    """Multiply a sum by ``1`` term by term: ``(X' - u 1') 1`` is ``X' 1 - n u``."""
    terms: list[Node] = []
    for term in total.args:
        part = parse(term)
        core = part.core
        if isinstance(core, Multiply) and core.args[-1] == Transpose(ones):
            left = core.args[:-1]
            whole = replace(part, top=(size, *part.top), core=left[0] if len(left) == 1 else Multiply(left))
        else:
            whole = replace(part, core=None if core is None else Multiply((core, ones)))
        terms.append(build(whole))
    return Terms(tuple(terms))


def without_ones(node: Node) -> Node:
    """Write ``x - c 1`` as ``x - c``: a number added to an array is added to every entry."""

    def change(part: Node) -> Node | None:
        if not isinstance(part, Terms):
            return None
        parts = [parse(term) for term in part.args]
        scalars = [isinstance(p.core, Ones) for p in parts]
        if not any(scalars) or all(one or p.core is None for one, p in zip(scalars, parts, strict=True)):
            return None
        terms = zip(part.args, parts, scalars, strict=True)
        return Terms(tuple(_number(p) if one else without_ones(t) for t, p, one in terms))

    return mapped(node, change)


def beside_units(node: Node) -> Node:
    """Write a number that is added to a unit matrix as that number times ``1 1'``, and signs term by term."""

    def change(part: Node) -> Node | None:
        if not isinstance(part, Terms):
            return None
        flat: list[Node] = []
        for term in part.args:
            inside = term.arg if isinstance(term, Negative) else term
            parts = inside.args if isinstance(inside, Terms) else (inside,)
            flat += [_minus(p) if isinstance(term, Negative) else p for p in parts]
        units = [ones.size for t in flat if (ones := _unit(t)) is not None]
        if not units:
            return None
        every = Multiply((Ones(units[0]), Transpose(Ones(units[0]))))
        spread = [tidy(product((t, every))) if _is_scalar(t) else beside_units(t) for t in flat]
        return Terms(tuple(sorted(spread, key=lambda t: isinstance(t, Negative))))

    return mapped(node, change)


def _minus(node: Node) -> Node:
    return node.arg if isinstance(node, Negative) else Negative(node)


def _unit(term: Node) -> Ones | None:
    """Return the ones on the diagonal of a unit matrix, of a multiple of one too."""
    core = parse(term).core
    return core.arg if isinstance(core, Diagonal) and isinstance(core.arg, Ones) else None


def _is_scalar(node: Node) -> bool:
    return shape(node.arg if isinstance(node, Negative) else node) == ()


def _number(part: Monomial) -> Node:
    """Return what stands before a vector of ones, its sums as ``1' v``."""
    top = tuple(tidy(f) if isinstance(f, Multiply) else f for f in part.top)
    return build(replace(part, top=top, core=None))
