"""Numbers as they are shown.

Enters: numbers of SymPy. Leaves: nodes; a float that is a whole number, or halves, quarters … of one, is it.
"""

from __future__ import annotations

import sympy as sp

from symdl.explain.notation.tree import Fraction, Negative, Node, Number, Power, number
from symdl.express.relations import rebuilt
from symdl.express.walks import kinds_of

_LARGEST_WHOLE = 2**53  # up to which every whole number is a float
_FINEST = 16  # parts of a whole that a float may be to be shown as a fraction
BEYOND = 1e29  # from which on a number stands for infinity, as the logarithm of 0 does where it is subtracted
LARGEST_BOTTOM = 10**6  # of a fraction; a constant with a longer one is shown as a decimal number


def as_whole(value: sp.Float) -> sp.Number:
    """Return a float that is exactly a whole number, or some of its halves, as such: ``0.5 x`` is ``x/2``."""
    if abs(value) < _LARGEST_WHOLE / _FINEST and (_FINEST * value) % 1 == 0:
        return sp.Rational(int(_FINEST * value), _FINEST)
    return sp.Integer(int(value)) if abs(value) < _LARGEST_WHOLE and value % 1 == 0 else value


def with_whole_numbers(expr: sp.Expr) -> sp.Expr:
    """Return an expression whose whole numbers are integers, however they were written."""
    values = {f: as_whole(f) for f in kinds_of(expr, sp.Float)}
    return rebuilt(expr, {f: n for f, n in values.items() if n is not f})


def number_node(expr: sp.Expr) -> Node:
    """Return a number: a fraction, a power of ten, a decimal."""
    expr = as_whole(expr) if isinstance(expr, sp.Float) else expr
    if expr.is_negative:
        return Negative(number_node(-expr))
    if isinstance(expr, sp.Rational) and expr.q != 1:
        power = _ten(int(expr.q))
        if power and expr.p == 1:
            return Power(number(10), Number(sp.Integer(-power)))
        if expr.q > LARGEST_BOTTOM:
            return Number(sp.Float(expr, 15))
        return Fraction(number(int(expr.p)), number(int(expr.q)))
    if isinstance(expr, sp.Integer) and _ten(int(expr)) >= 5:
        return Power(number(10), number(_ten(int(expr))))
    return Number(expr)


def _ten(value: int) -> int:
    """Return the exponent of a power of ten from 1000 on, 0 for other numbers."""
    digits = len(str(value)) - 1
    return digits if digits >= 3 and value == 10**digits else 0
