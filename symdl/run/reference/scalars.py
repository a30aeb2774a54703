"""Scalar expressions on NumPy arrays, one table entry an operation.

Enters: a scalar expression tree and a function that gives the arrays of its leaves. Leaves: an
array. Trees are read through the names of their node classes; a new operation is a new line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from symdl.errors import SymdlError
from symdl.express.comparisons import parts
from symdl.express.dims import ratio, whole_sides
from symdl.express.random import uniform_numbers
from symdl.run.values import values

Array = NDArray[Any]
Leaf = Callable[[Any, Array], Any]
"""Maps a leaf (an access, a size, an index) and the mask of wanted elements to an array."""


class UnknownFunctionError(SymdlError):
    """An expression holds a function that has no numerical meaning here."""

    stage = "evaluate"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression is evaluated: its leaves, and the elements whose values are wanted.

    Elements outside `mask` may hold anything; a leaf must not fail for them.
    """

    leaf: Leaf
    mask: Array
    memo: dict[Any, Any] = field(default_factory=dict)

    def value(self, expr: Any) -> Any:
        """Return the value of `expr`, an array or a Python number.

        Raises:
            UnknownFunctionError: a function that is in none of the tables.
        """
        if expr not in self.memo:
            self.memo[expr] = self._compute(expr)
        return self.memo[expr]

    def narrow(self, mask: Array) -> Scope:
        """Return the scope of the elements that also fulfil `mask`."""
        return Scope(self.leaf, self.mask & mask)

    def _compute(self, expr: Any) -> Any:
        calls = getattr(type(expr), "calls", None)
        if calls:
            return values(calls)(*map(self.value, expr.args))
        for kind in type(expr).__mro__:
            name = kind.__name__
            if name in NUMBERS:
                return NUMBERS[name](expr)
            if name in STRUCTURED:
                return STRUCTURED[name](self, expr)
            if name in FUNCTIONS:
                return FUNCTIONS[name](*map(self.value, expr.args))
        if not expr.args:
            return self.leaf(expr, self.mask)
        raise UnknownFunctionError(
            f"the function {expr.func} is unknown",
            expression=expr,
            cure="write it with functions that symdl knows, such as exp, log and Piecewise",
        )


def power(base: Any, exponent: Any) -> Any:
    """``base**exponent`` with exact small integer powers and square roots."""
    if not np.ndim(exponent):
        if exponent == -1:
            return np.divide(1.0, base)
        if exponent == 2:
            return base * base
        if exponent in (0.5, -0.5):
            root = np.sqrt(base)
            return root if exponent > 0 else np.divide(1.0, root)
    if np.result_type(base, exponent).kind in "iub" and np.any(np.asarray(exponent) < 0):
        base = np.asarray(base, float)
    return np.power(base, exponent)


def _piecewise(scope: Scope, expr: Any) -> Any:
    """The value of the first branch whose condition holds; NaN where none does."""
    complete = type(expr.args[-1][1]).__name__ == "BooleanTrue"
    open_ = np.asarray(True)
    branches = []
    for value, condition in expr.args:
        holds = np.asarray(scope.narrow(open_).value(condition))
        taken = open_ & holds
        branches.append((taken, scope.narrow(taken).value(value)))
        open_ = open_ & ~holds
    result: Any = branches.pop()[1] if complete else np.nan  # no NaN among integers, which stay int64
    for taken, value in reversed(branches):
        result = value if taken.ndim == 0 and taken else np.where(taken, value, result)
    return result


def _floor(scope: Scope, expr: Any) -> Any:
    """Whole numbers are divided exactly, since ``49*(1/49) < 1`` in floating point."""
    above, below = map(scope.value, ratio(expr.args[0]))
    if np.result_type(above, below).kind in "iu":
        return np.floor_divide(above, below)
    return np.floor(np.divide(above, below))


def _related(compare: Callable[[Any, Any], Any]) -> Callable[[Scope, Any], Any]:
    """A comparison; fractions of integers as integers, since ``7*(29/7)`` is not 29 for floats."""
    return lambda scope, expr: compare(*map(scope.value, whole_sides(*expr.args)))


def _compared(scope: Scope, expr: Any) -> Any:
    """A comparison that was not left to SymPy."""
    kind, *sides = parts(expr)
    return _COMPARISONS[kind.__name__](*map(scope.value, sides))


def _ite(scope: Scope, expr: Any) -> Any:
    return np.where(*map(scope.value, expr.args))


def _polygamma(order: Any, value: Any) -> Any:
    return special.psi(value) if np.all(order == 0) else special.polygamma(order, value)


def _loggamma(x: Any) -> Any:
    """Of the absolute value of the gamma function; of a complex number the analytic function."""
    return special.loggamma(x) if np.iscomplexobj(x) else special.gammaln(x)


def _log_cosh(x: Any) -> Any:
    near, far = (
        np.log1p(2 * np.sinh(np.clip(x, -1, 1) / 2) ** 2),
        np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))),
    )
    return np.where(np.abs(x) < 1, near, far - np.log(2))


def _log_one_minus_exp(x: Any) -> Any:
    return np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


def _log_exp_minus_one(x: Any) -> Any:
    return np.where(x < 1, np.log(np.expm1(x)), x + _log_one_minus_exp(-x))


def _log_erfc(x: Any) -> Any:
    return np.where(x > 0.5, np.log(special.erfcx(x)) - x * x, np.log1p(-special.erf(x)))


def _log_half_erfc(x: Any) -> Any:
    far = np.log(special.erfcx(x)) - x * x - np.log(2)
    return np.where(x > 0, far, np.log1p(-special.erfc(-x) / 2))


def _fold(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *values: reduce(function, values)


_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "StrictGreaterThan": np.greater,
    "GreaterThan": np.greater_equal,
    "StrictLessThan": np.less,
    "LessThan": np.less_equal,
    "Equality": np.equal,
    "Unequality": np.not_equal,
}

STRUCTURED: Mapping[str, Callable[[Scope, Any], Any]] = {
    "Piecewise": _piecewise,
    "floor": _floor,
    "ITE": _ite,
    "Compared": _compared,
    **{name: _related(compare) for name, compare in _COMPARISONS.items()},
}
"""Operations that look at the tree itself."""

NUMBERS: Mapping[str, Callable[[Any], Any]] = {
    "Integer": int,
    "Rational": float,
    "Float": float,
    "NumberSymbol": float,
    "Infinity": lambda _: np.inf,
    "NegativeInfinity": lambda _: -np.inf,
    "ComplexInfinity": lambda _: np.nan,
    "NaN": lambda _: np.nan,
    "BooleanTrue": lambda _: np.True_,
    "BooleanFalse": lambda _: np.False_,
}

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Add": _fold(np.add),
    "Mul": _fold(np.multiply),
    "Pow": power,
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "Log1p": np.log1p,
    "Expm1": np.expm1,
    "Logistic": special.expit,
    "Sech2": lambda x: 4 * special.expit(2 * x) * special.expit(-2 * x),
    "Softplus": lambda x: np.logaddexp(0.0, x),
    "LogCosh": _log_cosh,
    "Log1mExp": _log_one_minus_exp,
    "LogExpm1": _log_exp_minus_one,
    "Erfc": special.erfc,
    "Erfcx": special.erfcx,
    "LogErfc": _log_erfc,
    "LogHalfErfc": _log_half_erfc,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "cot": lambda x: 1 / np.tan(x),
    "sec": lambda x: 1 / np.cos(x),
    "csc": lambda x: 1 / np.sin(x),
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "coth": lambda x: 1 / np.tanh(x),
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "RandomUniform": uniform_numbers,
    "StopGradient": lambda x: x,
    "erf": special.erf,
    "erfc": special.erfc,
    "gamma": special.gamma,
    "loggamma": _loggamma,
    "polygamma": _polygamma,
    "Abs": np.abs,
    "sign": np.sign,
    "Max": _fold(np.maximum),
    "Min": _fold(np.minimum),
    "ceiling": np.ceil,
    "Mod": np.mod,
    "FloorDivide": np.floor_divide,
    "Remainder": np.remainder,
    "And": _fold(np.logical_and),
    "Or": _fold(np.logical_or),
    "Xor": _fold(np.logical_xor),
    "Not": np.logical_not,
}
"""What each function does with the values of its arguments."""
