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
    ends: list[Step] = []
    every: list[Sensitivities] = []
    for place, x in enumerate(targets):
        found = sensitivities(page.program, [derivative.gradient(t) for t in targets], x, facts=facts)
        every.append(found)
        element = page.notation.read(x.at(*found.outer))
        words = (
            "Each line that changes with ",
            whole(page, x),
            ", differentiated with respect to ",
            element,
            ".",
        )
        title = "The gradient, differentiated once more"
        sections.append(Lines(title, tuple(derivative_lines(page, found)), words=words))
        for first in targets[: place + 1]:
            bar, name = derivative.gradient(first), _named(page, loss, first)
            if bar in found.of:
                top = whole(page, bar)
                ends += result_lines(page, found, bar, top, layout="numerator", name=name)
            else:
                zero = name(whole(page, bar), whole(page, x), number(0))
                ends.append(Step("the gradient does not change", zero, number(0), "result", "result"))
    sections.append(Lines("Result", tuple(ends), words=words_of_vec(ends), level="result"))
    shown = respelled([s for s in sections if not isinstance(s, Lines) or s.steps], spelling(page.letters))
    by = listed([whole(page, x) for x in targets])
    blocks = tuple(tuple(hessian(f, a, b, facts=facts) for b in targets) for a in targets)
    result = blocks if isinstance(wrt, list | tuple) else blocks[0][0]
    return Derivation(
        ("Hessian of ", loss, " with respect to ", *by), shown, result, depth, joined(page.program, every)
    )


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
        again = below if isinstance(above, Item) or not _is_array(below) else Transpose(below)
        return Partial(loss, bottom, value, again)

    return name


def _is_array(node: Node) -> bool:
    return not isinstance(node, Item) and getattr(node, "expr", None) is None


__all__ = ["derive_hessian"]
