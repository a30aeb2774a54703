"""The steps of an optimizer as it would be written: with the number of the step below.

Enters: an optimizer, which says its updates as equations, and parameters. Leaves: a `Derivation` with the
step's equations, ``theta_{p+1} = theta_p - eta dL/dtheta``, and a table of what the symbols stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.explain.documents.derivation import Derivation
from symdl.explain.matrix.matrix import matrix_form
from symdl.explain.notation.letters import labels_of
from symdl.explain.notation.names import label_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.settings import with_symbols
from symdl.explain.notation.tree import (
    Array,
    Gradient,
    Item,
    Label,
    Negative,
    Node,
    Partial,
    Power,
    Product,
    Symbol,
    Terms,
    mapped,
    walk,
)
from symdl.explain.sections import Lines, Section, Step, Table, Words
from symdl.explain.stories.equations import Page, inliner, left_side, right_side
from symdl.express.equations import Equation
from symdl.express.naming import checked_name
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from symdl.nn.protocol import Optimizer, updates_of


def update_rules(
    optimizer: Optimizer,
    parameters: Sequence[Tensor],
    *,
    loss: str = "L",
    rate: str = "eta",
    step: str = "p",
) -> Derivation:
    """Return the equations of one step of an optimizer, and the values of the symbols in them.

    Args:
        optimizer: such as ``sd.nn.SGD(0.1)``; the equations printed are the ones that training runs, with
            symbols for the optimizer's settings.
        parameters: what is updated.
        loss: what the loss is called.
        rate: what the learning rate is called.
        step: the letter that counts steps.

    Raises:
        ExpressionError: one of these is a text that nothing can be called.

    Example:
        >>> rules = sd.update_rules(sd.nn.SGD(0.1), [sd.parameter("W", (3, 2))])
        >>> print(rules.text().splitlines()[4].split("  (")[0].strip())
        W_p+1 = W_p - η·∇_W L
    """
    for text in (rate, step):
        checked_name(text, "number of an optimizer")
    slopes = {p: Tensor(f"{p.name}.gradient", p.shape, role="input") for p in parameters}
    symbolic, values = with_symbols(optimizer, rate=rate)
    updates = updates_of(symbolic, parameters, slopes, Tensor(loss, (), role="input"))
    program = collect([new for _, new in updates])
    ahead = {new: old for old, new in updates}
    shared = [e.lhs for e in program.equations if e.lhs not in ahead and e.origin.rule in _SHARED]
    labels = {**labels_of(program), **_labels(updates, shared, program, rate, step)}
    page = Page(program, program.outputs[0])
    shown = {*ahead, *shared}
    page.inlined = {e.lhs: e for e in program.equations if e.lhs not in shown and not e.guards}
    page.notation = replace(Notation(labels), inline={t: inliner(page, e) for t, e in page.inlined.items()})
    steps = []
    for equation in program.equations:
        if equation.lhs not in shown:
            continue
        left, right = _sides(page, equation)
        right = mapped(right, lambda node: _slope(node, slopes, loss))
        right = _own_first(right, ahead.get(equation.lhs))
        steps.append(Step(equation.origin.rule, left, right, "definition", "result"))
    title: Words = (f"One step of {type(optimizer).__name__}",)
    sections: list[Section] = [Lines("Updates", tuple(steps), level="result")]
    used = {t: value for t, value in values.items() if t in program.inputs}
    if used:
        rows = tuple((Symbol(labels[t], t.at()), f"{value:g}") for t, value in used.items())
        sections.append(Table("Settings", (), rows, level="result"))
    return Derivation(title, tuple(sections), None)


_SHARED = {
    "bias correction": "c",
    "schedule": "",
    "norm": "N",
    "scale": "s",
    "mean loss": "M",
    "dampening": "d",
    "share": "s",
    "averaged steps": "r",
    "rectification": "l",
    "relative rate": "r",
    "length": "alpha",
    "trust ratio": "phi",
    "direction": "u",
}
"""What several equations read has a line and a letter of its own, by the rule that makes it."""


_SHORT = {"velocity": "v", "step": "t", "sum": "s", "average": "a"}
"""Letters of states, by what their names end with."""


def _labels(
    updates: Sequence[tuple[Tensor, Tensor]],
    shared: Sequence[Tensor],
    program: Program,
    rate: str,
    step: str,
) -> dict[Tensor, Label]:
    """Name states and parameters with the number of the step below, and what several equations read."""
    wished: dict[Tensor, Label] = {}
    for old, new in updates:
        base = _base(old, rate, step)
        wished[old] = replace(base, sub=(*base.sub, step))
        wished[new] = replace(base, sub=(*base.sub, f"{step}+1"))
    for tensor in program.inputs:
        if tensor.name and tensor.role == "state" and tensor not in wished:
            wished[tensor] = _base(tensor, rate, step)
    rules = [program.definitions[t].origin.rule for t in shared]
    for place, (tensor, rule) in enumerate(zip(shared, rules, strict=True)):
        if rule == "schedule":
            wished[tensor] = replace(label_of(rate), sub=(step,))
        else:
            number = () if rules.count(rule) == 1 else (str(rules[: place + 1].count(rule)),)
            wished[tensor] = replace(label_of(_SHARED[rule]), sub=number)
    return wished


def _own_first(node: Node, old: Tensor | None) -> Node:
    """Begin with what a state or parameter was before: ``beta m + (1 - beta) g``."""
    if old is None or not isinstance(node, Terms):
        return node
    return Terms(
        tuple(
            sorted(
                node.args,
                key=lambda term: (
                    not any(isinstance(part, Array | Item) and part.tensor is old for part in walk(term))
                ),
            )
        )
    )


def _sides(page: Page, equation: Equation) -> tuple[Node, Node]:
    """Return both sides, in matrix form where there is one without an entrywise quotient."""
    if equation.lhs.rank:
        found = matrix_form(equation, page.notation, inline=page.inlined)
        if found is not None and not any(
            isinstance(part, Power) and isinstance(part.exponent, Negative) for part in walk(found)
        ):
            return Array(page.notation.label(equation.lhs), equation.lhs), found
    return left_side(page, equation), right_side(page, equation)


def _base(tensor: Tensor, rate: str, step: str) -> Label:
    name = str(tensor.name)
    owner, _, kind = name.rpartition(".")
    if not owner and kind == "step":
        return Label("t" if step != "t" else "k")
    short = {"learning_rate": rate, **_SHORT}.get(kind, kind)
    return label_of(f"{owner}.{short}" if owner else rate if kind == "learning_rate" else name)


def _slope(node: Node, slopes: dict[Tensor, Tensor], loss: str) -> Node | None:
    """The gradient's name, where the update equation has a stand-in for it; in a product it comes last."""
    if isinstance(node, Product):
        changed = [(n, _slope(n, slopes, loss)) for n in node.args]
        kept = [mapped(n, lambda part: _slope(part, slopes, loss)) for n, new in changed if new is None]
        return Product((*kept, *(new for _, new in changed if new is not None)), node.dots)
    for parameter, slope in slopes.items():
        label = label_of(str(parameter.name))
        if isinstance(node, Array) and node.tensor is slope:
            return Gradient(Symbol(label_of(loss)), Array(label, parameter))
        if isinstance(node, Item) and node.tensor is slope:
            top, bottom = Symbol(label_of(loss)), Item(label, parameter, node.indices)
            return Partial(top, bottom, node)
        if isinstance(node, Symbol) and not slope.rank and node.expr == slope.at():
            return Partial(Symbol(label_of(loss)), Symbol(label, parameter.at()), Symbol(label, slope.at()))
    return None
