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
from symdl.differentiate.tangent import tangents_of
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.matrix.algebra import transposed
from symdl.explain.matrix.closed_form import closed_form
from symdl.explain.matrix.monomials import Monomial, build, parse, shape, times_of
from symdl.explain.notation.letters import spelling
from symdl.explain.notation.tree import (
    Array,
    Call,
    Diagonal,
    Hadamard,
    Item,
    Label,
    Multiply,
    Node,
    Ones,
    Symbol,
    Terms,
    Transpose,
    mapped,
    walk,
)
from symdl.explain.sections import Depth, Lines, Step, Table, respelled
from symdl.explain.stories.backward import whole
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.explain.stories.network import find, one_hot_lines, symbols
from symdl.explain.stories.page import page_of
from symdl.explain.stories.reasons import COLLECTION, has_own_form, rule_in_differentials
from symdl.explain.stories.traces import flat, following, last_rule
from symdl.express.equations import Equation
from symdl.express.operators import axis_indices
from symdl.express.ordering import order
from symdl.express.program import Fact, Program
from symdl.express.tensors import Access, Tensor


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
    told = tuple(story.lines(target))
    numbered = any(step.rule.endswith(")") and ", (" in step.rule for step in told)
    lines = Lines("Differentials", told, words=(COLLECTION,) if numbered else ())
    bar = whole(page, derivative.gradient(target))
    about = differential_form(page, target, bar)
    result = Step("read off", bar, gradient, "result", "result", about=about)
    names = symbols(page)
    names = replace(names, rows=tuple(row for row in names.rows if row[0] != "defined below"))
    function = Step("", loss, value, "definition")
    named_lines = story.named(lines, value)
    hot = story.labelled(one_hot_lines(page, [*named_lines, function, *told]))
    given = {step.left.tensor for step in hot if isinstance(step.left, Item)}
    named_lines = [s for s in named_lines if not (isinstance(s.left, Array) and s.left.tensor in given)]
    sections = (
        names,
        Lines("Function", (*hot, *named_lines, function)),
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
        notation, hot = self.page.notation, self.page.one_hot
        node = closed_form(tensor, notation=notation, definitions=sorted_table, one_hot=hot)
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

    def labelled(self, hot: Sequence[Step]) -> list[Step]:
        """Put the definitions of computed labels, entry by entry, before those of one-hot arrays."""
        steps = list(hot)
        used = _entries(steps)
        for equation in reversed(self.page.forward):
            if hot and equation.lhs in used:
                sides = left_side(self.page, equation), right_side(self.page, equation)
                steps.insert(0, Step("", *sides, "definition"))
                used |= _entries(steps[:1])
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
            known = frontier.pop(via, None)
            rule = ", ".join(dict.fromkeys(rule_in_differentials(use) for use in uses))
            opened = self.opened(uses, known, frontier)
            for use in uses:
                frontier.setdefault(use.tensor, []).append(use)
            line = self.line(frontier)
            found = [(rule, opened), *following(opened)] if opened is not None else []
            if not found or found[-1][1] != line:
                found.append((last_rule(found[-1][1], line) if found else rule, line))
            for why, shown in found:
                if shown != last:
                    steps.append(Step(why, None if steps else left, shown, "matrix"))
                last = shown
        return steps

    def opened(
        self,
        uses: Sequence[Contribution],
        known: Sequence[Contribution] | None,
        frontier: Mapping[Tensor, Sequence[Contribution]],
    ) -> Node | None:
        """Return the line with the differential of one intermediate put in as its own rule has it."""
        via = uses[0].via
        if not has_own_form(via) or (len(uses) == 1 and not via.lhs.rank):
            return None
        directions = {
            use.tensor: Tensor(None, use.tensor.shape, role="tangent", of=use.tensor) for use in uses
        }
        alone = Program((), (via,), (via.lhs,))
        tangents, equations = tangents_of(alone, directions)
        if via.lhs not in tangents:
            return None
        try:
            node = self.value(tangents[via.lhs], {e.lhs: e for e in equations})
            moved = mapped(node, lambda part: self.moving_of(part, directions))
            if known is not None:
                moved = paired(self.coefficient(via.lhs, known), moved, via.lhs.rank)
        except ExplainError:
            return None
        return (
            flat(Terms((moved, *(self.term(t, u) for t, u in frontier.items())))) if frontier else flat(moved)
        )

    def moving_of(self, part: Node, directions: Mapping[Tensor, Tensor]) -> Node | None:
        """Write the direction of a tensor as its differential."""
        access = part.expr if isinstance(part, Symbol) else None
        tensor = (
            part.tensor if isinstance(part, Array) else access.tensor if isinstance(access, Access) else None
        )
        found = [t for t, direction in directions.items() if direction is tensor]
        return differential(self.moving(found[0])) if found else None

    def line(self, frontier: Mapping[Tensor, Sequence[Contribution]]) -> Node:
        terms = [self.term(tensor, uses) for tensor, uses in frontier.items()]
        return terms[0] if len(terms) == 1 else Terms(tuple(terms))

    def term(self, tensor: Tensor, uses: Sequence[Contribution]) -> Node:
        """Return the coefficient of a tensor so far, paired with its differential."""
        return paired(self.coefficient(tensor, uses), differential(self.moving(tensor)), tensor.rank)

    def coefficient(self, tensor: Tensor, uses: Sequence[Contribution]) -> Node:
        """Return what the differential of a tensor is multiplied by."""
        names = axis_indices(tensor.rank)
        total = Tensor(None, tensor.shape, role="cotangent", of=tensor)
        body = sp.Add(*(use.equation.lhs.at(*names) for use in uses))
        return self.value(total, {total: Equation(total, names, body)})

    def moving(self, tensor: Tensor) -> Node:
        """Return what is written behind a ``d``: a name, or an intermediate written out."""
        named = tensor.name is not None or tensor not in self.table
        return whole(self.page, tensor) if named else self.value(tensor)


def _entries(steps: Sequence[Step]) -> set[Tensor]:
    """Return the tensors of which right-hand sides have single entries."""
    return {part.tensor for step in steps for part in walk(step.right) if isinstance(part, Item)}


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
    part, change = parse(coefficient), parse(moving)
    if part.core is None or not rank:
        if rank:
            raise ExplainError("a coefficient is the same for all entries", cure="use the index form")
        return build(times_of([part, change]))
    if shape(part.core) is None:
        raise ExplainError("a coefficient has no known shape", cure="use the index form")
    turned = _turned(part.core)
    left = turned.args if isinstance(turned, Multiply) else (turned,)
    unit = isinstance(turned, Diagonal) and isinstance(turned.arg, Ones)
    if change.core is None:
        raise ExplainError("a differential is the same for all entries", cure="use the index form")
    right = change.core.args if isinstance(change.core, Multiply) else (change.core,)
    product: Node = change.core if unit else Multiply((*left, *right))
    if rank == 2:
        product = Call("trace", (product,))
    fronts = [replace(part, core=None), replace(change, core=None)]
    return build(times_of([*fronts, Monomial(sp.Integer(1), core=product)]))


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
