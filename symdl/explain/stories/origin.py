"""Where a tensor comes from: its equation, those that lead to it, and the layers and inputs they belong to.

Enters: a tensor. Leaves: a `Derivation`: what it is, its nearest equations in index form, what is given.
"""

from __future__ import annotations

from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.letters import labels_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import Node
from symdl.explain.sections import Lines, Section, Step, Table, Words
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.express.equations import Equation
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor

_TYPES = {"real": "real", "int64": "integer"}
_GIVEN = ("parameter", "state", "constant")


def origin(tensor: Tensor, *, levels: int = 3) -> Derivation:
    """Return where a tensor comes from: ``print(sd.origin(loss))``; a notebook shows mathematics.

    First stands what it is, its shape and the layers on the way to it; then its equation and those that it
    reads, the nearest first, each with what made it and the layer it is part of; then what is given.

    Args:
        tensor: of any rank, such as a loss, the output of a layer, a gradient.
        levels: how many steps back equations are shown.

    Raises:
        ExplainError: it is no tensor, or `levels` is no positive integer.

    Example:
        >>> X, W = sd.tensor("X", (sd.Dim("n"), 2)), sd.parameter("W", (2, 3))
        >>> print(sd.origin(sd.sum((X @ W)**2)).text().splitlines()[11])
          A[i,j] = Z[i,j]²                                                                          (pow)
    """
    if not isinstance(tensor, Tensor):
        raise ExplainError(
            f"{tensor!r} is no tensor", cure="pass a tensor; of a formula of symbols use sd.derive(f, x)"
        )
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 1:
        raise ExplainError(f"levels={levels!r} is no positive integer", cure="use 1, 2, 3, ...")
    program = collect([tensor])
    page = Page(program, tensor)
    page.notation = Notation(labels_of(program))
    shown = _nearest(program, tensor, levels)
    sections: list[Section] = [_told(page, program, tensor)]
    if shown:
        left_out = len(program.equations) - len(shown)
        more = f"{left_out} more lead to these; sd.origin(..., levels={levels + 1}) shows some of them."
        words: Words = (more,) if left_out else ()
        steps = tuple(_line(page, equation) for equation in shown)
        sections.append(Lines("Equations, the nearest first", steps, words=words, level="result"))
    given = [t for t in program.inputs if t is not tensor]
    if given:
        rows = tuple((_named(page, t), page.shape(t), _what(t)) for t in given)
        sections.append(Table("What is given", ("tensor", "shape", "what it is"), rows, level="result"))
    title: Words = ("Where ", _named(page, tensor), " comes from")
    return Derivation(title, tuple(sections), tensor, program=program)


def _nearest(program: Program, tensor: Tensor, levels: int) -> list[Equation]:
    """Return the equations that are at most so many steps away, the nearest first."""
    found: dict[Tensor, Equation] = {}
    front = [tensor]
    for _ in range(levels):
        equations = {t: program.definitions[t] for t in front if t in program.definitions and t not in found}
        found |= equations
        front = list(dict.fromkeys(read for equation in equations.values() for read in equation.reads()))
    return list(found.values())


def _told(page: Page, program: Program, tensor: Tensor) -> Table:
    """Return the table that says what a tensor is."""
    rows: list[tuple[str | Node | Words, ...]] = [
        ("shape", page.shape(tensor)),
        ("what it is", _what(tensor)),
        ("layer", _layer(tensor) or "none: no name with a dot"),
    ]
    layers = list(dict.fromkeys(_layer(t) for t in (*program.inputs, *program.definitions) if _layer(t)))
    if layers:
        rows.append(("layers on the way", ", ".join(layers)))
    if tensor.sources:
        rows.append(("derived from", tuple(_listed(page, tensor.sources))))
    rows.append(
        ("equations", f"{len(program.equations)} in all" if program.equations else "none: it is given")
    )
    return Table("The tensor", (), tuple(rows), level="result")


def _listed(page: Page, tensors: tuple[Tensor, ...]) -> list[str | Node]:
    known = [t for t in tensors if t in page.notation.labels]
    names = [part for t in known for part in (", ", _named(page, t))][1:]
    others = [str(t.name or t) for t in tensors if t not in known]
    return [*names, *([", " if names else "", ", ".join(others)] if others else [])]


def _named(page: Page, tensor: Tensor) -> Node:
    return page.notation.array(tensor) if tensor.rank else page.notation.read(tensor.at())


def _what(tensor: Tensor) -> str:
    """Return role and type in words."""
    kind = _TYPES[tensor.dtype]
    if tensor.equation is not None:
        return f"computed, {kind}"
    return f"{tensor.role if tensor.role in _GIVEN else 'input'}, {kind}"


def _layer(tensor: Tensor) -> str:
    """Return the path of the layer that a tensor is named after: ``encoder.first`` of ``encoder.first.Z``."""
    return (tensor.name or "").rpartition(".")[0]


def _line(page: Page, equation: Equation) -> Step:
    rule, layer = equation.origin.rule, _layer(equation.lhs)
    why = ", ".join(filter(None, (rule, layer and f"layer {layer}")))
    return Step(why, left_side(page, equation), right_side(page, equation), "definition", "result")
