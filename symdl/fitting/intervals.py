"""Confidence intervals of single parameters.

Enters: a fit and the place of a number in its vector. Leaves: the ends of an interval: by the curvature, or
by the profile of the sum of squares, minimised over all other parameters.
"""

from __future__ import annotations

import numpy as np

from symdl.errors import FittingError
from symdl.fitting.outcome import Outcome
from symdl.fitting.solve import solve
from symdl.train.layout import Vector

Interval = tuple[float, float]
_WIDEST = 60  # times the reach of the linear interval


def linear(fit: Outcome, place: int, wide: float) -> Interval:
    """Return ``value ± wide * error``."""
    value, error = fit.solution.x[place], np.sqrt(fit.covariance[place, place])
    return float(value - wide * error), float(value + wide * error)


def profile(fit: Outcome, place: int, wide: float) -> Interval:
    """Return how far a number may go until the sum of squares is too large.

    An end is at the number's bound, or infinite, where the sum of squares stays small enough.

    Raises:
        FittingError: for a loss other than squares, if the data leave the number open, or if the profile
            leads to a better minimum.
    """
    label = fit.labels[place]
    if fit.loss.name != "linear":
        cure = "use method='linear'"
        raise FittingError(f"loss={fit.loss.name!r} has no profile likelihood", cure=cure)
    if fit.spread.open[place] or not np.isfinite(wide):
        cure = "fix one of the parameters that the data leave open, or measure more points"
        raise FittingError(f"the data leave {label} open", cure=cure)
    return _end(fit, place, -wide), _end(fit, place, wide)


def _end(fit: Outcome, place: int, wide: float) -> float:
    from scipy.optimize import brentq

    parameters = fit.problem.parameters
    side = np.sign(wide)
    value = float(fit.solution.x[place])
    limit = float((parameters.upper if side > 0 else parameters.lower)[place])
    error = float(np.sqrt(fit.covariance[place, place])) or max(abs(value) * 1e-3, 1e-8)
    walk = _Walk(fit, place)
    near, far = value, value + wide * error
    while True:
        far = min(far, limit) if side > 0 else max(far, limit)
        if walk.beyond(far) >= abs(wide):
            break
        if far == limit or not np.isfinite(far):
            return limit
        if abs(far - value) > _WIDEST * abs(wide) * error:
            return float(side * np.inf)
        near, far = far, value + (far - value) * 1.6
    found: float = brentq(lambda v: walk.beyond(v) - abs(wide), near, far, xtol=1e-6 * error, rtol=1e-12)
    return found


class _Walk:
    """Minimises over all numbers but one, each time from where it was before."""

    def __init__(self, fit: Outcome, place: int) -> None:
        self.fit, self.place = fit, place
        self.held = np.zeros(fit.solution.x.size, bool)
        self.held[place] = True
        variance = fit.covariance[place, place]
        slopes = (
            np.nan_to_num(fit.covariance[:, place]) / variance if variance > 0 else np.zeros(self.held.size)
        )
        self.slopes: Vector = slopes

    def beyond(self, value: float) -> float:
        """Return by how many standard deviations of a residual the sum of squares grows, as a root."""
        fit, parameters = self.fit, self.fit.problem.parameters
        x = fit.solution.x + self.slopes * (value - fit.solution.x[self.place])
        x = np.clip(x, parameters.lower, parameters.upper)
        x[self.place] = value
        if not np.isfinite(fit.problem.at(x)[0]).all():
            x = fit.solution.x.copy()
            x[self.place] = value
        if not np.isfinite(fit.problem.at(x)[0]).all():
            return np.inf
        found = solve(fit.problem, x, loss=fit.loss, limit=fit.limit, held=self.held)
        unit = 1.0 if fit.absolute_sigma else fit.spread.scale
        more = 2 * (found.cost - fit.solution.cost) / unit**2
        if more < -1e-4:
            better = {str(n): np.round(v, 12) for n, v in parameters.layout.unflatten(found.x).items()}
            cure = f"fit again from there: start={better}"
            raise FittingError("the profile leads to a better fit than this one", cure=cure)
        return float(np.sqrt(max(more, 0.0)))
