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

from symdl.errors import ExpressionError
from symdl.express.dims import Extent, Index, bounds
from symdl.express.equations import Equal, Guard, InRange
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
    return expr.replace(lambda node: isinstance(node, corners), _pieces)


def _pieces(node: sp.Expr) -> sp.Expr:
    if isinstance(node, sp.Abs):
        (x,) = node.args
        return sp.Piecewise((x, x > 0), (-x, x < 0), (0, True))
    if isinstance(node, sp.sign):
        (x,) = node.args
        return sp.Piecewise((1, x > 0), (-1, x < 0), (0, True))
    variable = [a for a in node.args if not a.is_number]
    *rest, last = [*variable, *(a for a in node.args if a.is_number)]
    for arg in reversed(rest):
        before = arg > last if isinstance(node, sp.Max) else arg < last
        last = sp.Piecewise((arg, before), (last, True))
    return last


def index_guards(body: sp.Expr, extents: Mapping[Index, Extent]) -> tuple[sp.Expr, list[Guard]]:
    """Turn ``Piecewise((f, conditions on indices), (0, True))`` into `f` and guards.

    A body of another form, or with a condition on values, is returned as it is with no guard.
    """
    if not isinstance(body, sp.Piecewise) or len(body.args) != 2:
        return body, []
    (value, condition), (other, always) = body.args
    if other != 0 or always != sp.true:
        return body, []
    guards: list[Guard] = []
    parts = condition.args if isinstance(condition, sp.And) else (condition,)
    for part in parts:
        guard = _guard(part, extents)
        if guard is None:
            return body, []
        guards.append(guard)
    return value, guards


def _guard(condition: sp.Basic, extents: Mapping[Index, Extent]) -> Guard | None:
    if not isinstance(condition, sp.core.relational.Relational):
        return None
    left, right = condition.lhs, condition.rhs
    integers = all(
        isinstance(s, Index) or s.is_integer for s in left.free_symbols | right.free_symbols
    ) and all(a.tensor.dtype == "int64" for a in (left - right).atoms(Access))
    if not integers:
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
