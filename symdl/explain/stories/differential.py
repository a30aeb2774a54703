"""A gradient in differential form: ``dL = tr(G' dX)``, line by line.

Enters: a rank-0 tensor and what to differentiate it by. Leaves: a `Derivation` whose every line is the
differential of the same number. A line pairs what was derived so far with differentials of intermediates;
the next one puts in the differential of one of them, until only that of the argument is left. What stands
before it, transposed, is the gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.record import Contribution, Derivative
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.matrix.algebra import transposed
from symdl.explain.matrix.closed_form import closed_form
from symdl.explain.matrix.monomials import Monomial, build, parse, shape
from symdl.explain.notation.letters import spelling
from symdl.explain.notation.tree import (
    Array,
    Call,
    Diagonal,
    Hadamard,
    Label,
    Multiply,
    Node,
    Ones,
    Terms,
    Transpose,
    walk,
)
from symdl.explain.sections import Depth, Lines, Step, Table, respelled
from symdl.explain.stories.backward import whole
from symdl.explain.stories.equations import Page
from symdl.explain.stories.network import find, symbols
from symdl.explain.stories.page import page_of
from symdl.explain.stories.reasons import rule_in_differentials
from symdl.express.equations import Equation
from symdl.express.operators import axis_indices
from symdl.express.ordering import order
from symdl.express.program import Fact
from symdl.express.tensors import Tensor


def derive_differential(
    f: Tensor,
    wrt: Any,
    *,
    facts: Sequence[Fact] = (),
    depth: Depth = "key",
    named: Mapping[str, Label] | None = None,
) -> Derivation:
    """Return the derivation of the gradient of `f` by `wrt` by differentials; see `symdl.explain.derive`.

    Raises:
        ExplainError: an intermediate or its coefficient is no matrix expression.
    """
    target = find(f, wrt)
    derivative = differentiate(f, [target], facts=facts)
    page = page_of(derivative, named)
    story = _Story(derivative, page)
    gradient = story.value(derivative.gradient(target))
    loss = page.notation.read(f.at())
    by = whole(page, target)
    value = story.value(f)
    lines = Lines("Differentials", tuple(story.lines(target)))
    bar = whole(page, derivative.gradient(target))
    about = differential_form(page, target, bar)
    result = Step("read off", bar, gradient, "result", "result", about=about)
    names = symbols(page)
    names = replace(names, rows=tuple(row for row in names.rows if row[0] != "defined below"))
    sections = (
        names,
        Lines("Function", (*story.named(lines, value), Step("", loss, value, "definition"))),
        lines,
        Lines("Result", (result,), level="result"),
    )
    shown = tuple(s for s in sections if isinstance(s, Table) or s.steps)
    title = ("Gradient of ", loss, " with respect to ", by, ", by differentials")
    shown = respelled(shown, spelling(page.letters))
    return Derivation(title, shown, derivative.gradient(target), depth, page.program)


class _Story:
    """The coefficients of a derivative, as closed formulas."""

    def __init__(self, derivative: Derivative, page: Page) -> None:
        self.derivative = derivative
        self.page = page
        record = derivative.record
        table = {r.before.lhs: r.before for r in record.rewrites}
        table |= {c.via.lhs: c.via for c in record.contributions}
        table |= {c.equation.lhs: c.equation for c in record.contributions}
        self.table: dict[Tensor, Equation] = {**table, **derivative.program.definitions}

    def value(self, tensor: Tensor, extra: Mapping[Tensor, Equation] | None = None) -> Node:
        """Return a tensor written out."""
        table = {**self.table, **(extra or {})}
        if tensor not in table:
            return whole(self.page, tensor)
        sorted_table = {e.lhs: e for e in order([tensor], table.get).equations}
        node = closed_form(tensor, notation=self.page.notation, definitions=sorted_table)
        if node is None:
            raise ExplainError(
                f"{tensor} has no matrix expression, or too long a one, so there is no differential form",
                expression=table[tensor],
                cure="use the index form, which is the default",
            )
        return node

    def named(self, lines: Lines, value: Node) -> list[Step]:
        """Define the named intermediates that lines speak of, with those that their definitions read."""
        used = {part.tensor for step in lines.steps for part in walk(step.right) if isinstance(part, Array)}
        used |= {part.tensor for part in walk(value) if isinstance(part, Array)}
        steps: list[Step] = []
        for equation in reversed(self.page.forward):
            if equation.lhs in used and equation.lhs is not self.derivative.output:
                inside = self.value(equation.lhs)
                used |= {part.tensor for part in walk(inside) if isinstance(part, Array)}
                steps.insert(0, Step("", whole(self.page, equation.lhs), inside, "definition"))
        return steps

    def lines(self, target: Tensor) -> list[Step]:
        """Return the differential of the function, one intermediate put in after the other."""
        f = self.derivative.output
        left = differential(self.page.notation.read(f.at()))
        frontier: dict[Tensor, list[Contribution]] = {}
        steps: list[Step] = []
        last: Node | None = None
        for uses in _by_equation(self.derivative.record.contributions):
            via = uses[0].via.lhs
            if via is not f and via not in frontier:
                continue
            frontier.pop(via, None)
            for use in uses:
                frontier.setdefault(use.tensor, []).append(use)
            line = self.line(frontier)
            if line != last:
                rules = dict.fromkeys(rule_in_differentials(use) for use in uses)
                steps.append(Step(", ".join(rules), None if steps else left, line, "matrix"))
            last = line
        return steps

    def line(self, frontier: Mapping[Tensor, Sequence[Contribution]]) -> Node:
        terms = [self.term(tensor, uses) for tensor, uses in frontier.items()]
        return terms[0] if len(terms) == 1 else Terms(tuple(terms))

    def term(self, tensor: Tensor, uses: Sequence[Contribution]) -> Node:
        """Return the coefficient of a tensor so far, paired with its differential."""
        names = axis_indices(tensor.rank)
        total = Tensor(None, tensor.shape, role="cotangent", of=tensor)
        body = sp.Add(*(use.equation.lhs.at(*names) for use in uses))
        coefficient = self.value(total, {total: Equation(total, names, body)})
        named = tensor.name is not None or tensor not in self.table
        moving = whole(self.page, tensor) if named else self.value(tensor)
        return paired(coefficient, differential(moving), tensor.rank)


def differential_form(page: Page, target: Tensor, bar: Node) -> Node:
    """Return the form from which a gradient is read off, ``tr(G' dX)``."""
    moving = differential(whole(page, target))
    if not target.rank:
        return Multiply((bar, moving))
    product = Multiply((Transpose(bar), moving))
    return Call("trace", (product,)) if target.rank == 2 else product


def differential(node: Node) -> Node:
    """Return the differential of an expression."""
    return Call("differential", (node,))


def paired(coefficient: Node, moving: Node, rank: int) -> Node:
    """Return ``g dx``, ``g' dx`` or ``tr(G' dX)``."""
    part = parse(coefficient)
    if part.core is None:
        if rank:
            raise ExplainError("a coefficient is the same for all entries", cure="use the index form")
        return build(replace(part, top=(*part.top, moving)))
    if shape(part.core) is None:
        raise ExplainError("a coefficient has no known shape", cure="use the index form")
    turned = _turned(part.core)
    left = turned.args if isinstance(turned, Multiply) else (turned,)
    unit = isinstance(turned, Diagonal) and isinstance(turned.arg, Ones)
    product: Node = moving if unit else Multiply((*left, moving))
    if rank == 2:
        product = Call("trace", (product,))
    return build(Monomial(part.coefficient, part.top, part.bottom, product))


def _turned(node: Node) -> Node:
    """Transpose an expression; a bracket stays together."""
    if isinstance(node, Multiply):
        return Multiply(tuple(_turned(f) for f in reversed(node.args)))
    inside = transposed(node)
    if isinstance(node, Terms | Hadamard | Call):
        return min(Transpose(node), inside, key=_turns)
    return inside


def _turns(node: Node) -> int:
    return sum(isinstance(part, Transpose) for part in walk(node))


def _by_equation(contributions: Sequence[Contribution]) -> list[list[Contribution]]:
    groups: dict[Tensor, list[Contribution]] = {}
    for use in contributions:
        groups.setdefault(use.via.lhs, []).append(use)
    return list(groups.values())
