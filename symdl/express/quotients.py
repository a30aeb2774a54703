"""Quotients of reals rounded down, and what they leave over.

Enters: two scalar expressions. Leaves: `FloorDivide` and `Remainder`, whose values are those of NumPy's
``//`` and ``%`` on floats, bit for bit. The floor of a rounded quotient is another number: ``1.0/0.1`` rounds
to 10, while 0.1 as a float is a little more than a tenth. Whole numbers, positions and sizes, keep SymPy's
``floor`` and ``Mod``, which are exact there and which the solver of index equations takes apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.express.dims import Dim, Index, ratio
from symdl.express.tensors import Access
from symdl.express.walks import any_of, kinds_of, mapped, symbols_of


class FloorDivide(sp.Function):
    """``FloorDivide(x, y)``: the quotient rounded down; its derivative is 0."""

    nargs = 2

    @classmethod
    def eval(cls, x: sp.Expr, y: sp.Expr) -> sp.Expr | None:
        """Divide numbers."""
        return _of_numbers(
            x, y, lambda a, b: sp.Integer((a / b).floor()), lambda a, b: sp.Integer(int(a // b))
        )

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative: between its jumps it is constant."""
        return sp.Integer(0)

    def _eval_is_integer(self) -> bool:
        return True


class Remainder(sp.Function):
    """``Remainder(x, y)``: ``x - y*floor(x/y)``, of the sign of `y`; its slope in `x` is 1 everywhere."""

    nargs = 2

    @classmethod
    def eval(cls, x: sp.Expr, y: sp.Expr) -> sp.Expr | None:
        """Divide numbers."""
        return _of_numbers(x, y, lambda a, b: a - b * (a / b).floor(), lambda a, b: sp.Float(a % b))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative with respect to one of the two."""
        return sp.Integer(1) if argindex == 1 else -FloorDivide(*self.args)

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_is_real(self) -> bool:
        return True


def _of_numbers(
    x: sp.Expr,
    y: sp.Expr,
    exact: Callable[[sp.Expr, sp.Expr], sp.Expr],
    rounded: Callable[[float, float], sp.Expr],
) -> sp.Expr | None:
    """Return what two numbers give: rational ones exactly, others as floats do; None for anything else."""
    if not (x.is_Number and y.is_Number and y):
        return None
    if x.is_Rational and y.is_Rational:
        return exact(x, y)
    return rounded(float(x), float(y)) if x.is_finite and y.is_finite else None


def real_quotients(expr: Any) -> Any:
    """Return an expression with these forms for ``floor(x/y)`` and ``Mod(x, y)`` of reals, as users write."""
    if not isinstance(expr, sp.Basic) or not any_of(expr, (sp.floor, sp.Mod)):
        return expr

    def divided(node: sp.Basic) -> sp.Basic:
        return _divided(node) if isinstance(node, sp.floor | sp.Mod) and _moves(node) else node

    return mapped(expr, divided)


def _moves(expr: sp.Expr) -> bool:
    """Say whether an expression holds anything else than positions, sizes and integers."""
    if any(access.tensor.dtype == "real" for access in kinds_of(expr, Access)):
        return True
    return any(not isinstance(symbol, Access | Index | Dim) for symbol in symbols_of(expr))


def _divided(node: sp.Expr) -> sp.Expr:
    if isinstance(node, sp.Mod):
        return Remainder(*node.args)
    above, below = ratio(node.args[0])
    exact = below.is_Integer and below.p & (below.p - 1) == 0  # by a power of two nothing is rounded
    return node if exact else FloorDivide(above, below)
