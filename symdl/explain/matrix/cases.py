"""Conditions in matrix form: maxima, indicators, cases entry by entry, one-hot arrays.

Enters: a reader, which reads their parts, and an expression with conditions. Leaves: a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.relational import Relational

from symdl.explain.matrix.algebra import NoMatrixForm, Part, oriented
from symdl.explain.notation.order import ordered_factors
from symdl.explain.notation.relations import shown_relation
from symdl.explain.notation.tree import Call, Cases, Compare, Diagonal, Indicator, Node, Ones
from symdl.express.dims import Index
from symdl.express.tensors import Access

if TYPE_CHECKING:
    from symdl.explain.matrix.matrix import Reader


def cases(reader: Reader, expr: sp.Piecewise | sp.Max | sp.Min, wish: Sequence[Index]) -> Part:
    """Read max, min, an absolute value, a sign, an indicator; else cases entry by entry."""
    shown = reader.notation.read(expr)
    if not isinstance(shown, Call):
        value, condition = expr.args[0]
        if len(expr.args) != 2 or expr.args[1] != (0, True):
            return entries(reader, expr, wish)
        switch = sp.Piecewise((sp.Integer(1), condition), (sp.Integer(0), True))
        parts = [(f, reader.part(f, wish)) for f in ordered_factors(value)]
        return reader.times([*parts, (switch, indicator(reader, condition, wish))], wish)
    if shown.name == "sign":
        return reader.mapped("sign", expr.args[0][1].args[0], wish)
    sides = [v for v, _ in expr.args] if isinstance(expr, sp.Piecewise) else expr.args
    values = [v for v in sides if not v.is_number][:1]
    fixed = [v for v in sides if v.is_number]
    if not values:
        raise NoMatrixForm
    inner = reader.part(values[0], wish)
    if shown.name == "Abs":
        return Part(Call("Abs", (inner.node,)), inner.axes)
    if shown.name not in ("Max", "Min") or len(fixed) != 1:
        raise NoMatrixForm
    return Part(Call(shown.name, (inner.node, reader.notation.read(fixed[0]))), inner.axes)


def unit_matrix(reader: Reader, expr: sp.Piecewise, wish: Sequence[Index]) -> Part | None:
    """Read δ as a unit matrix; None if it is no δ."""
    if len(expr.args) != 2 or expr.args[1] != (0, True) or expr.args[0][0] != 1:
        return None
    condition = expr.args[0][1]
    if not isinstance(condition, sp.Eq) or not all(isinstance(a, Index) for a in condition.args):
        return None
    i, j = sorted(condition.args, key=lambda a: wish.index(a) if a in wish else 99)
    if reader.extents[i] != reader.extents[j]:
        return None
    return Part(Diagonal(Ones(reader.extents[i])), (i, j))


def entries(reader: Reader, expr: sp.Piecewise, wish: Sequence[Index]) -> Part:
    """Read cases in which all arrays have the same axes."""
    rows: list[tuple[Part, Part | None]] = []
    for value, condition in expr.args:
        test = None if condition == sp.true else indicator(reader, condition, wish)
        rows.append((reader.part(value, wish), test))
    parts = [part for row in rows for part in row if part is not None]
    axes = max((part.axes for part in parts), key=len)
    if any(set(part.axes) not in (set(), set(axes)) for part in parts):
        raise NoMatrixForm
    by_entry = any(test is not None and test.axes for _, test in rows)
    shown: list[tuple[Node, Node | None]] = []
    for value_, test in rows:
        where = oriented(test, axes).node if test is not None else None
        if where is not None and not isinstance(where, Indicator):
            raise NoMatrixForm
        if not value_.axes and not (by_entry and (test is None or test.axes)):
            value_ = reader.full(value_, axes)  # chosen for all entries at once
        node = oriented(value_, axes).node if value_.axes else value_.node
        shown.append((node, where.condition if where is not None else None))
    return Part(Cases(tuple(shown)), axes)


def indicator(reader: Reader, condition: sp.Basic, wish: Sequence[Index]) -> Part:
    """Read a condition as an array of zeros and ones, or as a one-hot array."""
    if not isinstance(condition, Relational):
        raise NoMatrixForm
    left, right = condition.args
    if isinstance(condition, sp.Eq) and isinstance(right, Index) and isinstance(left, Access):
        rows = [i for i in left.indices if isinstance(i, Index)]
        node = reader.one_hot(left, reader.extents[right]) if reader.one_hot and len(rows) == 1 else None
        if node is None:
            raise NoMatrixForm
        hot = Part(node, (rows[0], right))
        return oriented(hot, tuple(w for w in wish if w in hot.axes))
    op, left, right = shown_relation(condition)
    sides = [reader.part(side, wish) for side in (left, right)]
    axes = max((s.axes for s in sides), key=len)
    if any(s.axes not in ((), axes) for s in sides):
        raise NoMatrixForm
    return Part(Indicator(Compare(op, sides[0].node, sides[1].node)), axes)
