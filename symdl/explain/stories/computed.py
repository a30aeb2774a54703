"""What is computed, beside the path that is told.

Enters: the page of a derivative along every name, as a textbook goes, and the derivative of which kernels
are made. Leaves: the form that each cotangent takes in the kernels, as the last line of its own, and the
section of rewrites that lead there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.differentiate.known_values import canonical
from symdl.differentiate.prepare import STABLE
from symdl.differentiate.record import Derivative
from symdl.differentiate.reuse import reuse_output
from symdl.differentiate.solve import with_indices
from symdl.explain.notation.shortening import with_single_places
from symdl.explain.notation.tree import Node
from symdl.explain.sections import Lines, Step, Words
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.explain.stories.softmaxes import Share
from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.relations import rebuilt
from symdl.express.replacing import replaced
from symdl.express.tensors import Access, Tensor, substitute

IDENTITIES = ("logarithm of exponentials", STABLE)
"""Rewrites for the sake of the numbers, which no textbook makes on its way."""

_WORDS: Words = (
    "The same values, written so that no exponential overflows and no logarithm sees a rounded 0: "
    "this is what a compiled function computes.",
)


def is_rewritten(derivative: Derivative) -> bool:
    """Say whether identities were used before the derivation began."""
    return any(r.rule in IDENTITIES for r in derivative.record.rewrites)


@dataclass(frozen=True, slots=True)
class Form:
    """The last form of a cotangent, what is written inside it, and what is known to be 0 in it."""

    equation: Equation
    inside: Mapping[Tensor, Equation]
    zeros: tuple[Equation, ...] = ()

    def node(self, page: Page) -> Node:
        """Return the right-hand side."""
        taken = {*self.equation.extents}
        inside = {}
        for tensor, equation in self.inside.items():
            names = {i: fresh_index({*taken, *equation.extents}) for i in equation.bound if i in taken}
            inside[tensor] = equation.rename(names)
        return right_side(page.with_inlined(inside), self.equation)


def last_forms(page: Page, derivative: Derivative, computed: Derivative) -> dict[Tensor, Form]:
    """Return, for each cotangent that kernels compute in another form, that form, by the cotangent."""
    if computed is derivative:
        return {}
    bars = derivative.cotangents
    same = {bar: bars[t] for t, bar in computed.cotangents.items() if t in bars}
    definitions = {same.get(t, t): replaced(e, same) for t, e in computed.program.definitions.items()}
    found: dict[Tensor, Form] = {}
    for equation in page.backward:
        other = definitions.get(equation.lhs)
        if other is None or equation.lhs.role != "cotangent" or canonical(other) == canonical(equation):
            continue
        other = page.short(_named(page, with_indices(with_single_places(other), equation.indices)))
        unknown = [t for t in other.reads() if t not in page.shown and t not in page.inlined]
        inside = {t: _named(page, definitions[t]) for t in unknown if t in definitions}
        inside |= {t: definitions[t] for t in other.reads() if t in definitions and t in page.inlined}
        if len(inside) >= len(unknown) and all(_is_short(e, page.shown) for e in inside.values()):
            form = Form(other, inside)
            if form.node(page) != right_side(page, equation):
                found[equation.lhs] = form
    return found


def _is_short(equation: Equation, shown: frozenset[Tensor]) -> bool:
    """Say whether an equation reads only what is on the page, and may be written inside another."""
    plain = equation.reduction is None or equation.reduction.op == "sum"
    return plain and all(t in shown for t in equation.reads())


def _named(page: Page, equation: Equation) -> Equation:
    """Write what the user has given a name by that name: ``p`` for ``1/(1 + exp(-z))``."""
    for source in page.forward:
        reads = list(source.body.atoms(Access))
        if source.reduction or source.guards or len(reads) != 1 or not source.body.has(sp.exp, sp.tanh):
            continue
        (own,) = reads
        for access in [a for a in equation.body.atoms(Access) if a.tensor is own.tensor]:
            where = _matched(own, access)
            if where is None or not set(source.indices) <= set(where):
                continue
            value = source.lhs.at(*(where[i] for i in source.indices))
            meant = substitute(source.body, dict(where))
            body = rebuilt(equation.body, {meant: value})
            equation = replace(equation, body=reuse_output(meant, value, body))
    return equation


def _matched(own: Access, access: Access) -> Mapping[Index, Index] | None:
    """How the letters of one element are called at another."""
    pairs = list(zip(own.indices, access.indices, strict=True))
    if not all(isinstance(i, Index) for i, _ in pairs):
        return None
    return {i: place for i, place in pairs if isinstance(i, Index)}


def computed_lines(page: Page, computed: Derivative, hidden: Mapping[Tensor, Share]) -> list[Lines]:
    """Return the section of what is computed, if it differs from what was told."""
    steps: list[Step] = []
    told = set(page.shown)
    bare = page.without({s.total.lhs for s in hidden.values()})
    for share in hidden.values():
        told.add(share.total.lhs)
        low, paper = share.total, share.equation
        steps.append(Step("logsumexp", left_side(bare, low), right_side(bare, low), "rewrite"))
        steps.append(Step("softmax", left_side(bare, paper), right_side(bare, paper), "rewrite"))
    rules = [r.rule for r in computed.record.rewrites if r.rule in IDENTITIES]
    known = {t: with_single_places(e) for t, e in computed.program.definitions.items()}
    for equation in page.forward if rules else ():
        after = known.get(equation.lhs, equation)
        inlined = [t for t in after.reads() if t in page.inlined and t in known and t not in told]
        inside = {t: known[t] for t in inlined if canonical(known[t]) != canonical(page.inlined[t])}
        if not inside and canonical(after) == canonical(equation):
            continue
        for one in (after, *inside.values()):
            for tensor in [t for t in one.reads() if t in known and t not in told | {*page.inlined}]:
                told.add(tensor)
                low = known[tensor]
                page.letters.of(tensor, known)
                steps.append(Step(low.origin.rule, left_side(bare, low), right_side(bare, low), "rewrite"))
        writer = bare.with_inlined(inside)
        steps.append(Step(rules[0], left_side(bare, after), right_side(writer, after), "rewrite"))
    return [Lines("As it is computed", tuple(steps), _WORDS, "key" if rules else "all")] if steps else []
