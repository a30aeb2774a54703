"""A Jacobian or a Hessian with respect to several tensors as one matrix of blocks.

Enters: the result lines of every block. Leaves: a section with the line that holds them all, where each is
a matrix, a vector or a number: ``[[H_ww, H_wb], [H_bw, H_bb]]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symdl.explain.notation.tree import Call, Grid, Node, Partial, Transpose
from symdl.explain.sections import Lines, Step
from symdl.explain.stories.backward import whole
from symdl.explain.stories.equations import Page
from symdl.explain.stories.results import Layout, laid
from symdl.express.tensors import Tensor

_MATRICES = ("matrix of vec", "entry by entry", "in the given symbols", "matrix form")
"""Lines of a block as a matrix, the one that says most first."""
_NUMBERS = ("index form", "the gradient does not change")


def hessian_blocks(
    page: Page, loss: Node, targets: Sequence[Tensor], lines: Mapping[tuple[int, int], Sequence[Step]]
) -> list[Lines]:
    """Return the section of a Hessian; none where a block has no matrix form.

    Args:
        page: the page.
        loss: how the function is written.
        targets: what it is differentiated with respect to.
        lines: for each pair of places in `targets`, the first not after the second, the lines of its block.
    """
    names: dict[tuple[int, int], Node] = {}
    values: dict[tuple[int, int], Node] = {}
    for (row, column), steps in lines.items():
        step = _whole(steps, targets[row].rank + targets[column].rank)
        if step is None or not isinstance(step.left, Partial) or step.left.value is None:
            return []
        lies = targets[row].rank == 0 and targets[column].rank > 0  # its own line has it as a column
        own = (column, row) if lies else (row, column)
        for place, turned in ((own, False), (own[::-1], row != column)):
            value = Transpose(step.left.value) if turned else step.left.value
            first, second = (_node(page, targets[k]) for k in place)
            again = Transpose(second) if targets[place[1]].rank else second
            names.setdefault(place, Partial(loss, first, value, again))
            values.setdefault(place, laid(step.right, "denominator" if turned else "numerator"))
    every = range(len(targets))
    return _section(*([[table[r, c] for c in every] for r in every] for table in (names, values)))


def jacobian_blocks(lines: Sequence[Sequence[Step]], ranks: Sequence[int], layout: Layout) -> list[Lines]:
    """Return the section of a Jacobian: its blocks side by side, in denominator layout below each other."""
    steps = [_whole(one, rank) for one, rank in zip(lines, ranks, strict=True)]
    names = [step.left for step in steps if step is not None and step.left is not None]
    values = [step.right for step in steps if step is not None]
    if len(names) != len(lines):
        return []
    if layout == "numerator":
        return _section([names], [values])
    return _section([[name] for name in names], [[value] for value in values])


def _section(names: Sequence[Sequence[Node]], values: Sequence[Sequence[Node]]) -> list[Lines]:
    left, right = (Grid(tuple(map(tuple, rows))) for rows in (names, values))
    step = Step("the blocks above", left, right, "result", "result")
    return [Lines("Block by block", (step,), level="result")]


def _whole(steps: Sequence[Step], rank: int) -> Step | None:
    """The line of a block as one matrix, vector or number."""
    rules = _MATRICES if rank else _NUMBERS
    by_rule = {step.rule: step for step in steps}
    zero = by_rule.get(_NUMBERS[1])
    return next((by_rule[rule] for rule in rules if rule in by_rule), zero)


def _node(page: Page, tensor: Tensor) -> Node:
    node = whole(page, tensor)
    return Call("vec", (node,)) if tensor.rank == 2 else node


__all__ = ["hessian_blocks", "jacobian_blocks"]
