"""Equations of a derivative as they are shown.

Enters: a derivative. Leaves: `Page`: which equations are shown and under which names; unnamed contractions
that are used once are written inside their user, ``exp(z - logsumexp(z))`` is called P.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.explain.matrix.functions import of_matrix
from symdl.explain.matrix.matrix import matrix_form
from symdl.explain.notation.arithmetic import sums_last
from symdl.explain.notation.conditions import conditions, conjunction, each_condition
from symdl.explain.notation.letters import Letters
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.order import ordered_factors
from symdl.explain.notation.shortening import (
    softmax_of,
)
from symdl.explain.notation.tree import (
    Array,
    Big,
    Compare,
    Cross,
    Entry,
    Indicator,
    Item,
    Label,
    Negative,
    Node,
    Product,
    Symbol,
    Transpose,
    number,
    product,
)
from symdl.express.dims import Extent, Index
from symdl.express.equations import (
    MATRIX_OPS,
    Divisible,
    Equation,
    Guard,
    Origin,
    exact_quotients,
    guard_terms,
    map_guard,
)
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, map_accesses, substitute

ALL = Symbol(Label(":", verbatim=True))
"""Stands for a whole axis: ``A[i, :, :]`` is one matrix of a batch."""


@dataclass(slots=True)
class Page:
    """The equations of a derivation, and the names in it.

    Attributes:
        program: computes everything shown.
        output: the tensor that was differentiated.
        forward: the shown equations of the function, in order.
        backward: the shown equations of the derivative, in order, abbreviations included.
        inlined: tensors that are written inside their only user, and lengths, which only are checked.
        abbreviations: tensors that exist on paper only, such as the softmax P.
        hot: definitions of one-hot arrays, used in matrix form only.
        notation: how expressions are read.
        letters: who has which letter.
        shown: what is given, and what has a line of its own.
        totals: the logsumexps.
        softmaxes: the equations of their softmaxes, by the logsumexp.
        positions: of each maximum the tensor that says where it is.
        written: right-hand sides that are not written as they are computed.
    """

    program: Program
    output: Tensor
    forward: tuple[Equation, ...] = ()
    backward: tuple[Equation, ...] = ()
    inlined: dict[Tensor, Equation] = field(default_factory=dict)
    abbreviations: dict[Tensor, Equation] = field(default_factory=dict)
    hot: list[Equation] = field(default_factory=list)
    notation: Notation = field(default_factory=Notation)
    letters: Letters = field(default_factory=Letters)
    shown: frozenset[Tensor] = frozenset()
    totals: dict[Tensor, Equation] = field(default_factory=dict)
    softmaxes: dict[Tensor, Equation] = field(default_factory=dict)
    positions: dict[Tensor, Tensor] = field(default_factory=dict)
    written: dict[Tensor, Node] = field(default_factory=dict)

    @property
    def labels(self) -> dict[Tensor, Label]:
        """The labels of tensors."""
        return self.letters.labels

    @property
    def tensors(self) -> list[Tensor]:
        """What is shown, in the order of first use."""
        return [*self.program.inputs, *(e.lhs for e in (*self.forward, *self.backward))]

    def definition(self, tensor: Tensor) -> Equation:
        """The shown equation of a tensor."""
        return self.program.definitions[tensor]

    def shape(self, tensor: Tensor) -> Node:
        """A tensor's shape as a formula, ``n × 10``."""
        if not tensor.shape:
            return Symbol(Label("scalar", verbatim=True))
        sizes = tuple(self.notation.read(sp.sympify(size, strict=True)) for size in tensor.shape)
        return sizes[0] if len(sizes) == 1 else Cross(sizes)

    def fact(self, rule: str) -> tuple[str, Node | None]:
        """The words for a declared fact, and what it is about."""
        for fact in (f for f in self.program.facts if f.kind == "sums_to_one"):
            rows = ("columns", "rows")[fact.axis % 2]
            what = f"{rows} sum" if fact.tensor.rank == 2 else f"entries along axis {fact.axis} sum"
            return f"declared: {what} to one in", self.notation.array(fact.tensor)
        return rule, None

    def one_hot(self, label: Access, classes: Extent) -> Node | None:
        """The array that is 1 where the label equals the column number; defined on first use.

        Returns:
            None unless the label is one of a whole column: one index over one axis, single places on others.
        """
        sizes = tuple(zip(label.indices, label.tensor.shape, strict=True))
        rows = [(i, size) for i, size in sizes if isinstance(i, Index)]
        if len(rows) != 1 or any(i not in (0, rows[0][0]) for i, _ in sizes):
            return None
        for equation in self.hot:
            (known,) = equation.body.atoms(Access)
            own = known.tensor is label.tensor and substitute(known, {equation.indices[0]: rows[0][0]})
            if own == label and equation.lhs.shape[-1] == classes:
                return self.notation.array(equation.lhs)
        ((row, size),) = rows
        tensor = Tensor(None, (size, classes))
        self.labels[tensor] = self.letters.free(Label("Y"))
        own, column = Index("i"), Index("j")  # whatever the row is called where it is read
        label, row = substitute(label, {row: own}), own
        body = sp.Piecewise((1, sp.Eq(label, column)), (0, True))
        self.hot.append(Equation(tensor, (row, column), body, origin=Origin("one-hot")))
        return self.notation.array(tensor)

    def with_inlined(self, others: Mapping[Tensor, Equation]) -> Page:
        """The same page with other equations of tensors that are written inside their users."""
        inline = {**self.notation.inline, **{t: inliner(self, e) for t, e in others.items()}}
        return replace(self, notation=replace(self.notation, inline=inline))

    def without(self, tensors: Collection[Tensor]) -> Page:
        """The same page with `tensors`, and the softmaxes made of them, written by their names."""
        inline = {t: write for t, write in self.notation.inline.items() if t not in tensors}
        return replace(self, notation=replace(self.notation, inline=inline), written={})

    def short(self, equation: Equation) -> Equation:
        """Write softmaxes in an equation by their names."""
        exps, known = equation.body.atoms(sp.exp), self.softmaxes
        values = {n: softmax_of(n, self.totals, known, new=False) for n in exps}
        body = rebuilt(equation.body, {n: v for n, v in values.items() if v is not None})
        return replace(equation, body=body)


def inliner(page: Page, equation: Equation) -> Callable[[tuple[sp.Expr, ...]], Node]:
    """Return what writes a tensor out at a place: what stands for it inside its user."""

    def write(where: tuple[sp.Expr, ...]) -> Node:
        used = {s for e in where for s in e.free_symbols}
        names: dict[Index, Index] = {}
        for index in equation.bound:
            if index in used:
                names[index] = fresh_index({*used, *equation.extents, *names.values()})
        fresh = equation.rename(names) if names else equation
        change = dict(zip(fresh.indices, where, strict=True))
        guards = tuple(map_guard(g, lambda e: substitute(e, dict(change))) for g in fresh.guards)
        put = replace(fresh, body=substitute(fresh.body, dict(change)), guards=guards)
        if put.reduction is not None and put.reduction.op in MATRIX_OPS:
            return _matrix_function(page, put, tuple(map(page.notation.place, where)))
        return _reduced(page, put, set(fresh.bound))

    return write


def is_inverse(equation: Equation) -> bool:
    """Say whether an equation is the inverse of one whole matrix that has a name on the page."""
    if equation.reduction is None or equation.reduction.op != "inverse" or len(equation.indices) != 2:
        return False
    return isinstance(equation.body, Access) and equation.body.tensor.rank == 2


def left_side(page: Page, equation: Equation) -> Node:
    """Return the left-hand side of an equation."""
    label = page.notation.label(equation.lhs)
    if not equation.indices:
        return Symbol(label, equation.target)
    return Item(label, equation.lhs, tuple(map(page.notation.symbol, equation.indices)))


def right_side(page: Page, equation: Equation) -> Node:
    """Return the right-hand side of an equation, its reduction and guards included."""
    if equation.lhs in page.written:
        return page.written[equation.lhs]
    return _reduced(page, equation, set(equation.bound))


def _matrix_function(page: Page, equation: Equation, where: tuple[Node, ...]) -> Node:
    """``det(X)`` or an element of ``X^-1``, of the matrix that the body spans."""
    assert equation.reduction is not None
    row, column = equation.reduction.axes[:2]  # a use may have one more, which its derivative is summed over
    last = (row[0], column[0])
    body = equation.body
    if isinstance(body, Access) and body.tensor.rank == 2 and body.indices in (last, last[::-1]):
        array: Node = page.notation.array(body.tensor)
        array = array if body.indices == last else Transpose(array)
    elif isinstance(body, Access) and all(body.indices.count(i) == 1 for i in last):  # one of a batch
        whole = tuple(ALL if i in last else page.notation.place(i) for i in body.indices)
        array = Item(page.notation.label(body.tensor), body.tensor, whole)
        array = array if body.indices.index(last[0]) < body.indices.index(last[1]) else Transpose(array)
    else:  # the matrix by its elements
        spread = Equation(Tensor(None, (row[1], column[1])), last, body)
        found = matrix_form(spread, page.notation, inline=page.inlined, totals=page.totals)
        array = found if found is not None else page.notation.read(body)
    value = of_matrix(equation.reduction.op, array)
    own = len(equation.own)
    return Entry(value, where[-own:]) if own else value


def _reduced(page: Page, equation: Equation, bound: set[Index]) -> Node:
    if equation.reduction is not None and equation.reduction.op in MATRIX_OPS:
        return _matrix_function(page, equation, tuple(map(page.notation.symbol, equation.indices)))
    # Outside its guards a term adds nothing: 0 to a sum, but minus infinity to a maximum.
    every = equation.reduction is not None and equation.reduction.op != "sum"
    inner = [g for g in equation.guards if every or any(t.free_symbols & bound for t in guard_terms(g))]
    outer = [g for g in equation.guards if g not in inner]
    body, front = equation.body, number(1)
    if any(isinstance(guard, Divisible) for guard in equation.guards):
        body = map_accesses(body, lambda a: _exact(a, equation.guards))
        inner, outer = (
            [map_guard(g, lambda e: exact_quotients(e, equation.guards)) for g in guards]
            for guards in (inner, outer)
        )
    if equation.reduction and equation.reduction.op == "sum":
        front, body = _front(page, body, bound)
    left_out: list[Node] = []
    if equation.reduction and equation.reduction.op == "prod":
        body, left_out = _left_out(page, body, bound)
    node = _contraction(page, body, equation) if isinstance(body, sp.Mul) else page.notation.read(body)
    if equation.reduction:
        negative = isinstance(node, Negative) and equation.reduction.op == "sum"
        inside = node.arg if negative and isinstance(node, Negative) else node
        condition = conjunction([*left_out, *each_condition(page.notation, inner, equation.extents)])
        op: Any = equation.reduction.op
        node = Big(op, page.notation.axes(equation.reduction.axes), inside, condition)
        node = Negative(node) if negative else node
    node = _times(front, node)
    shown = conditions(page.notation, outer, equation.extents)
    if shown is None:
        return node
    if node == number(1):
        return Indicator(shown)
    return _under(node, shown) if not isinstance(node, Negative) else Negative(_under(node.arg, shown))


def _left_out(page: Page, body: sp.Expr, bound: set[Index]) -> tuple[sp.Expr, list[Node]]:
    """Read factors that are 1 at one place as a product over the others: the body, and ``j != i``."""
    found: list[Node] = []
    while isinstance(body, sp.Piecewise) and len(body.args) == 2 and body.args[0][0] == 1:
        (_, same), (rest, otherwise) = body.args
        if otherwise != sp.true or not isinstance(same, sp.Eq) or not set(same.args) & bound:
            break
        own, other = same.args if same.args[0] in bound else same.args[::-1]
        found.append(Compare("!=", page.notation.read(own), page.notation.read(other)))
        body = rest
    return body, found


def _under(node: Node, condition: Node) -> Node:
    """What is 0 unless a condition holds."""
    factors = list(node.args) if isinstance(node, Product) and not node.dots else [node]
    return product(tuple(sums_last([*factors, Indicator(condition)])))


def _exact(access: Access, guards: Sequence[Guard]) -> sp.Expr:
    """Write positions without floors where a guard says that they are whole."""
    return Access(access.tensor, *(exact_quotients(e, guards) for e in access.indices))


def _times(front: Node, node: Node) -> Node:
    if front == number(1):
        return node
    if isinstance(front, Negative):
        return (
            Negative(_times(front.arg, node))
            if not isinstance(node, Negative)
            else _times(front.arg, node.arg)
        )
    if isinstance(node, Negative):
        return Negative(_times(front, node.arg))
    return product((front, node))


def _front(page: Page, body: sp.Expr, bound: set[Index]) -> tuple[Node, sp.Expr]:
    """Take numbers and sizes out of a sum; more than that stays, since it is computed inside."""
    factors = sp.Mul.make_args(body)
    outside = [f for f in factors if not f.atoms(Access) and not f.free_symbols & bound]
    if not outside or len(outside) == len(factors):
        return number(1), body
    inside = [f for f in factors if f not in outside]
    content = [f.primitive() if isinstance(f, sp.Add) else (sp.Integer(1), f) for f in inside]
    front = sp.Mul(*outside, *(c for c, _ in content))
    return page.notation.read(front), sp.Mul(*(rest for _, rest in content))


def _contraction(page: Page, body: sp.Mul, equation: Equation) -> Node:
    """Order the factors of a product as the matrix product is: first the one with the row index."""
    factors = ordered_factors(body)
    if not equation.reduction or len(equation.indices) < 1:
        return page.notation.times(factors)
    first = equation.indices[-2:][0]

    def late(factor: sp.Expr) -> bool:
        accesses = factor.atoms(Access)
        return bool(accesses) and not any(first in a.free_symbols for a in accesses)

    plain = [f for f in factors if not f.atoms(Access)]
    rest = sorted((f for f in factors if f.atoms(Access)), key=late)
    return page.notation.times((*plain, *rest))


__all__ = ["Array", "Page", "left_side", "right_side"]
