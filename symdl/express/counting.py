"""Positions that are no linear form of the index variables, found by counting.

Enters: an index expression such as ``i*(i + 1)/2 + j``, the size of its axis, guards, and extents that are
integers. Leaves: the places where a guard lets it read outside the axis. A packed triangle, a square or a
product of places has no bounds that interval arithmetic would prove.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdl.express.dims import Extent, Index

_MOST = 1 << 22  # places that are looked at


def outside_at(
    where: sp.Expr,
    size: Extent,
    conditions: Sequence[tuple[str, sp.Expr, Any]],
    extents: Mapping[Index, Extent],
) -> list[dict[Index, int]] | None:
    """Return a place where `where` is outside ``0 .. size - 1`` or no integer; nothing if there is none.

    Args:
        where: an index expression.
        size: of the axis.
        conditions: what holds where it is read: ``("in range", e, extent)``, ``("divides", e, m)`` or
            ``("equal", e, f)``.
        extents: of the index variables.

    Returns:
        None if sizes are symbols, if data are read, or if there are too many places.
    """
    exprs: list[sp.Expr] = [where, *(e for _, *sides in conditions for e in map(_exact, sides))]
    names = sorted({s for e in exprs for s in e.free_symbols}, key=str)
    sizes = [extents.get(name) if isinstance(name, Index) else None for name in names]
    known = [int(count) for count in sizes if isinstance(count, int)]
    if not isinstance(size, int) or len(known) < len(sizes) or math.prod(known) > _MOST:
        return None
    import numpy as np

    grid = dict(zip(names, np.ix_(*map(np.arange, known)), strict=True))
    try:
        top, bottom = _value(where, grid)
        wrong = (top % bottom != 0) | (top < 0) | (top >= size * bottom)
        for kind, *sides in conditions:
            (a, below), (b, over) = (_value(_exact(side), grid) for side in sides)
            if kind == "in range":
                holds = (a >= 0) & (a * over < b * below)
            else:
                holds = a % (b * below) == 0 if kind == "divides" else a * over == b * below
            wrong = wrong & holds
    except NotImplementedError:
        return None
    if not wrong.any():
        return []
    found = np.argwhere(np.broadcast_to(wrong, known))[0]
    return [dict(zip(names, map(int, found), strict=True))]


def _exact(side: Any) -> sp.Expr:
    return sp.sympify(side, strict=True)


def _value(expr: sp.Expr, grid: Mapping[Any, Any]) -> tuple[Any, int]:
    """Return whole numbers and what they are divided by."""
    if expr.is_Rational:
        import numpy as np

        return np.asarray(int(expr.p)), int(expr.q)
    if expr in grid:
        return grid[expr], 1
    if isinstance(expr, sp.Add | sp.Mul):
        top, bottom = _value(expr.args[0], grid)
        for arg in expr.args[1:]:
            a, b = _value(arg, grid)
            top = top * b + a * bottom if isinstance(expr, sp.Add) else top * a
            bottom = bottom * b
        return top, bottom
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        top, bottom = _value(expr.base, grid)
        return top ** int(expr.exp), bottom ** int(expr.exp)
    if isinstance(expr, sp.floor):
        top, bottom = _value(expr.args[0], grid)
        return top // bottom, 1
    if isinstance(expr, sp.Mod):
        (a, b), (c, d) = (_value(arg, grid) for arg in expr.args)
        return (a * d) % (c * b), b * d
    raise NotImplementedError
