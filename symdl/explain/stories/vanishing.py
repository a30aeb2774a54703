"""Sums in derivatives that come out: δ picks a term, deviations from a mean add up to 0.

Enters: the equations of a derivative, and which of them are the function's. Leaves: those equations whose sum
comes out, without it, and the sums that were 0 in them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.cleanup import factored
from symdl.differentiate.known_sums import KnownSums, bound_in, inserted, is_sum
from symdl.explain.matrix.deltas import as_delta, deltas_split, with_deltas, without_switches
from symdl.explain.stories.computed import Form
from symdl.explain.stories.equations import Page
from symdl.express.equations import Equation
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, substitute

_LONGEST = 120  # operations of a body that is multiplied out


@dataclass(frozen=True, slots=True)
class Resolved:
    """An equation whose sum came out.

    Attributes:
        equation: without the sum.
        zeros: the sums in it that are 0 by the function's definitions.
    """

    equation: Equation
    zeros: tuple[Equation, ...]


def resolved_sums(program: Program, forward: Collection[Tensor]) -> dict[Tensor, Resolved]:
    """Return the equations of a derivative whose sums come out, of those in which δ alone did not do it.

    Args:
        program: the function and its derivative.
        forward: the tensors of the function.
    """
    known = KnownSums({e.lhs: e for e in program.equations if e.lhs in forward})
    found: dict[Tensor, Resolved] = {}
    plain: dict[Tensor, Equation] = {}
    for written in program.equations:
        if written.lhs in forward or written.lhs.dtype != "real":
            continue
        equation = with_deltas(written)
        parts = [t for t in equation.reads() if t in found and _is_put_in(found[t].equation)]
        if is_sum(equation):
            body = without_switches(equation.body)
            one = _resolved(replace(equation, body=inserted(body, plain)), known)
            if one is not None and (one.zeros or body != equation.body):
                found[one.equation.lhs] = one
                equation = one.equation
        elif parts and equation.reduction is None:
            body = inserted(equation.body, {t: found[t].equation for t in parts})
            zeros = tuple(dict.fromkeys(zero for t in parts for zero in _said(found[t])))
            equation = replace(equation, body=factored(body))
            found[equation.lhs] = Resolved(equation, zeros)
        short = equation.reduction is None and not equation.guards
        if short and sp.count_ops(equation.body) <= _LONGEST:
            plain[equation.lhs] = equation
    return found


def _is_put_in(equation: Equation) -> bool:
    """Say whether a tensor has no line of its own, or is 0: then it goes into what reads it."""
    return equation.lhs.role == "intermediate" or equation.body == 0


def _said(part: Resolved) -> tuple[Equation, ...]:
    """What is 0 in a line that reads `part`: the sums in it, or `part` itself where it has a line."""
    own = part.equation
    return part.zeros if own.lhs.role == "intermediate" else (replace(own, body=own.target),)


def with_resolved(program: Program, found: Mapping[Tensor, Resolved]) -> Program:
    """Return a program in which those equations have no sums."""
    if not found:
        return program
    equations = [found[e.lhs].equation if e.lhs in found else e for e in program.equations]
    return program.with_equations(equations)


def _resolved(equation: Equation, known: KnownSums) -> Resolved | None:
    """Return a sum as what it is, where δ or the function's own sums say so for every term."""
    if sp.count_ops(equation.body) > _LONGEST:
        return None
    total: list[sp.Expr] = []
    zeros: list[Equation] = []
    for term in _terms(equation):
        factors = sp.Mul.make_args(term)
        inside = sp.Mul(*(f for f in factors if bound_in(f, equation)))
        front = sp.Mul(*(f for f in factors if not bound_in(f, equation)))
        value = _picked(inside, equation)
        if value is None and known.zero(inside, equation) is not None:
            zeros.append(replace(equation, body=inside))
            value = sp.Integer(0)
        if value is None:
            return None
        total.append(front * value)
    return Resolved(replace(equation, body=factored(sp.Add(*total)), reduction=None), tuple(zeros))


def _terms(equation: Equation) -> list[sp.Expr]:
    """The terms of a sum's body; a difference that has no δ stays together, as its sum may be 0."""
    body = deltas_split(equation.body)
    if not any(as_delta(p) for p in body.atoms(sp.Piecewise)):
        return list(sp.Add.make_args(body))
    sums = {f for f in body.atoms(sp.Add) if not any(as_delta(p) for p in f.atoms(sp.Piecewise))}
    names = {f: sp.Dummy(real=True) for f in sums}
    back = {name: f for f, name in names.items()}
    flat = sp.expand_mul(rebuilt(body, names))
    return [rebuilt(term, back) for term in sp.Add.make_args(flat)]


def _picked(inside: sp.Expr, equation: Equation) -> sp.Expr | None:
    """Contract every summed index with a δ; None if one has none, or δ could pick nothing."""
    assert equation.reduction is not None
    left = dict(equation.reduction.axes)
    while left:
        pairs = [pair for f in sp.Mul.make_args(inside) if (pair := as_delta(f)) is not None]
        found = next(((p, q) for pair in pairs for p, q in (pair, pair[::-1]) if p in left), None)
        if found is None or left[found[0]] != equation.extents.get(found[1]):
            return None
        bound, other = found
        del left[bound]
        inside = substitute(inside, {bound: other})
    return inside


def zero_sum(zero: Equation) -> Equation:
    """Return what is 0, a sum with its summed elements first: ``sum (z - mu)`` for ``sum 2 (mu - z)``."""
    _, rest = zero.body.as_independent(Access, as_Add=False)
    if isinstance(rest, sp.Mul):
        rest = sp.Mul(*(f for f in rest.args if bound_in(f, zero)))
    terms = [t for t in sp.Add.make_args(rest) if bound_in(t, zero)]
    if terms and all(t.could_extract_minus_sign() for t in terms):
        rest = sp.expand(-rest)
    return replace(zero, body=rest)


def vanishing_forms(page: Page) -> dict[Tensor, Form]:
    """Return the cotangents in which a sum is 0, without it."""
    forward = {e.lhs for e in page.program.equations if e.lhs not in {b.lhs for b in page.backward}}
    found = resolved_sums(page.program, [t for t in forward if t.role != "cotangent"])
    return {t: Form(one.equation, {}, one.zeros) for t, one in found.items() if t in page.shown}


__all__ = ["Resolved", "resolved_sums", "vanishing_forms", "with_resolved", "zero_sum"]
