"""Comparisons that SymPy can rebuild.

Enters: two sides, or an expression and what takes the place of its parts. Leaves: a relation, or the new
expression. SymPy writes the conditions of a `Piecewise` in an order of its own whenever it builds one, and
for some pairs of sides, such as ``(x - y)/10`` and ``-9*(x - y)/10``, goes from one form to another without
end. Such a comparison is written as that of the difference with 0, whose form is settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.core.relational import Relational


def relation(kind: type[Relational], left: sp.Basic, right: sp.Basic) -> sp.Basic:
    """Return ``left <kind> right``, or ``left - right <kind> 0`` where SymPy finds no form for the former."""
    plain: sp.Basic = kind(left, right)
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
        return with_infinities(expr.xreplace(values))
    except RecursionError:
        return with_infinities(_rebuilt(expr, values))


def with_infinities(expr: Any) -> Any:
    """Return `expr` with an infinite value in branches that divide by the number 0, as floats do.

    SymPy takes powers into cases: ``1/y`` of ``y = Piecewise((x, x > 0), (0, True))`` has the branch ``zoo``.
    """
    if not isinstance(expr, sp.Basic) or not expr.has(sp.zoo):
        return expr

    def infinite(cases: sp.Piecewise) -> sp.Piecewise:
        return sp.Piecewise(*((sp.oo if value == sp.zoo else value, c) for value, c in cases.args))

    return expr.replace(lambda node: isinstance(node, sp.Piecewise), infinite)


def _rebuilt(node: sp.Basic, values: Mapping[Any, Any]) -> sp.Basic:
    if node in values:
        return values[node]
    if not node.args:
        return node
    args = [_rebuilt(arg, values) for arg in node.args]
    if isinstance(node, Relational):
        return relation(type(node), *args)
    result: sp.Basic = node.func(*args)
    return result
