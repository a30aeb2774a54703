"""Expressions that are finite wherever what they read is.

Enters: a local derivative. Leaves: whether a cotangent of 0 times it is 0 for all finite values, so that it
need not be asked where it counts.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from symdl.express.dims import Dim, Index
from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor

_TOTAL = (sp.sin, sp.cos, sp.tanh, sp.atan, sp.erf, sp.erfc, sp.asinh, sp.Abs, sp.sign, sp.floor, sp.ceiling)
_DEPTH = 6


def is_total(expr: sp.Expr, definitions: Mapping[Tensor, Equation]) -> bool:
    """Say whether an expression of finite values is finite, but for products that overflow."""
    if expr.is_Atom or isinstance(expr, Access):
        return expr not in (sp.oo, -sp.oo, sp.nan, sp.zoo)
    if isinstance(expr, sp.Piecewise):
        return all(is_total(value, definitions) for value, _ in expr.args)
    if isinstance(expr, sp.exp):
        return is_below(expr.args[0], definitions)
    if isinstance(expr, sp.Pow):
        base, power = expr.args
        if power.is_Integer and power.is_positive:
            return is_total(base, definitions)
        return power.is_number and is_positive(base, definitions) and is_total_inside(base, definitions)
    if isinstance(expr, (*_TOTAL, sp.Add, sp.Mul)) or expr.func.__name__ == "StopGradient":
        return all(is_total(arg, definitions) for arg in expr.args)
    return False


def is_total_inside(base: sp.Expr, definitions: Mapping[Tensor, Equation]) -> bool:
    """Say whether a base is total, an overflow of its exponentials aside: ``1/(1 + exp(u))`` is 0 then."""
    plain = base.replace(lambda node: isinstance(node, sp.exp), lambda node: sp.S.One)
    return is_total(plain, definitions)


def is_below(expr: sp.Expr, definitions: Mapping[Tensor, Equation]) -> bool:
    """Say whether an exponent is not positive: minus a square, or the difference to a logsumexp."""
    if _sign(-expr, definitions, _DEPTH) >= 0:
        return True
    for total in sp.Add.make_args(expr):
        access = -total
        source = definitions.get(access.tensor) if isinstance(access, Access) else None
        if (
            source is not None
            and source.reduction is not None
            and source.reduction.op in ("logsumexp", "max")
        ):
            return True
    return False


def is_positive(expr: sp.Expr, definitions: Mapping[Tensor, Equation]) -> bool:
    """Say whether an expression is sure to be greater than 0."""
    return _sign(expr, definitions, _DEPTH) > 0


def _sign(expr: sp.Expr, definitions: Mapping[Tensor, Equation], depth: int) -> int:
    """1: positive; 0: not negative; -1: not known."""
    if isinstance(expr, Index):
        return 0
    if isinstance(expr, Dim):
        return 1
    if isinstance(expr, Access):
        source = definitions.get(expr.tensor)
        if source is None or not depth or source.guards:
            return -1
        op = source.reduction.op if source.reduction else None
        if op not in (None, "sum", "prod", "max"):
            return -1
        return _sign(source.body, definitions, depth - 1)
    if expr.is_number:
        return 1 if expr.is_positive else 0 if expr.is_zero else -1
    if isinstance(expr, sp.exp):
        return 1
    if isinstance(expr, sp.Abs):
        return 0
    if isinstance(expr, sp.Pow):
        inner = _sign(expr.base, definitions, depth)
        if inner > 0 and expr.exp.is_real:
            return 1
        even = expr.exp.is_Integer and expr.exp % 2 == 0
        return 0 if even or (inner == 0 and expr.exp.is_positive) else -1
    if isinstance(expr, sp.Mul):
        return min(_sign(arg, definitions, depth) for arg in expr.args)
    if isinstance(expr, sp.Add):
        signs = [_sign(arg, definitions, depth) for arg in expr.args]
        return -1 if min(signs) < 0 else max(signs)
    if isinstance(expr, sp.Piecewise):
        return min(_sign(value, definitions, depth) for value, _ in expr.args)
    return -1
