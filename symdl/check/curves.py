"""How good a central difference is: its error against the width of the step.

Enters: a scalar function, a variable, a point. Leaves: the errors, and their plot: they fall with the square
of the step until rounding takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.differentiate.gradients import grad
from symdl.errors import ArgumentError, DerivativeError, require_extra
from symdl.express.operations import stable_graph
from symdl.express.program import Program, collect
from symdl.express.values import numbers
from symdl.run.reference.interpreter import outputs


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCurve:
    """The relative errors of central differences.

    Attributes:
        deltas: the half-widths of the step.
        errors: of ``(f(x+d) - f(x-d)) / (2*d)``, relative to `exact`.
        exact: the derivative, from the derived formula.
        reverse: the same by reverse mode, in floating point.
    """

    deltas: NDArray[Any]
    errors: NDArray[Any]
    exact: float
    reverse: float

    @property
    def best(self) -> float:
        """The step with the smallest error."""
        return float(self.deltas[int(np.argmin(self.errors))])

    def plot(self) -> Any:
        """Return a figure of the errors, both axes logarithmic. Needs the extra ``train``."""
        figure = require_extra("matplotlib.figure", "train").Figure(figsize=(5.6, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.loglog(self.deltas, np.maximum(self.errors, 1e-17), "o-", ms=3, label="central difference")
        error = abs(self.reverse - self.exact) / (abs(self.exact) or 1.0)
        axes.axhline(max(error, 1e-17), color="C1", ls="--", label="reverse mode")
        axes.set(xlabel=r"$\delta$", ylabel="relative error")
        axes.legend()
        return figure


def error_curve(
    f: sp.Expr, wrt: sp.Symbol, at: Mapping[sp.Symbol, float], *, deltas: Sequence[float] | None = None
) -> ErrorCurve:
    """Compare central differences of many widths with the derived derivative at one point.

    Args:
        f: an expression in ordinary symbols.
        wrt: by which to differentiate.
        at: a number for every symbol.
        deltas: the half-widths; by default 1e-1 down to 1e-13.

    Raises:
        ArgumentError: a symbol has no number, or the derivative is 0 there.
        DerivativeError: `f` does not depend on `wrt`.
    """
    if not isinstance(f, sp.Expr):
        raise ArgumentError(f"{f!r} is no expression in symbols", cure="pass one, or use check_gradients")
    missing = f.free_symbols - set(at)
    if missing:
        raise ArgumentError(f"no number for {min(missing, key=str)}", cure="give one for every symbol")
    values = {s.name: _one(s.name, v) for s, v in at.items() if s in f.free_symbols}
    program = stable_graph(f)
    wanted = [t for t in program.inputs if t.name == wrt.name]
    if not wanted:
        raise DerivativeError(
            f"{f} does not depend on {wrt}", cure="differentiate with respect to one of its symbols"
        )
    backward = collect([grad(program.outputs[0], wanted[0])])
    exact = _exact(backward, {s.name: value for s, value in at.items()})
    if exact == 0:
        raise ArgumentError(f"the derivative with respect to {wrt} is 0 there", cure="choose another point")

    def value(shift: float) -> float:
        moved = {**values, wrt.name: values[wrt.name] + shift}
        return float(outputs(program, moved)[0])

    used = {t.name for t in backward.inputs}
    reverse = float(outputs(backward, {name: v for name, v in values.items() if name in used})[0])
    return _curve(value, exact, reverse, deltas)


def curve(
    function: Callable[[dict[str, NDArray[Any]]], float],
    point: Mapping[str, NDArray[Any]],
    name: str,
    index: tuple[int, ...],
    exact: float,
    reverse: float,
) -> ErrorCurve:
    """Return the curve of one element of an array at a point, given its derivative in two ways."""
    start = np.array(point[name], dtype=float)

    def value(shift: float) -> float:
        moved = start.copy()
        moved[index] += shift
        return float(function({**point, name: moved}))

    return _curve(value, exact, reverse, None)


def _curve(
    value: Callable[[float], float], exact: float, reverse: float, deltas: Sequence[float] | None
) -> ErrorCurve:
    """Return the errors of quotients of many widths; absolute ones where the derivative is 0."""
    steps = np.asarray(deltas if deltas is not None else np.logspace(-1, -13, 37), dtype=float)
    slopes = np.array([(value(d) - value(-d)) / (2 * d) for d in steps])
    return ErrorCurve(steps, np.abs(slopes - exact) / (abs(exact) or 1.0), exact, reverse)


def _one(name: str, value: Any) -> float:
    array = numbers(value, name)
    if array.ndim:
        shapes = {name: array.shape}
        raise ArgumentError(f"{name} is no single number", shapes=shapes, cure="pass one point at a time")
    return float(array)


def _exact(program: Program, at: Mapping[str, float]) -> float:
    """The value of a program of rank-0 equations, computed with 40 digits."""
    values = {t.at(): sp.Float(at[str(t.name)], 40) for t in program.inputs}
    for equation in program.equations:
        values[equation.target] = sp.N(equation.body.xreplace(values), 40)
    return float(values[program.outputs[0].at()])
