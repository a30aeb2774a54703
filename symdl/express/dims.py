"""Sizes and index variables.

Enters: names and integers. Leaves: `Index` and `Dim` symbols, extents built from them, and proofs about
ranges: an index expression together with the extents of its variables gives a lowest and a highest value,
and a comparison of two extents is either proved for every positive value of every `Dim`, or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias

import sympy as sp

from symdl.brief import brief
from symdl.errors import ExpressionError
from symdl.express.naming import checked_name
from symdl.express.walks import symbols_of

Extent: TypeAlias = int | sp.Expr
"""A size: a positive integer, or a polynomial in `Dim` symbols such as ``n`` or ``4*n``."""


class Index(sp.Symbol):
    """A nonnegative integer variable that means something inside one equation only."""

    __slots__ = ()

    def __new__(cls, name: str) -> Index:
        return super().__new__(cls, checked_name(name, "index"), integer=True, nonnegative=True)  # type: ignore[no-any-return]

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Tell `pickle` how it is made; what SymPy assumes of it follows."""
        return (self.name,), {}


class Dim(sp.Symbol):
    """A size that is known when a kernel is called: ``n = sd.Dim("n")``. Always positive.

    Two dims of one name are the same size.

    >>> n = sd.Dim("n")
    >>> sd.tensor("X", (n, 3)).shape
    (n, 3)
    >>> (2*n + 1, n == sd.Dim("n"))
    (2*n + 1, True)
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Dim:
        if not checked_name(name, "size").isidentifier():
            raise ExpressionError(f"{name!r} cannot name a size", cure="use letters, digits and underscores")
        return super().__new__(cls, name, integer=True, positive=True)  # type: ignore[no-any-return]

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Tell `pickle` how it is made; what SymPy assumes of it follows."""
        return (self.name,), {}


def indices(names: str) -> tuple[Index, ...]:
    """Return one index per name in a blank- or comma-separated string: ``i, j = sd.indices("i j")``.

    >>> i, j = sd.indices("i j")
    >>> X = sd.tensor("X", (2, 3))
    >>> print(sd.formula(sd.define("Y", (j, i), X[i, j])))
    Xᵀ
    """
    return tuple(Index(name) for name in names.replace(",", " ").split())


def is_whole(value: object) -> bool:
    """Say whether `value` is an integer, Python's or NumPy's; a truth value is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Say whether `value` is a real number, Python's or NumPy's; a truth value is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def as_extent(size: object) -> Extent:
    """Return `size` as an extent: a nonnegative int stays an int, a `Dim` polynomial a SymPy expression.

    Raises:
        ExpressionError: `size` is neither.
    """
    if isinstance(size, sp.Expr) and not size.is_Integer:
        if not all(isinstance(symbol, Dim) for symbol in symbols_of(size)):
            raise ExpressionError(f"the size {brief(size)} holds symbols that are no sd.Dim")
        polynomial: sp.Expr = sp.expand(size)
        if not _is_whole_at_first(polynomial):
            raise ExpressionError(f"the size {size} is not an integer for all sizes", cure="use n//2 or 2*n")
        return polynomial
    if isinstance(size, bool) or not hasattr(size, "__index__"):
        raise ExpressionError(f"{size!r} is no size", cure="pass a nonnegative integer or sd.Dim('n')")
    number = int(size.__index__())
    if number < 0:
        raise ExpressionError(f"the size {size} is negative")
    return number


def _is_whole_at_first(size: sp.Expr) -> bool:
    """Say whether a size is an integer where all dims are 1, 2 and 3: ``n*(n + 1)/2`` is, ``n/2`` is not."""
    if all(number.is_Integer for number in size.atoms(sp.Number)):
        return True
    return all(size.subs(dict.fromkeys(size.free_symbols, value)).is_integer for value in (1, 2, 3))


def dims_of(extent: Extent) -> set[Dim]:
    """Return the `Dim` symbols that an extent depends on."""
    return {s for s in sp.sympify(extent, strict=True).free_symbols if isinstance(s, Dim)}


def bounds(expr: sp.Expr, extents: Mapping[Index, Extent]) -> tuple[sp.Expr, sp.Expr] | None:
    """Return the lowest and highest value of an index expression, or None where they are not known.

    Affine expressions, and ``floor(e/m)`` and ``Mod(e, m)`` of them, are understood.
    """
    if isinstance(expr, Index):
        extent = extents.get(expr)
        return None if extent is None else (sp.Integer(0), extent - sp.Integer(1))
    if not _varies(expr):
        return (expr, expr) if expr.is_integer or expr.is_Rational else None
    if isinstance(expr, sp.Add):
        parts = [bounds(arg, extents) for arg in expr.args]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return sp.Add(*(low for low, _ in known)), sp.Add(*(high for _, high in known))
    if isinstance(expr, sp.Mul):
        factor = sp.Mul(*(arg for arg in expr.args if not _varies(arg)))
        rest = sp.Mul(*(arg for arg in expr.args if _varies(arg)))
        inner = None if rest == expr else bounds(rest, extents)
        if inner is None:
            return None
        low, high = (sp.expand(factor * side) for side in inner)
        if factor.is_nonnegative:
            return low, high
        return (high, low) if factor.is_negative else None
    if isinstance(expr, sp.floor):
        inner = bounds(expr.args[0], extents)
        return None if inner is None else (sp.floor(inner[0]), sp.floor(sp.expand(inner[1])))
    if isinstance(expr, sp.Mod):
        return sp.Integer(0), expr.args[1] - sp.Integer(1)
    return _known(expr)


def _varies(expr: sp.Expr) -> bool:
    """Say whether an expression holds anything else than numbers and sizes: an index, an element."""
    return any(not isinstance(symbol, Dim) for symbol in expr.free_symbols)


def _known(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """The range of a position that is computed, such as an argmax."""
    below = getattr(expr, "below", None)
    return None if below is None else (sp.Integer(0), below - sp.Integer(1))


def at_most(small: Extent, large: Extent) -> bool:
    """Say whether ``small <= large`` is proved for all positive values of the dims in them."""
    gap = sp.expand(sp.sympify(large, strict=True) - sp.sympify(small, strict=True))
    if gap.is_Integer:
        return bool(gap >= 0)
    dims = sorted((s for s in gap.free_symbols if isinstance(s, Dim)), key=str)
    shifted = sp.expand(gap.subs({d: d + 1 for d in dims}, simultaneous=True))
    if not dims or not shifted.is_polynomial(*dims):
        return False
    return all(c.is_number and bool(c >= 0) for c in sp.Poly(shifted, *dims).coeffs())


def in_range(expr: sp.Expr, extent: Extent, extents: Mapping[Index, Extent]) -> bool:
    """Say whether ``0 <= expr < extent`` is proved over the ranges of the index variables."""
    limits = bounds(expr, extents)
    if limits is None:
        return False
    return at_most(0, limits[0]) and at_most(limits[1] + 1, extent)


def whole_sides(left: sp.Expr, right: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return both sides of a comparison times what makes whole numbers of the fractions in them.

    Only where positions and sizes alone are compared, as in ``2*i/9 < k``: there a comparison must be exact.
    """
    if not all(isinstance(symbol, Index | Dim) for symbol in left.free_symbols | right.free_symbols):
        return left, right
    gap, below = sp.fraction(sp.together(left - right))
    return (left, right) if not below.is_Integer or below == 1 else (sp.expand(gap), sp.Integer(0))


def ratio(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return two expressions whose quotient is `expr`; ``x/3 - 2/3`` is ``(x - 2)/3``.

    Where whole numbers are divided, the quotient of the two is exact; a sum of thirds is not.
    """
    if all(isinstance(symbol, Index | Dim) for symbol in expr.free_symbols):
        return sp.fraction(sp.together(expr))  # type: ignore[no-any-return]
    share, rest = expr.primitive()
    above, below = sp.fraction(rest) if isinstance(rest, sp.Mul | sp.Pow) else (rest, sp.S.One)
    return share.p * above, share.q * below
