"""The derivative of a scalar function, told along its computation graph.

Enters: a program with one equation an operation, and its derivative's record. Leaves: the sections of a
derivation: the graph with the local derivative on every edge, the adjoints, the chain rule along each path,
the sum over paths, and the way back to the original names, one intermediate at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.record import Contribution, Derivative
from symdl.explain.notation.letters import Letters
from symdl.explain.notation.names import label_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.order import ordered_factors
from symdl.explain.notation.sigmoids import sigmoid_argument
from symdl.explain.notation.sizes import written_sizes
from symdl.explain.notation.tree import Brace, Label, Negative, Node, Partial, Product, Symbol, Terms, product
from symdl.explain.sections import GraphNode, Lines, Step, Table
from symdl.explain.stories.closing import LARGEST
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor

_NODES = "vwuabc"
"""Letters for the nodes of a computation graph, the usual one first."""
_MOST_PATHS = 8
_LONGEST_ADJOINT = 60  # operations

Factors = tuple[sp.Expr, ...]


@dataclass(slots=True)
class Story:
    """Everything that the lines need.

    Attributes:
        program: the function, every equation of rank 0.
        derivative: its derivative by all inputs.
        numbered: whether nodes are ``v1``, ``v2``, …, inputs too, or keep the user's names.
        named: the labels that the user wishes for names.
        function: what the whole function is called.
        symbols: the user's symbol for each input tensor.
    """

    program: Program
    derivative: Derivative
    function: Node
    symbols: dict[Tensor, sp.Symbol]
    numbered: bool = True
    named: Mapping[str, Label] = field(default_factory=dict)
    nodes: dict[Tensor, sp.Symbol] = field(default_factory=dict)
    notation: Notation = field(default_factory=Notation)
    letters: Letters = field(default_factory=Letters)

    def __post_init__(self) -> None:
        tensors = [*self.program.inputs, *(e.lhs for e in self.program.equations)]
        labels: dict[sp.Symbol, Label] = {}
        for symbol in self.symbols.values():
            self.letters.take(self.named.get(symbol.name, label_of(symbol.name)))
        count = len(tensors)
        letter = next((c for c in _NODES if self._has_none(c, count)), _NODES[0] * 2)
        self.letters.reserve()
        for place, tensor in enumerate(tensors, 1):
            if self.numbered:
                self.nodes[tensor] = sp.Symbol(f"{letter}_{place}", real=True)
                labels[self.nodes[tensor]] = self.letters.take(Label(letter, (str(place),)))
            else:
                self.nodes[tensor] = self.symbols.get(tensor) or sp.Symbol(str(tensor.name), real=True)
        for symbol in (*self.symbols.values(), *self.nodes.values()):
            if symbol.name in self.named:
                labels.setdefault(symbol, self.named[symbol.name])
        self.notation = Notation(symbols=labels, normal=False)  # the graph has erf

    def _has_none(self, letter: str, count: int) -> bool:
        """Say whether no symbol of the user's is called by a letter with one of the numbers up to `count`."""
        return all(self.letters.is_free(Label(letter, (str(place),))) for place in range(1, count + 1))

    @property
    def apart(self) -> Notation:
        """The notation of lines in which a sigmoid stands as the operations that it was taken apart into."""
        return replace(self.notation, sigmoid=not self.numbered)

    @property
    def small(self) -> bool:
        """Whether the function written out in one expression can still be read."""
        return written_sizes(self.program.equations)[self.program.outputs[0]] <= LARGEST

    def plain(self, expr: sp.Expr) -> sp.Expr:
        """Write an expression over node symbols."""
        return rebuilt(expr, {a: self.nodes[a.tensor] for a in expr.atoms(Access)})

    def node(self, tensor: Tensor) -> Node:
        """The formula of a node's name."""
        return self.notation.read(self.nodes[tensor])

    def operation(self, tensor: Tensor) -> sp.Expr:
        """What a node computes: its body, or the input that it stands for."""
        equation = self.program.definitions.get(tensor)
        return self.plain(equation.body) if equation else self.symbols[tensor]

    def local(self, step: Contribution) -> sp.Expr:
        """The local derivative on an edge; of a named intermediate, written with its own value."""
        if self.numbered:
            return self.plain(step.local)
        weight = self.plain(step.weight)
        if sigmoid_argument(step.via.body) is not None:
            weight = rebuilt(weight, {self.nodes[step.via.lhs]: self.plain(step.via.body)})
        return weight

    def edges(self) -> dict[tuple[Tensor, Tensor], Contribution]:
        """The contribution on each edge ``(from, to)`` of the graph."""
        return {(c.tensor, c.via.lhs): c for c in self.derivative.record.contributions}


def _rule(use: Contribution) -> str:
    """Return the rule that an adjoint goes by: the chain rule, and that of the node through which it goes."""
    body = use.via.body
    core = body.as_independent(Access, as_Add=False)[1]
    if sp.fraction(core)[1].has(Access):
        return "chain rule, quotient rule"
    if core.is_Mul:
        return "chain rule, product rule"
    if core.is_Add:
        return "chain rule, sum rule"
    if core.is_Pow and core.base.has(Access) and core.exp.has(Access):
        return "chain rule, by a^b = e^(b log a)"
    return "chain rule, power rule" if core.is_Pow and core.exp.is_number else "chain rule"


def graph_of(story: Story) -> tuple[GraphNode, ...]:
    """Return the nodes of the computation graph, each with its incoming edges and local derivatives."""
    place = {tensor: at for at, tensor in enumerate(story.nodes)}
    edges: dict[Tensor, list[tuple[int, Contribution]]] = {tensor: [] for tensor in place}
    for (source, target), edge in story.edges().items():
        edges[target].append((place[source], edge))
    found = []
    for tensor in place:
        ordered = sorted(edges[tensor], key=lambda item: item[0])
        into = tuple((source, story.notation.read(story.local(edge))) for source, edge in ordered)
        operation = story.notation.read(story.operation(tensor))
        found.append(GraphNode(story.node(tensor), operation, into, tensor in story.symbols))
    return tuple(found)


def graph_table(story: Story, graph: Sequence[GraphNode]) -> Table:
    """Return the graph as a table: node, operation, local derivatives."""
    rows: list[tuple[str | Node, ...]] = []
    for entry in graph:
        locals_ = [(graph[source].name, value) for source, value in entry.edges]
        if not locals_:
            rows.append((entry.name, entry.operation, "", "input" if entry.given else "constant"))
        for place, (source, value) in enumerate(locals_):
            head = (entry.name, entry.operation) if place == 0 else ("", "")
            rows.append((*head, Partial(entry.name, source, value), value))
    return Table(
        "Computation graph",
        ("node", "operation", "edge", "local derivative"),
        tuple(rows),
        level="key",
    )


def adjoint_lines(story: Story) -> Lines:
    """Return the adjoint of every node, from the output back to the inputs."""
    steps: list[Step] = []
    values: dict[Tensor, sp.Expr] = {story.program.outputs[0]: sp.Integer(1)}
    hidden: dict[sp.Symbol, Node] = {}
    uses: dict[Tensor, list[Contribution]] = {}
    for contribution in story.derivative.record.contributions:
        uses.setdefault(contribution.tensor, []).append(contribution)
    output = story.program.outputs[0]
    steps.append(Step("where we start", bar(story, output), story.notation.read(sp.Integer(1)), "adjoint"))
    for tensor in reversed(list(story.nodes)):
        if tensor not in uses:
            continue
        terms = [(bar(story, use.via.lhs), story.notation.read(story.local(use))) for use in uses[tensor]]
        shown = tuple(Product((a, b), dots=True) for a, b in terms)
        rule = _rule(uses[tensor][0]) if len(shown) == 1 else "each use adds a term"
        steps.append(Step(rule, bar(story, tensor), shown[0] if len(shown) == 1 else Terms(shown), "adjoint"))
        value = sp.Add(*(values[use.via.lhs] * story.local(use) for use in uses[tensor]))
        if len(value.args) > 8 or sp.count_ops(value) > _LONGEST_ADJOINT:
            # Too long: its name goes on standing for it.
            value = sp.Symbol(f"adjoint {len(values)}", real=True)
            hidden[value] = bar(story, tensor)
        else:
            steps.append(Step("", None, with_names(story, hidden).read(value), "adjoint", "all"))
        values[tensor] = value
    words = (
        "The adjoint of a node is the derivative of the output with respect to it: a sum over the nodes that "
        "read it, each adjoint times the local derivative on the edge.",
    )
    return Lines("Adjoints, from the output back", tuple(steps), words, level="all")


def with_names(story: Story, hidden: Mapping[sp.Symbol, Node]) -> Notation:
    labels = {symbol: node.label for symbol, node in hidden.items() if isinstance(node, Symbol)}
    return replace(story.notation, symbols={**story.notation.symbols, **labels})


def bar(story: Story, tensor: Tensor) -> Node:
    """The name of a node's adjoint, standing for the derivative of the output by the node."""
    name = story.node(tensor)
    assert isinstance(name, Symbol)
    label = name.label
    accented = replace(label, accents=(*label.accents, "bar"))
    return Symbol(accented, Access(story.derivative.cotangents[tensor]))


def paths(story: Story, wrt: Tensor) -> list[tuple[Contribution, ...]] | None:
    """Return the paths from the output to `wrt`, output first; None if there are too many."""
    into: dict[Tensor, list[Contribution]] = {}
    for contribution in story.derivative.record.contributions:
        into.setdefault(contribution.tensor, []).append(contribution)
    count = _count(story, wrt, into)
    if count > _MOST_PATHS:
        return None

    def back(tensor: Tensor) -> Iterator[tuple[Contribution, ...]]:
        if tensor is story.program.outputs[0]:
            yield ()
            return
        for step in into.get(tensor, []):
            for rest in back(step.via.lhs):
                yield (*rest, step)

    return list(back(wrt))


def _count(story: Story, wrt: Tensor, into: dict[Tensor, list[Contribution]]) -> int:
    counts: dict[Tensor, int] = {story.program.outputs[0]: 1}
    for tensor in reversed(list(story.nodes)):
        counts.setdefault(tensor, sum(counts.get(step.via.lhs, 0) for step in into.get(tensor, [])))
    return counts[wrt]


def chain_lines(story: Story, wrt: Tensor, *, brace: bool = False) -> list[Step] | None:
    """Return the chain rule along every path and the way back, or None if there are too many paths."""
    found = paths(story, wrt)
    if found is None:
        return None
    output = story.program.outputs[0]
    left = Partial(story.node(output), story.notation.read(origin(story, wrt)))
    if not found:
        zero = story.notation.read(sp.Integer(0))
        return [Step("constant on every piece: all local derivatives are 0", left, zero)]
    if not story.numbered:
        left = Partial(story.function, left.bottom)
    named = [_named(story, path, brace=brace) for path in found]
    factors = [tuple(story.local(step) for step in path) for path in found]
    if story.numbered:
        factors = [(*path, sp.Integer(1)) for path in factors]
    rule = "chain rule" if len(found) == 1 else "chain rule, sum over paths"
    steps = [Step(rule, left, _sum(named))]
    steps.append(Step("local derivatives", None, written(story, factors, dots=True)))
    reduced = [pulled_apart(path) for path in factors]
    value: list[Factors] = reduced
    signs = any(len(path) > 1 and f.could_extract_minus_sign() for path in factors for f in path)
    if signs or any(1 in path for path in factors):
        steps.append(
            Step("signs and factors of 1" if signs else "factors of 1", None, written(story, reduced))
        )
    for about, change, final in substitutions(story, wrt, reduced) if story.small else ():
        after = [tuple(rebuilt(f, change) for f in path) for path in value]
        if after != value:
            shown = written(story, after)
            rule = "substitute" if about is not None else "original names"
            steps.append(Step(rule, None, shown, level="key" if final else "all", about=about))
        value = after
    return steps


def _named(story: Story, path: tuple[Contribution, ...], *, brace: bool) -> Node:
    names: list[Node] = []
    for step in path:
        top = story.node(step.via.lhs)
        if not story.numbered and step.via.lhs is story.program.outputs[0]:
            top = story.notation.read(story.plain(step.via.body))
        bottom = story.node(step.tensor)
        names.append(Partial(top, bottom, story.notation.read(story.local(step))))
    if story.numbered:
        last = path[-1].tensor if path else story.program.outputs[0]
        one = story.notation.read(sp.Integer(1))
        names.append(Partial(story.node(last), story.notation.read(origin(story, last)), one))
    if brace and len(names) > 2:
        return Product((Brace(product(tuple(names[:-1])), "chain rule"), names[-1]))
    return product(tuple(names))


def origin(story: Story, tensor: Tensor) -> sp.Expr:
    return story.symbols.get(tensor, story.nodes[tensor])


def pulled_apart(path: Factors) -> Factors:
    """Split products into their factors, in the written order, and drop ones.

    A factor that is a lone name or a number then survives a substitution without being multiplied out.
    The sign comes to the front.
    """
    negative = sum(factor.could_extract_minus_sign() for factor in path) % 2 == 1
    path = tuple(-f if f.could_extract_minus_sign() else f for f in path)
    factors: list[sp.Expr] = []
    for factor in path:
        powers = isinstance(factor, sp.Mul) and not any(isinstance(a, sp.Pow) for a in factor.args)
        factors += ordered_factors(factor) if powers else [factor]
    kept = tuple(f for f in factors if f != 1) or (sp.Integer(1),)
    if not negative:
        return kept
    return (-kept[0], *kept[1:]) if kept[0].is_Number else (sp.Integer(-1), *kept)


def written(story: Story, paths: Sequence[Factors], *, dots: bool = False) -> Node:
    """Return a sum of products whose factors keep their order."""
    return _sum([_factors(story, path, dots=dots) for path in paths])


def _factors(story: Story, factors: Factors, *, dots: bool) -> Node:
    if not dots and len(factors) > 1 and any(_is_quotient(f) for f in factors):
        return story.apart.times(tuple(part for f in factors for part in sp.Mul.make_args(f)))
    first, *rest = factors
    if not dots and rest and first.is_Number and first.is_negative:
        return Negative(_factors(story, (*(() if first == -1 else (-first,)), *rest), dots=False))
    return product(tuple(story.apart.read(f) for f in factors), dots=dots)


def _is_quotient(factor: sp.Expr) -> bool:
    powers = (f for f in sp.Mul.make_args(factor) if isinstance(f, sp.Pow))
    return any(f.exp.is_Number and f.exp.is_negative for f in powers)


def _sum(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Terms(tuple(nodes))


Change = dict[sp.Expr, sp.Expr]


def substitutions(
    story: Story, wrt: Tensor, start: Sequence[Factors]
) -> Iterator[tuple[Node | None, Change, bool]]:
    """Yield the replacements that lead back to the original names, the last intermediate first.

    The variable of the derivative takes its own name together with the last intermediate.
    """
    symbols = {node: tensor for tensor, node in story.nodes.items()}
    used = set().union(*(f.free_symbols for path in start for f in path))
    order: list[sp.Symbol] = []
    for tensor in reversed(list(story.nodes)):
        node = story.nodes[tensor]
        if node in used and tensor not in story.symbols:
            order.append(node)
            used |= story.operation(tensor).free_symbols
    own = {story.nodes[wrt]: origin(story, wrt)} if story.numbered else {}
    inputs = [t for t in story.symbols if story.nodes[t] in used and t is not wrt] if story.numbered else []
    for node in order:
        change: Change = {node: story.operation(symbols[node])}
        last = node == order[-1]
        if last:
            change = {node: rebuilt(change[node], own), **own}
        yield story.notation.read(node), change, last and not inputs
    rest = {story.nodes[t]: story.symbols[t] for t in inputs}
    if not order:
        rest |= own
    if rest:
        yield None, rest, True
