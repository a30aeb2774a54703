"""How a SymPy expression is read into a formula: names, and the order that a person would write.

Enters: scalar expressions and equations. Leaves: nodes of `symdl.explain.notation.tree`. The order: positive
terms first; in a product numbers, then cotangents, then names, then functions; ``1 - a``, not ``-a + 1``.
Known shapes are recognised: the sigmoid, max, absolute value, an indicator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.relational import Relational

from symdl.explain.notation.known import by_normal
from symdl.explain.notation.letters import Letters
from symdl.explain.notation.names import label_of
from symdl.explain.notation.order import content_of, ordered_factors, ordered_places, ordered_terms, primitive
from symdl.explain.notation.tree import (
    Array,
    Big,
    Call,
    Cases,
    Compare,
    Delta,
    Fraction,
    Indicator,
    Item,
    Label,
    Logic,
    Negative,
    Node,
    Number,
    Ordinal,
    Power,
    Product,
    Symbol,
    Terms,
    number,
    product,
)
from symdl.express.comparisons import Compared, parts
from symdl.express.corners import is_switch, known_corner, sides_of
from symdl.express.dims import Dim, Extent, Index
from symdl.express.quotients import FloorDivide, Remainder
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor

_LARGEST_WHOLE = 2**53  # up to which every whole number is a float
_LARGEST_BOTTOM = 10**6  # of a fraction; a constant with a longer one is shown as a decimal number
_RELATIONS = {
    sp.Eq: "=",
    sp.Ne: "!=",
    sp.StrictLessThan: "<",
    sp.LessThan: "<=",
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: ">=",
}


@dataclass(frozen=True, slots=True)
class Notation:
    """What things are called, and how to read expressions over them.

    Attributes:
        labels: of tensors.
        symbols: of ordinary symbols; any other is read by its name.
        inline: accesses to these tensors are replaced by what the function returns for them.
        sigmoid: write ``1/(1 + exp(-z))`` as a sigmoid.
        counted: positions are numbers, shown from 1 as in ``x_1``.
        rank: names of index variables by the order in which they came up.
        letters: the page's table of names, which has those of sizes and index variables.
    """

    labels: Mapping[Tensor, Label] = field(default_factory=dict)
    symbols: Mapping[sp.Symbol, Label] = field(default_factory=dict)
    inline: Mapping[Tensor, Callable[[tuple[sp.Expr, ...]], Node]] = field(default_factory=dict)
    sigmoid: bool = True
    counted: bool = False
    rank: Mapping[str, int] = field(default_factory=dict)
    letters: Letters | None = None

    def label(self, tensor: Tensor) -> Label:
        """Return the label of a tensor."""
        found = self.labels.get(tensor)
        return found if found is not None else label_of(tensor.name or f"t{tensor.serial}")

    def array(self, tensor: Tensor) -> Array:
        """Return a whole tensor."""
        return Array(self.label(tensor), tensor)

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
        expr = by_normal(expr)
        if isinstance(expr, sp.Symbol):
            return self.symbol(expr)
        if isinstance(expr, sp.Number | sp.NumberSymbol):
            return _number(expr)
        if isinstance(expr, sp.Add):
            return self._sum(expr)
        if isinstance(expr, sp.Mul):
            return self.times(ordered_factors(expr))
        if isinstance(expr, sp.Pow):
            return self._power(expr)
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
        name = "Mod" if isinstance(expr, Remainder) else type(expr).__name__
        return Call(name, tuple(self.read(a) for a in expr.args))

    def times(self, factors: tuple[sp.Expr, ...]) -> Node:
        """Return the product of SymPy factors in the order given, negative powers below a fraction bar."""
        sign, top, bottom, constant = 1, list[Node](), list[Node](), sp.Integer(1)
        factors = tuple(part for f in factors for part in sp.Mul.make_args(by_normal(f)))
        shown = {} if not self.sigmoid else sigmoids(factors)
        factors, roots = _roots_below(switches_apart(factors))
        for factor in primitive(factors):
            factor = as_whole(factor) if isinstance(factor, sp.Float) else factor
            if isinstance(factor, sp.Add) and all(a.could_extract_minus_sign() for a in factor.args):
                factor, sign = sp.Add(*(-a for a in factor.args)), -sign  # -a - b is -(a + b)
            if factor in shown:
                top += [self._sigmoid(*power) for power in shown[factor]]
            elif factor.is_Rational:
                constant *= factor
            elif isinstance(factor, sp.Pow) and _is_below(factor):
                bottom.append(self.read(1 / factor))
            elif factor.is_Number:
                sign = -sign if factor.is_negative else sign
                top.insert(0, self.read(abs(factor)))
            else:
                node = self.read(factor)
                if isinstance(factor, sp.Piecewise) and isinstance(node, Negative):
                    node, sign = node.arg, -sign
                top += (
                    node.args if isinstance(factor, sp.Piecewise) and isinstance(node, Product) else (node,)
                )
        sign = -sign if constant.is_negative else sign
        if constant.q > _LARGEST_BOTTOM:
            top.insert(0, _number(abs(constant)))
        else:
            top[:0] = [_number(sp.Integer(abs(constant.p)))] if abs(constant.p) != 1 else []
            bottom[:0] = [number(int(constant.q))] if constant.q != 1 else []
        tests = [node for node in top if isinstance(node, Indicator)]
        if not bottom and not roots:
            result = product(tuple(top))
        else:  # c/n [a > 0] rather than c [a > 0]/n
            front = _quotient(tuple(n for n in top if n not in tests), (*_squared(bottom), *roots))
            result = product((*(front.args if isinstance(front, Product) else (front,)), *tests))
        return result if sign > 0 else Negative(result)

    def _sigmoid(self, argument: sp.Expr, power: int) -> Node:
        """``sigma(u)**power``, or ``1 - sigma(u)`` for the power 0."""
        value = Call("sigmoid", (self.read(argument),))
        if power == 0:
            return Terms((number(1), Negative(value)))
        return value if power == 1 else Power(value, number(power))

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

    def _sum(self, expr: sp.Add) -> Node:
        places = ordered_places(expr.args, self.rank)
        below = math.lcm(*(int(getattr(term.as_coeff_Mul()[0], "q", 1)) for term in places or ()))
        if below != 1:  # (p - r)/2
            return Fraction(self.read(sp.expand(below * expr)), number(int(below)))
        content, rest = content_of(expr) if not places else (sp.Integer(1), expr)
        if content != 1 and all(abs(term.as_coeff_Mul()[0]) == 1 for term in sp.Add.make_args(rest)):
            return self.times((content, rest))
        known = [self.read(term) for term in places] if places else self._by_length(expr.args)
        return Terms(tuple(known)) if len(known) > 1 else known[0]

    def _by_length(self, args: tuple[sp.Expr, ...]) -> list[Node]:
        """Positive before negative; a contraction that is written out first; then wide before narrow."""
        terms = ordered_terms(args)
        number_last = terms[-1].is_number

        def rank(term: sp.Expr) -> tuple[bool, bool, int]:
            accesses = term.atoms(Access)
            inlined = any(a.tensor in self.inline for a in accesses)
            width = max((len(a.indices) for a in accesses), default=-99 if number_last else 99)
            return term.could_extract_minus_sign(), not inlined, -width

        return [self.read(term) for term in sorted(terms, key=rank)]

    def _power(self, expr: sp.Pow) -> Node:
        base, exponent = expr.args
        if isinstance(exponent, sp.Float) and as_whole(exponent) is not exponent:
            return self.read(sp.Pow(base, as_whole(exponent)))
        sigmoid = sigmoid_power(expr) if self.sigmoid else None
        if sigmoid is not None:
            return self._sigmoid(*sigmoid)
        if _is_below(expr):
            return Fraction(number(1), self.read(1 / expr))
        if exponent == sp.Rational(1, 2):
            return Call("sqrt", (self.read(base),))
        return Power(self.read(base), self.read(exponent))

    def _relation(self, expr: Relational | Compared) -> Node:
        which, left, right = parts(expr)
        op = next(text for kind, text in _RELATIONS.items() if issubclass(which, kind))
        if op in ("=", "!=") and isinstance(left, Access) and isinstance(right, Index):
            left, right = right, left  # j = t_i
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


def switches_apart(factors: Iterable[sp.Expr]) -> tuple[sp.Expr, ...]:
    """Write what is 0 unless a condition holds as a product with an indicator, that last."""
    values: list[sp.Expr] = []
    switches: list[sp.Expr] = []
    for factor in factors:
        if not is_switch(factor) or known_corner(factor.args) is not None:
            values.append(factor)
            continue
        value, condition = factor.args[0]
        values += ordered_factors(value) if value != 1 else ()
        switches.append(sp.Piecewise((1, condition), (0, True)))
    return (*values, *switches)


def as_whole(value: sp.Float) -> sp.Number:
    """Return a float that is a whole number as an integer: ``1.0 x`` is x."""
    return sp.Integer(int(value)) if abs(value) < _LARGEST_WHOLE and value % 1 == 0 else value


def with_whole_numbers(expr: sp.Expr) -> sp.Expr:
    """Return an expression whose whole numbers are integers, however they were written."""
    values = {f: as_whole(f) for f in expr.atoms(sp.Float)}
    return rebuilt(expr, {f: n for f, n in values.items() if n is not f})


def _number(expr: sp.Expr) -> Node:
    expr = as_whole(expr) if isinstance(expr, sp.Float) else expr
    if expr.is_negative:
        return Negative(_number(-expr))
    if isinstance(expr, sp.Rational) and expr.q != 1:
        power = _ten(int(expr.q))
        if power and expr.p == 1:
            return Power(number(10), Number(sp.Integer(-power)))
        if expr.q > _LARGEST_BOTTOM:
            return Number(sp.Float(expr, 15))
        return Fraction(number(int(expr.p)), number(int(expr.q)))
    if isinstance(expr, sp.Integer) and _ten(int(expr)) >= 5:
        return Power(number(10), number(_ten(int(expr))))
    return Number(expr)


def _ten(value: int) -> int:
    """Return the exponent of a power of ten from 1000 on, 0 for other numbers."""
    digits = len(str(value)) - 1
    return digits if digits >= 3 and value == 10**digits else 0


def _is_below(expr: sp.Pow) -> bool:
    return bool(expr.exp.is_Number and expr.exp.is_negative) or bool(
        expr.exp.could_extract_minus_sign() and expr.base.is_number and expr.base is not sp.E
    )


def _roots_below(factors: tuple[sp.Expr, ...]) -> tuple[tuple[sp.Expr, ...], list[Node]]:
    """Write ``sqrt(2)/2`` as ``1/sqrt(2)``: the factors without such roots, and what they are divided by."""
    front: sp.Rational = sp.Mul(*(f for f in factors if f.is_Rational))
    rest = [f for f in factors if not f.is_Rational]
    below: list[Node] = []
    for root in [f for f in rest if f.is_Pow and f.exp == sp.Rational(1, 2) and f.base.is_Integer]:
        if front.q % int(root.base) == 0:
            front = front * root.base
            rest.remove(root)
            below.append(Call("sqrt", (number(int(root.base)),)))
    return ((front, *rest), below) if below else (factors, below)


def _quotient(top: tuple[Node, ...], bottom: tuple[Node, ...]) -> Node:
    if not bottom:
        return product(top)
    long = len(top) > 1 or (top and isinstance(top[0], Terms | Big | Product))
    if long and all(_is_size(node) for node in bottom):
        numbers = tuple(node for node in top[:1] if isinstance(node, Number))
        return product((Fraction(product(numbers), product(bottom)), *top[len(numbers) :]))
    return Fraction(product(top), product(bottom))


def _squared(nodes: list[Node]) -> tuple[Node, ...]:
    """Write equal factors as a power."""
    counts = {node: nodes.count(node) for node in nodes}
    return tuple(node if n == 1 else Power(node, number(n)) for node, n in counts.items())


def _is_size(node: Node) -> bool:
    if isinstance(node, Power):
        return _is_size(node.base)
    return isinstance(node, Number) or (isinstance(node, Symbol) and isinstance(node.expr, Dim))


def sigmoid_argument(expr: sp.Expr) -> sp.Expr | None:
    """Return `z` if the expression is ``1/(1 + exp(-z))``."""
    found = sigmoid_power(expr)
    return found[0] if found is not None and found[1] == 1 else None


def sigmoid_power(expr: sp.Expr) -> tuple[sp.Expr, int] | None:
    """Return `z` and `n` if the expression is ``(1 + exp(-z))**-n``."""
    if not isinstance(expr, sp.Pow) or not expr.exp.is_Integer or expr.exp >= 0:
        return None
    if not isinstance(expr.base, sp.Add) or len(expr.base.args) != 2:
        return None
    others = [a for a in expr.base.args if a != 1]
    if len(others) != 1 or not isinstance(others[0], sp.exp):
        return None
    return sp.expand_mul(-others[0].args[0]), -int(expr.exp)


def sigmoids(factors: Iterable[sp.Expr]) -> dict[sp.Expr, list[tuple[sp.Expr, int]]]:
    """Say how to write factors with the sigmoid `s` of one argument: ``e^-u s(u)`` is ``1 - s(u)``."""
    factors = tuple(factors)
    found = {f: p for f in factors if (p := sigmoid_power(f)) is not None}
    if not found:
        return {}
    main = max(found, key=lambda f: (found[f][1], not found[f][0].could_extract_minus_sign()))
    argument, power = found[main]
    shown = {f: [p] for f, p in found.items()}
    for factor in factors:
        below = sp.expand_mul(argument + (factor.args[0] if isinstance(factor, sp.exp) else sp.oo))
        if isinstance(factor, sp.exp) and below == 0:
            shown[main] = [(argument, power - 1)] if power > 1 else []
            shown[factor] = [(argument, 0)]
        elif factor in found and factor != main and found[factor] == (sp.expand_mul(-argument), 1):
            shown[factor] = [(argument, 0)]
    return shown


def _of_indices(condition: sp.Eq) -> bool:
    return all(isinstance(side, Index) for side in condition.args)
