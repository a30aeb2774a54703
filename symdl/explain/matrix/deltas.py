"""Kronecker's δ for conditions that compare two index variables.

Enters: an equation. Leaves: the same equation, where ``where i = p`` is a factor δ of its body.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, Guard
from symdl.express.relations import rebuilt


def is_delta(guard: Guard) -> bool:
    """Say whether a guard compares two index variables."""
    return isinstance(guard, Equal) and isinstance(guard.left, Index) and isinstance(guard.right, Index)


def delta(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """Return Kronecker's δ, the same whichever side comes first."""
    left, right = sorted((left, right), key=sp.default_sort_key)
    return sp.Piecewise((1, sp.Eq(left, right)), (0, True))


def with_deltas(equation: Equation, *, apart: bool = False) -> Equation:
    """Write the guards of an equation that compare index variables as factors δ of its body.

    Only where there is nothing to sum, or a sum: outside its guards a term adds 0 to it.

    Args:
        equation: any.
        apart: write ``1 if i = k and j = l`` as a product of two δ, too.
    """
    equation = replace(equation, body=deltas_split(equation.body)) if apart else equation
    if equation.reduction is not None and equation.reduction.op != "sum":
        return equation
    found = [g for g in equation.guards if isinstance(g, Equal) and is_delta(g)]
    if not found:
        return equation
    deltas = [delta(g.left, g.right) for g in found]
    rest = tuple(g for g in equation.guards if g not in found)
    return replace(equation, body=sp.Mul(equation.body, *deltas), guards=rest)


def as_delta(expr: sp.Basic) -> tuple[Index, Index] | None:
    """Return the two index variables that a factor δ compares, None if it is no δ."""
    if not isinstance(expr, sp.Piecewise) or not _is_delta(expr):
        return None
    left, right = expr.args[0][1].args
    return left, right


def deltas_split(body: sp.Expr) -> sp.Expr:
    """Write ``1 if i = k and j = l`` as a product of two δ."""

    def whole(piece: sp.Piecewise) -> bool:
        condition = piece.args[0][1]
        return piece.args[0][0] == 1 and isinstance(condition, sp.And) and all(map(_compares, condition.args))

    found = [p for p in body.atoms(sp.Piecewise) if len(p.args) == 2 and p.args[1] == (0, True) and whole(p)]
    return rebuilt(body, {p: sp.Mul(*(delta(*c.args) for c in p.args[0][1].args)) for p in found})


def without_switches(body: sp.Expr) -> sp.Expr:
    """Write ``0 if i = p else a`` as ``a (1 - δ)``."""
    found = {p: p.args[1][0] for p in body.atoms(sp.Piecewise) if _is_switched_off(p)}
    while found:
        body = rebuilt(body, {p: value * (1 - delta(*p.args[0][1].args)) for p, value in found.items()})
        found = {p: p.args[1][0] for p in body.atoms(sp.Piecewise) if _is_switched_off(p)}
    return body


def _is_switched_off(piece: sp.Piecewise) -> bool:
    (first, condition), *rest = piece.args
    return first == 0 and _compares(condition) and len(rest) == 1 and rest[0][1] == sp.true


def deltas_apart(body: sp.Expr) -> sp.Expr:
    """Write δ in terms of their own: ``a (δ - b)`` as ``a δ - a b``; nothing else is multiplied out."""
    if not _has_delta(body):
        return body
    found = [p for p in body.atoms(sp.Piecewise) if _is_delta(p)]
    body = rebuilt(body, {p: delta(*p.args[0][1].args) for p in found})
    return _apart(body)


def _is_delta(piece: sp.Piecewise) -> bool:
    return len(piece.args) == 2 and piece.args[0][0] == 1 and piece.args[1] == (0, True) and _has_delta(piece)


def _apart(body: sp.Expr) -> sp.Expr:
    if isinstance(body, sp.Add):
        return sp.Add(*map(_apart, body.args))
    if not isinstance(body, sp.Mul):
        return body
    sums = [f for f in body.args if isinstance(f, sp.Add) and _has_delta(f)]
    if not sums:
        return body
    first = _apart(sums[0])
    rest = sp.Mul(*(f for f in body.args if f is not sums[0]))
    inside = [t for t in sp.Add.make_args(first) if _has_delta(t)]
    outside = sp.Add(*(t for t in sp.Add.make_args(first) if not _has_delta(t)))
    return sp.Add(*(_apart(rest * term) for term in inside), _apart(rest * outside))


def _has_delta(expr: sp.Expr) -> bool:
    return any(_compares(c) for piece in expr.atoms(sp.Piecewise) for _, c in piece.args)


def _compares(condition: sp.Basic) -> bool:
    return isinstance(condition, sp.Eq) and all(isinstance(side, Index) for side in condition.args)


__all__ = ["as_delta", "delta", "deltas_apart", "deltas_split", "is_delta", "with_deltas", "without_switches"]
