"""Scalar expressions from SymPy to bodies.

Enters: the expressions of one equation. Leaves: nodes. Expressions are read in the form in which they are
`computed`: ``log(1 + u)`` as ``log1p``, softplus and the logistic function without overflow; integer powers
become products.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy as sp

from symdl.errors import LoweringError
from symdl.express.comparisons import parts
from symdl.express.dims import Dim, Index, ratio, whole_sides
from symdl.express.precise import (
    Erfc,
    Erfcx,
    Expm1,
    Log1mExp,
    Log1p,
    LogCosh,
    LogErfc,
    LogExpm1,
    LogHalfErfc,
    Logistic,
    Sech2,
    Softplus,
)
from symdl.express.quotients import FloorDivide, Remainder
from symdl.express.random import RandomUniform
from symdl.express.special.kinds import Called
from symdl.express.special.own import Own, values_of
from symdl.express.stopping import StopGradient
from symdl.express.tensors import Access, Tensor
from symdl.express.wholes import holds_labels, is_integer, is_whole, of_sizes
from symdl.lower.freeze import forms
from symdl.lower.freeze.indices import Indices
from symdl.lower.ir import names
from symdl.lower.ir.integers import wrapped
from symdl.lower.ir.names import TensorId
from symdl.lower.ir.scalars import Builder, Load, Routine

_SAME_NAME = "exp erf erfc sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh atan2"
_FUNCTIONS: dict[Any, str] = {
    **{getattr(sp, name): name for name in _SAME_NAME.split()},
    sp.Abs: "abs",
    sp.log: "log",
    Erfc: "erfc",
    Erfcx: "erfcx",
    Log1p: "log1p",
    Expm1: "expm1",
    sp.loggamma: "lgamma",
    FloorDivide: "floor_divide",
    Remainder: "remainder",
}
_RELATIONS = {
    sp.StrictLessThan: ("lt", 0),
    sp.LessThan: ("le", 0),
    sp.Eq: ("eq", 0),
    sp.Ne: ("ne", 0),
    sp.StrictGreaterThan: ("lt", 1),
    sp.GreaterThan: ("le", 1),
}
_SAFE = {
    Softplus: forms.softplus,
    Sech2: forms.sech_squared,
    LogCosh: forms.log_cosh,
    LogErfc: forms.log_erfc,
    LogHalfErfc: forms.log_half_erfc,
    Log1mExp: forms.log_one_minus_exp,
    LogExpm1: forms.log_exp_minus_one,
}
_LARGEST_POWER = 64


class Bodies(Indices):
    """Builds the nodes of one equation, each expression once."""

    def __init__(self, variables: Mapping[Index, names.Index], numbers: Mapping[Tensor, TensorId]) -> None:
        super().__init__(variables, numbers)
        self.builder = Builder()
        self.known: dict[sp.Basic, int] = {}
        self.wholes: dict[sp.Basic, int] = {}

    def whole(self, expr: Any) -> int:
        """Return the position of the node that holds an expression of integers as an int64."""
        if expr not in self.wholes:
            self.wholes[expr] = self.compute_whole(expr)
        return self.wholes[expr]

    def compute_whole(self, expr: Any) -> int:
        """Build the node of an expression of integers; what exceeds 64 bits wraps around."""
        build = self.builder
        if isinstance(expr, sp.Pow):
            return build.repeated(self.whole(expr.base), int(expr.exp))
        if is_integer(expr):
            return build.add("whole", value=wrapped(self.poly(expr)))
        if isinstance(expr, sp.Piecewise):
            return self.piecewise(expr, self.whole)
        parts = list(map(self.whole, expr.args))
        if isinstance(expr, sp.Add | sp.Mul):
            return reduce(build.plus if isinstance(expr, sp.Add) else build.mul, parts)
        if isinstance(expr, sp.Max | sp.Min):
            return forms.whole_extremum(build, parts, largest=isinstance(expr, sp.Max))
        return (
            forms.whole_size(build, *parts) if isinstance(expr, sp.Abs) else forms.whole_sign(build, *parts)
        )

    def value(self, expr: Any) -> int:
        """Return the position of the node that holds an expression."""
        if expr not in self.known:
            self.known[expr] = self.compute(expr)
        return self.known[expr]

    def compute(self, expr: Any) -> int:
        """Build the node of an expression."""
        add = self.builder.add
        if expr.is_Rational:
            return self.builder.const(Fraction(int(expr.p), int(expr.q)))
        if isinstance(expr, Access) and expr.tensor.dtype == "real":
            where = tuple(map(self.poly, expr.indices))
            return add("load", value=Load(self.numbers[expr.tensor], where))
        if isinstance(expr, Access | Index | Dim) or of_sizes(expr):
            return add("index", value=self.poly(expr))
        if expr.is_number and isinstance(expr, sp.Expr):
            return self.builder.const(_float(expr))
        if isinstance(expr, sp.Add):
            return _sum(self, expr)
        if isinstance(expr, sp.Mul):
            return _product(self, expr)
        if isinstance(expr, sp.Pow):
            return _power(self, expr.base, expr.exp)
        if isinstance(expr, Logistic):
            return _quotient(self, [expr])
        if type(expr) in _SAFE:
            return _SAFE[type(expr)](self.builder, self.value(expr.args[0]))
        if isinstance(expr, sp.Piecewise):
            return self.piecewise(expr, self.value)
        if isinstance(expr, sp.Mod):
            return forms.modulo(self.builder, *map(self.value, expr.args))
        if isinstance(expr, sp.floor):
            return self.floor(*ratio(expr.args[0]))
        if isinstance(expr, sp.Max | sp.Min):
            sides = list(map(self.value, expr.args))
            return forms.extremum(self.builder, sides, largest=isinstance(expr, sp.Max))
        if isinstance(expr, sp.sign):
            return forms.sign(self.builder, self.value(expr.args[0]))
        if isinstance(expr, sp.logic.boolalg.Boolean):
            return self.truth(expr)
        if isinstance(expr, StopGradient):
            return self.value(expr.args[0])
        if isinstance(expr, RandomUniform):
            seed, step, position = expr.args
            return add("uniform", self.value(seed), self.value(step), value=self.poly(position))
        if isinstance(expr, Own):
            values_of(type(expr))  # refuses one that has only a name
        if isinstance(expr, Called):
            return add("call", *map(self.value, expr.args), value=Routine(expr.calls))
        if type(expr) in _FUNCTIONS:
            return add(_FUNCTIONS[type(expr)], *map(self.value, expr.args))
        raise LoweringError(
            f"{type(expr).__name__} has no kernel form: {expr}",
            cure="write it with elementary functions",
        )

    def floor(self, above: sp.Expr, below: sp.Expr) -> int:
        """Return a quotient rounded down: exact for whole numbers, else after it was rounded once."""
        sides = self.value(above), self.value(below)
        if is_integer(above) and is_integer(below):
            return forms.floored(self.builder, *sides)
        quotient = sides[0] if below == 1 else self.builder.add("ratio", *sides)
        return self.builder.add("floor", quotient)

    def piecewise(self, expr: sp.Piecewise, value: Callable[[Any], int]) -> int:
        """Return nested choices of what `value` makes; what is not chosen has no influence."""
        *rest, last = expr.args
        result = value(last.expr)
        if last.cond != sp.true:
            nan = self.builder.const(float("nan"))
            result = self.builder.add("select", self.truth(last.cond), result, nan)
        for piece in reversed(rest):
            chosen = value(piece.expr)
            result = self.builder.add("select", self.truth(piece.cond), chosen, result)
        return result

    def truth(self, condition: Any) -> int:
        """Return a condition; integers are compared as integers."""
        add = self.builder.add
        if condition in (sp.true, sp.false):
            return add("flag", value=bool(condition))
        if isinstance(condition, sp.And | sp.Or):
            name = "and" if isinstance(condition, sp.And) else "or"
            return reduce(lambda a, b: add(name, a, b), map(self.truth, condition.args))
        if isinstance(condition, sp.Not):
            return add("not", self.truth(condition.args[0]))
        if isinstance(condition, sp.ITE):
            test, *sides = map(self.truth, condition.args)
            return add("or", add("and", test, sides[0]), add("and", add("not", test), sides[1]))
        kind, *sides = parts(condition)
        if kind not in _RELATIONS:
            raise LoweringError(f"the condition {condition} has no kernel form")
        name, swap = _RELATIONS[kind]
        pair = whole_sides(*(reversed(sides) if swap else sides))
        if all(map(is_integer, pair)):
            return add(f"i{name}", value=(self.poly(pair[0]), self.poly(pair[1])))
        if all(map(is_whole, pair)) and any(map(holds_labels, pair)):
            return add(name, *map(self.whole, pair))
        return add(name, *map(self.value, pair))


def _sum(make: Bodies, expr: sp.Add) -> int:
    """Return a sum; what is subtracted comes last."""
    terms = sorted(expr.args, key=lambda t: bool(t.could_extract_minus_sign()))
    return make.builder.total([make.value(t) for t in terms])


def _product(make: Bodies, expr: sp.Mul) -> int:
    """Return a product: what moves, over its denominators, times what is fixed for a call."""
    factors = expr.args
    fixed = [f for f in factors if not f.has(Access) and all(isinstance(s, Dim) for s in f.free_symbols)]
    moving = [f for f in factors if f not in fixed]
    return make.builder.mul(_quotient(make, moving), _quotient(make, fixed))


def _quotient(make: Bodies, factors: Sequence[sp.Expr]) -> int:
    """Return the product of `factors` with one division; a logistic function is a denominator."""
    top, bottom = [], []
    for factor in factors:
        base, times = factor.as_base_exp()
        if isinstance(base, Logistic) and times.is_Integer and times > 0:
            grown = make.builder.add("exp", make.value(-base.args[0]))
            below = make.builder.add("add", make.builder.const(1), grown)
            bottom.append(make.builder.repeated(below, int(times)))
        elif isinstance(factor, sp.Pow) and factor.exp.could_extract_minus_sign():
            bottom.append(_power(make, factor.base, -factor.exp))
        else:
            top.append(make.value(factor))
    return make.builder.quotient(top, bottom)


def _power(make: Bodies, base: sp.Expr, exponent: sp.Expr) -> int:
    """Return a power: products, square roots and one division where they do."""
    add = make.builder.add
    if exponent.could_extract_minus_sign():
        return add("div", make.builder.const(1), _power(make, base, -exponent))
    if exponent.is_Rational and exponent.q <= 2 and exponent <= _LARGEST_POWER:
        value = make.value(base)
        whole, half = divmod(int(2 * exponent), 2)
        root = [add("sqrt", value)] if half else []
        steps = ([make.builder.repeated(value, whole)] if whole else []) + root
        return steps[0] if len(steps) == 1 else make.builder.mul(*steps)
    if base == sp.E:
        return add("exp", make.value(exponent))
    return add("pow", make.value(base), make.value(exponent))


def _float(expr: sp.Expr) -> float:
    if expr in (sp.oo, -sp.oo):
        return float("inf") if expr == sp.oo else -float("inf")
    if expr in (sp.nan, sp.zoo):
        return float("nan")
    number = sp.N(expr, 20)
    if not number.is_real:
        raise LoweringError(f"{expr} is no real number")
    return float(number)
