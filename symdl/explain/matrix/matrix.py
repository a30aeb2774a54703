"""From index form to matrix form.

Enters: an equation whose free and bound indices are at most two at a time. Leaves: the same right-hand side
with matrix products, transposes, Hadamard products, diagonal matrices and ones; or None where there is no
such form, and index notation stays. Vectors are columns; a number added to an array is added to every entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symdl.explain.matrix.algebra import (
    NoMatrixForm,
    Part,
    is_fixed,
    is_number,
    oriented,
    squared,
    turned_once,
)
from symdl.explain.matrix.axes import diagonal, stretched, summed
from symdl.explain.matrix.cases import cases, unit_matrix
from symdl.explain.matrix.closed_algebra import tidy
from symdl.explain.matrix.functions import reduced
from symdl.explain.matrix.ones import beside_units, with_sizes
from symdl.explain.matrix.totals import ordered_by_width, times_of, total_of
from symdl.explain.notation.arithmetic import switches_apart
from symdl.explain.notation.known import by_normal
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.order import ordered_factors, primitive
from symdl.explain.notation.shortening import softmax_argument
from symdl.explain.notation.sigmoids import sigmoid_power, sigmoids
from symdl.explain.notation.tree import (
    Call,
    Negative,
    Node,
    Power,
    Terms,
    Transpose,
    number,
)
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor, substitute

_MOST_TERMS = 3  # of a sum that is read term by term


def matrix_form(
    equation: Equation,
    notation: Notation,
    *,
    inline: Mapping[Tensor, Equation] | None = None,
    one_hot: Callable[[Access, Extent], Node | None] | None = None,
    totals: Mapping[Tensor, Equation] | None = None,
) -> Node | None:
    """Return the right-hand side of an equation in matrix form, or None.

    Args:
        equation: of rank 0, 1 or 2, without guards.
        notation: the labels.
        inline: tensors without a name of their own, which are written out.
        one_hot: returns the array that is 1 where a label equals the column number.
        totals: the logsumexps by which a softmax is recognised.
    """
    if equation.lhs.rank > 2 or equation.guards:
        return None
    reader = Reader(notation, dict(inline or {}), one_hot, dict(equation.extents), totals or {})
    try:
        part = reader.equation(equation)
        node = turned_once(reader.full(part, equation.indices).node)
    except NoMatrixForm:
        return None
    same = isinstance(node, Terms) and len(set(node.args)) < len(node.args)
    node = with_sizes(node, lambda size: notation.read(sp.sympify(size, strict=True)))
    return squared(beside_units(tidy(node) if same else node))


def _sum_of(reader: Reader, equation: Equation) -> Part:
    """Read a sum as one product; else term by term: ``sum P (mu - x)`` as ``diag(P' 1) mu - P' X``."""
    body, bound, wish = equation.body, equation.bound, equation.indices
    try:
        return reader.total(body, bound, wish)
    except NoMatrixForm:
        terms = sp.Add.make_args(sp.expand_mul(body))
        if not 1 < len(terms) <= _MOST_TERMS or len(wish) != 2:
            raise
    parts = [reader.full(reader.total(term, bound, wish), wish) for term in terms]
    nodes = [oriented(part, wish).node for part in parts]
    return Part(Terms(tuple(sorted(nodes, key=lambda node: isinstance(node, Negative)))), wish)


@dataclass(slots=True)
class Reader:
    """Reads expressions in index form; `extents` knows the size of every index variable met."""

    notation: Notation
    inline: Mapping[Tensor, Equation]
    one_hot: Callable[[Access, Extent], Node | None] | None
    extents: dict[Index, Extent] = field(default_factory=dict)
    totals: Mapping[Tensor, Equation] = field(default_factory=dict)

    def equation(self, equation: Equation) -> Part:
        if equation.reduction is None:
            return self.part(equation.body, equation.indices)
        if equation.reduction.op != "sum":
            return reduced(self, equation, equation.target)
        return _sum_of(self, equation)

    def full(self, part: Part, axes: Sequence[Index]) -> Part:
        """Stretch a part to exactly these axes, by ones."""
        return stretched(self.extents, part, axes)

    def part(self, expr: sp.Expr, wish: Sequence[Index]) -> Part:
        """Read an expression; `wish` says which axis goes first."""
        expr = by_normal(expr)
        if isinstance(expr, Access):
            return self.access(expr, wish)
        if isinstance(expr, sp.Piecewise) and (unit := unit_matrix(self, expr, wish)) is not None:
            return unit
        if not expr.atoms(Access):
            if any(isinstance(s, Index) for s in expr.free_symbols):
                raise NoMatrixForm
            return Part(self.notation.read(expr))
        if isinstance(expr, sp.Add):
            return self.terms([self.part(a, wish) for a in ordered_by_width(self.inline, expr)], wish)
        share = self.softmax(expr, wish) if isinstance(expr, sp.exp) else None
        if share is not None:
            return share
        sigmoid = sigmoid_power(expr)
        if sigmoid is not None:
            return self.sigmoid(*sigmoid, wish)
        if isinstance(expr, sp.Mul):
            factors = primitive(switches_apart(ordered_factors(expr)))
            shown = sigmoids([f for f in factors if not is_fixed(f)])
            pairs = [(f, p) for f in factors for p in self.factor(f, shown.get(f), wish)]
            return self.times(pairs, wish)
        if isinstance(expr, sp.Pow):
            base = self.part(expr.base, wish)
            exponent = self.part(expr.exp, wish)
            if exponent.axes:
                raise NoMatrixForm
            if expr.exp == sp.Rational(1, 2):
                return Part(Call("sqrt", (base.node,)), base.axes)
            return Part(Power(base.node, exponent.node), base.axes)
        if isinstance(expr, sp.Piecewise | sp.Max | sp.Min):
            return cases(self, expr, wish)
        if isinstance(expr, sp.Function) and len(expr.args) == 1:
            return self.mapped(type(expr).__name__, expr.args[0], wish)
        raise NoMatrixForm

    def softmax(self, expr: sp.exp, wish: Sequence[Index]) -> Part | None:
        """A softmax, of every row where its argument is a matrix."""
        found = softmax_argument(expr, self.totals)
        part = self.part(found[0], wish) if found is not None else None
        if found is None or part is None or set(part.axes) != set(found[1]):
            return None
        return Part(Call("softmax", (oriented(part, found[1]).node,)), found[1])

    def factor(
        self, factor: sp.Expr, powers: list[tuple[sp.Expr, int]] | None, wish: Sequence[Index]
    ) -> list[Part]:
        if powers is None:
            return [self.part(factor, wish)]
        return [self.sigmoid(argument, power, wish) for argument, power in powers]

    def sigmoid(self, argument: sp.Expr, power: int, wish: Sequence[Index]) -> Part:
        """``sigma(u)**power``, or ``1 - sigma(u)`` for the power 0."""
        value = self.mapped("sigmoid", argument, wish)
        if power == 0:
            return Part(Terms((number(1), Negative(value.node))), value.axes)
        return value if power == 1 else Part(Power(value.node, number(power)), value.axes)

    def mapped(self, name: str, argument: sp.Expr, wish: Sequence[Index]) -> Part:
        inner = self.part(argument, wish)
        return Part(Call(name, (inner.node,)), inner.axes)

    def access(self, access: Access, wish: Sequence[Index]) -> Part:
        inline = self.inline.get(access.tensor)
        if inline is not None:
            part = self.written_out(inline, access)
            where = tuple(i for i in access.indices if isinstance(i, Index))
            # A sum may be the same for all positions of an index.
            return self.full(part, where) if set(part.axes) < set(where) else part
        if not access.indices:
            return Part(self.notation.read(access))
        if len(access.indices) == 2 and access.indices[0] == access.indices[1]:
            return diagonal(self.extents, self.notation.array(access.tensor), access.indices[0])
        kept = [i for i in access.indices if isinstance(i, Index)]
        sizes = list(zip(access.indices, access.tensor.shape, strict=True))
        whole = all(size == (1 if i == 0 else self.extents.get(i, size)) for i, size in sizes)
        others = [i for i in access.indices if not isinstance(i, Index) and i != 0]
        if others or not whole or len(set(kept)) != len(kept) or not 0 < access.tensor.rank <= 2:
            raise NoMatrixForm
        array = self.notation.array(access.tensor)
        row_only = access.tensor.rank == 2 and access.indices[0] == 0
        part = Part(Transpose(array) if row_only else array, tuple(kept))
        if len(kept) == 2 and set(kept) <= set(wish):
            return oriented(part, tuple(w for w in wish if w in kept))
        return part

    def written_out(self, equation: Equation, access: Access) -> Part:
        """Read what stands for an element inside its user."""
        if equation.reduction is not None and equation.reduction.op != "sum":
            return reduced(self, equation, access)
        if equation.guards or not all(isinstance(i, Index) for i in access.indices):
            raise NoMatrixForm
        if len(set(access.indices)) < len(access.indices):
            raise NoMatrixForm  # a diagonal
        names = {b: Index(f"{b}_{len(self.extents)}") for b in equation.bound}
        fresh = equation.rename(names)
        values = dict(zip(fresh.indices, access.indices, strict=True))
        self.extents.update({b: fresh.extents[b] for b in fresh.bound})
        body = substitute(fresh.body, dict(values))
        where = tuple(i for i in access.indices if isinstance(i, Index))
        if fresh.reduction is None:
            return self.part(body, where)
        return self.total(body, fresh.bound, where)

    def terms(self, parts: Sequence[Part], wish: Sequence[Index]) -> Part:
        every = tuple(i for i in wish if any(i in p.axes for p in parts))
        every += tuple(dict.fromkeys(i for p in parts for i in p.axes if i not in every))
        if len(every) > 2:
            raise NoMatrixForm
        nodes = [p.node if not p.axes and is_number(p.node) else self.full(p, every).node for p in parts]
        return Part(Terms(tuple(sorted(nodes, key=lambda n: isinstance(n, Negative)))), every)

    def times(self, factors: Sequence[tuple[sp.Expr, Part]], wish: Sequence[Index]) -> Part:
        """Multiply factors, each with its part."""
        return times_of(self, factors, wish)

    def total(self, body: sp.Expr, bound: Sequence[Index], wish: Sequence[Index]) -> Part:
        """Sum an expression over `bound`."""
        return total_of(self, body, bound, wish)

    def is_sum(self, factor: sp.Expr) -> bool:
        """Say whether a scalar is a sum that has a matrix form, which the notation does not know."""
        return isinstance(factor, Access) and factor.tensor in self.inline

    def eliminated(self, parts: list[Part], index: Index, wish: Sequence[Index]) -> list[Part]:
        """Sum a product of parts over one index."""
        return summed(self.extents, parts, index, wish)
