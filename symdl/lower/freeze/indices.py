"""Integer expressions from SymPy to polynomials.

Enters: sizes and index expressions. Leaves: `Poly`s. A ratio is rounded down; its guard says
that it is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdl.errors import LoweringError
from symdl.express.dims import Dim, Index
from symdl.express.tensors import Access, Tensor
from symdl.lower.ir import names
from symdl.lower.ir.integers import ONE, Pick, Poly, Size, constant, floor, mod, of
from symdl.lower.ir.names import TensorId


def extent(size: Any) -> Poly:
    """Return the size of an axis."""
    return constant(size) if isinstance(size, int) else Indices({}, {}).poly(size)


class Indices:
    """Freezes integer expressions."""

    def __init__(self, variables: Mapping[Index, names.Index], numbers: Mapping[Tensor, TensorId]) -> None:
        self.variables = variables
        self.numbers = numbers

    def poly(self, expr: Any) -> Poly:
        """Return an integer expression; a ratio is rounded down (its guard says it is exact)."""
        if isinstance(expr, int):
            return constant(expr)
        if isinstance(expr, sp.Rational) and not expr.is_Integer:
            raise LoweringError(f"the index {expr} is no integer")
        if expr.is_Integer:
            return constant(int(expr))
        if isinstance(expr, Index):
            return of(self.variables[expr])
        if isinstance(expr, Dim):
            return of(Size(expr.name))
        if isinstance(expr, Access) and expr.tensor.dtype == "int64":
            return of(Pick(self.numbers[expr.tensor], tuple(map(self.poly, expr.indices))))
        if isinstance(expr, sp.floor):
            return self.ratio(expr.args[0])
        if isinstance(expr, sp.Mod):
            top, bottom = sp.fraction(sp.together(expr.args[0]))
            by = expr.args[1]
            if bottom == 1:
                return mod(self.poly(sp.expand(top)), self.poly(by))
            raise LoweringError(f"the index {expr} is no integer")
        if isinstance(expr, sp.Add | sp.Mul | sp.Pow):
            simple = all(arg.is_Integer or not arg.args for arg in expr.args)
            return self.compound(expr) if simple else self.ratio(expr)
        raise LoweringError(f"{expr} cannot be used as an index")

    def compound(self, expr: sp.Expr) -> Poly:
        """Return a sum, product or power."""
        if isinstance(expr, sp.Pow):
            if not (expr.exp.is_Integer and expr.exp > 0):
                raise LoweringError(f"{expr} cannot be used as an index")
            expr_args = (expr.base,) * int(expr.exp)
            result = ONE
        else:
            expr_args = expr.args
            result = constant(0) if isinstance(expr, sp.Add) else ONE
        for arg in expr_args:
            result = result + self.poly(arg) if isinstance(expr, sp.Add) else result * self.poly(arg)
        return result

    def ratio(self, expr: sp.Expr) -> Poly:
        """Return ``floor(expr)``."""
        top, bottom = sp.fraction(sp.together(expr))
        if bottom != 1:
            return floor(self.poly(sp.expand(top)), self.poly(sp.expand(bottom)))
        return self.compound(expr) if isinstance(expr, sp.Add | sp.Mul | sp.Pow) else self.poly(expr)
