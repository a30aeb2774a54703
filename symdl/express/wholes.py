"""Expressions of integers.

Enters: scalar expressions, operands of an operation. Leaves: whether they are made of integers only. Such an
expression is computed in int64: sums, products, choices of integers keep all their digits, as in NumPy.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.express.dims import Dim, Index
from symdl.express.tensors import Access

_KEEPING = (sp.Add, sp.Mul, sp.Max, sp.Min, sp.Abs, sp.sign)


def is_integer(expr: sp.Expr) -> bool:
    """Say whether an expression is a polynomial of integers, with quotients that are rounded down."""
    if isinstance(expr, Access):
        return expr.tensor.dtype == "int64"
    if not expr.args:
        return expr.is_Integer or isinstance(expr, Index | Dim)
    if isinstance(expr, sp.floor | sp.Mod):
        return all(isinstance(s, Index | Dim) or is_integer(s) for s in expr.free_symbols)
    if isinstance(expr, sp.Pow) and not (expr.exp.is_Integer and expr.exp > 0):
        return False
    return isinstance(expr, sp.Add | sp.Mul | sp.Pow) and all(map(is_integer, expr.args))


def is_whole(expr: sp.Expr) -> bool:
    """Say whether an expression has integers as values: one as above, or extremes of such and choices."""
    if isinstance(expr, sp.Piecewise):
        return expr.args[-1].cond == sp.true and all(is_whole(value) for value, _ in expr.args)
    if isinstance(expr, sp.Pow):
        return bool(expr.exp.is_Integer and expr.exp > 0) and is_whole(expr.base)
    if isinstance(expr, _KEEPING):
        return all(map(is_whole, expr.args))
    return is_integer(expr)


def holds_labels(expr: sp.Expr) -> bool:
    """Say whether an integer tensor is read as a value, not only in a condition."""
    if isinstance(expr, sp.Piecewise):
        return any(holds_labels(value) for value, _ in expr.args)
    return isinstance(expr, Access) or any(map(holds_labels, expr.args))


def of_sizes(expr: Any) -> bool:
    """Say whether an expression is an integer made of sizes only."""
    symbols = expr.free_symbols
    return bool(symbols) and all(isinstance(s, Dim) for s in symbols) and is_integer(expr)
