"""One equation as a page of its own.

Enters: a tensor that an equation defines. Leaves: a `Page` with the names, and with the unnamed
tensors that it is made of written inside it.
"""

from __future__ import annotations

from symdl.explain.notation.letters import letters_of
from symdl.explain.notation.notation import Notation
from symdl.explain.stories.equations import Page, inliner
from symdl.express.program import collect
from symdl.express.tensors import Tensor


def simple_page(tensor: Tensor) -> Page:
    """Return a page for one equation, with the unnamed tensors that it is made of written inside it."""
    program = collect([tensor])
    page = Page(program, tensor)
    page.letters = letters_of(program)
    page.inlined = {
        e.lhs: e
        for e in program.equations
        if not e.lhs.name and e.lhs is not tensor and not e.guards and e.lhs.role == "intermediate"
    }
    page.notation = Notation(
        page.labels, {}, {t: inliner(page, e) for t, e in page.inlined.items()}, letters=page.letters
    )
    return page
