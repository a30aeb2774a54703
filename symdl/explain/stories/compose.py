"""Layers without anything nonlinear between them are one layer: the steps that show it.

Enters: a tensor that is affine in another, through named intermediates. Leaves: a `Derivation` that puts the
intermediates in, expands, collects and defines: ``U(Wx + b) + c = (UW)x + (Ub + c) = Vx + d``.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.matrix.matrix import matrix_form
from symdl.explain.notation.letters import free_label
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import (
    Array,
    Cross,
    Label,
    Multiply,
    Negative,
    Node,
    Ones,
    Symbol,
    Terms,
    Transpose,
    mapped,
    walk,
)
from symdl.explain.sections import Lines, Step, Words
from symdl.explain.stories.single import simple_page
from symdl.express.naming import checked_name
from symdl.express.program import collect
from symdl.express.tensors import Tensor


def compose(output: Tensor, x: Tensor, *, names: tuple[str, str] = ("V", "d")) -> Derivation:
    """Return the derivation that `output`, a chain of affine maps of `x`, is one affine map.

    Args:
        output: defined by matrix products and sums of named intermediates.
        x: the input, a vector or a matrix with samples in rows.
        names: what the new matrix and the new constant are called.

    Raises:
        ExplainError: something between `x` and `output` is not affine, such as an activation: the layers do
            not collapse.
        ExpressionError: a name that nobody can have.
    """
    for text in names:
        checked_name(text, "map")
    program = collect([output])
    labels = simple_page(output).labels
    forms: dict[Tensor, Node] = {}
    for equation in program.equations:
        page = simple_page(equation.lhs)
        if equation.lhs.name is None and equation.lhs is not output:
            continue
        notation = replace(page.notation, labels=labels)
        form = matrix_form(equation, notation, inline=page.inlined)
        if form is None:
            raise ExplainError(f"{equation.lhs} has no matrix form", cure="write it with matrix products")
        forms[equation.lhs] = form
    if output not in forms:
        raise ExplainError(f"{output} is given, not composed", cure="pass a tensor that mathematics defines")
    name = Array(labels[output], output)
    steps = [Step("definition", Array(labels[t], t), form, "definition") for t, form in forms.items()]
    line = forms.pop(output)
    told: list[Step] = []
    while any(t in forms for t in _tensors(line)):
        line = mapped(line, lambda n: forms.get(n.tensor) if isinstance(n, Array) else None)
        told.append(Step("substitute", None if told else name, line, "matrix"))
    terms = _expanded(line)
    with_x = [t for t in terms if any(a is x for a in _tensors(t))]
    rest = [t for t in terms if t not in with_x]
    coefficient, first = _coefficient(with_x, x)
    told.append(Step("expand", None if told else name, _sum(terms), "matrix"))
    whole = _sum(coefficient)
    array = Array(labels[x], x)
    told.append(Step("collect", None, _affine(whole, array, rest, first), "matrix"))
    taken = set(labels.values())
    left, right = (free_label(Label(letter), taken) for letter in names)
    big, small = Symbol(left), Symbol(right)
    told.append(Step("define", None, _affine(big, array, [small] if rest else [], first), "result", "result"))
    new = [Step("of shape", big, whole, "definition", "result", about=_shape(output, x, first))]
    if rest:
        new.append(Step("the constant", small, _sum(rest), "definition", "result"))
    title: Words = (name, " as one affine map of ", array)
    sections = (
        Lines("Definitions", tuple(steps)),
        Lines("Composition", tuple(told), level="result"),
        Lines("The new layer", tuple(new), level="result"),
    )
    return Derivation(title, sections, output)


def _shape(output: Tensor, x: Tensor, first: bool) -> Node:
    sizes = [Notation().read(sp.sympify(t.shape[-1], strict=True)) for t in (x, output)]
    return Cross(tuple(sizes if first else reversed(sizes)))


def _tensors(node: Node) -> list[Tensor]:
    return [n.tensor for n in walk(node) if isinstance(n, Array)]


def _sum(terms: list[Node]) -> Node:
    return terms[0] if len(terms) == 1 else Terms(tuple(terms))


def _affine(matrix: Node, x: Node, rest: list[Node], first: bool) -> Node:
    moved: Node = Multiply((x, matrix) if first else (matrix, x))
    if not rest:
        return moved
    constant = rest[0] if len(rest) == 1 else Terms(tuple(rest))
    return Terms((moved, constant))


def _expanded(node: Node) -> list[Node]:
    """The terms of a sum of matrix products, multiplied out."""
    if isinstance(node, Terms):
        return [term for n in node.args for term in _expanded(n)]
    if isinstance(node, Negative):
        return [t.arg if isinstance(t, Negative) else Negative(t) for t in _expanded(node.arg)]
    if isinstance(node, Multiply):
        found: list[tuple[Node, ...]] = [()]
        for factor in node.args:
            found = [(*head, *_factors(tail)) for head in found for tail in _expanded(factor)]
        return [Multiply(f) if len(f) > 1 else f[0] for f in found]
    if isinstance(node, Array | Transpose | Ones | Symbol):
        return [node]
    raise ExplainError(
        "the layers do not collapse: something between them is not affine",
        cure="compose affine layers only; an activation keeps them apart",
    )


def _factors(node: Node) -> tuple[Node, ...]:
    return node.args if isinstance(node, Multiply) else (node,)


def _coefficient(terms: list[Node], x: Tensor) -> tuple[list[Node], bool]:
    """What multiplies `x`, and whether `x` comes first."""
    found: list[Node] = []
    sides: set[bool] = set()
    for term in terms:
        factors = _factors(term)
        places = [n for n, f in enumerate(factors) if isinstance(f, Array) and f.tensor is x]
        if len(factors) < 2 or places not in ([0], [len(factors) - 1]):
            raise ExplainError(f"the composition is not affine in {x}", cure="pass the input of the chain")
        sides.add(places == [0])
        others = factors[1:] if places == [0] else factors[:-1]
        found.append(others[0] if len(others) == 1 else Multiply(others))
    if len(sides) != 1:
        raise ExplainError(f"the composition is not affine in {x}", cure="pass the input of the chain")
    return found, sides.pop()


__all__ = ["compose"]
