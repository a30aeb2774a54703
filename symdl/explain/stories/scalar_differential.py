"""A scalar function's total differential: ``df = f_x dx + f_y dy``, one rule a line.

Enters: a story, and the inputs whose derivatives are asked for. Leaves: the sections of a derivation, and the
derivatives. A line is a sum of differentials, each with what was derived so far before it; the next line puts
in the differential of one operation. Its rule is written out, by the local derivatives of the same record.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.explain.notation.tree import Call, Compare, Label, Multiply, Negative, Node, Number, Terms
from symdl.explain.sections import Lines, Section, Step, Words
from symdl.explain.stories.closing import Value
from symdl.explain.stories.scalar import (
    Factors,
    Story,
    adjoint_lines,
    graph_of,
    graph_table,
    origin,
    pulled_apart,
    written,
)
from symdl.explain.stories.scalar_page import definitions, derivative_value, in_order, result_sections
from symdl.express.relations import rebuilt
from symdl.express.tensors import Tensor

_OPERANDS = "uvwsrqabch"
"""Letters for the operands of a rule, the usual ones first; a rule of more than three is only named."""
_MOST_OPERANDS = 3


@dataclass(frozen=True, slots=True)
class _Term:
    """The differential of a node, and the factors before it, one tuple for each use of the node."""

    tensor: Tensor
    uses: tuple[Factors, ...]


def differential_sections(
    story: Story, targets: Sequence[Tensor]
) -> tuple[tuple[Section, ...], tuple[Value, ...]]:
    """Return the sections, and the derivatives with respect to `targets` over the user's symbols."""
    told = _Told(story)
    moving = [
        t for t in story.symbols if t in story.derivative.cotangents and (told.readers[t] or t in targets)
    ]
    values = {t: derivative_value(story, t) for t in moving}
    sections = _together(told, values) if story.small else _apart(told)
    why = {t: _differential(story.notation.read(origin(story, t))) for t in targets}
    sections += result_sections(story, {t: values[t] for t in targets}, why)
    return tuple(sections), tuple(values[t] for t in targets)


class _Told:
    """The line as it goes on: which differentials stand on it, and what stands before them."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.operands: dict[Tensor, list[tuple[Tensor, sp.Expr]]] = {t: [] for t in story.nodes}
        self.readers = dict.fromkeys(story.nodes, 0)
        place = {tensor: at for at, tensor in enumerate(story.nodes)}
        for (source, via), edge in sorted(story.edges().items(), key=lambda item: place[item[0][0]]):
            self.operands[via].append((source, story.local(edge)))
            self.readers[source] += 1
        for via, operands in self.operands.items():
            below = _divisors(story.operation(via))
            operands.sort(key=lambda operand: story.nodes[operand[0]] in below)
        self.written: dict[sp.Symbol, sp.Expr] = {}
        if story.numbered and story.small:
            for tensor, node in story.nodes.items():
                self.written[node] = rebuilt(story.operation(tensor), self.written)
        self.terms = [_Term(story.program.outputs[0], ((),))]

    def lines(self) -> list[Step]:
        """Return the lines, until only differentials of inputs are left."""
        steps: list[Step] = []
        while (term := self._next()) is not None:
            if len(term.uses) > 1:
                steps.append(Step("like terms together", None, self.line(together={term.tensor})))
            rule, about = self.rule(term.tensor)
            self._open(term)
            left = None if steps else _differential(self.story.function)
            steps.append(Step(rule, left, self.line(), about=about))
        if any(len(term.uses) > 1 for term in self.terms):
            steps.append(Step("like terms together", None, self.line(together=set(self.story.nodes))))
        return steps

    def _next(self) -> _Term | None:
        """The leftmost intermediate that no other one on the line reads."""
        inside = (term for term in self.terms if term.tensor in self.story.program.definitions)
        return next((t for t in inside if len(t.uses) == max(1, self.readers[t.tensor])), None)

    def _open(self, term: _Term) -> None:
        """Put the differentials of its operands in the place of a term; those of one node stand together."""
        place = self.terms.index(term)
        front = term.uses[0] if len(term.uses) == 1 else (sp.Add(*(sp.Mul(*use) for use in term.uses)),)
        del self.terms[place]
        for source, local in self.operands[term.tensor]:
            found = next((n for n, other in enumerate(self.terms) if other.tensor is source), None)
            if found is None:
                self.terms.insert(place, _Term(source, ((*front, local),)))
                place += 1
            else:
                self.terms[found] = _Term(source, (*self.terms[found].uses, (*front, local)))

    def line(self, together: Container[Tensor] = ()) -> Node:
        """The line as it stands; what stands before the differentials `together` is added up."""
        parts: list[Node] = []
        for term in self.terms:
            uses = [tuple(rebuilt(f, self.written) for f in use) for use in term.uses]
            of = self.differential(term.tensor)
            groups = [uses] if term.tensor in together else [[use] for use in uses]
            parts += [_before(_factors(self.story, group), of) for group in groups]
        return _sum(parts)

    def differential(self, tensor: Tensor) -> Node:
        """The differential of an intermediate written out, or of a name."""
        node = self.story.nodes[tensor]
        return _differential(self.story.apart.read(self.written.get(node, node)))

    def rule(self, tensor: Tensor) -> tuple[str, Node | None]:
        """The name of a node's rule and, where that is one operation of a few operands, the rule itself."""
        operands, body = self.operands[tensor], self.story.operation(tensor)
        if not operands:
            return "constant on every piece", None
        if not self.story.numbered and not _is_one_operation(body):
            return "total differential of", self.story.node(tensor)
        name, letters = _name(body, len(operands)), self.letters(operands)
        if not letters or body.has(sp.Piecewise):
            return name, None
        read, spelled = self.story.apart.read, {**self.written, **letters}
        terms = [
            _before(_factors(self.story, [(rebuilt(local, spelled),)]), _differential(read(letters[node])))
            for node, local in ((self.story.nodes[t], local) for t, local in operands)
        ]
        return f"{name},", Compare("=", _differential(read(rebuilt(body, spelled))), _sum(terms))

    def letters(self, operands: Sequence[tuple[Tensor, sp.Expr]]) -> dict[sp.Symbol, sp.Symbol]:
        """Letters for the operands of a rule that nobody has; none where they are too many."""
        shown = {node.name.split("_")[0] for node in self.story.nodes.values() if not self.written}
        free = [c for c in _OPERANDS if c not in shown and self.story.letters.is_free(Label(c))]
        if len(operands) > min(_MOST_OPERANDS, len(free)):
            return {}
        nodes = (self.story.nodes[t] for t, _ in operands)
        return {node: sp.Symbol(letter, real=True) for node, letter in zip(nodes, free, strict=False)}


def _together(told: _Told, values: Mapping[Tensor, Value]) -> list[Section]:
    """The differential of the whole function, one operation put in after the other."""
    words: Words = ("The differential of one operation is put in on each line, the outermost first.",)
    lines = told.lines()
    lines += _closing(told, values)
    return [definitions(told.story), Lines("Differentials", tuple(lines), words)]


def _apart(told: _Told) -> list[Section]:
    """The differential of each operation by itself, where the function is too long to be written out."""
    story, steps = told.story, []
    for tensor, operands in told.operands.items():
        if operands:
            rule, about = told.rule(tensor)
            terms = [_before(_factors(story, [(local,)]), told.differential(t)) for t, local in operands]
            steps.append(Step(rule, told.differential(tensor), _sum(terms), about=about))
    words: Words = ("What stands before the differential of a node in that of the whole is its adjoint.",)
    first: Section = graph_table(story, graph_of(story)) if story.numbered else definitions(story)
    return [first, Lines("Differentials", tuple(steps), words), adjoint_lines(story)]


def _closing(told: _Told, values: Mapping[Tensor, Value]) -> list[Step]:
    """The lines from what was put in to the derivatives in standard order."""
    story = told.story
    shown = [(values[term.tensor].expr, told.differential(term.tensor)) for term in told.terms]
    plain = _sum([_before(in_order(story.apart, value), of) for value, of in shown])
    final = _sum([_before(in_order(story.notation, value), of) for value, of in shown])
    last = told.line(together=set(story.nodes))
    steps = []
    for rule, line in (("in standard order", plain), ("written with σ(u) = 1/(1 + exp(-u))", final)):
        if line != last:
            steps.append(Step(rule, None, line))
            last = line
    return steps


def _is_one_operation(body: sp.Expr) -> bool:
    """Say whether a body is one operation on names, with numbers before them."""
    parts = (part.as_coeff_Mul()[1] for part in body.args)
    return all(not part.args or (part.is_Pow and _is_below(part) and not part.base.args) for part in parts)


def _divisors(body: sp.Expr) -> set[sp.Basic]:
    """The symbols by which a quotient divides."""
    return {s for f in sp.Mul.make_args(body) if _is_below(f) for s in f.free_symbols}


def _is_below(factor: sp.Expr) -> bool:
    return isinstance(factor, sp.Pow) and factor.exp.is_number and bool(factor.exp.is_negative)


def _name(body: sp.Expr, operands: int) -> str:
    if isinstance(body, sp.Add):
        return "sum rule"
    if isinstance(body, sp.Mul):
        if operands == 1:
            return "constant factor"
        return "quotient rule" if _divisors(body) else "product rule"
    if isinstance(body, sp.Pow) and not body.exp.free_symbols:
        return "power rule"
    return "chain rule"


def _factors(story: Story, uses: Sequence[Factors]) -> Node:
    """Sums of products of factors; sign and number stand in front, a factor of 1 is left out."""
    return written(story, [_number_first(pulled_apart(use or (sp.Integer(1),))) for use in uses])


def _number_first(factors: Factors) -> Factors:
    front = sp.Mul(*(f for f in factors if f.is_Number))
    rest = tuple(f for f in factors if not f.is_Number)
    return rest if front == 1 and rest else (front, *rest)


def _before(front: Node, of: Node) -> Node:
    """A differential with a factor before it; a sign stands in front, a 1 is left out."""
    if isinstance(front, Negative):
        return Negative(_before(front.arg, of))
    if isinstance(front, Number) and front.value == 1:
        return of
    return Multiply((front, of))


def _differential(node: Node) -> Node:
    return Call("differential", (node,))


def _sum(nodes: Sequence[Node]) -> Node:
    if not nodes:
        return Number(sp.Integer(0))
    return nodes[0] if len(nodes) == 1 else Terms(tuple(nodes))


__all__ = ["differential_sections"]
