"""Comparisons as they are shown.

Enters: a relation. Leaves: its sign and its sides: ``j = t[i]``, and ``b - a < 1`` for ``a - b > -1``, which
SymPy writes the one way or the other as it happens to sort names.
"""

from __future__ import annotations

import sympy as sp
from sympy.core.relational import Relational

from symdl.explain.notation.numbers import BEYOND
from symdl.express.comparisons import Compared, parts
from symdl.express.dims import Index
from symdl.express.tensors import Access

_SIGNS = {
    sp.Eq: "=",
    sp.Ne: "!=",
    sp.StrictLessThan: "<",
    sp.LessThan: "<=",
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: ">=",
}
_TURNED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def shown_relation(expr: Relational | Compared) -> tuple[str, sp.Expr, sp.Expr]:
    """Return the sign and the sides of a relation, in the order in which a person would write them."""
    which, left, right = parts(expr)
    sign = next(text for kind, text in _SIGNS.items() if issubclass(which, kind))
    if sign in ("=", "!=") and isinstance(left, Access) and isinstance(right, Index):
        return sign, right, left  # j = t_i
    if sign == "<" and right.is_Float and right <= -BEYOND:
        return "=", left, right  # no other number is as small
    if isinstance(left, sp.Add) and right.is_number and right.is_negative:
        return _TURNED[sign], -left, -right
    return sign, left, right
