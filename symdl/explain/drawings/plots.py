"""Plots for derivations: activation functions, the two spaces of fitting. Needs the extra ``train``.

Enters: SymPy functions, or data and the path of the parameters. Leaves: a ``matplotlib.figure.Figure``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sympy as sp

from symdl.errors import ExplainError, require_extra
from symdl.explain.derive import derive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def activation_figure(functions: Mapping[str, sp.Expr], *, reach: float = 4.0, points: int = 161) -> Any:
    """Draw functions of one variable and their derivatives, one panel each.

    Args:
        functions: expressions in one symbol, under the names to show.
        reach: the plots go from ``-reach`` to ``reach``.
        points: at which each is evaluated.

    Raises:
        ExplainError: a function does not have exactly one variable.
        MissingExtraError: matplotlib is not installed.
    """
    import numpy as np

    columns = min(len(functions), 2)
    rows = -(-len(functions) // columns)
    figure = require_extra("matplotlib.figure", "train").Figure(
        figsize=(4.4 * columns, 3.1 * rows), layout="constrained"
    )
    grid = np.linspace(-reach, reach, points)
    for place, (name, f) in enumerate(functions.items()):
        if len(f.free_symbols) != 1:
            raise ExplainError(f"{f} has not one variable", cure="pass functions of one symbol")
        (x,) = f.free_symbols
        slope = derive(f, x).result
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.plot(grid, _values(f, x, grid), lw=2, label="f(x)")
        axes.plot(grid, _values(slope, x, grid), "--", lw=1.8, label="f'(x)")
        axes.axhline(0, color="0.75", lw=0.8, zorder=0)
        axes.axvline(0, color="0.75", lw=0.8, zorder=0)
        axes.set(title=name, xlabel="x")
        axes.legend(loc="upper left")
    return figure


def _values(f: sp.Expr, x: sp.Symbol, grid: Any) -> list[float]:
    return [float(sp.N(f.xreplace({x: sp.Float(float(place))}))) for place in grid]


def two_spaces(
    x: ArrayLike,
    y: ArrayLike,
    predict: Callable[[Any, Any, Any], Any],
    path: ArrayLike,
    *,
    names: tuple[str, str] = (r"$\theta_1$", r"$\theta_2$"),
) -> Any:
    """Draw the space of the data with the fitted curve, and the space of the parameters with their path.

    Args:
        x: the data's inputs, ``(n,)``.
        y: the data's outputs, ``(n,)``.
        predict: ``predict(x, theta_1, theta_2)``, in NumPy; the loss is the mean squared difference from `y`.
        path: the parameters after each step, ``(steps, 2)``; the last ones give the curve.
        names: of the two parameters.

    Raises:
        ExplainError: `path` has not two columns, or the data are not two vectors of one length.
        MissingExtraError: matplotlib is not installed.
    """
    import numpy as np

    inputs, targets, way = (np.asarray(v, dtype=float) for v in (x, y, path))
    if way.ndim != 2 or way.shape[1] != 2 or inputs.ndim != 1 or inputs.shape != targets.shape:
        raise ExplainError(
            "the two spaces cannot be drawn",
            shapes={"x": inputs.shape, "y": targets.shape, "path": way.shape},
            cure="pass vectors of one length and a path of shape (steps, 2)",
        )
    figure = require_extra("matplotlib.figure", "train").Figure(figsize=(9.6, 4.1), layout="constrained")
    data, space = figure.subplots(1, 2)
    line = np.linspace(inputs.min(), inputs.max(), 200)
    data.plot(inputs, targets, "o", ms=4, alpha=0.7, label="data")
    data.plot(line, predict(line, *way[0]), ":", color="0.5", label="before")
    data.plot(line, predict(line, *way[-1]), lw=2, color="C1", label="fitted")
    data.set(title="space of the data", xlabel="$x$", ylabel="$y$")
    data.legend()
    low, high = way.min(axis=0), way.max(axis=0)
    room = np.maximum(0.35 * (high - low), 0.3)
    first, second = (np.linspace(low[n] - room[n], high[n] + room[n], 70) for n in range(2))
    loss = [[float(np.mean((predict(inputs, a, b) - targets) ** 2)) for a in first] for b in second]
    surface = space.contourf(first, second, np.log10(np.maximum(loss, 1e-12)), levels=24, cmap="viridis")
    figure.colorbar(surface, ax=space, label="log$_{10}$ of the loss")
    space.plot(way[:, 0], way[:, 1], "o-", color="white", ms=3, lw=1.2)
    space.plot(*way[0], "s", color="white", ms=7)
    space.plot(*way[-1], "*", color="C1", ms=14)
    space.set(title="space of the parameters", xlabel=names[0], ylabel=names[1])
    return figure
