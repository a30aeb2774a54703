"""Comparisons that SymPy can rebuild.

Enters: two sides, or an expression and what takes the place of its parts. Leaves: a relation, or the new
expression. SymPy writes the conditions of a `Piecewise` in an order of its own whenever it builds one, and
for some pairs of sides, such as ``(x - y)/10`` and ``-9*(x - y)/10``, goes from one form to another without
end. Such a comparison is written as that of the difference with 0, whose form is settled. Cases inside a
comparison are drawn out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symdl.express.comparisons import Compared, compared, parts
from symdl.express.walks import any_of, mapped, nodes, swapped


def relation(kind: type[Relational], left: sp.Basic, right: sp.Basic) -> sp.Basic:
    """Return ``left <kind> right``, or ``left - right <kind> 0`` where SymPy finds no form for the former."""
    plain = compared(kind, left, right)
    if not isinstance(plain, Relational) or plain.lhs.is_number or plain.rhs.is_number:
        return plain
    try:
        sp.Piecewise((sp.Integer(1), plain), (sp.Integer(0), True))
    except RecursionError:
        factor, rest = sp.factor_terms(sp.expand(left - right)).as_coeff_Mul()
        return kind(-rest if factor.is_negative else rest, sp.Integer(0))
    return plain


def rebuilt(expr: Any, values: Mapping[Any, Any]) -> Any:
    """Return `expr` with parts replaced, as `xreplace` does, in a form that SymPy can build."""
    try:
        plain = with_infinities(swapped(expr, values))
    except RecursionError:
        return with_infinities(_rebuilt(expr, values))
    return with_infinities(_rebuilt(expr, values)) if _decided(expr, plain, values) else plain


def _decided(before: Any, after: Any, values: Mapping[Any, Any]) -> bool:
    """Say whether SymPy has taken cases into a condition, or decided one without the values of data."""
    if not isinstance(after, sp.Basic) or all(isinstance(v, sp.Basic) and v.is_Atom for v in values.values()):
        return False
    if any_of(after, sp.ITE):
        return True
    relations = (node for node in nodes(before) if isinstance(node, Relational))
    return any(swapped(r, values) in (sp.true, sp.false) for r in relations)


def compare_cases(kind: type[Relational], left: sp.Expr, right: sp.Expr) -> sp.Basic:
    """Compare, with the cases of a Piecewise side drawn out: SymPy refuses them in a condition."""
    for side in (left, right):
        if not any_of(side, sp.Piecewise):
            continue
        chosen: list[sp.Basic] = []
        before: list[sp.Basic] = []
        for value, holds in sp.piecewise_fold(side).args:
            sides = (value, right) if side is left else (left, value)
            chosen.append(sp.And(*before, holds, compare_cases(kind, *sides)))
            before.append(sp.Not(holds))
        return sp.Or(*chosen)
    return relation(kind, left, right)


def with_infinities(expr: Any) -> Any:
    """Return `expr` with an infinite value in branches that divide by the number 0, as floats do.

    SymPy takes powers into cases: ``1/y`` of ``y = Piecewise((x, x > 0), (0, True))`` has the branch ``zoo``.
    """
    if not isinstance(expr, sp.Basic) or not any_of(expr, type(sp.zoo)):
        return expr

    def infinite(node: sp.Basic) -> sp.Basic:
        if not isinstance(node, sp.Piecewise):
            return node
        return sp.Piecewise(*((sp.oo if value == sp.zoo else value, c) for value, c in node.args))

    return mapped(expr, infinite)


def _rebuilt(node: sp.Basic, values: Mapping[Any, Any]) -> sp.Basic:
    if node in values:
        return values[node]
    if not node.args:
        return node
    args = [_rebuilt(arg, values) for arg in node.args]
    if isinstance(node, Relational):
        return compare_cases(type(node), *args)
    if isinstance(node, Compared) and any(any_of(side, sp.Piecewise) for side in args):
        kind, left, right = parts(Compared(*args))
        return compare_cases(kind, left, right)
    result: sp.Basic = node.func(*args)
    return result
