"""The plot of a fit. Needs the extra ``train``.

Enters: a fit. Leaves: a ``matplotlib.figure.Figure``: data, curve and band above, residuals below, for each
set.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.errors import FittingError, require_extra
from symdl.explain.notation.names import label_of, label_text
from symdl.express.tensors import Tensor
from symdl.fitting.bands import band
from symdl.fitting.outcome import Outcome
from symdl.fitting.points import given

_GRID = 400  # points of a curve
_BEYOND = 0.03  # of the range of the data


def figure(fit: Outcome, *, level: float, prediction: bool) -> Any:
    """Draw all sets side by side.

    Args:
        fit: what to draw.
        level: of the band.
        prediction: draw the band of one more measured value, too.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    sets = fit.problem.sets
    made = require_extra("matplotlib.figure", "train").Figure(
        figsize=(6.4 * min(len(sets), 3), 4.8 * -(-len(sets) // 3)), layout="constrained"
    )
    columns = min(len(sets), 3)
    rows = -(-len(sets) // columns)
    panels = made.subfigures(rows, columns, squeeze=False).ravel()
    for which, panel in enumerate(panels[: len(sets)]):
        above, below = panel.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1], "hspace": 0.02}
        )
        _draw(fit, which, above, below, level, prediction)
    return made


def _draw(fit: Outcome, which: int, above: Any, below: Any, level: float, prediction: bool) -> None:
    one = fit.problem.sets[which]
    values, _ = fit.problem.unweighted(fit.solution.x)
    fitted, name = values[which], label_text(label_of(one.name))
    single = next(iter(one.data)) if len(one.data) == 1 and not isinstance(one.formula, Tensor) else None
    across = one.data[single] if single is not None else fitted
    points = {"fmt": "o", "ms": 3.5, "color": "0.25", "elinewidth": 0.8, "zorder": 3}
    above.errorbar(across, one.measured, yerr=one.sigma, label="measured", **points)
    if single is not None:
        _curve(fit, which, above, single, level, prediction)
    else:
        ends = [min(fitted.min(), one.measured.min()), max(fitted.max(), one.measured.max())]
        above.plot(ends, ends, color="C3", lw=1.5, label="fitted")
    above.set_ylabel(name)
    above.legend(frameon=False)
    residuals = (one.measured - fitted) / one.weighted
    below.axhline(0, color="C3", lw=1.2)
    below.errorbar(across, residuals, yerr=None if one.sigma is None else np.ones_like(residuals), **points)
    below.set_ylabel("residual" if one.sigma is None else "residual / σ")
    below.set_xlabel(label_text(label_of(single)) if single is not None else f"fitted {name}")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    above.tick_params(labelbottom=False)


def _curve(fit: Outcome, which: int, axes: Any, name: str, level: float, prediction: bool) -> None:
    """Draw the curve and its bands; where the data leave parameters open, the curve alone."""
    one = fit.problem.sets[which]
    low, high = one.data[name].min(), one.data[name].max()
    beyond = _BEYOND * (high - low)
    first = low if low >= 0 > low - beyond else low - beyond  # there may be nothing below 0
    grid = np.linspace(first, high + beyond, _GRID)
    where = given(fit.problem, {name: grid}, {}, one.name)
    value, jacobian = where.at(fit.problem, fit.solution.x)
    axes.plot(grid, value, color="C3", lw=1.5, label="fitted", zorder=4)
    wide = fit.reach(level)
    share = f"{100 * level:g} %"
    try:
        found = band(value, jacobian, fit.covariance, wide, 0.0)
        axes.fill_between(grid, found.lower, found.upper, color="C3", alpha=0.25, lw=0, label=f"{share} band")
        if prediction:
            more = band(value, jacobian, fit.covariance, wide, where.noise(fit, None))
            shown = {"color": "C0", "alpha": 0.12, "lw": 0, "label": f"{share} of measurements", "zorder": 0}
            axes.fill_between(grid, more.lower, more.upper, **shown)
    except FittingError:
        return
