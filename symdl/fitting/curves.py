"""Curves that laboratories fit every day, with start values guessed from the data.

Enters: a symbol, and a number where there are several. Leaves: a `Curve`: a formula, and how to guess its
parameters. Curves add: ``gaussian(x, 1) + gaussian(x, 2) + line(x)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import FittingError
from symdl.fitting.model import Matrix
from symdl.train.layout import Vector

Shape = tuple[float, ...]
"""Values of the parameters in which a curve is not linear."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One summand of a curve.

    Attributes:
        kind: what it is called.
        formula: over `symbols` and the variable.
        symbols: its parameters, in order.
        columns: of points ``(n,)`` and a shape the curves ``(n, k)`` of which it is a linear combination.
        shapes: candidates, of points; None for a peak, whose shape is read off.
        values: the parameters, of the combination, the shape and the points.
        bounds: of some parameters.
        half: of a peak: its ``width`` for a half width at half height of 1.
    """

    kind: str
    formula: sp.Expr
    symbols: tuple[sp.Symbol, ...]
    columns: Callable[[Vector, Shape], Matrix]
    shapes: Callable[[Vector], Sequence[Shape]] | None
    values: Callable[[Vector, Shape, Vector], Sequence[float]]
    bounds: Mapping[str, tuple[float | None, float | None]]
    half: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A formula whose start values can be guessed.

    Attributes:
        x: its variable.
        parts: its summands.
    """

    x: sp.Symbol
    parts: tuple[Part, ...]

    @property
    def formula(self) -> sp.Expr:
        """The curve as an expression."""
        return sp.Add(*(part.formula for part in self.parts))

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """Its parameters, in order."""
        return tuple(symbol for part in self.parts for symbol in part.symbols)

    @property
    def bounds(self) -> dict[str, tuple[float | None, float | None]]:
        """Bounds that follow from what parameters mean: a width is positive."""
        return {name: pair for part in self.parts for name, pair in part.bounds.items()}

    def __add__(self, other: Any) -> Curve:
        if not isinstance(other, Curve):
            return NotImplemented
        if other.x != self.x:
            cure = "make them of the same symbol"
            raise FittingError(f"one curve is of {self.x}, the other of {other.x}", cure=cure)
        taken = set(map(str, self.parameters))
        if twice := [str(symbol) for symbol in other.parameters if str(symbol) in taken]:
            cure = "number them, as in gaussian(x, 1) + gaussian(x, 2)"
            raise FittingError(f"both curves have a parameter {twice[0]}", cure=cure)
        return Curve(self.x, (*self.parts, *other.parts))


def constant(x: Any, number: int | None = None) -> Curve:
    """A constant background: ``offset``.

    >>> sd.fitting.constant(sp.Symbol("x")).formula
    offset
    """
    (c,) = _symbols("offset", number)
    return _linear("constant", x, c, (c,), lambda at, _: np.ones((at.size, 1)))


def line(x: Any, number: int | None = None) -> Curve:
    """A straight line: ``intercept + slope*x``.

    >>> sd.fitting.line(sp.Symbol("x")).formula
    intercept + slope*x
    """
    c, m = _symbols("intercept slope", number)
    x = _variable(x)
    return _linear("line", x, c + m * x, (c, m), lambda at, _: np.array([np.ones(at.size), at]).T)


def decay(x: Any, number: int | None = None) -> Curve:
    """An exponential decay: ``amplitude*exp(-rate*x)``; it grows where the rate is negative.

    >>> sd.fitting.decay(sp.Symbol("x")).formula
    amplitude*exp(-rate*x)
    """
    a, k = _symbols("amplitude rate", number)
    x = _variable(x)

    def rates(at: Vector) -> Sequence[Shape]:
        found = np.geomspace(0.1, 80, 50) / np.ptp(at)
        return [(float(r),) for r in (*-found[::2], *found)]

    def columns(at: Vector, shape: Shape) -> Matrix:
        found: Matrix = np.exp(-shape[0] * (at - at.min()) - _largest(shape[0], at))[:, None]
        return found

    def values(found: Vector, shape: Shape, at: Vector) -> Sequence[float]:
        return found[0] * np.exp(shape[0] * at.min() - _largest(shape[0], at)), shape[0]

    return _part("decay", x, a * sp.exp(-k * x), (a, k), columns, rates, values)


def oscillation(x: Any, number: int | None = None) -> Curve:
    """An oscillation: ``amplitude*sin(2*pi*frequency*x + phase)``.

    >>> sd.fitting.oscillation(sp.Symbol("x")).formula
    amplitude*sin(2*pi*frequency*x + phase)
    """
    a, f, p = _symbols("amplitude frequency phase", number)
    x = _variable(x)

    def frequencies(at: Vector) -> Sequence[Shape]:
        count = min(max(2 * at.size, 40), 2000)
        return [(float(f),) for f in np.arange(1, count) / (4 * np.ptp(at))]

    def columns(at: Vector, shape: Shape) -> Matrix:
        angle = 2 * np.pi * shape[0] * at
        return np.array([np.sin(angle), np.cos(angle)]).T

    def values(found: Vector, shape: Shape, at: Vector) -> Sequence[float]:
        return float(np.hypot(*found)), shape[0], float(np.arctan2(found[1], found[0]))

    return _part("oscillation", x, a * sp.sin(2 * sp.pi * f * x + p), (a, f, p), columns, frequencies, values)


def logistic(x: Any, number: int | None = None) -> Curve:
    """A step: ``height/(1 + exp(-(x - middle)/width))``; it falls where the height is negative.

    >>> sd.fitting.logistic(sp.Symbol("x")).formula
    height/(exp((middle - x)/width) + 1)
    """
    h, m, w = _symbols("height middle width", number)
    x = _variable(x)

    def shapes(at: Vector) -> Sequence[Shape]:
        middles = np.quantile(at, np.linspace(0.05, 0.95, 19))
        return [(float(c), float(np.ptp(at) * share)) for c in middles for share in (0.01, 0.03, 0.08, 0.2)]

    def columns(at: Vector, shape: Shape) -> Matrix:
        return (0.5 * (1 + np.tanh((at - shape[0]) / (2 * shape[1]))))[:, None]

    formula = h / (1 + sp.exp(-(x - m) / w))
    return _part("logistic", x, formula, (h, m, w), columns, shapes, _height_and_shape, {str(w): (0, None)})


def gaussian(x: Any, number: int | None = None) -> Curve:
    """A Gaussian peak: ``height*exp(-((x - centre)/width)**2/2)``; at half height 2.355 widths wide.

    >>> sd.fitting.gaussian(sp.Symbol("x")).formula
    height*exp(-(-centre + x)**2/(2*width**2))
    """
    h, c, w = _symbols("height centre width", number)
    x = _variable(x)
    half = 1 / np.sqrt(2 * np.log(2))

    def columns(at: Vector, shape: Shape) -> Matrix:
        return np.exp(-(((at - shape[0]) / shape[1]) ** 2) / 2)[:, None]

    formula = h * sp.exp(-(((x - c) / w) ** 2) / 2)
    return _part(
        "gaussian", x, formula, (h, c, w), columns, None, _height_and_shape, {str(w): (0, None)}, half
    )


def lorentzian(x: Any, number: int | None = None) -> Curve:
    """A Lorentzian peak: ``height/(1 + ((x - centre)/width)**2)``; at half height 2 widths wide.

    >>> sd.fitting.lorentzian(sp.Symbol("x")).formula
    height/(1 + (-centre + x)**2/width**2)
    """
    h, c, w = _symbols("height centre width", number)
    x = _variable(x)

    def columns(at: Vector, shape: Shape) -> Matrix:
        return (1 / (1 + ((at - shape[0]) / shape[1]) ** 2))[:, None]

    formula = h / (1 + ((x - c) / w) ** 2)
    return _part("lorentzian", x, formula, (h, c, w), columns, None, _height_and_shape, {str(w): (0, None)})


def pseudo_voigt(x: Any, number: int | None = None) -> Curve:
    """A peak between both: ``fraction`` Lorentzian, the rest Gaussian; at half height 2 widths wide.

    >>> sd.fitting.pseudo_voigt(sp.Symbol("x")).formula
    height*(fraction/(1 + (-centre + x)**2/width**2) + (1 - fraction)*exp(-(-centre + x)**2*log(2)/width**2))
    """
    h, c, w, f = _symbols("height centre width fraction", number)
    x = _variable(x)

    def columns(at: Vector, shape: Shape) -> Matrix:
        z = ((at - shape[0]) / shape[1]) ** 2
        found: Matrix = (0.5 / (1 + z) + 0.5 * np.exp(-np.log(2) * z))[:, None]
        return found

    def values(found: Vector, shape: Shape, at: Vector) -> Sequence[float]:
        return (*_height_and_shape(found, shape, at), 0.5)

    z = ((x - c) / w) ** 2
    formula = h * (f / (1 + z) + (1 - f) * sp.exp(-sp.log(2) * z))
    bounds = {str(w): (0, None), str(f): (0, 1)}
    return _part("pseudo_voigt", x, formula, (h, c, w, f), columns, None, values, bounds)


def _height_and_shape(found: Vector, shape: Shape, at: Vector) -> Sequence[float]:
    return (float(found[0]), *shape)


def _largest(rate: float, at: Vector) -> float:
    """Return the largest exponent of a decay on points, so that its column is at most 1."""
    return max(0.0, -rate * float(np.ptp(at)))


def _variable(x: Any) -> sp.Symbol:
    if isinstance(x, str):
        return sp.Symbol(x)
    if not isinstance(x, sp.Symbol):
        raise FittingError(f"{x!r} is no symbol", cure='pass the variable of the curve: sp.Symbol("x")')
    return x


def _symbols(names: str, number: int | None) -> list[sp.Symbol]:
    return [sp.Symbol(name if number is None else f"{name}_{number}") for name in names.split()]


def _linear(kind: str, x: Any, formula: sp.Expr, symbols: tuple[sp.Symbol, ...], columns: Any) -> Curve:
    return _part(kind, _variable(x), formula, symbols, columns, lambda _: [()], lambda found, *_: list(found))


def _part(
    kind: str,
    x: sp.Symbol,
    formula: sp.Expr,
    symbols: tuple[sp.Symbol, ...],
    columns: Any,
    shapes: Any,
    values: Any,
    bounds: Any = None,
    half: float = 1.0,
) -> Curve:
    return Curve(x, (Part(kind, formula, symbols, columns, shapes, values, bounds or {}, half),))
