"""Activation functions and their derivatives.

Enters: functions of tensors. Leaves: a figure, each in a panel, with the derivative that symdl finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symdl.differentiate.gradients import grad
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.reducing import sum as total
from symdl.express.tensors import Tensor
from symdl.figures import COLOURS, GREY, beside, panels, quiet
from symdl.run.compile import compile as compiled

_POINTS = 401


def activations(functions: Mapping[str, Callable[[Tensor], Tensor]], *, reach: float = 4.0) -> Any:
    """Draw functions of each entry and their derivatives: ``sd.plots.activations({"ReLU": sd.relu})``.

    The derivative is the one that networks are trained with; where there is none it jumps.

    Args:
        functions: from a tensor to one of the same shape, under the names to show.
        reach: the plots go from ``-reach`` to ``reach``.

    Returns:
        The ``matplotlib.figure.Figure``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure, all_axes = panels(len(functions), width=4.2, height=3.0)
    x = tensor("x", (Dim("points"),))
    grid = np.linspace(-reach, reach, _POINTS)
    for axes, (name, function) in zip(all_axes, functions.items(), strict=True):
        y = function(x)
        value, slope = compiled([y, grad(total(y), x)])(x=grid)
        for place in (axes.axhline, axes.axvline):
            place(0, color="#d5d9de", lw=0.9, zorder=0)
        axes.plot(grid, value, color=COLOURS[0], lw=2, label="function")
        broken = np.where(np.abs(np.diff(slope, append=slope[-1])) > 0.2, np.nan, slope)  # a jump is no line
        axes.plot(grid, broken, color=COLOURS[1], lw=1.7, ls=(0, (5, 2)), label="derivative")
        quiet(axes, grid=False, xlabel="x")
        axes.text(0.98, 1.03, name, transform=axes.transAxes, ha="right", color=GREY, fontweight="bold")
        beside(axes)
    return figure
