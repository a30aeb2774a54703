"""Comparisons of data, which may be NaN or infinite.

Enters: a comparison of elements, or a condition to be negated. Leaves: a condition that is true exactly
where NumPy's is. SymPy compares real numbers: ``x < oo`` and ``Eq(x, x)`` are true to it, and ``x <= 0`` is
the negation of ``x > 0``. Where it decides so without a value, `Compared` stands for the comparison, and a
negated comparison also holds where a side is NaN.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanFunction

KINDS: tuple[type[Relational], ...] = (
    *(sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan),
    *(sp.Eq, sp.Ne),
)
"""Relations by the number under which a `Compared` holds them."""


class Compared(BooleanFunction):
    """``Compared(kind, left, right)``: a comparison that nobody decides without values."""

    nargs = 3

    def _eval_as_set(self) -> sp.Set:
        raise NotImplementedError  # so SymPy leaves it where it is


def compared(kind: type[Relational], left: Any, right: Any) -> sp.Basic:
    """Return ``left <kind> right`` for data."""
    plain: sp.Basic = kind(left, right)
    if plain not in (sp.true, sp.false) or not (_is_data(left) or _is_data(right)):
        return plain
    return Compared(sp.Integer(KINDS.index(kind)), left, right)


def asked(kind: type[Relational], left: Any, right: Any) -> sp.Basic:
    """Return a comparison of tensors, to choose with.

    Of reals that are equal it says that one value is chosen there, not that a function has a value of its own
    at a single point, so that its derivative does not depend on what has a name.
    """
    if kind in (sp.Eq, sp.Ne) and (_is_data(left) or _is_data(right)):
        return Compared(sp.Integer(KINDS.index(kind)), left, right)
    return compared(kind, left, right)


def parts(condition: sp.Basic) -> tuple[type[sp.Basic], *tuple[sp.Basic, ...]]:
    """Return which comparison a condition is, and its sides."""
    if not isinstance(condition, Compared):
        return type(condition), *condition.args
    number, left, right = condition.args
    return KINDS[int(number)], left, right


def negated(condition: sp.Basic) -> sp.Basic:
    """Return where a condition does not hold, NaN included."""
    if isinstance(condition, sp.And | sp.Or):
        sides = map(negated, condition.args)
        return sp.Or(*sides) if isinstance(condition, sp.And) else sp.And(*sides)
    kind, *ends = parts(condition)
    if isinstance(condition, Compared) and kind in (sp.Eq, sp.Ne):
        return asked(sp.Ne if kind is sp.Eq else sp.Eq, *ends)
    if not isinstance(condition, Relational):
        return sp.Not(condition)
    unknown = () if isinstance(condition, sp.Eq | sp.Ne) else filter(_is_data, condition.args)
    return sp.Or(sp.Not(condition), *(compared(sp.Ne, side, side) for side in unknown))


def _is_data(side: Any) -> bool:
    """Say whether an expression reads real elements. (This module comes before that of tensors.)"""
    atoms = side.atoms() if isinstance(side, sp.Expr) else ()
    return any(atom.tensor.dtype == "real" for atom in atoms if hasattr(atom, "tensor"))
