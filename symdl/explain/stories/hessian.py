"""A Hessian, line by line: the gradient, and its derivative.

Enters: a rank-0 tensor and what to differentiate it with respect to, twice. Leaves: a `Derivation`: symbols,
the function, its gradient as it is derived, each line of these differentiated once more, and the Hessian's
forms, for several tensors block by block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.jacobian import hessian
from symdl.differentiate.record import Derivative
from symdl.differentiate.sensitivity import Sensitivities, sensitivities
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.letters import spelling
from symdl.explain.notation.tree import Call, Item, Label, Node, Partial, Transpose, number
from symdl.explain.sections import Depth, Lines, Section, Step, respelled
from symdl.explain.stories.backward import Told, backward, bar_words, not_told, whole
from symdl.explain.stories.blockwise import hessian_blocks
from symdl.explain.stories.computed import Form, is_rewritten, last_forms
from symdl.explain.stories.equations import Page
from symdl.explain.stories.jacobian import derivative_lines, joined
from symdl.explain.stories.network import forward_lines, found_in, listed, symbols
from symdl.explain.stories.page import page_of
from symdl.explain.stories.results import Named, result_lines, words_of_vec
from symdl.explain.stories.steps import told_by_steps
from symdl.explain.stories.units import with_units
from symdl.explain.stories.vanishing import vanishing_forms
from symdl.express.program import Fact
from symdl.express.tensors import Tensor


def derive_hessian(
    f: Tensor,
    wrt: Any,
    *,
    facts: Sequence[Fact] = (),
    depth: Depth = "key",
    named: Mapping[str, Label] | None = None,
) -> Derivation:
    """Return the derivation of the Hessian of `f`; see `symdl.explain.derive.derive`.

    Its result is the Hessian; of several tensors a tuple of tuples, one block for each pair of them.

    Raises:
        DerivativeError: `f` does not depend on `wrt`.
    """
    targets = found_in(f, wrt)
    derivative, computed = _derivatives(f, targets, facts)
    page = page_of(derivative, named, again=targets)
    loss = whole(page, f)
    steps = told_by_steps(page, derivative)
    forward = forward_lines(page)
    last = _last_of(page, derivative, computed)
    gradient = not_told(backward(Told(page, derivative, last=last, steps=steps)), forward)
    page = _with_last(page, last)
    sections: list[Section] = [
        symbols(page),
        Lines("Forward", tuple(forward)),
        Lines("Gradient", gradient, words=bar_words(page, steps)),
    ]
    every: list[Sensitivities] = []
    blocks_of: dict[tuple[int, int], list[Step]] = {}
    for place, x in enumerate(targets):
        found = sensitivities(page.program, [derivative.gradient(t) for t in targets], x, facts=facts)
        every.append(found)
        sections.append(_once_more(page, found))
        for row, first in enumerate(targets[: place + 1]):
            name = _named(page, loss, first)
            blocks_of[row, place] = _block(page, found, derivative.gradient(first), name)
    ends = [step for block in blocks_of.values() for step in block]
    sections.append(Lines("Result", tuple(ends), words=words_of_vec(ends), level="result"))
    sections += hessian_blocks(page, loss, targets, blocks_of) if len(targets) > 1 else []
    shown = respelled([s for s in sections if not isinstance(s, Lines) or s.steps], spelling(page.letters))
    by = listed([whole(page, x) for x in targets])
    blocks = tuple(tuple(hessian(f, a, b, facts=facts) for b in targets) for a in targets)
    result = blocks if isinstance(wrt, list | tuple) else blocks[0][0]
    return Derivation(
        ("Hessian of ", loss, " with respect to ", *by), shown, result, depth, joined(page.program, every)
    )


def _once_more(page: Page, found: Sensitivities) -> Lines:
    """The derivatives of all lines with respect to one tensor."""
    element = page.notation.read(found.x.at(*found.outer))
    moving = ("Each line that changes with ", whole(page, found.x))
    words = (*moving, ", differentiated with respect to ", element, ".")
    return Lines("The gradient, differentiated once more", tuple(derivative_lines(page, found)), words=words)


def _block(page: Page, found: Sensitivities, bar: Tensor, name: Named) -> list[Step]:
    """The result lines of one block, the derivative of one gradient."""
    if bar in found.of:
        return result_lines(page, found, bar, whole(page, bar), layout="numerator", name=name)
    zero = name(whole(page, bar), whole(page, found.x), number(0))
    return [Step("the gradient does not change", zero, number(0), "result", "result")]


def _derivatives(
    f: Tensor, targets: Sequence[Tensor], facts: Sequence[Fact]
) -> tuple[Derivative, Derivative]:
    """Return the gradient along every name, as it is told, and as it is computed."""
    computed = with_units(differentiate(f, targets, facts=facts))
    if not is_rewritten(computed):
        return computed, computed
    return with_units(differentiate(f, targets, facts=facts, apart=True)), computed


def _last_of(page: Page, derivative: Derivative, computed: Derivative) -> dict[Tensor, Form]:
    forms = vanishing_forms(page) | last_forms(page, derivative, computed)
    return {bar: form for bar, form in forms.items() if not form.inside}


def _with_last(page: Page, last: Mapping[Tensor, Form]) -> Page:
    """Return the page with the last forms of cotangents as their definitions: these are differentiated."""
    if not last:
        return page
    equations = [last[e.lhs].equation if e.lhs in last else e for e in page.program.equations]
    return replace(page, program=page.program.with_equations(equations))


def _named(page: Page, loss: Node, first: Tensor) -> Named:
    """Name the derivative of a gradient as a second derivative of the loss."""

    def name(above: Node, below: Node, value: Node) -> Node:
        bottom = whole(page, first)
        if isinstance(above, Item):
            bottom = Item(page.notation.label(first), first, above.indices)
        elif isinstance(above, Call):  # of vec
            bottom = replace(above, args=(bottom,))
        plain = isinstance(above, Item) or not _is_array(below) or not first.rank  # that one is a column
        again = below if plain else Transpose(below)
        return Partial(loss, bottom, value, again)

    return name


def _is_array(node: Node) -> bool:
    return not isinstance(node, Item) and getattr(node, "expr", None) is None


__all__ = ["derive_hessian"]
