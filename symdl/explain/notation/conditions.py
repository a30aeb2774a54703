"""Guards as conditions on a page.

Enters: guards, the sizes of the index variables. Leaves: nodes: ``k <= i``, ``0 <= i - k < n``, ``2 | i``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sympy as sp

from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import Compare, Logic, Node, number
from symdl.express.dims import Extent, Index, at_most, bounds
from symdl.express.equations import Divisible, Equal, Guard, InRange
from symdl.express.tensors import Access


def conditions(notation: Notation, guards: Iterable[Guard], extents: Mapping[Index, Extent]) -> Node | None:
    """Return all guards as one condition, None if there are none."""
    return conjunction(each_condition(notation, guards, extents))


def each_condition(
    notation: Notation, guards: Iterable[Guard], extents: Mapping[Index, Extent]
) -> list[Node]:
    """Return each guard as a condition."""
    return [condition(notation, guard, extents) for guard in guards]


def conjunction(parts: Sequence[Node]) -> Node | None:
    """Return conditions as one, None if there are none."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))


def condition(notation: Notation, guard: Guard, extents: Mapping[Index, Extent]) -> Node:
    """Return a guard as a condition, without the side that the sizes of its variables imply."""
    read = notation.read
    if isinstance(guard, Equal):
        sides = (guard.left, guard.right)
        left, right = reversed(sides) if isinstance(guard.right, Index) else _alone(*sides)
        return Compare("=", read(left), read(right))
    if isinstance(guard, Divisible):
        return Compare("|", number(guard.by), read(guard.expr))
    assert isinstance(guard, InRange)
    below = Compare("<", read(guard.expr), read(sp.sympify(guard.extent, strict=True)))
    limits = bounds(guard.expr, extents)
    if limits is not None and at_most(0, limits[0]):
        return below
    if limits is not None and at_most(limits[1] + 1, guard.extent):
        return _not_negative(notation, guard.expr)
    return Compare("<=", number(0), below)


def _alone(left: sp.Expr, right: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Bring the only index variable to one side: ``t = T - 1`` for ``T = t + 1``."""
    names = [s for s in (left - right).free_symbols if isinstance(s, Index)]
    if len(names) != 1 or isinstance(left, Index) or (left - right).has(Access):
        return left, right
    rest = sp.expand(right - left)
    share = rest.coeff(names[0])
    return (names[0], sp.expand(names[0] - rest / share)) if share in (1, -1) else (left, right)


def _not_negative(notation: Notation, expr: sp.Expr) -> Node:
    """Return ``0 <= expr`` with every term on the side where it is positive: ``k <= i``, ``k < i``."""
    terms = sp.Add.make_args(sp.expand(expr))
    low = sp.Add(*(-t for t in terms if t.could_extract_minus_sign()))
    high = sp.Add(*(t for t in terms if not t.could_extract_minus_sign()))
    number_, rest = low.as_coeff_Add()
    if number_ == 1 and rest != 0:
        return Compare("<", notation.read(rest), notation.read(high))
    return Compare("<=", notation.read(low), notation.read(high))
