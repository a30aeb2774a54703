"""Component form: arrays written out, with dots or for given sizes.

Enters: a tensor that an equation defines, and sizes. Leaves: a `Derivation` with the matrix form, the same
with every array written out, and one line for each component. Components count from 1, as in print.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.matrix.matrix import matrix_form
from symdl.explain.notation.names import label_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.order import ordered_factors
from symdl.explain.notation.tree import (
    Array,
    Call,
    Compare,
    Dots,
    Gradient,
    Grid,
    Node,
    Partial,
    Symbol,
    Terms,
    Transpose,
    mapped,
    product,
)
from symdl.explain.sections import Lines, Section, Step, Words
from symdl.explain.stories.equations import left_side, right_side
from symdl.explain.stories.single import simple_page
from symdl.express.dims import Dim, Extent, Index, dims_of
from symdl.express.equations import Equation
from symdl.express.naming import checked_name
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, substitute

_FULL = 6  # longer axes are written with dots
_MOST = 64  # components

Sizes = Mapping[str, int]
Place: TypeAlias = sp.Expr | None  # None stands for dots


def components(tensor: Tensor, *, sizes: Sizes | None = None) -> Derivation:
    """Return a tensor's equation written out: in matrix form, with dots, and component by component.

    Args:
        tensor: of rank 0, 1 or 2, defined by an equation without conditions. Sums that have no name are
            written inside it.
        sizes: numbers for sizes that are symbols, ``{"m": 2, "n": 3}``; then every component is written.

    Raises:
        ExplainError: the tensor is given, has more axes, or its equation has conditions or no number of
            components that could be read.
    """
    equation = tensor.equation
    if equation is None or tensor.rank > 2 or equation.guards:
        raise ExplainError(
            f"{tensor} has no component form", cure="pass a tensor of rank 0, 1 or 2 that mathematics defines"
        )
    known = {Dim(name): size for name, size in (sizes or {}).items()}
    page = simple_page(tensor)
    page.notation = replace(page.notation, counted=True)  # in every section alike
    inline = dict(page.inlined)
    writer = _Writer(page.notation, known)
    matrix = matrix_form(equation, page.notation, inline=inline)
    sections: list[Section] = [
        Lines("In index form", (Step("", left_side(page, equation), right_side(page, equation)),))
    ]
    name = page.notation.array(tensor) if tensor.rank else page.notation.read(tensor.at())
    if matrix is not None:
        sections.append(Lines("In matrix form", (Step("", name, matrix, "matrix"),)))
        if tensor.rank:
            whole = expanded(matrix, page.notation, known)
            steps = [Step("", grid(page.notation, tensor, known), whole)]
            if equation.reduction is None and not inline:
                steps.append(Step("entry by entry", None, writer.column(tensor, equation)))
            sections.append(Lines("Written out", tuple(steps)))
    if all(dims_of(s) <= set(known) for e in (equation, *inline.values()) for s in _extents(e)):
        sections.append(Lines("Components", tuple(writer.rows(tensor, equation, inline)), words_of(sizes)))
    return Derivation(("Components of ", name), tuple(sections), tensor, "key")


def generic_gradient(name: str, x: Tensor, *, sizes: Sizes | None = None) -> Derivation:
    """Return what the gradient of a function of a vector is: the column of its partial derivatives.

    Raises:
        ExplainError: `x` is not of rank 1.
        ExpressionError: a name that nobody can have.
    """
    known = _vector(x, sizes)
    notation, f = Notation(counted=True), Symbol(label_of(checked_name(name, "function")))
    (places,) = _places(x, known)
    column = Grid(tuple((_entry(notation, f, x, p),) for p in places))
    step = Step("definition", Gradient(f, notation.array(x)), column, "definition", "result")
    title: Words = ("Gradient of ", f, ", a number, with respect to the vector ", notation.array(x))
    return Derivation(title, (Lines("Definition", (step,), words_of(sizes), "result"),), None)


def generic_jacobian(y: Tensor, x: Tensor, *, sizes: Sizes | None = None) -> Derivation:
    """Return the Jacobian of one vector by another: row i holds the derivatives of ``y_i``.

    Where `y` is defined by an equation and the sizes are given, the entries are derived too.

    Raises:
        ExplainError: one of them is not of rank 1.
    """
    known = {**_vector(y, sizes), **_vector(x, sizes)}
    notation = Notation(counted=True)
    (rows,), (columns,) = _places(y, known), _places(x, known)
    entries = tuple(
        tuple(
            _dots(r, c) if r is None or c is None else Partial(notation.read(y.at(r)), notation.read(x.at(c)))
            for c in columns
        )
        for r in rows
    )
    left = Partial(notation.array(y), notation.array(x))
    steps = [Step("numerator layout", left, Grid(entries), "definition", "result")]
    if y.equation is not None and None not in (*rows, *columns):
        values = entries_of(y, x, known)
        steps.append(Step("by the chain rule", None, values, "definition", "result"))
    title: Words = ("Jacobian of ", notation.array(y), " by ", notation.array(x))
    return Derivation(title, (Lines("Definition", tuple(steps), words_of(sizes), "result"),), None)


def entries_of(y: Tensor, x: Tensor, known: Mapping[Dim, int]) -> Node:
    """Return the Jacobian's entries, derived: the gradient of ``sum_i g_i y_i`` is linear in `g`."""
    seed = Tensor("g", y.shape, role="input")
    derivative = differentiate((seed * y).sum(), [x])
    sizes = {d: sp.Integer(n) for d, n in known.items()}
    definitions = {e.lhs: e for e in derivative.program.equations if e.lhs.role != "input" and e.lhs is not y}
    gradient = derivative.gradient(x)
    (rows,), (columns,) = _places(y, known), _places(x, known)
    found = []
    for r in rows:
        one = {seed.at(i): sp.Integer(int(i == r)) for i in rows}
        row = [scalar(gradient.at(c), definitions, sizes).xreplace(one) for c in columns]
        found.append(tuple(Notation(counted=True).read(entry) for entry in row))
    return Grid(tuple(found))


def scalar(
    expr: sp.Expr, definitions: Mapping[Tensor, Equation], sizes: Mapping[sp.Symbol, sp.Expr]
) -> sp.Expr:
    """Return an expression over elements at fixed positions, with unnamed intermediates put in.

    Raises:
        ExplainError: an intermediate is no plain sum or has conditions.
    """
    values: dict[sp.Basic, sp.Expr] = {}
    for access in expr.atoms(Access):
        equation = definitions.get(access.tensor)
        if equation is None or access.tensor.name:
            continue
        if equation.guards or (equation.reduction and equation.reduction.op != "sum"):
            raise ExplainError(f"{access.tensor} has no component form", cure="use the index form")
        here = dict(zip(equation.indices, access.indices, strict=True))
        axes = equation.reduction.axes if equation.reduction else ()
        ranges = (range(int(sp.sympify(s, strict=True).xreplace(dict(sizes)))) for _, s in axes)
        terms = []
        for position in itertools.product(*ranges):
            place = {**here, **{i: sp.Integer(n) for (i, _), n in zip(axes, position, strict=True)}}
            body = substitute(equation.body, dict(place)).xreplace(dict(sizes))
            terms.append(scalar(body, definitions, sizes))
        values[access] = sp.Add(*terms)
    return rebuilt(expr, values)


def words_of(sizes: Sizes | None) -> Words:
    """The sentence that says which sizes were chosen."""
    if not sizes:
        return ()
    parts: list[str | Node] = ["For "]
    for name, size in sizes.items():
        parts += [", "] if len(parts) > 1 else []
        parts.append(Compare("=", Symbol(label_of(name)), Notation().read(sp.Integer(size))))
    return (*parts, ":")


def _vector(tensor: Tensor, sizes: Sizes | None) -> dict[Dim, int]:
    if tensor.rank != 1:
        raise ExplainError(f"{tensor} is no vector", cure="pass a tensor with one axis")
    return {Dim(name): size for name, size in (sizes or {}).items()}


def _entry(notation: Notation, top: Node, x: Tensor, place: Place) -> Node:
    return Dots("vdots") if place is None else Partial(top, notation.read(x.at(place)))


def _dots(row: Place, column: Place) -> Node:
    return Dots("ddots" if row is column else "vdots" if row is None else "cdots")


def _places(tensor: Tensor, known: Mapping[Dim, int]) -> list[list[Place]]:
    """The positions to show along each axis, None for dots."""
    found: list[list[Place]] = []
    for extent in tensor.shape:
        size = sp.sympify(extent, strict=True).xreplace({d: sp.Integer(n) for d, n in known.items()})
        if size.is_Integer and size <= _FULL:
            found.append([sp.Integer(n) for n in range(int(size))])
        else:
            found.append([sp.Integer(0), sp.Integer(1), None, size - 1])
    return found


def grid(notation: Notation, tensor: Tensor, known: Mapping[Dim, int]) -> Node:
    """Return a tensor of rank 1 or 2 written out; a vector is a column."""
    notation = replace(notation, counted=True)
    places = _places(tensor, known)
    columns: list[Place] = places[1] if tensor.rank == 2 else [sp.Integer(0)]
    rows = []
    for r in places[0]:
        row: list[Node] = []
        for c in columns:
            if r is None or c is None:
                row.append(_dots(r, c))
            else:
                row.append(notation.read(tensor.at(*((r, c) if tensor.rank == 2 else (r,)))))
        rows.append(tuple(row))
    return Grid(tuple(rows))


def expanded(node: Node, notation: Notation, known: Mapping[Dim, int]) -> Node:
    """Return a matrix expression with every array written out."""

    def change(part: Node) -> Node | None:
        if isinstance(part, Array):
            return grid(notation, part.tensor, known)
        if isinstance(part, Transpose) and isinstance(part.arg, Array):
            whole = grid(notation, part.arg.tensor, known)
            assert isinstance(whole, Grid)
            return Grid(tuple(zip(*whole.rows, strict=True)))
        return None

    return mapped(node, change)


def _extents(equation: Equation) -> list[Extent]:
    return list(equation.extents.values())


class _Writer:
    """Writes elements of equations out, sums term by term."""

    def __init__(self, notation: Notation, known: Mapping[Dim, int]) -> None:
        self.notation = replace(notation, counted=True)
        self.known = {d: sp.Integer(n) for d, n in known.items()}

    def rows(self, tensor: Tensor, equation: Equation, inline: Mapping[Tensor, Equation]) -> list[Step]:
        """Return one line for each component."""
        shape = [self.size(s) for s in tensor.shape]
        if sp.prod(shape) > _MOST:
            raise ExplainError(
                f"{tensor} has too many components to be written out", cure="pass smaller sizes"
            )
        writers = {t: self.inliner(e) for t, e in inline.items()}
        self.notation = replace(self.notation, inline=writers)
        steps = []
        for where in itertools.product(*map(range, shape)):
            places = tuple(map(sp.Integer, where))
            left = self.notation.read(tensor.at(*places))
            steps.append(Step("", left, self.element(equation, places)))
        return steps

    def column(self, tensor: Tensor, equation: Equation) -> Node:
        """Return an array of elements, with dots where an axis is long."""
        places = _places(tensor, {d: int(n) for d, n in self.known.items()})
        across = places[1] if tensor.rank == 2 else [sp.Integer(0)]
        rows = tuple(
            tuple(
                _dots(r, c)
                if r is None or c is None
                else self.element(equation, (r, c) if tensor.rank == 2 else (r,))
                for c in across
            )
            for r in places[0]
        )
        return Grid(rows)

    def size(self, extent: Extent) -> int:
        return int(sp.sympify(extent, strict=True).xreplace(self.known))

    def inliner(self, equation: Equation) -> Callable[[tuple[sp.Expr, ...]], Node]:
        return lambda where: self.element(equation, where)

    def element(self, equation: Equation, where: Sequence[sp.Expr]) -> Node:
        """Return one element of an equation."""
        values: dict[Index, sp.Expr] = dict(zip(equation.indices, where, strict=True))
        if equation.reduction is None:
            return flat(self.notation.read(substitute(equation.body, dict(values)).xreplace(self.known)))
        axes = equation.reduction.axes
        terms: list[Node] = []
        factors: tuple[sp.Expr, ...] = ()
        body = equation.body
        if equation.reduction.op == "sum" and isinstance(body, sp.Mul):
            moving = {*equation.bound}
            plain = [f for f in ordered_factors(body) if not f.has(Access)]
            factors = tuple(f for f in plain if not f.free_symbols & moving)
            body = sp.Mul(*(f for f in sp.Mul.make_args(body) if f not in factors))
        for position in itertools.product(*(range(self.size(s)) for _, s in axes)):
            here = {**values, **{i: sp.Integer(n) for (i, _), n in zip(axes, position, strict=True)}}
            terms.append(self.term(body, here, equation))
        return self.reduced(equation, terms, factors)

    def term(self, body: sp.Expr, here: Mapping[Index, sp.Expr], equation: Equation) -> Node:
        if not isinstance(body, sp.Mul):
            return self.notation.read(substitute(body, dict(here)).xreplace(self.known))
        first = equation.indices[-2:][:1]  # as in the matrix product: first what has the row's index
        factors = sorted(
            ordered_factors(body),
            key=lambda f: f.has(Access) and not f.free_symbols & set(first),
        )
        placed = [substitute(f, dict(here)).xreplace(self.known) for f in factors]
        return self.notation.times(tuple(placed))

    def reduced(self, equation: Equation, terms: list[Node], factors: tuple[sp.Expr, ...]) -> Node:
        assert equation.reduction is not None
        op = equation.reduction.op
        if op == "sum":
            total = flat(Terms(tuple(terms))) if len(terms) > 1 else terms[0]
            if not factors:
                return total
            front = self.notation.times(tuple(f.xreplace(self.known) for f in factors))
            return product((front, total))
        if op == "prod":
            return product(tuple(terms))
        if op == "max":
            return Call("Max", tuple(terms))
        if op == "logsumexp":
            return Call("log", (Terms(tuple(Call("exp", (term,)) for term in terms)),))
        raise ExplainError(f"{equation.lhs} has no component form", cure="write it in index form")


def flat(node: Node) -> Node:
    """Return a sum whose terms are no sums."""
    if not isinstance(node, Terms):
        return node
    return Terms(tuple(t for n in node.args for t in (n.args if isinstance(n, Terms) else (n,))))


__all__ = ["components", "generic_gradient", "generic_jacobian"]
