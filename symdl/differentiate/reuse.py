"""Derivatives in terms of the value already computed.

Enters: a body ``f``, the access ``a`` that holds its value, and a derivative of `f`. Leaves: the derivative
written with `a` where that is cheaper: ``s*(1 - s)`` for the sigmoid, ``1 - a**2`` for tanh, ``a`` for exp.

An identity of real numbers, not of floating point: ``a*(1 - a)`` is 0 where the exact value is below the
rounding of `a`. It never brings in a denominator of the inputs (``a*(1 + z - a)/z`` is 0/0 at 0).
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from symdl.differentiate.local import structure_of
from symdl.express.computed import overflows
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor

_OUTPUT = sp.Symbol("a", real=True)
_GENERATOR = sp.Symbol("w", real=True)


def reuse_output(body: sp.Expr, value: Access, derivative: sp.Expr, *, exact: bool = False) -> sp.Expr:
    """Return `derivative` written with `value`, the result of `body`, or unchanged if that gains nothing.

    Args:
        body: what `value` holds.
        value: the element that holds it.
        derivative: of `body`.
        exact: keep all digits, so that ``1 - a`` is not written.
    """
    if derivative.is_number or not body.atoms(sp.Function, sp.Pow) or body.has(sp.Piecewise):
        return derivative
    structure, meaning = structure_of(body)
    back = {access: symbol for symbol, access in meaning.items()}
    if not derivative.atoms(Access) <= set(back):
        return derivative
    better = _reuse(structure, rebuilt(derivative, back), exact)
    return rebuilt(better, {**meaning, _OUTPUT: value})


def given_elements(program: Program) -> frozenset[Tensor]:
    """Return the tensors every element of which is computed from given elements, with no sum below.

    All digits of their derivatives are kept. Behind a sum, as in a layer, derivatives use a value once more.
    """
    recurrent = {e.lhs for r in program.recurrences for e in r.equations}
    found: set[Tensor] = set()
    for equation in program.equations:
        below = (t in found or t not in program.definitions for t in equation.reads())
        if equation.reduction is None and equation.lhs not in recurrent and all(below):
            found.add(equation.lhs)
    return frozenset(found)


@lru_cache(maxsize=4096)
def _reuse(body: sp.Expr, derivative: sp.Expr, exact: bool) -> sp.Expr:
    candidates = [rebuilt(derivative, {body: _OUTPUT}), _by_power(body, derivative)]
    candidates += [_by_generator(body, derivative, g) for g in _generators(body)]
    best = derivative
    for candidate in candidates:
        if candidate is None or not candidate.has(_OUTPUT) or overflows(candidate, [_OUTPUT]):
            continue
        if exact and any(_near_constant(node) for node in candidate.atoms(sp.Add)):
            continue
        if _cost(candidate) < _cost(best):
            best = candidate
    return best


def _near_constant(node: sp.Add) -> bool:
    """Say whether the value stands in a sum with a number, as in ``1 - a``."""
    return node.has(_OUTPUT) and any(term.is_number for term in node.args)


def _cost(expr: sp.Expr) -> tuple[int, int]:
    costly = sum(isinstance(n, sp.Function) or _is_root(n) for n in sp.preorder_traversal(expr))
    return costly, int(sp.count_ops(expr))


def _is_root(node: sp.Basic) -> bool:
    return isinstance(node, sp.Pow) and not node.exp.is_Integer


def _by_power(body: sp.Expr, derivative: sp.Expr) -> sp.Expr | None:
    """``f = b**p`` with derivative ``c*b**q``: ``c*f**(q/p)`` for a whole ``q/p``."""
    if not isinstance(body, sp.Pow) or not body.exp.is_Rational:
        return None
    base, power = body.args
    coefficient, rest = derivative.as_independent(base)
    if not isinstance(rest, sp.Pow) or rest.base != base or not rest.exp.is_Rational:
        return None
    ratio = rest.exp / power
    return coefficient * _OUTPUT**ratio if ratio.is_Integer else None


def _generators(body: sp.Expr) -> list[sp.Expr]:
    return sorted(body.atoms(sp.exp, sp.tanh), key=sp.default_sort_key)


def _by_generator(body: sp.Expr, derivative: sp.Expr, generator: sp.Expr) -> sp.Expr | None:
    """Solve ``f = (a*w + b)/(c*w + d)`` for the generator `w`, with numbers a, b, c, d, and put it in."""
    inside = _in_terms_of(body, generator)
    outside = _in_terms_of(derivative, generator)
    if inside is None or outside is None or inside.free_symbols != {_GENERATOR}:
        return None
    top, bottom = sp.fraction(sp.together(inside))
    if not all(p.is_polynomial(_GENERATOR) and sp.degree(p, _GENERATOR) <= 1 for p in (top, bottom)):
        return None
    a, b = top.coeff(_GENERATOR, 1), top.coeff(_GENERATOR, 0)
    c, d = bottom.coeff(_GENERATOR, 1), bottom.coeff(_GENERATOR, 0)
    if sp.expand(a - c * _OUTPUT) == 0:
        return None
    solved = (d * _OUTPUT - b) / (a - c * _OUTPUT)
    result = sp.factor(sp.cancel(sp.together(outside.xreplace({_GENERATOR: solved}))))
    if sp.denom(sp.together(result)).free_symbols:
        return None
    return _tidy(result)


def _in_terms_of(expr: sp.Expr, generator: sp.Expr) -> sp.Expr | None:
    """Write every power of the generator (``exp(k*u)`` too) with the symbol `w`; None if it stays inside."""
    table: dict[sp.Expr, sp.Expr] = {generator: _GENERATOR}
    if isinstance(generator, sp.exp):
        for other in expr.atoms(sp.exp):
            ratio = sp.cancel(other.args[0] / generator.args[0])
            if ratio.is_Integer:
                table[other] = _GENERATOR**ratio
    replaced = rebuilt(expr, table)
    rest = replaced.free_symbols & generator.free_symbols
    return None if rest else replaced


def _tidy(expr: sp.Expr) -> sp.Expr:
    """Write ``-a*(a - 1)`` as ``a*(1 - a)``."""
    factors = list(sp.Mul.make_args(expr))
    for factor in factors:
        if isinstance(factor, sp.Add) and sp.S.NegativeOne in factors:
            factors.remove(sp.S.NegativeOne)
            factors[factors.index(factor)] = -factor
            return sp.Mul(*factors)
    return expr
