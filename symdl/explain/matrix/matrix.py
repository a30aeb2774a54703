"""From index form to matrix form.

Enters: an equation whose free and bound indices are at most two at a time. Leaves: the same right-hand side
with matrix products, transposes, Hadamard products, diagonal matrices and ones; or None where there is no
such form, and index notation stays. Vectors are columns; a number added to an array is added to every entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.relational import Relational

from symdl.explain.matrix.algebra import (
    NoMatrixForm,
    Part,
    elementwise,
    hadamard,
    inner_product,
    is_fixed,
    is_number,
    joined,
    multiply,
    oriented,
    scaled,
    transposed,
    turned_once,
    with_front,
)
from symdl.explain.notation.known import by_normal
from symdl.explain.notation.notation import Notation, sigmoid_power, sigmoids, switches_apart
from symdl.explain.notation.order import ordered_factors, ordered_terms, primitive
from symdl.explain.notation.shortening import softmax_argument
from symdl.explain.notation.tree import (
    Call,
    Cases,
    Compare,
    Diagonal,
    Indicator,
    Multiply,
    Negative,
    Node,
    Norm,
    Ones,
    Power,
    Terms,
    Transpose,
    number,
    walk,
)
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor, substitute


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
        return turned_once(reader.full(part, equation.indices).node)
    except NoMatrixForm:
        return None


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
            raise NoMatrixForm
        return self.total(equation.body, equation.bound, equation.indices)

    def full(self, part: Part, axes: Sequence[Index]) -> Part:
        """Stretch a part to exactly these axes, by ones."""
        if isinstance(part.node, Negative) and set(part.axes) != set(axes):
            positive = self.full(Part(part.node.arg, part.axes), axes)
            return Part(Negative(positive.node), positive.axes)
        if set(part.axes) == set(axes):
            return oriented(part, tuple(axes))
        if len(axes) == 2 and len(part.axes) == 1:
            row, column = axes
            if self.extents[column if part.axes[0] == row else row] == 1:
                return Part(part.node if part.axes[0] == row else transposed(part.node), (row, column))
            if part.axes[0] == row:
                return Part(multiply(part.node, Transpose(Ones(self.extents[column]))), (row, column))
            return Part(multiply(Ones(self.extents[row]), transposed(part.node)), (row, column))
        if len(axes) == 1 and not part.axes:
            return Part(scaled((part.node,), Ones(self.extents[axes[0]])), tuple(axes))
        if len(axes) == 2 and not part.axes:
            row, column = axes
            ones = Multiply((Ones(self.extents[row]), Transpose(Ones(self.extents[column]))))
            return Part(scaled((part.node,), ones), (row, column))
        raise NoMatrixForm

    def part(self, expr: sp.Expr, wish: Sequence[Index]) -> Part:
        """Read an expression; `wish` says which axis goes first."""
        expr = by_normal(expr)
        if isinstance(expr, Access):
            return self.access(expr, wish)
        if not expr.atoms(Access):
            if any(isinstance(s, Index) for s in expr.free_symbols):
                raise NoMatrixForm
            return Part(self.notation.read(expr))
        if isinstance(expr, sp.Add):
            return self.terms([self.part(a, wish) for a in self.sorted(expr)], wish)
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
            return self.cases(expr, wish)
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

    def sorted(self, expr: sp.Add) -> list[sp.Expr]:
        terms = ordered_terms(expr.args)
        narrow = -99 if terms[-1].is_number else 99

        def width(term: sp.Expr) -> tuple[bool, bool, int]:
            accesses = term.atoms(Access)
            inlined = any(a.tensor in self.inline for a in accesses)
            return (
                term.could_extract_minus_sign(),
                not inlined,
                -max((len(a.indices) for a in accesses), default=narrow),
            )

        return sorted(terms, key=width)

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
        kept = [i for i in access.indices if isinstance(i, Index)]
        sizes = list(zip(access.indices, access.tensor.shape, strict=True))
        whole = all(size == (1 if i == 0 else self.extents.get(i, size)) for i, size in sizes)
        others = [i for i in access.indices if not isinstance(i, Index) and i != 0]
        if others or not whole or len(set(kept)) != len(kept) or not 0 < access.tensor.rank <= 2:
            raise NoMatrixForm
        array = self.notation.array(access.tensor)
        row_only = access.tensor.rank == 2 and access.indices[0] == 0
        part = Part(Transpose(array) if row_only else array, tuple(kept))
        return (
            oriented(part, tuple(w for w in wish if w in kept))
            if len(kept) == 2 and set(kept) <= set(wish)
            else part
        )

    def written_out(self, equation: Equation, access: Access) -> Part:
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
        if fresh.reduction.op != "sum":
            raise NoMatrixForm
        return self.total(body, fresh.bound, where)

    def cases(self, expr: sp.Piecewise | sp.Max | sp.Min, wish: Sequence[Index]) -> Part:
        """Read max, min, an absolute value, a sign, an indicator; else cases entry by entry."""
        shown = self.notation.read(expr)
        if not isinstance(shown, Call):
            value, condition = expr.args[0]
            if len(expr.args) != 2 or expr.args[1] != (0, True):
                return self.entries(expr, wish)
            switch = sp.Piecewise((sp.Integer(1), condition), (sp.Integer(0), True))
            parts = [(f, self.part(f, wish)) for f in ordered_factors(value)]
            return self.times([*parts, (switch, self.indicator(condition, wish))], wish)
        if shown.name == "sign":
            return self.mapped("sign", expr.args[0][1].args[0], wish)
        sides = [v for v, _ in expr.args] if isinstance(expr, sp.Piecewise) else expr.args
        values = [v for v in sides if not v.is_number][:1]
        fixed = [v for v in sides if v.is_number]
        if not values:
            raise NoMatrixForm
        inner = self.part(values[0], wish)
        if shown.name == "Abs":
            return Part(Call("Abs", (inner.node,)), inner.axes)
        if shown.name not in ("Max", "Min") or len(fixed) != 1:
            raise NoMatrixForm
        return Part(Call(shown.name, (inner.node, self.notation.read(fixed[0]))), inner.axes)

    def entries(self, expr: sp.Piecewise, wish: Sequence[Index]) -> Part:
        """Read cases in which all arrays have the same axes."""
        rows: list[tuple[Part, Part | None]] = []
        for value, condition in expr.args:
            test = None if condition == sp.true else self.indicator(condition, wish)
            rows.append((self.part(value, wish), test))
        parts = [part for row in rows for part in row if part is not None]
        axes = max((part.axes for part in parts), key=len)
        if any(set(part.axes) not in (set(), set(axes)) for part in parts):
            raise NoMatrixForm
        by_entry = any(test is not None and test.axes for _, test in rows)
        shown: list[tuple[Node, Node | None]] = []
        for value_, test in rows:
            where = oriented(test, axes).node if test is not None else None
            if where is not None and not isinstance(where, Indicator):
                raise NoMatrixForm
            if not value_.axes and not (by_entry and (test is None or test.axes)):
                value_ = self.full(value_, axes)  # chosen for all entries at once
            node = oriented(value_, axes).node if value_.axes else value_.node
            shown.append((node, where.condition if where is not None else None))
        return Part(Cases(tuple(shown)), axes)

    def indicator(self, condition: sp.Basic, wish: Sequence[Index]) -> Part:
        if not isinstance(condition, Relational):
            raise NoMatrixForm
        left, right = condition.args
        if isinstance(condition, sp.Eq) and isinstance(right, Index) and isinstance(left, Access):
            rows = [i for i in left.indices if isinstance(i, Index)]
            node = self.one_hot(left, self.extents[right]) if self.one_hot and len(rows) == 1 else None
            if node is None:
                raise NoMatrixForm
            hot = Part(node, (rows[0], right))
            return oriented(hot, tuple(w for w in wish if w in hot.axes))
        shown = self.notation.read(condition)
        sides = [self.part(side, wish) for side in (left, right)]
        axes = max((s.axes for s in sides), key=len)
        if not isinstance(shown, Compare) or any(s.axes not in ((), axes) for s in sides):
            raise NoMatrixForm
        return Part(Indicator(Compare(shown.op, sides[0].node, sides[1].node)), axes)

    def terms(self, parts: Sequence[Part], wish: Sequence[Index]) -> Part:
        every = tuple(i for i in wish if any(i in p.axes for p in parts))
        every += tuple(dict.fromkeys(i for p in parts for i in p.axes if i not in every))
        if len(every) > 2:
            raise NoMatrixForm
        nodes = [p.node if not p.axes and is_number(p.node) else self.full(p, every).node for p in parts]
        return Part(Terms(tuple(nodes)), every)

    def times(self, factors: Sequence[tuple[sp.Expr, Part]], wish: Sequence[Index]) -> Part:
        """Multiply factors, each with its part; those without axes are read together, from what they are."""
        scalars = [(f, part) for f, part in factors if not part.axes]
        sums = [part.node for f, part in scalars if self.is_sum(f)]
        front = self.notation.times(tuple(f for f, part in scalars if part.node not in sums))
        rest = elementwise([part for _, part in factors if part.axes])
        result = joined(rest, wish) if rest else Part(number(1))
        for node in sums:
            result = Part(node) if result.node == number(1) else with_front(node, result)
        return with_front(front, result)

    def is_sum(self, factor: sp.Expr) -> bool:
        """Say whether a scalar is a sum that has a matrix form, which the notation does not know."""
        return isinstance(factor, Access) and factor.tensor in self.inline

    def total(self, body: sp.Expr, bound: Sequence[Index], wish: Sequence[Index]) -> Part:
        """Sum an expression over `bound`, factor by factor."""
        if isinstance(body, sp.Add):
            return self.total_of_sum(body, bound, wish)
        order = (*wish, *bound)
        every = primitive(ordered_factors(body)) if body.is_Mul else (body,)
        factors = [pair for f in every for pair in self.squares(f, order)]
        front = self.notation.times(tuple(f for f, p in factors if not p.axes))
        parts = [p for _, p in factors if p.axes]
        whole = inner_product(parts, bound, wish)
        if whole is not None:
            return with_front(front, whole)
        for index in reversed(bound):
            parts = self.eliminated(parts, index, wish)
        scalars = tuple(p.node for p in parts if not p.axes)
        parts = [p for p in parts if p.axes]
        result = joined(elementwise(parts), wish) if parts else Part(number(1))
        for scalar in scalars:
            result = Part(scalar) if result.node == number(1) else with_front(scalar, result)
        return with_front(front, result)

    def total_of_sum(self, body: sp.Add, bound: Sequence[Index], wish: Sequence[Index]) -> Part:
        """Sum term by term, or everything at once where that is shorter."""
        terms = self.terms([self.total(a, bound, wish) for a in self.sorted(body)], wish)
        try:
            whole = self.part(body, (*wish, *bound))
            parts = [whole]
            for index in reversed(bound if set(bound) <= set(whole.axes) else ()):
                parts = self.eliminated(parts, index, wish)
        except NoMatrixForm:
            return terms
        size = sum(1 for _ in walk(terms.node))
        once = parts != [whole] and len(parts) == 1 and parts[0].axes == terms.axes
        return parts[0] if once and sum(1 for _ in walk(parts[0].node)) < size else terms

    def squares(self, body: sp.Expr, order: Sequence[Index]) -> list[tuple[sp.Expr, Part]]:
        if isinstance(body, sp.Pow) and body.exp == 2:
            part = self.part(body.base, order)
            return [(body.base, part), (body.base, part)]
        return [(body, self.part(body, order))]

    def eliminated(self, parts: list[Part], index: Index, wish: Sequence[Index]) -> list[Part]:
        """Sum a product of parts over one index."""
        inside = [p for p in parts if index in p.axes]
        outside = [p for p in parts if index not in p.axes]
        vectors = [p.node for p in inside if len(p.axes) == 1]
        merged = [p for p in elementwise(inside) if len(p.axes) == 2]
        ones = Ones(self.extents[index])
        if not merged:
            if len(vectors) == 2:
                same = vectors[0] == vectors[1]
                node = Norm(vectors[0]) if same else multiply(transposed(vectors[0]), vectors[1])
            else:
                node = multiply(Transpose(ones), hadamard(vectors) if vectors else ones)
            return [*outside, Part(node)]
        partners = [next(a for a in p.axes if a != index) for p in merged]
        if len(merged) == 1:
            matrix = oriented(merged[0], (partners[0], index))
            if not vectors and self.extents[index] == 1:  # one column is a vector
                return [*outside, Part(matrix.node, (partners[0],))]
            vector = hadamard(vectors) if vectors else ones
            return [*outside, Part(multiply(matrix.node, vector), (partners[0],))]
        if len(merged) > 2:
            raise NoMatrixForm
        rank = {w: n for n, w in enumerate(wish)}
        first, second = sorted(range(2), key=lambda n: rank.get(partners[n], 99))
        left = oriented(merged[first], (partners[first], index)).node
        right = oriented(merged[second], (index, partners[second])).node
        middle = (Diagonal(hadamard(vectors)),) if vectors else ()
        return [*outside, Part(multiply(left, *middle, right), (partners[first], partners[second]))]
