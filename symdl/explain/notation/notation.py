"""How a SymPy expression is read into a formula: names, and the order that a person would write.

Enters: scalar expressions and equations. Leaves: nodes of `symdl.explain.notation.tree`. The order: positive
terms first; in a product numbers, then cotangents, then names, then functions; ``1 - a``, not ``-a + 1``.
Known shapes are recognised: the sigmoid, max, absolute value, an indicator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.relational import Relational

from symdl.explain.notation.arithmetic import power_of, product_of, sum_of
from symdl.explain.notation.known import by_normal, special
from symdl.explain.notation.letters import Letters
from symdl.explain.notation.names import label_of
from symdl.explain.notation.numbers import number_node
from symdl.explain.notation.order import ordered_factors
from symdl.explain.notation.relations import shown_relation
from symdl.explain.notation.tree import (
    Array,
    Call,
    Cases,
    Compare,
    Delta,
    Fraction,
    Indicator,
    Item,
    Label,
    Logic,
    Node,
    Ordinal,
    Symbol,
    number,
)
from symdl.express.comparisons import Compared
from symdl.express.corners import known_corner, sides_of
from symdl.express.dims import Dim, Extent, Index
from symdl.express.properties import Property
from symdl.express.quotients import FloorDivide, Remainder
from symdl.express.tensors import Access, Tensor


@dataclass(frozen=True, slots=True)
class Notation:
    """What things are called, and how to read expressions over them.

    Attributes:
        labels: of tensors.
        symbols: of ordinary symbols; any other is read by its name.
        inline: accesses to these tensors are replaced by what the function returns for them.
        sigmoid: write ``1/(1 + exp(-z))`` as a sigmoid.
        normal: write ``erf(z/sqrt(2))`` by the normal distribution function.
        counted: positions are numbers, shown from 1 as in ``x_1``.
        rank: names of index variables by the order in which they came up.
        letters: the page's table of names, which has those of sizes and index variables.
        properties: what is known of defined tensors, such as that they are symmetric.
    """

    labels: Mapping[Tensor, Label] = field(default_factory=dict)
    symbols: Mapping[sp.Symbol, Label] = field(default_factory=dict)
    inline: Mapping[Tensor, Callable[[tuple[sp.Expr, ...]], Node]] = field(default_factory=dict)
    sigmoid: bool = True
    normal: bool = True
    counted: bool = False
    rank: Mapping[str, int] = field(default_factory=dict)
    letters: Letters | None = None
    properties: Mapping[Tensor, frozenset[Property]] = field(default_factory=dict)

    def label(self, tensor: Tensor) -> Label:
        """Return the label of a tensor."""
        found = self.labels.get(tensor)
        return found if found is not None else label_of(tensor.name or f"t{tensor.serial}")

    def array(self, tensor: Tensor) -> Array:
        """Return a whole tensor."""
        return Array(self.label(tensor), tensor, tensor.properties | self.properties.get(tensor, frozenset()))

    def symbol(self, symbol: sp.Symbol) -> Symbol:
        """Return an ordinary symbol, a size or an index variable."""
        label = self.symbols.get(symbol)
        if label is None and self.letters is not None and isinstance(symbol, Index):
            label = self.letters.index(symbol)
        if label is None and self.letters is not None and isinstance(symbol, Dim):
            label = self.letters.size(symbol)
        return Symbol(label or label_of(symbol.name), symbol)

    def axes(self, axes: Iterable[tuple[Index, Extent]]) -> tuple[tuple[Symbol, Extent], ...]:
        """Return the index variables of a reduction, each with its extent."""
        return tuple((self.symbol(index), extent) for index, extent in axes)

    def read(self, expr: sp.Basic) -> Node:
        """Return the formula of a scalar expression or a condition."""
        if isinstance(expr, Access):
            return self._access(expr)
        expr = by_normal(expr) if self.normal else expr
        if isinstance(expr, sp.Symbol):
            return self.symbol(expr)
        if isinstance(expr, sp.Number | sp.NumberSymbol):
            return number_node(expr)
        if isinstance(expr, sp.Add):
            return sum_of(self, expr)
        if isinstance(expr, sp.Mul):
            return self.times(ordered_factors(expr))
        if isinstance(expr, sp.Pow):
            return power_of(self, expr)
        if isinstance(expr, sp.Piecewise):
            return self._piecewise(expr)
        if isinstance(expr, Relational | Compared):
            return self._relation(expr)
        if isinstance(expr, sp.And | sp.Or | sp.Not):
            op = {"And": "and", "Or": "or", "Not": "not"}[type(expr).__name__]
            parts = sorted(expr.args, key=sp.default_sort_key)
            return Logic(op, tuple(self.read(a) for a in parts))  # type: ignore[arg-type]
        if isinstance(expr, sp.Max | sp.Min):
            return Call(type(expr).__name__, tuple(map(self.read, sides_of(expr))))
        if isinstance(expr, sp.ITE):
            test, yes, no = map(self.read, expr.args)
            return Logic("or", (Logic("and", (test, yes)), Logic("and", (Logic("not", (test,)), no))))
        if expr in (sp.true, sp.false):
            return Compare("=", number(1), number(1 if expr == sp.true else 0))
        if isinstance(expr, FloorDivide):
            return Call("floor", (Fraction(*map(self.read, expr.args)),))
        known = special(expr, self.read)
        if known is not None:
            return known
        name = "Mod" if isinstance(expr, Remainder) else type(expr).__name__
        return Call(name, tuple(self.read(a) for a in expr.args))

    def times(self, factors: tuple[sp.Expr, ...]) -> Node:
        """Return the product of SymPy factors in the order given, negative powers below a fraction bar."""
        return product_of(self, factors)

    def _access(self, access: Access) -> Node:
        inline = self.inline.get(access.tensor)
        if inline is not None:
            return inline(access.indices)
        label = self.label(access.tensor)
        if not access.indices:
            return Symbol(label, access)
        return Item(label, access.tensor, tuple(self.place(e) for e in access.indices))

    def place(self, index: sp.Expr) -> Node:
        """Return an index: a variable, or a number."""
        known = self.counted and not any(isinstance(s, Index) for s in index.free_symbols)
        return Ordinal(index) if known and not index.has(Access) else self.read(index)

    def _relation(self, expr: Relational | Compared) -> Node:
        op, left, right = shown_relation(expr)
        return Compare(op, self.read(left), self.read(right))

    def _piecewise(self, expr: sp.Piecewise) -> Node:
        pairs = [(value, condition) for value, condition in expr.args]
        if len(pairs) == 2 and pairs[1] == (0, True) and pairs[0][0] == 1:
            condition = pairs[0][1]
            if isinstance(condition, sp.Eq) and _of_indices(condition):
                return Delta(self.read(condition.lhs), self.read(condition.rhs))
            return Indicator(self.read(condition))
        known = known_corner(pairs)
        if known is not None:
            return Call(known[0], tuple(self.read(a) for a in known[1]))
        if len(pairs) == 2 and pairs[1] == (0, True):
            return self.times((expr,))
        rows = [(self.read(v), None if c == sp.true else self.read(c)) for v, c in pairs]
        return Cases(tuple(rows))


def _of_indices(condition: sp.Eq) -> bool:
    return all(isinstance(side, Index) for side in condition.args)
