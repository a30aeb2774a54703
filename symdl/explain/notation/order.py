"""The order that a person would write terms and factors in.

Enters: the terms of a sum, the factors of a product. Leaves: the same in order: a number leads unless powers
of names make a polynomial; in a product numbers, then single numbers' names, cotangents, names, functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from symdl.express.dims import Dim, Index
from symdl.express.tensors import Access


def ordered_terms(args: tuple[sp.Expr, ...]) -> list[sp.Expr]:
    """Order the terms of a sum: a number leads unless powers of names make it a polynomial."""
    numbers = [a for a in args if a.is_number]
    rest = [a for a in args if not a.is_number]
    polynomial = bool(rest) and all(_is_polynomial(a) for a in rest if not a.could_extract_minus_sign())
    ordered = sp.Add(*rest, evaluate=False).as_ordered_terms() if len(rest) > 1 else rest
    if not polynomial:
        ordered = sorted(ordered, key=lambda a: sorted(map(str, a.free_symbols)))
    leading = not polynomial or all(a.could_extract_minus_sign() for a in rest)
    return [*numbers, *ordered] if leading else [*ordered, *numbers]


def by_degree(args: tuple[sp.Expr, ...]) -> list[sp.Expr]:
    """Order the terms of a polynomial in one symbol by descending degree; else return nothing.

    Nothing is returned either where the term of highest degree is negative: ``1 - x**2``.
    """
    symbols = set().union(*(term.free_symbols for term in args))
    whole = sp.Add(*args)
    if len(symbols) != 1 or len(args) < 2 or whole.has(Access) or not whole.is_polynomial(*symbols):
        return []
    (x,) = symbols
    if isinstance(x, Dim | Index) or any(term.atoms(sp.Add) for term in args):
        return []
    ordered = sorted(args, key=lambda term: -int(sp.degree(term, x)))
    return [] if ordered[0].could_extract_minus_sign() else ordered


def _is_polynomial(expr: sp.Expr) -> bool:
    return not expr.atoms(sp.Function, sp.exp) and not any(p.exp.is_negative for p in expr.atoms(sp.Pow))


def ordered_factors(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    """Order the factors of a product: numbers, cotangents, names, brackets, functions, indicators."""

    arrays = any(a.indices for a in expr.atoms(Access))

    def key(factor: sp.Expr) -> tuple[int, int]:
        if factor.is_number:
            return 0, 0
        inner = factor.base if isinstance(factor, sp.Pow) else factor
        if arrays and isinstance(inner, Dim):
            return 1, 0
        if isinstance(inner, Access):
            if arrays and not inner.indices:
                return 1, 0  # a scalar stands before arrays, as a size does
            return (2 if inner.tensor.role in ("cotangent", "tangent") else 3), 0
        kinds = (sp.Symbol, sp.Function, sp.Piecewise)
        place = next((n for n, kind in enumerate(kinds) if isinstance(inner, kind)), 1)
        if isinstance(inner, sp.Add):
            return 4, 0
        return (7 if isinstance(inner, sp.Piecewise) else 3 if place == 0 else 5), 0

    factors = sp.Mul.make_args(expr)
    ordered = sorted(sp.Mul(*factors, evaluate=False).as_ordered_factors(), key=key)
    for bracket in [f for f in ordered if isinstance(f, sp.Add) and len(f.args) == 2]:
        other = next((f for f in ordered if f != bracket and bracket + f == 1), None)
        if other is not None:  # s (1 - s)
            ordered.remove(bracket)
            ordered.insert(ordered.index(other) + 1, bracket)
    return tuple(ordered)


def primitive(factors: Iterable[sp.Expr]) -> tuple[sp.Expr, ...]:
    """Take common numbers out of bracketed sums where fewer remain: ``2*a - 2*b`` gives 2 and ``a - b``.

    A sign that all terms have is taken out, too: ``-a - b`` gives -1 and ``a + b``.
    """
    result: list[sp.Expr] = []
    for factor in factors:
        content, rest = content_of(factor) if isinstance(factor, sp.Add) else (sp.Integer(1), factor)
        if isinstance(rest, sp.Add) and all(term.could_extract_minus_sign() for term in rest.args):
            content, rest = -content, sp.Add(*(-term for term in rest.args))
        result += [rest] if content == 1 else [content, rest]
    return tuple(result)


def content_of(total: sp.Add) -> tuple[sp.Expr, sp.Expr]:
    """Return the number to take out of a sum, 1 if none leaves fewer numbers in it, and what remains."""
    if any(has_root(term) for term in total.args):
        return sp.Integer(1), total  # sqrt(2 pi) stays together
    common, rest = total.primitive()
    best = (common, rest) if _numbers(rest) < _numbers(total) else (sp.Integer(1), total)
    sizes = {abs(term.as_coeff_Mul()[0]) for term in total.args if not term.is_number}
    if len(sizes) == 1 and total.as_coeff_Add()[0]:  # 2 a - 2 b + 1/500 is 2 (a - b + 1/1000)
        (size,) = sizes
        other = sp.expand(total / size)
        best = (size, other) if size.is_Rational and _numbers(other) < _numbers(best[1]) else best
    every = {abs(term.as_coeff_Mul()[0]) for term in total.args}
    if len(every) == 1 and next(iter(every)).is_Float:  # 0.1 - 0.1 a
        (size,) = every
        parts = [term.as_coeff_Mul() for term in total.args]
        return size, sp.Add(*((rest if number > 0 else -rest) for number, rest in parts))
    return best


def has_root(term: sp.Expr) -> bool:
    """Say whether a term has a factor ``sqrt(2)``: the number before it belongs to it."""
    factors = sp.Mul.make_args(term)
    return any(f.is_Pow and f.exp == sp.Rational(1, 2) and f.base.is_Integer for f in factors)


def _numbers(total: sp.Expr) -> int:
    """Count the terms of a sum that begin with a number, or are one."""
    return sum(abs(term.as_coeff_Mul()[0]) != 1 for term in sp.Add.make_args(total))


def ordered_places(terms: tuple[sp.Expr, ...], rank: Mapping[str, int]) -> list[sp.Expr] | None:
    """Order the terms of a position, ``2 h + r - 1``: by their factor, then as their names came up.

    Returns:
        None if it is no sum of index variables and numbers.
    """
    if not any(term.free_symbols for term in terms):
        return None
    if any(term.has(Access) or not all(isinstance(s, Index) for s in term.free_symbols) for term in terms):
        return None
    if not all(term.as_coeff_Mul()[0].is_Rational for term in terms):
        return None  # a real number at a position, such as 0.5 + 0.1 i

    def key(term: sp.Expr) -> tuple[bool, bool, sp.Expr, int]:
        names = [rank.get(str(s), len(rank)) for s in term.free_symbols]
        factor = term.as_coeff_Mul()[0]
        return term.could_extract_minus_sign(), not names, -abs(factor), min(names, default=0)

    return sorted(sorted(terms, key=str), key=key)
