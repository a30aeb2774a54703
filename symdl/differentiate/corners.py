"""Scalar derivatives through what SymPy cannot be asked about: corners, cases, jumps and powers of variables.

Enters: an expression and a symbol. Leaves: its derivative. Each such node is a variable of its own to SymPy,
and the chain rule goes through it here, so that no rewrite takes one function into the cases of another and
no value arises that is only true nearly everywhere.

Where a factor may be infinite, a slope that is 0 under a condition takes the factor into that condition: what
is not chosen has no influence. Of ``b**e`` the slope in `b` is 0 where `e` is 0, and that in `e` is 0 where
`b` is 0 and `e` is positive, although ``e*b**(e - 1)`` and ``b**e*log(b)`` are 0 times infinity there. A
branch for a single point has the slope of the function there, if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from symdl.differentiate.singlepoints import as_point, points_of, single_point, slope_at
from symdl.express.kinks import chosen
from symdl.express.relations import compare_cases, rebuilt
from symdl.express.special.kinds import SLOPES

_STEPS = (sp.floor, sp.ceiling, sp.sign)
_CORNERS = (sp.Abs, sp.Max, sp.Min, sp.Mod, sp.Piecewise, *_STEPS, *SLOPES)


def slope(expr: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Return the derivative of `expr` with respect to `variable`."""
    if not expr.has(variable):
        return sp.S.Zero
    corners = list(_outermost(expr, variable))
    if not corners:
        return expr.diff(variable)
    if corners == [expr]:
        return _through(sp.S.One, expr, variable)
    names = {node: sp.Dummy(real=True, nonnegative=node.is_nonnegative or None) for node in corners}
    back = {name: node for node, name in names.items()}
    named = rebuilt(expr, names)
    terms = [rebuilt(named.diff(variable), back)]
    for name, node in back.items():
        terms.append(_through(rebuilt(named.diff(name), back), node, variable))
    return sp.Add(*terms)


def _outermost(expr: sp.Expr, variable: sp.Symbol) -> Iterator[sp.Expr]:
    """Yield the nodes with a rule of their own that depend on `variable`, not those inside others."""
    walk = sp.preorder_traversal(expr)
    for node in walk:
        if not node.has(variable):
            walk.skip()
        elif isinstance(node, _CORNERS) or _is_power(node):
            yield node
            walk.skip()


def _is_power(node: sp.Basic) -> bool:
    """Say whether both sides of a power may be 0."""
    return isinstance(node, sp.Pow) and not node.exp.is_number and not node.base.is_positive


def _through(outer: sp.Expr, node: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Return ``outer`` times the derivative of a node with respect to `variable`."""
    if outer == 0 or isinstance(node, _STEPS):
        return sp.S.Zero
    if isinstance(node, sp.Piecewise):
        return times(outer, sp.Piecewise(*_slopes(node, variable)))
    if isinstance(node, sp.Max | sp.Min):
        parts = [(slope(arg, variable), condition) for arg, condition in chosen(node)]
        return sp.Add(*(times(outer, _where(s, condition)) for s, condition in parts if s != 0))
    inner = [slope(arg, variable) for arg in node.args]
    if type(node) in SLOPES:
        partial = SLOPES[type(node)](*node.args)
        return sp.Add(*(times(outer, p * s) for p, s in zip(partial, inner, strict=False) if s != 0))
    if isinstance(node, sp.Abs):
        return times(_signed(outer, sp.sign(node.args[0])), inner[0])
    left, right = node.args
    if isinstance(node, sp.Mod):
        return times(outer, inner[0]) - times(outer * sp.floor(left / right), inner[1])
    if left == right:  # x**x has no derivative at 0
        return times(outer, node * (1 + sp.log(left)) * inner[0])
    through_base = _where(
        times(right * left ** (right - 1), inner[0]), compare_cases(sp.Ne, right, sp.S.Zero)
    )
    logarithm = sp.log(left) if left != 0 else -sp.oo
    steep = sp.Or(compare_cases(sp.Ne, left, sp.S.Zero), compare_cases(sp.Le, right, sp.S.Zero))
    through_exponent = _where(times(node * logarithm, inner[1]), steep)
    return times(outer, through_base) + times(outer, through_exponent)


def _signed(outer: sp.Expr, sign: sp.Expr) -> sp.Expr:
    """Return ``outer*sign``, in which the square of a sign is 1.

    Both signs are slopes of one absolute value, and what is even in it is smooth: ``abs(u)**2`` has the
    second derivative 2 also at 0, where each sign is 0.
    """
    if not outer.has(sign):
        return outer * sign
    if isinstance(outer, sp.Add | sp.Piecewise):
        return _for_each_part(outer, lambda part: _signed(part, sign))
    factors = list(sp.Mul.make_args(outer))
    for place, factor in enumerate(factors):
        base, count = factor.as_base_exp()
        if base == sign and count.is_Integer and count > 0:
            factors[place] = sign ** ((count + 1) % 2)
            return sp.Mul(*factors)
        if factor.has(sign) and isinstance(factor, sp.Add | sp.Piecewise):
            factors[place] = _signed(factor, sign)
            return sp.Mul(*factors)
    return outer * sign


def _for_each_part(expr: sp.Expr, change: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    """Change each term of a sum, or each value of a case distinction."""
    if isinstance(expr, sp.Add):
        return sp.Add(*map(change, expr.args))
    return sp.Piecewise(*((change(value), condition) for value, condition in expr.args))


def _product(outer: sp.Expr, inner: sp.Expr) -> sp.Expr:
    """Return ``outer*inner``; a sign that both have is that of one absolute value, see `_signed`."""
    common = outer.atoms(sp.sign) & inner.atoms(sp.sign)
    if not common:
        return outer * inner
    if isinstance(inner, sp.Add | sp.Piecewise):
        return _for_each_part(inner, lambda part: _product(outer, part))
    factors = list(sp.Mul.make_args(inner))
    for place, factor in enumerate(factors):
        rest = sp.Mul(*factors[:place], *factors[place + 1 :])
        if factor in common:
            return _product(_signed(outer, factor), rest)
        if isinstance(factor, sp.Piecewise) and factor.atoms(sp.sign) & common and rest != 1:
            return _product(_product(outer, rest), factor)
    return outer * inner


def _slopes(cases: sp.Piecewise, variable: sp.Symbol) -> Iterator[tuple[sp.Expr, sp.Basic]]:
    """Yield the slope of every branch; of one that holds at a single point that of the function there."""
    args = [(value, part) for value, condition in cases.args for part in points_of(condition)]
    for place, (value, condition) in enumerate(args):
        before, own = args[:place], slope(value, variable)
        point = single_point([as_point(c) for _, c in before], condition, variable)
        if point is not None:
            around = sp.Piecewise(*before, *args[place + 1 :])
            found = slope_at(value, around, variable, point)
            if found is not None and (
                found != sp.nan or isinstance(condition, sp.Eq) or as_point(before[0][1]).has(sp.Ne)
            ):
                own = found  # cases below, above and between are a corner, where the branch says the slope
        yield own, condition


def _where(value: sp.Expr, condition: sp.Basic) -> sp.Expr:
    return sp.Piecewise((value, condition), (sp.S.Zero, True)) if value != 0 else value


def times(outer: sp.Expr, inner: sp.Expr) -> sp.Expr:
    """Return the product; a factor that may be infinite is taken into the cases of the other."""
    if inner == 0:
        return sp.S.Zero
    if not _may_be_infinite(outer) or not inner.has(sp.Piecewise):
        return _product(outer, inner)
    if isinstance(inner, sp.Add):
        return sp.Add(*(times(outer, term) for term in inner.args))
    if isinstance(inner, sp.Mul):
        place = next((p for p, f in enumerate(inner.args) if isinstance(f, sp.Piecewise)), None)
        if place is None:
            return _product(outer, inner)
        rest = sp.Mul(*inner.args[:place], *inner.args[place + 1 :])
        return times(times(outer, rest), inner.args[place])
    if isinstance(inner, sp.Piecewise):
        return sp.Piecewise(*((times(outer, value), c) for value, c in inner.args))
    return _product(outer, inner)


def _may_be_infinite(expr: sp.Expr) -> bool:
    """Say whether a derivative may be infinite where the function is not: it divides, or has a power."""
    return any(not (p.exp.is_number and p.exp.is_nonnegative) for p in expr.atoms(sp.Pow)) or expr.has(sp.log)
