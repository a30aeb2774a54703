"""Freeze: from SymPy to frozen equations. The last file that knows SymPy.

Enters: `Program`. Leaves: `FrozenProgram`. Index variables are renamed by position, so equations of one
structure freeze alike. Bodies are read in the form in which they are `computed`: ``log(1 + u)`` as ``log1p``,
softplus and the logistic function without overflow; integer powers become products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy as sp

from symdl.errors import LoweringError
from symdl.express.comparisons import parts
from symdl.express.computed import computed
from symdl.express.dims import Dim, Index, ratio, whole_sides
from symdl.express.equations import Divisible, Equation, Guard, InRange
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
from symdl.express.program import Program
from symdl.express.quotients import FloorDivide, Remainder
from symdl.express.random import RandomUniform
from symdl.express.stopping import StopGradient
from symdl.express.tensors import Access, Tensor
from symdl.express.wholes import holds_labels, is_integer, is_whole, of_sizes
from symdl.express.written import written
from symdl.lower.freeze.recurrences import recurrences
from symdl.lower.ir.integers import ONE, Pick, Poly, Size, Var, constant, floor, mod, of, wrapped
from symdl.lower.ir.loops import Condition, Divides, FrozenEquation, FrozenProgram, Same, TensorInfo, Within
from symdl.lower.ir.scalars import Body, Builder, Load

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
    Softplus: Builder.softplus,
    Sech2: Builder.sech_squared,
    LogCosh: Builder.log_cosh,
    LogErfc: Builder.log_erfc,
    LogHalfErfc: Builder.log_half_erfc,
    Log1mExp: Builder.log_one_minus_exp,
    LogExpm1: Builder.log_exp_minus_one,
}
_LARGEST_POWER = 64


def freeze(program: Program) -> FrozenProgram:
    """Return the program without SymPy.

    Raises:
        LoweringError: an expression that no kernel can compute.
    """
    tensors = (*program.inputs, *(e.lhs for e in program.equations))
    numbers = {tensor: number for number, tensor in enumerate(tensors)}
    names = program.names
    limits = {t: _extent(t.below) for t in tensors if t.below is not None}
    infos = tuple(
        TensorInfo(n, names[t], tuple(map(_extent, t.shape)), t.dtype == "int64", t.role, below=limits.get(t))
        for t, n in numbers.items()
    )
    equations = tuple(_Freezer(e, numbers).equation(n) for n, e in enumerate(program.equations))
    return FrozenProgram(
        infos,
        equations,
        tuple(numbers[t] for t in program.inputs),
        tuple(numbers[t] for t in program.outputs),
        tuple((numbers[old], numbers[new]) for old, new in program.updates),
        tuple(d.name for d in program.dims),
        (),
        tuple(recurrences(program, _extent)),
        lambda number: written(program.equations[number], names),
    )


def _extent(size: Any) -> Poly:
    return constant(size) if isinstance(size, int) else _Indices({}, {}).poly(size)


class _Indices:
    """Freezes integer expressions."""

    def __init__(self, variables: dict[Index, str], numbers: dict[Tensor, int]) -> None:
        self.variables = variables
        self.numbers = numbers

    def poly(self, expr: Any) -> Poly:
        """Return an integer expression; a ratio is rounded down (its guard says it is exact)."""
        if isinstance(expr, int):
            return constant(expr)
        if isinstance(expr, sp.Rational) and not expr.is_Integer:
            raise LoweringError(f"the index {expr} is no integer")
        if expr.is_Integer:
            return constant(int(expr))
        if isinstance(expr, Index):
            return of(Var(self.variables[expr]))
        if isinstance(expr, Dim):
            return of(Size(expr.name))
        if isinstance(expr, Access) and expr.tensor.dtype == "int64":
            return of(Pick(self.numbers[expr.tensor], tuple(map(self.poly, expr.indices))))
        if isinstance(expr, sp.floor):
            return self.ratio(expr.args[0])
        if isinstance(expr, sp.Mod):
            top, bottom = sp.fraction(sp.together(expr.args[0]))
            by = expr.args[1]
            if bottom == 1:
                return mod(self.poly(sp.expand(top)), self.poly(by))
            raise LoweringError(f"the index {expr} is no integer")
        if isinstance(expr, sp.Add | sp.Mul | sp.Pow):
            simple = all(arg.is_Integer or not arg.args for arg in expr.args)
            return self.compound(expr) if simple else self.ratio(expr)
        raise LoweringError(f"{expr} cannot be used as an index")

    def compound(self, expr: sp.Expr) -> Poly:
        """Return a sum, product or power."""
        if isinstance(expr, sp.Pow):
            if not (expr.exp.is_Integer and expr.exp > 0):
                raise LoweringError(f"{expr} cannot be used as an index")
            expr_args = (expr.base,) * int(expr.exp)
            result = ONE
        else:
            expr_args = expr.args
            result = constant(0) if isinstance(expr, sp.Add) else ONE
        for arg in expr_args:
            result = result + self.poly(arg) if isinstance(expr, sp.Add) else result * self.poly(arg)
        return result

    def ratio(self, expr: sp.Expr) -> Poly:
        """Return ``floor(expr)``."""
        top, bottom = sp.fraction(sp.together(expr))
        if bottom != 1:
            return floor(self.poly(sp.expand(top)), self.poly(sp.expand(bottom)))
        return self.compound(expr) if isinstance(expr, sp.Add | sp.Mul | sp.Pow) else self.poly(expr)


class _Freezer(_Indices):
    """Freezes one equation."""

    def __init__(self, equation: Equation, numbers: dict[Tensor, int]) -> None:
        names = {index: f"v{n}" for n, index in enumerate((*equation.indices, *equation.bound))}
        super().__init__(names, numbers)
        self.source = equation
        self.builder = Builder()
        self.known: dict[sp.Basic, int] = {}
        self.wholes: dict[sp.Basic, int] = {}

    def equation(self, number: int) -> FrozenEquation:
        """Return the frozen equation."""
        source = self.source
        try:
            return FrozenEquation(
                number,
                self.numbers[source.lhs],
                tuple(self.variables[i] for i in source.indices),
                tuple(self.variables[i] for i in source.bound),
                tuple(_extent(size) for size in source.extents.values()),
                source.reduction.op if source.reduction else None,
                tuple(map(self.guard, source.guards)),
                self.body(source.body),
                tuple(of(Var(self.variables[i])) for i in source.indices),
            )
        except LoweringError as error:
            if error.expression is not None:
                raise
            raise LoweringError(error.message, expression=source, cure=error.cure) from None

    def guard(self, guard: Guard) -> Condition:
        """Return a guard as a condition."""
        if isinstance(guard, InRange):
            return Within(self.poly(sp.expand(guard.expr)), _extent(guard.extent))
        if isinstance(guard, Divisible):
            return Divides(self.poly(guard.expr), constant(guard.by))
        left, right = guard.left, guard.right
        scale = sp.ilcm(1, 1, *(c.q for s in (left, right) for c in s.atoms(sp.Rational)))
        if scale != 1 and not (left.has(sp.floor, sp.Mod) or right.has(sp.floor, sp.Mod)):
            left, right = sp.expand(left * scale), sp.expand(right * scale)
        return Same(self.poly(left), self.poly(right))

    def body(self, expr: sp.Expr) -> Body:
        """Return the body; of an int64 tensor it is an int64, as is what labels are compared by."""
        op = self.source.reduction.op if self.source.reduction else None
        integer = self.source.lhs.dtype == "int64"
        if integer and is_whole(expr) and (op != "argmax" or holds_labels(expr)):
            return self.builder.body(self.whole(expr))
        if integer and op != "argmax":
            raise LoweringError("an integer tensor is defined by an expression that is no integer")
        return self.builder.body(self.value(computed(expr)))

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
            return build.whole_extremum(parts, largest=isinstance(expr, sp.Max))
        return build.whole_size(*parts) if isinstance(expr, sp.Abs) else build.whole_sign(*parts)

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
            return self.sum(expr)
        if isinstance(expr, sp.Mul):
            return self.product(expr)
        if isinstance(expr, sp.Pow):
            return self.power(expr.base, expr.exp)
        if isinstance(expr, Logistic):
            return self.quotient([expr])
        if type(expr) in _SAFE:
            return _SAFE[type(expr)](self.builder, self.value(expr.args[0]))
        if isinstance(expr, sp.Piecewise):
            return self.piecewise(expr, self.value)
        if isinstance(expr, sp.Mod):
            return self.builder.modulo(*map(self.value, expr.args))
        if isinstance(expr, sp.floor):
            return self.floor(*ratio(expr.args[0]))
        if isinstance(expr, sp.Max | sp.Min):
            return self.builder.extremum(list(map(self.value, expr.args)), largest=isinstance(expr, sp.Max))
        if isinstance(expr, sp.sign):
            return self.builder.sign(self.value(expr.args[0]))
        if isinstance(expr, sp.logic.boolalg.Boolean):
            return self.truth(expr)
        if isinstance(expr, StopGradient):
            return self.value(expr.args[0])
        if isinstance(expr, RandomUniform):
            seed, step, position = expr.args
            return add("uniform", self.value(seed), self.value(step), value=self.poly(position))
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
            return self.builder.whole(*sides)
        quotient = sides[0] if below == 1 else self.builder.add("ratio", *sides)
        return self.builder.add("floor", quotient)

    def sum(self, expr: sp.Add) -> int:
        """Return a sum; what is subtracted comes last."""
        terms = sorted(expr.args, key=lambda t: bool(t.could_extract_minus_sign()))
        return self.builder.total([self.value(t) for t in terms])

    def product(self, expr: sp.Mul) -> int:
        """Return a product: what moves, over its denominators, times what is fixed for a call."""
        factors = expr.args
        fixed = [f for f in factors if not f.has(Access) and all(isinstance(s, Dim) for s in f.free_symbols)]
        moving = [f for f in factors if f not in fixed]
        return self.builder.mul(self.quotient(moving), self.quotient(fixed))

    def quotient(self, factors: Sequence[sp.Expr]) -> int:
        """Return the product of `factors` with one division; a logistic function is a denominator."""
        top, bottom = [], []
        for factor in factors:
            base, times = factor.as_base_exp()
            if isinstance(base, Logistic) and times.is_Integer and times > 0:
                grown = self.builder.add("exp", self.value(-base.args[0]))
                below = self.builder.add("add", self.builder.const(1), grown)
                bottom.append(self.builder.repeated(below, int(times)))
            elif isinstance(factor, sp.Pow) and factor.exp.could_extract_minus_sign():
                bottom.append(self.power(factor.base, -factor.exp))
            else:
                top.append(self.value(factor))
        return self.builder.quotient(top, bottom)

    def power(self, base: sp.Expr, exponent: sp.Expr) -> int:
        """Return a power: products, square roots and one division where they do."""
        add = self.builder.add
        if exponent.could_extract_minus_sign():
            return add("div", self.builder.const(1), self.power(base, -exponent))
        if exponent.is_Rational and exponent.q <= 2 and exponent <= _LARGEST_POWER:
            value = self.value(base)
            whole, half = divmod(int(2 * exponent), 2)
            root = [add("sqrt", value)] if half else []
            steps = ([self.builder.repeated(value, whole)] if whole else []) + root
            return steps[0] if len(steps) == 1 else self.builder.mul(*steps)
        if base == sp.E:
            return add("exp", self.value(exponent))
        return add("pow", self.value(base), self.value(exponent))

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


def _float(expr: sp.Expr) -> float:
    if expr in (sp.oo, -sp.oo):
        return float("inf") if expr == sp.oo else -float("inf")
    if expr in (sp.nan, sp.zoo):
        return float("nan")
    number = sp.N(expr, 20)
    if not number.is_real:
        raise LoweringError(f"{expr} is no real number")
    return float(number)
