"""The softmax as a lecturer tells it: a quotient, its derivative in two cases, the chain rule through it.

Enters: a page and a derivative. Leaves: which logsumexps have no line of their own, because a softmax is all
that they are for, and the lines of the cotangent of a softmax's argument. What is computed goes by the
logsumexp; both have the same values, line by line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.differentiate.record import Derivative
from symdl.explain.notation.tree import (
    Big,
    Cases,
    Compare,
    Delta,
    Fraction,
    Negative,
    Node,
    Partial,
    Terms,
    number,
    product,
)
from symdl.explain.sections import Step
from symdl.explain.stories.equations import Page, inliner, left_side
from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor, substitute


@dataclass(frozen=True, slots=True)
class Share:
    """A softmax ``P = exp(c Z - l)`` of which `argument` is Z, `total` the logsumexp and `scale` c."""

    equation: Equation
    total: Equation
    argument: Access
    scale: sp.Expr

    @property
    def axis(self) -> Index:
        """The index over which the softmax sums to 1."""
        (low,) = [a for a in self.equation.body.atoms(Access) if a.tensor is self.total.lhs]
        (axis,) = [i for i in self.equation.indices if i not in low.indices]
        return axis


def shares_of(page: Page, derivative: Derivative) -> dict[Tensor, Share]:
    """Return the softmaxes that stand by themselves, by the tensor that each is the softmax of.

    Its argument is used by nothing else, and its logsumexp by the softmax only.
    """
    uses = derivative.record.uses
    readers: dict[Tensor, set[Tensor]] = {}
    for equation in page.program.equations:
        for tensor in equation.reads():
            readers.setdefault(tensor, set()).add(equation.lhs)
    found: dict[Tensor, Share] = {}
    for low, paper in page.softmaxes.items():
        inside = [a for a in paper.body.atoms(Access) if a.tensor is not low]
        if low.name or len(inside) != 1 or low not in derivative.cotangents or low is page.output:
            continue
        (z,) = inside
        through = [use.via.lhs for use in uses.get(z.tensor, ())]
        alone = {use.via.lhs for use in uses.get(low, ())} == {paper.lhs}
        if not alone or len(through) != 2 or set(through) != {paper.lhs, low}:
            continue
        if set(z.indices) != set(paper.indices) or not readers[low] <= {paper.lhs, *_bars(derivative, low)}:
            continue
        (local,) = [use.local for use in uses[z.tensor] if use.via.lhs is paper.lhs]
        scale = sp.cancel(local / paper.body)
        if not scale.atoms(Access, sp.Function):
            found[z.tensor] = Share(paper, page.totals[low], z, scale)
    return found


def _bars(derivative: Derivative, low: Tensor) -> set[Tensor]:
    return {derivative.cotangents[low]}


def without_logsumexps(page: Page, shares: dict[Tensor, Share], derivative: Derivative) -> None:
    """Take the logsumexps of softmaxes, and their cotangents, off a page."""
    hidden: dict[Tensor, Equation] = {}
    for share in shares.values():
        bar = derivative.cotangents[share.total.lhs]
        hidden[share.total.lhs] = share.total
        if bar in page.program.definitions:
            hidden[bar] = page.program.definitions[bar]
        page.written[share.equation.lhs] = quotient(page, share)
    if not hidden:
        return
    page.inlined |= hidden
    writers = {t: inliner(page, e) for t, e in hidden.items()}
    page.notation = replace(page.notation, inline={**page.notation.inline, **writers})
    page.forward = tuple(e for e in page.forward if e.lhs not in hidden)
    page.backward = tuple(e for e in page.backward if e.lhs not in hidden)
    page.shown = frozenset(page.tensors)


def quotient(page: Page, share: Share) -> Node:
    """Return ``e^z_j / sum_k e^z_k``."""
    (low,) = [a for a in share.equation.body.atoms(Access) if a.tensor is share.total.lhs]
    above = sp.exp(share.equation.body.args[0] + low)
    other = share.total.bound[0]
    if other in share.equation.indices:
        other = fresh_index({*share.equation.indices, *share.total.indices})
    below = page.notation.read(substitute(above, {share.axis: other}))
    (size,) = [extent for _, extent in share.total.reduction.axes] if share.total.reduction else []
    return Fraction(page.notation.read(above), Big("sum", page.notation.axes([(other, size)]), below))


def share_lines(page: Page, share: Share, equation: Equation, derivative: Derivative) -> list[Step]:
    """Return the lines of the cotangent of a softmax's argument; `equation` is that cotangent's."""
    rows, own = letters_of_share(share, equation)
    other = fresh_index({*rows, *equation.extents, *share.equation.extents})
    there = tuple(other if i == own else i for i in rows)
    read, P = page.notation.read, share.equation.lhs
    mine, its = read(P.at(*rows)), read(P.at(*there))
    bar = derivative.cotangents[P]
    (size,) = [extent for _, extent in share.total.reduction.axes] if share.total.reduction else []
    axes = page.notation.axes([(other, size)])
    letter, own_letter = page.notation.symbol(other), page.notation.symbol(own)
    delta = Delta(letter, own_letter)
    front = () if share.scale == 1 else (read(share.scale),)
    difference = Terms((delta, Negative(mine)))
    slope = product((*front, its, difference))
    z = left_side(page, replace(equation, lhs=share.argument.tensor))
    left = Partial(its, z, slope)
    same = product((*front, mine, Terms((number(1), Negative(mine)))))
    mixed = Negative(product((*front, its, mine)))
    cases = Cases(((same, Compare("=", letter, own_letter)), (mixed, None)))
    here, theirs = read(bar.at(*rows)), read(bar.at(*there))
    spread = Big("sum", axes, product((*front, theirs, its, difference)))
    rest = Big("sum", axes, product((theirs, its)))
    picked = product((*front, mine, Terms((here, Negative(rest)))))
    return [
        Step("quotient rule, in two cases", left, cases, "definition"),
        Step("both cases in one", None, slope, "definition"),
        Step("chain rule through softmax", left_side(page, equation), spread, "adjoint"),
        Step("δ picks", None, picked, "adjoint", about=Compare("=", letter, own_letter)),
    ]


def letters_of_share(share: Share, equation: Equation) -> tuple[tuple[Index, ...], Index]:
    """Return how the cotangent of its argument calls a softmax's indices, and the one that it sums over."""
    places = [i for i in share.argument.indices if isinstance(i, Index)]
    back = dict(zip(places, equation.indices, strict=True))
    return tuple(back.get(i, i) for i in share.equation.indices), back.get(share.axis, share.axis)
