"""The last lines of a Jacobian or a Hessian: its forms.

Enters: a page and the derivatives on it. Leaves: the derivative by its elements, with the cases of δ; as a
matrix; in the given symbols; as the matrix of ``vec``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import sympy as sp

from symdl.differentiate.cleanup import constant_sum, factored
from symdl.differentiate.compact import compact
from symdl.differentiate.record import Derivative
from symdl.differentiate.sensitivity import Sensitivities
from symdl.explain.matrix.algebra import is_symmetric, transposed
from symdl.explain.matrix.closed_algebra import tidy
from symdl.explain.matrix.closed_form import closed_form
from symdl.explain.matrix.deltas import deltas_split
from symdl.explain.matrix.kronecker import kronecker_form
from symdl.explain.notation.tree import (
    Array,
    Big,
    Call,
    Cases,
    Commutation,
    Compare,
    Fraction,
    Grid,
    Indicator,
    Item,
    Kronecker,
    Label,
    Multiply,
    Negative,
    Node,
    Partial,
    Product,
    Terms,
    Transpose,
    number,
    walk,
)
from symdl.explain.sections import Step, Words
from symdl.explain.stories.backward import whole
from symdl.explain.stories.diagonals import by_diagonals, written_out
from symdl.explain.stories.equations import Page
from symdl.explain.stories.formula import put_in, shown
from symdl.explain.stories.vanishing import resolved_sums, with_resolved
from symdl.express.equations import Equation
from symdl.express.expansion import is_short
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, substitute

Layout = Literal["numerator", "denominator"]
Named = Callable[[Node, Node, Node], Node]
"""Names a derivative: of what, with respect to what, and its value."""

_LONGEST_CANCELLED = 80  # operations

_VALUE = Label("J")  # of a tensor that is never printed by its name


def result_lines(
    page: Page, found: Sensitivities, y: Tensor, top: Node, *, layout: Layout, name: Named | None = None
) -> list[Step]:
    """Return the lines of a derivative of `y`.

    Args:
        page: the page.
        found: the derivatives with respect to one tensor.
        y: whose derivative it is.
        top: how `y` is written as a whole.
        layout: of matrices.
        name: names a derivative; by default ``∂y/∂x``.
    """
    derivative = found.of[y]
    name = name or (lambda above, below, value: Partial(above, below, value))
    line = found.lines[y]
    own, outer = line.indices[: y.rank], line.indices[y.rank :]
    read = page.notation.read
    places = tuple(map(read, line.indices))
    value: Node = Item(_VALUE, derivative, places) if places else read(derivative.at())
    left = name(read(y.at(*own)), read(found.x.at(*outer)), value)
    whole_left = name(top, whole(page, found.x), laid(Array(_VALUE, derivative), layout))
    kept = page.program.definitions.keys() - page.inlined.keys()
    given = page.program.definitions.keys()
    resolved = with_resolved(found.program, resolved_sums(found.program, given))
    program = compact(Derivative(resolved, page.output, {}, ())).program
    definitions = dict(program.definitions)
    made = put_in(replace(page, program=program), derivative, keep=kept)
    steps: list[Step] = []
    if made is not None:
        short = _by_quotients(page, made[1])
        definitions[derivative] = short = replace(short, body=_shorter(short.body))
        steps = _by_element(made[0], constant_sum(short), left)
        if any(isinstance(part, Indicator) for step in steps for part in walk(step.right)):
            steps = _by_place(made[0], short, left, whole_left, layout) or steps
        unknown = {*found.of.values()}
        if any(isinstance(p, Item) and p.tensor in unknown for s in steps for p in walk(s.right)):
            steps = []  # a recurrence: its lines are the answer
    matrix = closed_form(derivative, notation=page.notation, keep=kept, definitions=definitions)
    if matrix is not None and derivative.rank:
        steps.append(Step("matrix form", whole_left, laid(matrix, layout), "result", "result"))
    closed = closed_form(derivative, notation=page.notation, keep=[y], definitions=definitions)
    if closed is not None and closed != matrix and derivative.rank:
        steps.append(Step("in the given symbols", whole_left, laid(closed, layout), "result", "result"))
    stacked = kronecker_form(derivative, y.rank, notation=page.notation, definitions=definitions, keep=kept)
    if stacked is None:
        return steps
    value = Call("unfolded", (Array(_VALUE, derivative), number(y.rank)))
    above, below = (_vec(n, t) for n, t in ((top, y), (whole(page, found.x), found.x)))
    left = name(above, below, value if layout == "numerator" else Transpose(value))
    return [*steps, Step("matrix of vec", left, laid(stacked, layout), "result", "result")]


def _vec(node: Node, tensor: Tensor) -> Node:
    return Call("vec", (node,)) if tensor.rank == 2 else node


def laid(node: Node, layout: Layout) -> Node:
    """Return a matrix as it is in numerator layout, transposed in denominator layout."""
    return node if layout == "numerator" else tidy(_turned(node))


def _turned(node: Node) -> Node:
    """Transpose a sum term by term, a quotient above the bar."""
    if is_symmetric(node):
        return node
    match node:
        case Terms():
            return Terms(tuple(map(_turned, node.args)))
        case Negative():
            return Negative(_turned(node.arg))
        case Fraction():
            return Fraction(_turned(node.top), node.bottom)
        case Kronecker():
            return Kronecker(tuple(map(_turned, node.args)))
        case Commutation():
            return Commutation(node.label, node.columns, node.rows)
        case Product():
            return replace(node, args=(*node.args[:-1], _turned(node.args[-1])))
        case Multiply():
            return Multiply(tuple(_turned(factor) for factor in reversed(node.args)))
        case Grid():
            return Grid(tuple(zip(*node.rows, strict=True)))
        case Big():
            return replace(node, body=_turned(node.body))
    return transposed(node)


def _by_element(page: Page, short: Equation, left: Node) -> list[Step]:
    """An element with the derivatives of intermediates put in; what it is where δ is 1, and where it is 0."""
    node = shown(page, short)
    if node is None:
        return []
    steps = [Step("index form", left, node, "result", "result")]
    pairs = {c for piece in short.body.atoms(sp.Piecewise) for _, c in piece.args if isinstance(c, sp.Eq)}
    if (
        len(pairs) != 1
        or short.reduction
        or short.guards
        or set(next(iter(pairs)).args) != set(short.indices)
    ):
        return steps
    (pair,) = pairs
    i, j = short.indices
    delta = sp.Piecewise((1, pair), (0, True))
    values = substitute(short.body, {j: i}), rebuilt(short.body, {delta: sp.Integer(0)})
    if values[1].has(sp.Piecewise) or values[1] == 0:
        return steps
    both = [page.notation.read(factored(value)) for value in values]
    where = Compare("=", page.notation.symbol(i), page.notation.symbol(j))
    return [
        *steps,
        Step("the cases of δ", left, Cases(((both[0], where), (both[1], None))), "result", "result"),
    ]


def _by_place(page: Page, short: Equation, left: Node, whole_left: Node, layout: Layout) -> list[Step]:
    """What stands on each diagonal, and a small matrix as it is; nothing where neither can be said."""
    steps: list[Step] = []
    if (cases := by_diagonals(page, short)) is not None:
        steps.append(Step("by diagonals", left, cases, "result", "result"))
    if (entries := written_out(page, short)) is not None:
        steps.append(Step("entry by entry", whole_left, laid(entries, layout), "result", "result"))
    return steps


def _by_quotients(page: Page, equation: Equation) -> Equation:
    """Write quotients that the page has a name for, ``e[i]/s``, by that name."""
    body = sp.expand_mul(equation.body)
    for source in page.program.equations:
        below = source.body.as_numer_denom()[1]
        plain = source.reduction is None and not source.guards and len(source.indices) == 1
        if plain and isinstance(below, Access):
            for index in equation.indices:
                pattern = substitute(source.body, {source.indices[0]: index})
                body = body.subs(pattern, source.lhs.at(index))
    return replace(equation, body=body if body.atoms(Access) - equation.body.atoms(Access) else equation.body)


def _shorter(body: sp.Expr) -> sp.Expr:
    """Return a body with common factors in front, or with fractions cancelled if that is shorter."""
    body = deltas_split(body)
    first = factored(body)
    names = {a: sp.Dummy(real=True) for a in body.atoms(Access, sp.Piecewise)}
    plain = rebuilt(body, names)
    if not plain.is_rational_function() or sp.count_ops(plain) > _LONGEST_CANCELLED or not is_short(plain):
        return first
    back = {name: atom for atom, name in names.items()}
    cancelled = factored(rebuilt(sp.expand(sp.cancel(sp.together(plain))), back))
    return min(first, cancelled, key=sp.count_ops)


def words_of_layout(y: Tensor, x: Tensor, names: Sequence[Node], layout: Layout) -> Words:
    """The sentence that says what stands in rows and what in columns; `names` are those of `y` and `x`."""
    if not y.rank or not x.rank:
        return ()
    first, second = names if layout == "numerator" else names[::-1]
    return (f"{layout.capitalize()} layout: rows belong to ", first, ", columns to ", second, ".")


def words_of_vec(steps: Sequence[Step]) -> Words:
    """The sentence that says what `vec` and K are, where lines have them."""
    nodes = [part for step in steps for part in walk(step.right)]
    if not any(step.rule == "matrix of vec" for step in steps):
        return ()
    turned = [part for part in nodes if isinstance(part, Commutation)]
    words: Words = ("vec stacks the columns of a matrix",)
    return (
        (*words, "; ", turned[0], " turns vec of a matrix into vec of its transpose.")
        if turned
        else (*words, ".")
    )


__all__ = ["Layout", "laid", "result_lines", "words_of_layout", "words_of_vec"]
