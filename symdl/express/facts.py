"""Facts: equations that are declared to hold for the values that will be given.

Enters: two sides, as tensors or in index notation. Leaves: a `Fact`, data which derivations and clean-up use.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Index
from symdl.express.program import Fact
from symdl.express.surface import define
from symdl.express.tensors import Access, Tensor, accesses_in, as_expression, is_plain


def fact(left: Any, right: Any = None) -> Fact:
    """Declare an equation: ``sd.fact(sd.Sum(p[i, k], k), 1)``, ``sd.fact(U.T @ U, sd.eye(k))``.

    Pass it in ``facts=[...]``. A sum of entries that is 1 shortens the equations of a derivative themselves;
    any other equation is used where a result is written as a matrix formula, and named beside that line. It
    must hold for the values that are given: nothing tests it.

    Args:
        left: a tensor, or a scalar expression over its entries, with free indices where it holds for all of
            them; or the whole equation, as ``sp.Eq(left, right)``.
        right: the same, of the same shape; a number stands for itself.

    Raises:
        ExpressionError: a side is nothing of this kind, or one has an index that the other has not.
        ShapeError: the sides have different shapes.
    """
    if right is None:
        if not isinstance(left, sp.Eq):
            raise ExpressionError(f"{left!r} is no equation", cure="pass both sides: sd.fact(left, right)")
        left, right = left.args
    known = _sum_to_one(left, right)
    if known is not None:
        return known
    free = tuple(sorted(_free(left) | _free(right), key=str))
    one, other = _side(left, free), _side(right, free)
    if one.rank and not other.rank and other.equation is not None and not isinstance(right, Tensor):
        other = define(None, free, other.equation.body, shape=one.shape) if free else other
    if one.shape != other.shape:
        raise ShapeError(
            "the two sides of a fact differ in shape",
            shapes={"left": one.shape, "right": other.shape},
            cure="compare like with like, such as U.T @ U with sd.eye(k)",
        )
    return Fact(one, 0, "equation", other)


def _free(side: Any) -> set[Index]:
    """The index variables for all values of which a side holds."""
    if isinstance(side, Tensor):
        return set()
    expr = as_expression(side)
    bound = {index for node in sp.preorder_traversal(expr) for index in getattr(node, "axes", {})}
    inside = {s for a in accesses_in(expr) for s in a.free_symbols} | expr.free_symbols
    return {s for s in inside if isinstance(s, Index)} - bound


def _side(side: Any, free: tuple[Index, ...]) -> Tensor:
    if isinstance(side, Tensor):
        return side
    expr = as_expression(side)
    return define(None, free if _free(side) else (), expr)


def _sum_to_one(left: Any, right: Any) -> Fact | None:
    """Recognise the sum of a tensor along one axis."""
    if isinstance(right, Tensor) or as_expression(right) != 1:
        return None
    total = left if isinstance(left, Tensor) else _side(left, tuple(sorted(_free(left), key=str)))
    equation = total.equation
    if equation is None or equation.reduction is None or equation.reduction.op != "sum" or equation.guards:
        return None
    body = equation.body
    if not isinstance(body, Access) or not is_plain(body) or len(equation.bound) != 1:
        return None
    axis = body.indices.index(equation.bound[0])
    if equation.extents[equation.bound[0]] != body.tensor.shape[axis] or body.tensor.rank != total.rank + 1:
        return None
    return Fact(body.tensor, axis, "sums_to_one")


__all__ = ["fact"]
