"""What is shown of a derivative, and under which names.

Enters: a derivative. Leaves: its `Page`: unnamed contractions that are used once are written inside their
user, ``exp(z - logsumexp(z))`` is called P, every tensor has a letter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import sympy as sp

from symdl.differentiate.known_values import canonical
from symdl.differentiate.record import Derivative
from symdl.explain.matrix.properties import known_properties
from symdl.explain.notation.letters import letters_of
from symdl.explain.notation.names import label_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.shortening import (
    is_backward,
    known_softmaxes,
    reached,
    single_uses,
    softmax_of,
    with_single_places,
)
from symdl.explain.notation.tree import Label
from symdl.explain.stories.equations import Page, inliner, is_inverse
from symdl.express.equations import Equation
from symdl.express.ordering import depending
from symdl.express.relations import rebuilt
from symdl.express.tensors import Tensor


def page_of(
    derivative: Derivative, named: Mapping[str, Label] | None = None, *, again: Collection[Tensor] = ()
) -> Page:
    """Choose what to show of a derivative.

    Args:
        derivative: what is shown.
        named: the labels that the user wishes for names.
        again: with respect to these the page goes on to differentiate; what moves with them has a line.
    """
    full = derivative.program
    gradients = tuple(derivative.gradient(t) for t in derivative.wrt)
    program = replace(full, outputs=(derivative.output, *gradients))
    program = program.with_equations(map(with_single_places, program.equations))
    page = Page(program, derivative.output)
    _abbreviate(page)
    page.totals = _totals(page)
    page.softmaxes = known_softmaxes(page.program.equations, page.totals)
    indices = (e.lhs for e in full.equations if e.lhs.role == "index")
    page.positions = {t.of: t for t in indices if t.of is not None}
    checked = {e.lhs: e for e in page.program.equations if e.origin.rule == "lengths"}
    moving = depending(page.program.groups, again) if again else frozenset()
    single = {t: e for t, e in single_uses(page.program).items() if t not in moving}
    page.inlined = single | checked | _inverses(page, derivative)
    losses = {} if derivative.output.name or derivative.output.rank else {derivative.output: "LJ"}
    page.letters = letters_of(page.program, None, named, last=page.inlined, losses=losses)
    _extra_labels(page, derivative)
    inline = {t: inliner(page, e) for t, e in page.inlined.items()}
    names = [str(i) for e in page.program.equations for i in (*e.indices, *e.bound)]
    rank = {name: n for n, name in reversed(list(enumerate(names)))}
    page.notation = Notation(page.labels, {}, inline, rank=rank, letters=page.letters)
    paper = set(page.abbreviations)
    shown = [e for e in page.program.equations if e.lhs not in page.inlined]
    read = reached(page.program, page.output)  # a loss may be made of derivatives
    back = {t for t in (*paper, *page.labels) if t not in read and (t in paper or is_backward(t))}
    page.forward = tuple(e for e in shown if e.lhs not in back)
    page.backward = tuple(e for e in shown if e.lhs in back)
    page.shown = frozenset(page.tensors)
    known = known_properties(page.program.definitions, page.shown, page.notation)
    page.notation = replace(page.notation, properties=known)
    return page


def _inverses(page: Page, derivative: Derivative) -> dict[Tensor, Equation]:
    """Inverses that have no name and no derivative: they are written ``X^-1`` wherever they stand."""
    equations = [e for e in page.program.equations if is_inverse(e) and not e.lhs.name]
    kept = [] if page.output.rank else [page.output]  # a Jacobian's output is written so, too
    return {e.lhs: e for e in equations if e.lhs not in derivative.cotangents and e.lhs not in kept}


def _totals(page: Page) -> dict[Tensor, Equation]:
    return {e.lhs: e for e in page.program.equations if e.reduction and e.reduction.op == "logsumexp"}


def _abbreviate(page: Page) -> None:
    """Name every softmax that the derivative writes as ``exp(z - logsumexp(z))``."""
    totals = _totals(page)
    if not totals:
        return
    equations: list[Equation] = []
    computed = known_softmaxes(page.program.equations, totals)
    known = dict(computed)
    for equation in page.program.equations:
        if is_backward(equation.lhs):
            values: dict[sp.Basic, sp.Expr] = {}
            for node in equation.body.atoms(sp.exp):
                found = softmax_of(node, totals, known, new=True)
                if found is not None:
                    values[node] = found
            equation = replace(equation, body=rebuilt(equation.body, values)) if values else equation
        equations.append(equation)
    papers = [paper for low, paper in known.items() if low not in computed]
    page.abbreviations |= {paper.lhs: paper for paper in papers}
    if papers:
        page.program = page.program.with_equations([*equations, *papers])


def _extra_labels(page: Page, derivative: Derivative) -> None:
    """Labels for the softmax, and for tensors that the clean-up removed but a step still names."""
    steps, letters = derivative.record, page.letters
    written = {
        canonical(e): t for r in steps.rewrites for t in r.before.reads() if (e := t.equation) and t.name
    }
    for tensor, equation in page.abbreviations.items():
        known = written.get(canonical(equation))  # a softmax that has a name, and is not computed
        if not known:
            continue
        letters.release(page.labels[tensor])
        page.labels[tensor] = page.labels[known] = letters.take(label_of(str(known.name)))
    more = [e for r in steps.rewrites for e in (r.before, r.after) if e is not None]
    more += [e for c in steps.contributions for e in (c.via, c.equation)]
    reached_by = [t for t in (derivative.output, *steps.uses) if t in derivative.cotangents]
    every = [derivative.cotangents[t] for t in reached_by]
    every += [t for e in more for t in (e.lhs, *e.reads())]
    equations = {e.lhs: e for e in more}
    for tensor in dict.fromkeys(every):
        letters.of(tensor, equations)
