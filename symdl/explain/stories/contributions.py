"""Every step of an adjoint equation: the chain rule in index form, its deltas, and their contraction.

Enters: a page and a derivative's record. Leaves: the lines of depth ``all``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.differentiate.record import Contribution, Derivative, Rewrite
from symdl.explain.notation.shortening import with_single_places
from symdl.explain.notation.tree import Big, Compare, Delta, Logic, Node, Partial, Symbol, product
from symdl.explain.sections import Deferred, Depth, Lines, Relation, Step, Words
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.explain.stories.reasons import rule_of
from symdl.explain.stories.windows import spread_line, where_it_counts
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation, map_guard
from symdl.express.tensors import Tensor, substitute

_WORDS: Words = (
    "What a line reads changes every element of its left side, so the chain rule is a sum over all of them. "
    "A δ says which element it is; it picks one term. Terms of several uses are added (+=).",
)


def every_step(page: Page, derivative: Derivative) -> Lines:
    """Return the chain rule of every use of every tensor on the way, with the rewrites that followed."""
    steps = Deferred(lambda: _every_step(page, derivative))
    return Lines("Every use, by the chain rule", steps, _WORDS, level="all")


def _every_step(page: Page, derivative: Derivative) -> list[Step]:
    steps: list[Step] = []
    told = {*page.tensors, *page.abbreviations}
    made = page.inlined | {use.via.lhs: use.via for use in derivative.record.contributions}
    for use in derivative.record.contributions:
        for tensor in (use.via.lhs, use.tensor):
            if tensor in made and tensor not in told:  # on the page it is written inside its user
                told.add(tensor)
                shown = with_single_places(made[tensor])
                definition = right_side(page, shown)
                steps.append(Step("definition", left_side(page, shown), definition, "definition", "all"))
        steps += _use(page, use, derivative)
    return steps + rewritten(page, derivative.record.rewrites)


def rewritten(page: Page, rewrites: Sequence[Rewrite]) -> list[Step]:
    """Return equations before and after they were rewritten by an identity of real numbers."""
    steps: list[Step] = []
    told = {*page.tensors, *page.inlined, *page.abbreviations}
    for rewrite in rewrites:
        part = rewrite.before.lhs.role == "intermediate" and rewrite.before.lhs.of is not None
        if part and rewrite.before.lhs not in told:
            continue  # a part of a cotangent, which has no name on the page
        if rewrite.level == "algebraic" and rewrite.after is not None:
            steps += definitions(page, rewrite.before, told)
            left = left_side(page, rewrite.before)
            steps.append(Step("as it was", left, right_side(page, rewrite.before), "rewrite", "all"))
            steps.append(Step(rewrite.rule, None, right_side(page, rewrite.after), "rewrite", "all"))
    return steps


def definitions(page: Page, equation: Equation, told: set[Tensor], level: Depth = "all") -> list[Step]:
    """Define what an equation reads and the rewrites have removed from the page."""
    steps: list[Step] = []
    for tensor in equation.reads():
        if tensor in told or tensor.role != "intermediate" or tensor.equation is None:
            continue
        told.add(tensor)
        steps += definitions(page, tensor.equation, told, level)
        shown = with_single_places(tensor.equation)
        left, right = left_side(page, shown), right_side(page, shown)
        rule = "definition" if level == "all" else tensor.equation.origin.rule
        steps.append(Step(rule, left, right, "definition", level))
    return steps


def _use(page: Page, use: Contribution, derivative: Derivative) -> list[Step]:
    """One use: the sum over all elements, the local derivative with its deltas, the contraction."""
    via, term = use.via, use.equation
    taken = {*term.indices, *via.extents}
    names: dict[Index, Index] = {}
    for index in (*via.indices, *via.bound):
        if index in term.indices:
            names[index] = fresh_index(taken)
            taken.add(names[index])
    fresh = via.rename(names)
    swap = dict(names)
    access = substitute(use.access, dict(swap))
    weight = substitute(use.weight, dict(swap))
    target = left_side(page, replace(term, lhs=use.tensor))
    whole = left_side(page, replace(term, lhs=derivative.cotangents[use.tensor]))
    above = left_side(page, fresh)
    bar = page.notation.read(derivative.cotangents[via.lhs].at(*fresh.indices))
    deltas = tuple(
        Delta(page.notation.read(e), page.notation.symbol(i))
        for e, i in zip(access.indices, term.indices, strict=True)
    )
    free = page.notation.axes((i, fresh.extents[i]) for i in fresh.indices)
    every = page.notation.axes(fresh.extents.items())
    renamed = [map_guard(g, lambda e: substitute(e, dict(swap))) for g in use.limits]
    where = where_it_counts(page, replace(fresh, guards=(*fresh.guards, *renamed)))
    parts = _parts(page, weight)
    if weight.has(sp.Piecewise):  # its cases may ask what can be read under the other conditions only
        parts, where = where, parts
    inner = page.notation.axes((i, fresh.extents[i]) for i in fresh.bound)
    value = _sum(inner, product((*parts, *where, *deltas)))
    chain = _sum(free, product((bar, Partial(above, target, value))))
    spread = _sum(every, product((bar, *parts, *where, *deltas)))
    several = len(derivative.record.uses[use.tensor]) > 1
    sign: Relation = "+=" if several else "="
    steps = [Step("chain rule", whole, chain, "index", "all", relation=sign)]
    steps.append(Step(rule_of(use).words.removesuffix(" through"), None, spread, "index", "all"))
    shown = right_side(page, term)
    by_window = spread_line(page, derivative, replace(term, lhs=derivative.cotangents[use.tensor]))
    if by_window is not None:
        return [*steps, replace(by_window, kind="index", level="all")]
    if shown != spread:
        picked = tuple(Compare("=", d.left, d.right) for d in deltas if d.left != d.right)
        about = (picked[0] if len(picked) == 1 else Logic("and", picked)) if picked else None
        rule = "δ picks" if about is not None else "in standard order"
        steps.append(Step(rule, None, shown, "index", "all", about=about))
    return steps


def _parts(page: Page, weight: sp.Expr) -> tuple[Node, ...]:
    return () if weight == 1 else (page.notation.read(weight),)


def _sum(axes: tuple[tuple[Symbol, Extent], ...], body: Node) -> Node:
    return Big("sum", axes, body) if axes else body
