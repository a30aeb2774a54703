"""Single points: what an expression by cases tends to from both sides.

Enters: an expression, a symbol and a place. Leaves: limits from below and above, and the derivative at a
place that has a branch of its own. There the branch says the value only; the derivative is the limit of the
quotient of differences, which the branches around have.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from symdl.express.quotients import FloorDivide, Remainder

_NEAR = sp.Rational(1, 10**9)
_ROUNDING = 1e-13
_LARGEST = 80  # operations of an expression whose limit is looked for
_JUMPS = (sp.floor, sp.ceiling, sp.Mod, FloorDivide, Remainder)
_STRICT = {sp.StrictGreaterThan: 1, sp.StrictLessThan: -1}


def place_of(relation: sp.Basic, x: sp.Symbol) -> sp.Expr | None:
    """Return the value of `x` at which the sides of a comparison are equal, None if they are not linear."""
    relation = as_point(relation)
    if not isinstance(relation, Relational):
        return None
    gap = relation.lhs - relation.rhs
    if not gap.has(x) or gap.has(sp.Piecewise) or not gap.is_polynomial(x) or sp.degree(gap, x) != 1:
        return None
    slope = gap.coeff(x)
    return None if not slope.is_nonzero else sp.expand(-gap.subs(x, 0) / slope)


def single_point(before: Sequence[sp.Basic], condition: sp.Basic, x: sp.Symbol) -> sp.Expr | None:
    """Return the only place at which a branch holds that comes after others, or None."""
    if isinstance(condition, sp.Eq):
        return place_of(condition, x)
    if condition != sp.true or not before:
        return None
    parts = [part for c in before for part in (c.args if isinstance(c, sp.Or) else (c,))]
    places = {place_of(part, x) for part in parts}
    if len(places) != 1 or None in places:
        return None
    if any(isinstance(part, sp.Ne) for part in parts):
        return places.pop()
    sides = {_STRICT.get(type(part), 0) * sp.sign((part.lhs - part.rhs).coeff(x)) for part in parts}
    return places.pop() if sides == {1, -1} else None


def points_of(condition: sp.Basic) -> tuple[sp.Basic, ...]:
    """Return the points of a branch one by one: ``x**2 = 1`` is ``x = -1`` or ``x = 1``."""
    parts = condition.args if isinstance(condition, sp.Or) else (condition,)
    found = [point for part in parts for point in _roots(part)]
    return tuple(found) if all(isinstance(point, sp.Eq) for point in found) else (condition,)


def _roots(part: sp.Basic) -> list[sp.Basic]:
    """Return a comparison as equations with its roots, where all of them are rational numbers."""
    part = as_point(part)
    if not isinstance(part, sp.Eq) or len(part.free_symbols) != 1:
        return [part]
    (x,), gap = part.free_symbols, part.lhs - part.rhs
    if not gap.is_polynomial(x) or sp.degree(gap, x) < 2 or gap.has(sp.Float):
        return [part]
    factors = [factor for factor, _ in sp.factor_list(gap, x)[1]]
    linear = [factor for factor in factors if sp.degree(factor, x) == 1]
    others = [factor for factor in factors if factor not in linear]
    if not linear or any(sp.Poly(factor, x).count_roots() for factor in others):
        return [part]
    return [sp.Eq(x, -factor.subs(x, 0) / factor.coeff(x)) for factor in linear]


def as_point(relation: sp.Basic) -> sp.Basic:
    """Write ``abs(u) > 0`` and ``u**2 > 0`` as ``u != 0``, and their like for ``u = 0``."""
    if isinstance(relation, sp.Or | sp.And):
        return relation.func(*map(as_point, relation.args))
    if not isinstance(relation, Relational):
        return relation
    left, right, kind = relation.lhs, relation.rhs, type(relation)
    if left == 0:
        left, right, kind = right, left, type(relation.reversed)
    even = left.is_Pow and left.exp.is_Integer and left.exp.is_positive and left.exp.is_even
    if right != 0 or not (isinstance(left, sp.Abs) or even):
        return relation
    if kind in (sp.StrictGreaterThan, sp.Ne):
        return as_point(sp.Ne(left.args[0], 0))
    return as_point(sp.Eq(left.args[0], 0)) if kind in (sp.LessThan, sp.Eq) else relation


def limit(expr: sp.Expr, x: sp.Symbol, place: sp.Expr, side: int) -> sp.Expr | None:
    """Return the finite limit of `expr` where `x` goes to `place` from above (1) or below (-1), or None."""
    exact = expr.xreplace({number: sp.Rational(number) for number in expr.atoms(sp.Float)})
    near = _beside(exact, x, place, side)
    if near is None or sp.count_ops(near) > _LARGEST:
        return None
    here = near.subs(x, place)
    if here.is_finite and here.is_real and not near.has(*_JUMPS):
        return here  # it goes on there
    try:
        value = sp.limit(near, x, place, "+" if side > 0 else "-")
    except (NotImplementedError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    free = value.has(x, sp.Limit, sp.AccumBounds, sp.oo, -sp.oo, sp.zoo, sp.nan, sp.I)
    return None if free or value.is_real is False else value


def slope_at(value: sp.Expr, around: sp.Expr, x: sp.Symbol, place: sp.Expr) -> sp.Expr | None:
    """Return the derivative at `place`, where a function is `value` and beside it `around`.

    Returns:
        NaN where the function is continuous and has no derivative; None where it is not continuous, or where
        that cannot be found out.
    """
    here = value.subs(x, place)
    ends = [limit(around, x, place, side) for side in (-1, 1)]
    if not all(same(end, here) for end in ends):
        return None
    below, above = (
        limit((around - end) / (x - place), x, place, side) for end, side in zip(ends, (-1, 1), strict=True)
    )
    return above if same(below, above) else sp.nan


def same(one: sp.Expr | None, other: sp.Expr | None) -> bool:
    """Say whether two limits are equal, decimals up to rounding."""
    if one is None or other is None:
        return False
    gap = sp.expand(one - other)
    if gap == 0 or not (gap.is_number and gap.is_finite):
        return bool(gap == 0)
    size = abs(sp.N(gap, 30))
    return bool(size.is_Number and size < _ROUNDING)


def _beside(expr: sp.Expr, x: sp.Symbol, place: sp.Expr, side: int) -> sp.Expr | None:
    """Return the branch of an expression that holds beside a place, None if that depends on more."""
    near = {x: place + side * _NEAR}

    def holds(condition: sp.Basic) -> sp.Basic:
        return condition.subs(near) if condition.has(x) else condition

    for cases in sorted(expr.atoms(sp.Piecewise), key=sp.count_ops):
        if not expr.has(cases):
            continue
        chosen = None
        for value, condition in cases.args:
            if holds(condition) == sp.true:
                chosen = value
                break
            if holds(condition) != sp.false:
                return None
        if chosen is None:
            return None
        expr = expr.xreplace({cases: chosen})
    corners = {node: node.func(*(a.subs(near) for a in node.args)) for node in expr.atoms(sp.sign)}
    for node in expr.atoms(sp.Abs):
        corners[node] = sp.sign(node.args[0].subs(near)) * node.args[0]
    for node in expr.atoms(sp.Max, sp.Min):
        best = node.func(*(a.subs(near) for a in node.args))
        found = [a for a in node.args if a.subs(near) == best]
        if not found:
            return None
        corners[node] = found[0]
    return expr.xreplace(corners) if corners else expr
