"""Expressions with corners, in one form.

Enters: a scalar body that may hold SymPy's `Max`, `Min`, `Abs`, `sign` and conditions on indices.
Leaves: the same body, fit to be computed and differentiated; the slopes of its corners; the index conditions
as guards where that is exact.

A corner stays the function that it is, so that no other function is taken into its cases, and a NaN goes in
and comes out: each target computes `Max`, `Min`, `Abs` and `sign` as NumPy does. Conventions for slopes:
``max(z, c)`` and ``min(z, c)`` have slope 0 at ``z = c`` when `c` is a number; of variable arguments that
tie, the last counts; the slope of ``abs`` is ``sign``, 0 at 0; that of ``sign`` and ``floor`` is 0. A
comparison with NaN is false in a slope as it is everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
from sympy.core.relational import Relational

from symdl.errors import ExpressionError
from symdl.express.corners import sides_of
from symdl.express.dims import Extent, Index, bounds
from symdl.express.equations import Equal, Guard, InRange
from symdl.express.relations import compare_cases, with_infinities
from symdl.express.tensors import Access


def settled(expr: sp.Expr) -> sp.Expr:
    """Return `expr` in a form that can be computed and differentiated.

    Comparisons hold no cases, and a branch that divides by the number 0 is infinite, as for floats.

    Raises:
        ExpressionError: a function without a stated value at its jump, such as Heaviside.
    """
    refused = expr.atoms(sp.Heaviside, sp.DiracDelta)
    if refused:
        raise ExpressionError(
            f"{min(refused, key=str)} has no stated value at its jump",
            cure="write it with sympy.Piecewise and choose the value",
        )
    if not expr.has(sp.Piecewise):
        return expr
    expr = with_infinities(expr)
    if not any(relation.has(sp.Piecewise) for relation in expr.atoms(Relational)):
        return expr
    return expr.replace(lambda node: isinstance(node, Relational), lambda r: compare_cases(type(r), *r.args))


def chosen(node: sp.Max | sp.Min) -> list[tuple[sp.Expr, sp.Basic]]:
    """Return the arguments of a maximum or minimum, each with the condition under which it is the value.

    It beats all later ones and is no worse than the earlier ones; numbers come last. One NaN fails them all.
    """
    args = sides_of(node)
    wins, holds = (sp.Gt, sp.Ge) if isinstance(node, sp.Max) else (sp.Lt, sp.Le)
    return [
        (
            arg,
            sp.And(
                *(
                    compare_cases(wins if n > k else holds, arg, other)
                    for n, other in enumerate(args)
                    if n != k
                )
            ),
        )
        for k, arg in enumerate(args)
    ]


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
