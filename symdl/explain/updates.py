"""The steps of an optimizer as it would be written: with the number of the step below.

Enters: an optimizer, which says its updates as equations, and parameters. Leaves: a `Derivation` with the
step's equations: ``theta_{p+1} = theta_p - eta dL/dtheta``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.errors import ExplainError
from symdl.explain.derivation import Derivation, Lines, Step, Words
from symdl.explain.equations import Page, left_side, right_side
from symdl.explain.matrix import matrix_form
from symdl.explain.names import label_of, labels_of
from symdl.explain.notation import Notation
from symdl.explain.tree import (
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
    mapped,
    walk,
)
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.nn.optimizers import Optimizer


def update_rules(
    optimizer: Optimizer,
    parameters: Sequence[Tensor],
    *,
    loss: str = "L",
    rate: str = "eta",
    step: str = "p",
) -> Derivation:
    """Return the equations of one step of an optimizer.

    Args:
        optimizer: such as ``sd.nn.SGD(0.1)``; the equations printed are the ones that training runs.
        parameters: what is updated, of rank 0, 1 or 2.
        loss: what the loss is called.
        rate: what the learning rate is called.
        step: the letter that counts steps.

    Raises:
        ExplainError: a parameter has more axes.
    """
    slopes = {p: Tensor(f"{p.name}.gradient", p.shape, role="input") for p in parameters}
    updates = optimizer.updates(parameters, slopes)
    program = collect([new for _, new in updates])
    labels = labels_of(program)
    ahead = {new: old for old, new in updates}
    wished: dict[Tensor, Label] = {}
    for old, new in updates:
        base = _base(old, rate)
        wished[old] = replace(base, sub=(*base.sub, step))
        wished[new] = replace(base, sub=(*base.sub, f"{step}+1"))
    for tensor in program.inputs:
        if tensor.name and tensor.role == "state" and tensor not in wished:
            wished[tensor] = _base(tensor, rate)
    notation = Notation({**labels, **wished})
    page = Page(program, program.outputs[0])
    page.inlined = {e.lhs: e for e in program.equations if e.lhs not in ahead and not e.guards}
    page.notation = replace(notation, inline={t: page._inliner(e) for t, e in page.inlined.items()})
    steps = []
    for old, new in updates:
        equation = page.definition(new) if new in page.program.definitions else None
        if equation is None:
            continue
        label = page.notation.label(new)
        right, left = right_side(page, equation), left_side(page, equation)
        if old.rank:
            found = matrix_form(equation, page.notation, inline=page.inlined)
            if found is None:
                raise ExplainError(f"the update of {old} has no matrix form", cure="pass a smaller parameter")
            right, left = found, Array(label, new)
            if any(isinstance(part, Power) and isinstance(part.exponent, Negative) for part in walk(found)):
                right, left = right_side(page, equation), left_side(page, equation)
        right = mapped(right, lambda node: _slope(node, slopes, loss))
        steps.append(Step(equation.origin.rule, left, right, "definition", "result"))
    title: Words = (f"One step of {type(optimizer).__name__}",)
    return Derivation(title, (Lines("Updates", tuple(steps), level="result"),), None)


def _base(tensor: Tensor, rate: str) -> Label:
    name = str(tensor.name)
    if name == "learning_rate":
        return label_of(rate)
    owner, _, kind = name.rpartition(".")
    short = {"velocity": "v", "first_moment": "m", "second_moment": "s"}.get(kind)
    return label_of(f"{owner}.{short}" if short and owner else name)


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
