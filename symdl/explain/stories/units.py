"""Unit matrices that nobody has named: δ in index form, I in matrix form, and no line of their own.

Enters: a derivative. Leaves: the same one, in which a sum over a unit matrix is its one term, and any other
element of one is δ.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import sympy as sp

from symdl.differentiate.record import Contribution, Derivative
from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, Guard, Reduction, map_guard
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, map_accesses, substitute


def with_units(derivative: Derivative) -> Derivative:
    """Return a derivative without equations of unit matrices."""
    program, record = derivative.program, derivative.record
    gradients = {derivative.gradient(t) for t in derivative.wrt}
    kept = {derivative.output, *derivative.wrt, *gradients, *program.outputs}
    units = {e.lhs for e in program.equations if _is_unit(e) and not e.lhs.name} - kept
    if not units:
        return derivative
    rest = [_summed(e, units) for e in program.equations if e.lhs not in units]
    bars = {*derivative.cotangents.values(), *kept}
    copies = {e.lhs: e for e in rest if _is_copy(e) and e.lhs.of is not None and e.lhs not in bars}
    rest = [_without(e, copies) for e in rest if e.lhs not in copies]
    uses = tuple(_in_use(use, units) for use in record.contributions)
    rewrites = tuple(
        replace(r, before=_summed(r.before, units), after=r.after and _summed(r.after, units))
        for r in record.rewrites
    )
    record = replace(record, contributions=uses, rewrites=rewrites)
    return replace(derivative, program=program.with_equations(rest), record=record)


def _is_unit(equation: Equation) -> bool:
    if equation.reduction or len(equation.indices) != 2:
        return False
    i, j = equation.indices
    if equation.guards:
        return equation.body == 1 and equation.guards in ((Equal(i, j),), (Equal(j, i),))
    return bool(equation.body == _delta(i, j))


def _is_copy(equation: Equation) -> bool:
    """Say whether an equation is no more than another name."""
    return isinstance(equation.body, Access) and not equation.guards and equation.reduction is None


def _without(equation: Equation, copies: Mapping[Tensor, Equation]) -> Equation:
    """Put in what other names stand for."""

    def change(access: Access) -> sp.Expr:
        source = copies.get(access.tensor)
        if source is None:
            return access
        return substitute(source.body, dict(zip(source.indices, access.indices, strict=True)))

    return replace(equation, body=map_accesses(equation.body, change))


def _delta(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    return sp.Piecewise((1, sp.Eq(left, right)), (0, True))


def _in_use(use: Contribution, units: Collection[Tensor]) -> Contribution:
    via = replace(use.via, body=_deltas(use.via.body, units))
    local, weight = _deltas(use.local, units), _deltas(use.weight, units)
    return replace(use, via=via, local=local, weight=weight, equation=_summed(use.equation, units))


def _deltas(body: sp.Expr, units: Collection[Tensor]) -> sp.Expr:
    return map_accesses(body, lambda a: _delta(*a.indices) if a.tensor in units else a)


def _summed(equation: Equation, units: Collection[Tensor]) -> Equation:
    """Write a sum over an index of a unit matrix as the term that is not 0."""
    while (found := _picked(equation, units)) is not None:
        access, bound, place = found
        assert equation.reduction is not None
        axes = tuple((i, size) for i, size in equation.reduction.axes if i != bound)
        body = substitute(rebuilt(equation.body, {access: sp.Integer(1)}), {bound: place})
        guards = tuple(_moved(g, bound, place) for g in equation.guards)
        reduction = Reduction("sum", axes) if axes else None
        equation = replace(equation, body=body, reduction=reduction, guards=guards)
    return replace(equation, body=_deltas(equation.body, units))


def _moved(guard: Guard, bound: Index, place: sp.Expr) -> Guard:
    values = {bound: place}

    def change(expr: sp.Expr) -> sp.Expr:
        return substitute(expr, dict(values))

    return map_guard(guard, change)


def _picked(equation: Equation, units: Collection[Tensor]) -> tuple[Access, Index, sp.Expr] | None:
    """Return an element of a unit matrix that is a factor of what is summed over one of its indices."""
    if equation.reduction is None or equation.reduction.op != "sum":
        return None
    for access in sp.Mul.make_args(equation.body):
        if isinstance(access, Access) and access.tensor in units:
            for bound, place in (access.indices[::-1], access.indices):
                if bound in equation.bound and isinstance(bound, Index) and not place.has(bound):
                    return access, bound, place
    return None
