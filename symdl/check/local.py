"""Local derivatives of scalar operations on arrays, written down by hand for the tape.

Enters: an operation's name, the place of an argument, the operation's value and its arguments.
Leaves: the partial derivative with respect to that argument, as an array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

Local = Callable[..., Any]
"""``local(place, value, *arguments)``: the derivative of ``value`` in argument number `place`."""


def _product(place: int, value: Any, *args: Any) -> Any:
    others = [arg for other, arg in enumerate(args) if other != place]
    result: Any = 1.0
    for arg in others:
        result = result * arg
    return result


def _power(place: int, value: Any, base: Any, exponent: Any) -> Any:
    if place == 0:
        return np.where(exponent == 0, 0.0, exponent * np.power(np.asarray(base, float), exponent - 1))
    return np.where((base == 0) & (exponent > 0), 0.0, value * np.log(base))


def _arctan2(place: int, value: Any, y: Any, x: Any) -> Any:
    return (x if place == 0 else -y) / (x * x + y * y)


def _unary(slope: Callable[[Any, Any], Any]) -> Local:
    """Wrap ``slope(y, x)``, the derivative of ``y = f(x)``."""
    return lambda place, value, arg: slope(value, arg)


def _polygamma(place: int, value: Any, order: Any, arg: Any) -> Any:
    return special.polygamma(np.asarray(order) + 1, arg) if place else np.nan


LOCAL: Mapping[str, Local] = {
    "Add": lambda place, value, *args: 1.0,
    "Mul": _product,
    "Pow": _power,
    "exp": _unary(lambda y, x: y),
    "log": _unary(lambda y, x: 1 / x),
    "log1p": _unary(lambda y, x: 1 / (1 + x)),
    "expm1": _unary(lambda y, x: y + 1),
    "sin": _unary(lambda y, x: np.cos(x)),
    "cos": _unary(lambda y, x: -np.sin(x)),
    "tan": _unary(lambda y, x: 1 + y * y),
    "cot": _unary(lambda y, x: -1 - y * y),
    "sec": _unary(lambda y, x: y * np.tan(x)),
    "csc": _unary(lambda y, x: -y / np.tan(x)),
    "asin": _unary(lambda y, x: 1 / np.sqrt(1 - x * x)),
    "acos": _unary(lambda y, x: -1 / np.sqrt(1 - x * x)),
    "atan": _unary(lambda y, x: 1 / (1 + x * x)),
    "atan2": _arctan2,
    "Mod": lambda place, value, x, m: -np.floor(x / m) if place else 1.0,
    "Remainder": lambda place, value, x, m: -np.floor_divide(x, m) if place else 1.0,
    "sinh": _unary(lambda y, x: np.cosh(x)),
    "cosh": _unary(lambda y, x: np.sinh(x)),
    "tanh": _unary(lambda y, x: 1 - y * y),
    "coth": _unary(lambda y, x: 1 - y * y),
    "asinh": _unary(lambda y, x: 1 / np.sqrt(x * x + 1)),
    "acosh": _unary(lambda y, x: 1 / np.sqrt(x * x - 1)),
    "atanh": _unary(lambda y, x: 1 / (1 - x * x)),
    "Abs": _unary(lambda y, x: np.sign(x)),
    "erf": _unary(lambda y, x: 2 / np.sqrt(np.pi) * np.exp(-x * x)),
    "erfc": _unary(lambda y, x: -2 / np.sqrt(np.pi) * np.exp(-x * x)),
    "gamma": _unary(lambda y, x: y * special.psi(x)),
    "loggamma": _unary(lambda y, x: special.psi(x)),
    "polygamma": _polygamma,
    "StopGradient": _unary(lambda y, x: 0.0),
}
"""Maxima and minima need no entry: the tape records them as a choice, as it does cases."""


def numeric(function: Callable[..., Any]) -> Local:
    """Return the local derivative of any smooth function, from its values: to some twelve digits."""

    def local(place: int, value: Any, *args: Any) -> Any:
        step = 2e-3 * np.maximum(1.0, np.abs(args[place]))

        def at(count: int) -> Any:
            return function(*(a + count * step if n == place else a for n, a in enumerate(args)))

        differences = [(at(count) - at(-count)) / step for count in (1, 2, 3)]
        return sum(weight * d for weight, d in zip((0.75, -0.15, 1 / 60), differences, strict=True))

    return local
