"""What follows from the sum of a softmax, which is 1: a constant in its cotangent cancels.

Enters: a page and its softmaxes. Leaves: the cotangents of their arguments with that of the softmax put in:
of an entropy ``-p (log p + H)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy as sp

from symdl.differentiate.known_values import canonical
from symdl.differentiate.record import Derivative
from symdl.explain.stories.computed import Form
from symdl.explain.stories.equations import Page
from symdl.explain.stories.softmaxes import Share, letters_of_share
from symdl.express.dims import Index
from symdl.express.equations import Equation, Reduction
from symdl.express.tensors import Access, Tensor, map_accesses, substitute


def normalised_forms(
    page: Page, derivative: Derivative, shares: Mapping[Tensor, Share]
) -> dict[Tensor, Form]:
    """Return, by the cotangent, ``P (g - sum g P)`` for every ``P_bar = g + c`` with a number c."""
    found: dict[Tensor, Form] = {}
    for tensor, share in shares.items():
        bar = derivative.cotangents[tensor]
        own = page.program.definitions.get(bar)
        above = page.program.definitions.get(derivative.cotangents[share.equation.lhs])
        if own is None or above is None or above.reduction is not None or above.guards:
            continue
        letters = dict(zip(above.indices, share.equation.indices, strict=True))
        written = sp.expand(_written_out(page, above.body))
        constant, rest = _constant(substitute(written, dict(letters)))
        if constant == 0 or rest == 0:
            continue
        if written != sp.expand(above.body):
            found[above.lhs] = Form(replace(above, body=written), {})
        rows, _ = letters_of_share(share, own)
        here = dict(zip(share.equation.indices, rows, strict=True))
        front, rest = _front(rest)
        total, inside = _total(page, share, rest)
        value = substitute(share.equation.target * (rest - total), dict(here))
        found[bar] = Form(replace(own, body=share.scale * front * value, reduction=None), inside)
    return found


def _front(rest: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Take the factor in front that all terms share, such as ``1/n``."""
    pairs = [term.as_independent(Access, as_Add=False) for term in sp.Add.make_args(rest)]
    front = pairs[0][0]
    if any(other not in (front, -front) for other, _ in pairs):
        return sp.Integer(1), rest
    return front, sp.Add(*(inner if other == front else -inner for other, inner in pairs))


def _written_out(page: Page, body: sp.Expr) -> sp.Expr:
    """Write an expression without what has no name and is computed entry by entry."""

    def change(access: Access) -> sp.Expr:
        source = page.program.definitions.get(access.tensor)
        if source is None or source.lhs.name or source.lhs.role != "intermediate":
            return access
        if source.reduction is not None or source.guards:
            return access
        return substitute(source.body, dict(zip(source.indices, access.indices, strict=True)))

    while (new := map_accesses(body, change)) != body:
        body = new
    return body


def _constant(body: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Split a sum into what is the same at every place, and the rest."""
    terms = sp.Add.make_args(body)
    fixed = [t for t in terms if not any(isinstance(s, Index) for s in t.free_symbols) and not t.has(Access)]
    return sp.Add(*fixed), sp.Add(*(t for t in terms if t not in fixed))


def _total(page: Page, share: Share, rest: sp.Expr) -> tuple[sp.Expr, dict[Tensor, Equation]]:
    """Return ``sum g P`` by the name that it has on the page, with its sign; else as a sum of its own."""
    assert share.total.reduction is not None
    ((_, size),) = share.total.reduction.axes
    names = tuple(i for i in share.equation.indices if i != share.axis)
    sizes = [share.equation.extents[i] for i in names]
    body = sp.expand(rest * share.equation.target)
    sums = [
        Equation(Tensor(None, sizes), names, sign * body, Reduction("sum", ((share.axis, size),)))
        for sign in (1, -1)
    ]
    known = {canonical(whole): e.lhs for e in page.forward if (whole := _sum_of(page, e)) is not None}
    for sign, one in zip((1, -1), sums, strict=True):
        holder = known.get(canonical(one))
        if holder is not None:
            return sign * holder.at(*names), {}
    return sums[0].target, {sums[0].lhs: sums[0]}


def _sum_of(page: Page, equation: Equation) -> Equation | None:
    """Return the sum that an equation is, also where it is minus one that is written inside it."""
    sign, access = equation.body.as_coeff_Mul()
    source = page.inlined.get(access.tensor) if isinstance(access, Access) and abs(sign) == 1 else None
    if source is not None and access.indices == equation.indices:
        equation = source.rename(dict(zip(source.indices, equation.indices, strict=True)))
        equation = replace(equation, body=sign * equation.body)
    plain = equation.reduction is not None and equation.reduction.op == "sum" and not equation.guards
    return replace(equation, body=sp.expand(_written_out(page, equation.body))) if plain else None
