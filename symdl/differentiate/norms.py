"""Norms that do not overflow: a square root of sums of squares, of numbers divided by the largest first.

Enters: a program, when everything is derived. Leaves: the same in which ``sqrt(sum(e**2))`` is
``d*sqrt(sum((e/d)**2))`` with `d` the largest ``|e|``; so a norm is as large as a number may be, not only as
large as its root. The derivation keeps the plain form: the two are equal for every `d`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import sympy as sp

from symdl.express.equations import Equation, Guard, Op, Origin
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor

_MOST = sp.Float(sys.float_info.max)
"""The largest number divides if it and its reciprocal are below; in float32 that is, if they are finite."""


def with_scaled_norms(program: Program) -> Program:
    """Return the program with scaled norms; sums of squares that are read otherwise, too, stay."""
    inside = {e.lhs for r in program.recurrences for e in r.equations}
    fixed = {*program.outputs, *(new for _, new in program.updates), *inside}
    squares = {e.lhs: e for e in program.equations if e.lhs not in fixed and _is_squares(e)}
    while squares:
        others = {t for e in program.equations for t in _read_otherwise(e, squares, inside)}
        if not others:
            break
        squares = {t: e for t, e in squares.items() if t not in others}
    if not squares:
        return program
    made: dict[tuple[Tensor, ...], _Scaled] = {}
    equations: list[Equation] = []
    for equation in program.equations:
        if equation.lhs in squares:
            continue
        values = {}
        for node, sums, where in _roots(equation.body):
            if not squares.keys() >= set(sums):
                continue
            if sums not in made:
                made[sums] = _scaled([squares[s] for s in sums])
            values[node] = made[sums].norm.at(*where) ** node.exp.p
        equations.append(replace(equation, body=rebuilt(equation.body, values)) if values else equation)
    return program.with_equations([*equations, *(e for scaled in made.values() for e in scaled.equations)])


def _is_squares(equation: Equation) -> bool:
    summed = equation.reduction is not None and equation.reduction.op == "sum"
    return summed and equation.lhs.dtype == "real" and _side(equation.body) is not None


def _side(body: sp.Expr) -> sp.Expr | None:
    """Return `e` if the body is ``e**2``, which SymPy may have multiplied out."""
    sides = []
    for factor in sp.Mul.make_args(body):
        base, exponent = factor.as_base_exp()
        if factor.is_Rational and factor > 0:
            sides.append(sp.sqrt(factor))
        elif exponent.is_Integer and exponent % 2 == 0 and not base.is_number:
            sides.append(base ** (exponent / 2))
        else:
            return None
    return sp.Mul(*sides) if body.has(Access) else None


def _roots(body: sp.Expr) -> Iterator[tuple[sp.Pow, tuple[Tensor, ...], tuple[sp.Expr, ...]]]:
    """Yield odd powers of square roots of sums of elements at one place: the node, the tensors, the place."""
    for node in sorted(body.atoms(sp.Pow), key=sp.default_sort_key):
        terms = sp.Add.make_args(node.base)
        if node.exp.is_Rational and node.exp.q == 2 and all(isinstance(t, Access) for t in terms):
            if len({t.indices for t in terms}) == 1 and len({t.tensor for t in terms}) == len(terms):
                yield node, tuple(sorted((t.tensor for t in terms), key=lambda t: t.serial)), terms[0].indices


def _read_otherwise(
    equation: Equation, squares: dict[Tensor, Equation], inside: set[Tensor]
) -> Iterator[Tensor]:
    """Yield sums of squares that an equation reads, and not in a root of such sums only."""
    good = {n: sp.Dummy(positive=True) for n, sums, _ in _roots(equation.body) if squares.keys() >= set(sums)}
    rest = equation.body if equation.lhs in inside else rebuilt(equation.body, good)
    yield from (a.tensor for a in rest.atoms(Access) if a.tensor in squares)


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A norm and the equations that define it."""

    norm: Tensor
    equations: tuple[Equation, ...]


def _scaled(sums: list[Equation]) -> _Scaled:
    """Return the root of sums of squares."""
    first, made = sums[0], list[Equation]()

    def defined(
        body: sp.Expr, like: Equation = first, op: Op | None = None, guards: tuple[Guard, ...] = ()
    ) -> Access:
        tensor = Tensor(None, like.lhs.shape)
        reduction = replace(like.reduction, op=op) if op and like.reduction else None
        equation = Equation(tensor, like.indices, body, reduction, guards, Origin("scaled norm"))
        tensor.attach(equation)
        made.append(equation)
        return tensor.at(*first.indices)

    peaks = [defined(sp.Abs(_side(e.body)), e, "max", e.guards) for e in sums]
    peak = defined(sp.Max(*peaks)) if len(peaks) > 1 else peaks[0]
    scale = defined(sp.Piecewise((peak, sp.And(peak > 0, 1 / peak < _MOST, peak < _MOST)), (1, True)))
    parts = []
    for e in sums:  # the quotients are tensors, since SymPy would square both sides of a fraction
        assert e.reduction is not None
        shares = Tensor(None, tuple(e.extents.values()))
        places = tuple(e.extents)
        body = _side(e.body) / scale.tensor.at(*e.indices)
        share = Equation(shares, places, body, None, e.guards, Origin("scaled"))
        made.append(share)
        shares.attach(share)
        parts.append(defined(shares.at(*places) ** 2, e, "sum", e.guards))
    norm = defined(scale * sp.sqrt(sp.Add(*parts)))
    return _Scaled(norm.tensor, tuple(made))
