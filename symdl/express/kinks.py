"""Expressions with corners, in one form.

Enters: a scalar body that may hold SymPy's `Max`, `Min`, `Abs`, `sign` and conditions on indices.
Leaves: the same body with every corner as a `Piecewise` whose value at the corner is stated here, and the
index conditions as guards where that is exact.

Conventions at a corner: ``max(z, c)`` and ``min(z, c)`` have slope 0 at ``z = c`` when `c` is a number;
``abs`` and ``sign`` have slope 0 at 0; of two variable arguments that tie, the last counts.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
from sympy.core.relational import Relational

from symdl.errors import ExpressionError
from symdl.express.dims import Extent, Index, bounds
from symdl.express.equations import Equal, Guard, InRange
from symdl.express.relations import relation as steady
from symdl.express.tensors import Access


def smooth_pieces(expr: sp.Expr) -> sp.Expr:
    """Return `expr` with Max, Min, Abs and sign written as Piecewise.

    Raises:
        ExpressionError: a function without a stated value at its jump, such as Heaviside.
    """
    corners = (sp.Max, sp.Min, sp.Abs, sp.sign)
    refused = expr.atoms(sp.Heaviside, sp.DiracDelta)
    if refused:
        raise ExpressionError(
            f"{min(refused, key=str)} has no stated value at its jump",
            cure="write it with sympy.Piecewise and choose the value",
        )
    if not expr.has(*corners):
        return expr
    return expr.replace(lambda node: isinstance(node, (*corners, Relational)), _pieces)


def _pieces(node: sp.Basic) -> sp.Basic:
    if isinstance(node, Relational):
        return _compare(type(node), *node.args)
    if isinstance(node, sp.Max | sp.Min):
        return _extreme(node, sp.Gt if isinstance(node, sp.Max) else sp.Lt)
    (x,) = node.args
    above, below = _compare(sp.Gt, x, sp.Integer(0)), _compare(sp.Lt, x, sp.Integer(0))
    values = (x, -x) if isinstance(node, sp.Abs) else (1, -1)
    return sp.Piecewise((values[0], above), (values[1], below), (0, True))


def _extreme(node: sp.Expr, wins: type[Relational]) -> sp.Expr:
    """The first argument that beats all later ones; numbers come last."""
    args = sorted(node.args, key=lambda a: bool(a.is_number))
    pairs = [
        (arg, sp.And(*(_compare(wins, arg, other) for other in args[place + 1 :])))
        for place, arg in enumerate(args)
    ]
    return sp.Piecewise(*pairs)


def _compare(relation: type[Relational], left: sp.Expr, right: sp.Expr) -> sp.Basic:
    """Compare, with the cases of a Piecewise side drawn out: SymPy refuses them in a condition."""
    for side in (left, right):
        if not side.has(sp.Piecewise):
            continue
        chosen: list[sp.Basic] = []
        before: list[sp.Basic] = []
        for value, holds in sp.piecewise_fold(side).args:
            sides = (value, right) if side is left else (left, value)
            chosen.append(sp.And(*before, holds, _compare(relation, *sides)))
            before.append(sp.Not(holds))
        return sp.Or(*chosen)
    return steady(relation, left, right)


def index_guards(
    body: sp.Expr, extents: Mapping[Index, Extent], identity: sp.Expr = sp.S.Zero
) -> tuple[sp.Expr, list[Guard]]:
    """Turn ``Piecewise((f, conditions on indices), (0, True))`` into `f` and guards.

    `identity` stands in the place of the 0 where the body is reduced by another operation than a sum.
    Conditions on values stay in the body, and a body of another form stays as it is.
    """
    if not isinstance(body, sp.Piecewise) or len(body.args) != 2:
        return body, []
    (value, condition), (other, always) = body.args
    if other != identity or always != sp.true:
        return body, []
    parts = condition.args if isinstance(condition, sp.And) else (condition,)
    found = {part: _guard(part, extents) for part in parts}
    guards = [guard for guard in found.values() if guard is not None]
    rest = [part for part, guard in found.items() if guard is None]
    return (sp.Piecewise((value, sp.And(*rest)), (other, always)) if rest else value), guards


def _guard(condition: sp.Basic, extents: Mapping[Index, Extent]) -> Guard | None:
    if not isinstance(condition, Relational):
        return None
    left, right = condition.lhs, condition.rhs
    integers = all(
        isinstance(s, Index) or s.is_integer for s in left.free_symbols | right.free_symbols
    ) and all(a.tensor.dtype == "int64" for a in (left - right).atoms(Access))
    if not integers:
        return None
    # SymPy may have divided both sides (``i < 4*n`` becomes ``n > i/4``); only integers differ by at least 1.
    scale = sp.denom(sp.together(_exact(left - right)))
    left, right = (sp.expand(_exact(side) * scale) for side in (left, right))
    if not all(t.as_coeff_Mul()[0].is_Integer for t in sp.Add.make_args(sp.expand(left - right))):
        return None
    if isinstance(condition, sp.Eq):
        return Equal(left, right)
    if (left - right).has(Access):
        return None
    gap = {
        sp.StrictLessThan: right - left - 1,
        sp.LessThan: right - left,
        sp.StrictGreaterThan: left - right - 1,
        sp.GreaterThan: left - right,
    }.get(type(condition))
    if gap is None:
        return None
    limits = bounds(sp.expand(gap), extents)
    return None if limits is None else InRange(sp.expand(gap), limits[1] + 1)


def _exact(expr: sp.Expr) -> sp.Expr:
    return expr.xreplace({number: sp.Rational(number) for number in expr.atoms(sp.Float)})
