"""Programs in exact arithmetic.

Enters: a program and an array of residues for each real input, of integers for the others. Leaves: the value
of every tensor in it (`tests.exact.field`). Positions, guards and whatever else is made of integers are what
they are for the reference interpreter, whose grid this one walks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

from symdl.express.comparisons import Compared, parts
from symdl.express.dims import Dim
from symdl.express.equations import MATRIX_OPS, Equation
from symdl.express.ordering import Recurrence
from symdl.express.precise import Expm1, Log1p, Logistic
from symdl.express.program import Program
from symdl.express.stopping import StopGradient
from symdl.express.tensors import Access, Tensor
from symdl.express.wholes import is_whole
from symdl.run.reference.binding import bind_dims, extent_value
from symdl.run.reference.interpreter import Grid, steps_of
from symdl.run.reference.interpreter import _block as plain_block
from symdl.run.reference.scalars import Scope

from . import field
from .field import UNKNOWN, Values, lifted

Arrays = Mapping[Tensor, Any]


class NotApplicable(Exception):
    """A program with what exact arithmetic has no meaning for."""


def drawn(program: Program, sizes: Mapping[str, int], given: Mapping[str, Any], seed: int = 0) -> Arrays:
    """Return residues for all real inputs, and the given arrays for those of integers."""
    rng = np.random.default_rng(seed)
    found: dict[Tensor, Any] = {}
    for t in program.inputs:
        shape = tuple(extent_value(e, {Dim(n): s for n, s in sizes.items()}) for e in t.shape)
        if t.value is not None:
            array = np.asarray(t.value)
        elif t.dtype == "int64":
            array = np.asarray(given[str(t.name)])
        else:
            found[t] = field.drawn(shape, rng)
            continue
        whole = t.dtype == "int64"
        found[t] = array if whole else np.vectorize(lambda v: field.number(float(v)), [object])(array)
    return found


def evaluate(program: Program, inputs: Arrays) -> dict[Tensor, Any]:
    """Return the value of every tensor of the program.

    Raises:
        NotApplicable: it has a function of matrices that are no rational functions of their elements.
    """
    arrays = dict(inputs)
    dims = bind_dims(program, arrays)
    loops = {r.equations: r for r in program.recurrences}
    for group in program.groups:
        if group in loops:
            arrays |= _recurrence(loops[group], arrays, dims)
        else:
            (equation,) = group
            arrays[equation.lhs] = value_of(equation, arrays, dims)
    return arrays


def value_of(equation: Equation, arrays: Arrays, dims: Mapping[Dim, int]) -> Any:
    """Return the value of one equation's left-hand side."""
    ranges = {index: range(extent_value(size, dims)) for index, size in equation.extents.items()}
    found = _block(equation, ExactGrid(equation, ranges, arrays, dims))
    return np.asarray(found, "int64" if equation.lhs.dtype == "int64" else object)


def _recurrence(recurrence: Recurrence, arrays: Arrays, dims: Mapping[Dim, int]) -> dict[Tensor, Any]:
    found: dict[Tensor, Any] = {}
    for e in recurrence.equations:
        shape = [extent_value(size, dims) for size in e.lhs.shape]
        found[e.lhs] = np.zeros(shape, "int64") if e.lhs.dtype == "int64" else np.full(shape, UNKNOWN, object)
    known = {**arrays, **found}
    for equation, held, where in steps_of(recurrence, dims):
        ranges = {i: range(extent_value(size, dims)) for i, size in equation.extents.items()}
        known[equation.lhs][where] = _block(equation, ExactGrid(equation, ranges | held, known, dims))
    return found


@dataclass(frozen=True, slots=True)
class ExactGrid(Grid):
    """The index grid of an equation whose real tensors hold residues."""

    def exact(self) -> ExactScope:
        """Return the scope of the elements inside all guards."""
        plain = self.scope()
        return ExactScope(self.leaf, plain.mask, plain=plain)


@dataclass(frozen=True, slots=True)
class ExactScope(Scope):
    """Where an expression is evaluated exactly; `plain` evaluates what is made of integers."""

    plain: Scope = None  # type: ignore[assignment]  # a field behind others with defaults

    def narrow(self, mask: Any) -> ExactScope:
        plain = self.plain.narrow(mask)
        return ExactScope(self.leaf, plain.mask, plain=plain)

    def _compute(self, expr: Any) -> Values:
        if isinstance(expr, sp.Expr) and _of_integers(expr):
            return lifted(self.plain.value(expr))
        if isinstance(expr, Access):
            return self.leaf(expr, self.mask)
        for kind, rule in _STRUCTURED.items():
            if isinstance(expr, kind):
                return rule(self, expr)
        if expr in (sp.nan, sp.zoo):
            return field.NAN if expr is sp.nan else UNKNOWN
        return field.opaque(str(expr.func.__name__), *map(self.value, expr.args))


def _of_integers(expr: Any) -> bool:
    """Say whether an expression is an integer, and no real number chooses which."""
    return is_whole(expr) and all(a.tensor.dtype == "int64" for a in expr.atoms(Access))


def _condition(scope: ExactScope, expr: Any) -> Values:
    kind, left, right = parts(expr)
    if _of_integers(left) and _of_integers(right):
        return scope.plain.value(expr)
    a, b = scope.value(left), scope.value(right)
    if kind in (sp.Eq, sp.Ne):
        found = field.equal(a, b)
        return found if kind is sp.Eq else _not(found)
    order = field.less if kind in (sp.StrictLessThan, sp.StrictGreaterThan) else field.at_most
    return order(a, b) if kind in (sp.StrictLessThan, sp.LessThan) else order(b, a)


_not = np.frompyfunc(lambda a: UNKNOWN if a is UNKNOWN else not a, 1, 1)


def _piecewise(scope: ExactScope, expr: Any) -> Values:
    """The value of the first branch whose condition holds; unknown where none does."""
    open_ = np.asarray(True)
    branches = []
    for value, condition in expr.args:
        inner = scope.narrow(open_)
        holds = np.asarray(inner.value(condition))
        taken = inner.narrow(_certainly(holds))
        branches.append((holds, taken.value(value)))
        open_ = open_ & _certainly(_not(holds))
    result: Values = UNKNOWN
    for holds, value in reversed(branches):
        result = field.chosen(holds, value, result)
    return result


def _certainly(holds: Any) -> Any:
    """Return where a condition is known to hold, as truth values."""
    return np.asarray(np.frompyfunc(lambda h: h is not UNKNOWN and bool(h), 1, 1)(holds), bool)


def _power(scope: ExactScope, expr: Any) -> Values:
    exponent = Fraction(int(expr.exp.p), int(expr.exp.q)) if expr.exp.is_Rational else None
    if expr.base == sp.E:
        return field.exp(scope.value(expr.exp))
    return field.power(scope.value(expr.base), exponent, 0 if exponent is not None else scope.value(expr.exp))


def _folded(function: Callable[[Values, Values], Values]) -> Callable[[ExactScope, Any], Values]:
    return lambda scope, expr: reduce(function, map(scope.value, expr.args))


def _applied(function: Callable[..., Values]) -> Callable[[ExactScope, Any], Values]:
    return lambda scope, expr: function(*map(scope.value, expr.args))


def _extreme(scope: ExactScope, expr: Any) -> Values:
    rows = np.broadcast_arrays(*(np.asarray(scope.value(a), object) for a in expr.args))
    return field.extremes(np.stack(rows, -1), largest=isinstance(expr, sp.Max))


_STRUCTURED: Mapping[Any, Callable[[ExactScope, Any], Values]] = {
    sp.Rational: lambda _, expr: lifted(Fraction(int(expr.p), int(expr.q))),
    sp.Float: lambda _, expr: lifted(Fraction(float(expr))),
    sp.core.numbers.Exp1: lambda *_: field.exp(1),
    sp.core.numbers.NegativeInfinity: lambda *_: lifted(-field.opaque("Infinity")),
    sp.Add: _folded(field.add),
    sp.Mul: _folded(field.multiply),
    sp.Pow: _power,
    sp.exp: _applied(field.exp),
    sp.log: _applied(field.log),
    Expm1: _applied(lambda x: field.subtract(field.exp(x), 1)),
    Log1p: _applied(lambda x: field.log(field.add(x, 1))),
    Logistic: _applied(lambda x: field.inverse(field.add(field.inverse(field.exp(x)), 1))),
    StopGradient: lambda scope, expr: scope.value(expr.args[0]),
    sp.Abs: _applied(field.absolute),
    sp.sign: _applied(field.sign),
    sp.Max: _extreme,
    sp.Min: _extreme,
    sp.Piecewise: _piecewise,
    sp.core.relational.Relational: _condition,
    Compared: _condition,
    sp.And: _folded(np.frompyfunc(lambda a, b: UNKNOWN if UNKNOWN in (a, b) else a and b, 2, 1)),
    sp.Or: _folded(np.frompyfunc(lambda a, b: UNKNOWN if UNKNOWN in (a, b) else a or b, 2, 1)),
    sp.Not: lambda scope, expr: _not(scope.value(expr.args[0])),
    sp.ITE: _applied(field.chosen),
    sp.logic.boolalg.BooleanTrue: lambda *_: True,
    sp.logic.boolalg.BooleanFalse: lambda *_: False,
}
"""Operations that are more than a name; all others are opaque."""


def _block(equation: Equation, grid: ExactGrid) -> Any:
    op = equation.reduction.op if equation.reduction else None
    free, whole = grid.shape[: len(equation.indices)], equation.lhs.dtype == "int64"
    if op in MATRIX_OPS:
        raise NotApplicable(op)
    if (whole and op != "argmax") or not all(grid.shape):
        if not _of_integers(equation.body) or op == "logsumexp":
            raise NotApplicable("integers that are made of reals")
        plain = plain_block(equation, grid)
        return plain if whole else lifted(plain)
    exact = grid.exact()
    value = np.broadcast_to(np.asarray(exact.value(equation.body), object), grid.shape)
    return reduced(op, value, np.broadcast_to(exact.mask, grid.shape), free)


def reduced(op: str | None, value: Any, mask: Any, free: tuple[int, ...]) -> Any:
    """Return elements reduced along all axes but `free`; outside the mask none counts.

    A largest element among those that do not all count is unknown: minus infinity is no residue.
    """
    if op in (None, "sum", "prod", "logsumexp"):
        terms = field.exp(value) if op == "logsumexp" else value
        terms = np.where(mask, terms, int(op == "prod"))
        if op is None:
            return terms
        rows = terms.reshape((*free, -1))
        total = reduce(field.multiply if op == "prod" else field.add, np.moveaxis(rows, -1, 0))
        return field.log(total) if op == "logsumexp" else total
    rows = field.chosen(mask, value, UNKNOWN).reshape((*free, -1))
    largest = field.extremes(rows)
    if op == "max":
        return largest
    if any(isinstance(v, field.NoNumber) for v in np.asarray(largest, object).flat):
        raise NotApplicable("the place of a largest value that is unknown")
    return np.asarray((rows == np.asarray(largest)[..., None]).argmax(-1), "int64")
