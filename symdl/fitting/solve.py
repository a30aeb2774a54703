"""The search for the least squares.

Enters: a `Problem` and where to start. Leaves: a `Solution`. The driver is SciPy's `trf` with the derived
Jacobian, its steps scaled by the columns of it; a few Gauss-Newton steps then settle the last digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.fitting.losses import Loss
from symdl.fitting.model import Matrix
from symdl.fitting.problem import Problem
from symdl.train.layout import Vector

Mask = NDArray[np.bool_]
_TOLERANCE = 1e-14
_NEAR = 1e-6  # of a bound, relative to the number or to the distance of its bounds
_POLISH = 40  # Gauss-Newton steps at most
_ROUNDING = 1e-10  # of a sum of squares
_REASONS = {
    -1: "no step makes it smaller",
    0: "stopped: too many evaluations",
    1: "the gradient is zero",
    2: "the sum of squares no longer changes",
    3: "the parameters no longer change",
    4: "neither the sum of squares nor the parameters change",
}


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Where a search ended.

    Attributes:
        x: the vector.
        cost: half the sum of the (robust) losses.
        residuals: at `x`, weighted.
        jacobian: theirs.
        evaluations: how often residuals were computed.
        reason: why it ended, in words.
        converged: whether it ended by itself.
        bound: which numbers lie at a bound, beyond which the cost is less.
    """

    x: Vector
    cost: float
    residuals: Vector
    jacobian: Matrix
    evaluations: int
    reason: str
    converged: bool
    bound: Mask


def solve(problem: Problem, x: Vector, *, loss: Loss, limit: int, held: Mask | None = None) -> Solution:
    """Minimise the sum of the losses of all residuals.

    Args:
        problem: what to fit.
        x: where to start, within bounds.
        loss: of a residual.
        limit: how often residuals may be computed.
        held: which numbers stay as they are in `x`.

    Raises:
        FittingError: a formula or a derivative is not finite where it is needed.
    """
    still = np.zeros(x.size, bool) if held is None else held
    found = _searched(problem, x, loss, limit, still)
    at = _at_bounds(problem, found) & ~still
    if at.any():  # a trust region inside of bounds never quite reaches them
        edge = found.x.copy()
        lower, upper = problem.parameters.lower, problem.parameters.upper
        down = found.x - lower < upper - found.x
        edge[at] = np.where(down, lower, upper)[at]
        snapped = _searched(problem, edge, loss, limit, still | at)
        if np.isfinite(snapped.cost) and snapped.cost <= found.cost * (1 + 1e-9):
            total = found.evaluations + snapped.evaluations
            found = replace(
                snapped, evaluations=total, bound=at, converged=found.converged and snapped.converged
            )
    return found


def _searched(problem: Problem, x: Vector, loss: Loss, limit: int, held: Mask) -> Solution:
    """Search over the numbers that are not held, inside of their bounds."""
    from scipy.optimize import least_squares

    free = ~held
    point = x.copy()

    def full(part: Vector) -> Vector:
        point[free] = part
        return point

    def residuals(part: Vector) -> Vector:
        return problem.at(full(part))[0]

    def jacobian(part: Vector) -> Matrix:
        found = problem.at(full(part))[1]
        if not np.isfinite(found).all():
            problem.check(full(part), "on the way")
        return found[:, free]

    if not free.any():
        return _solution(problem, x, loss, 1, 1)
    lower, upper = problem.parameters.lower[free], problem.parameters.upper[free]
    name: Any = loss.name
    with np.errstate(all="ignore"):
        found: Any = least_squares(
            residuals,
            x[free],
            jacobian,
            bounds=(lower, upper),
            method="trf",
            x_scale="jac",
            loss=name,
            f_scale=loss.scale,
            ftol=_TOLERANCE,
            xtol=_TOLERANCE,
            gtol=_TOLERANCE,
            max_nfev=limit,
        )
        end, steps = full(found.x).copy(), 0
        if loss.name == "linear" and found.status > 0:
            end, steps = _polished(problem, end, free)
    return _solution(problem, end, loss, int(found.nfev) + steps, int(found.status))


def _solution(problem: Problem, x: Vector, loss: Loss, evaluations: int, status: int) -> Solution:
    residuals, jacobian = problem.at(x)
    cost = loss.cost(residuals)
    none = np.zeros(x.size, bool)
    return Solution(x.copy(), cost, residuals, jacobian, evaluations, _REASONS[status], status > 0, none)


def _polished(problem: Problem, x: Vector, free: Mask) -> tuple[Vector, int]:
    """Take Gauss-Newton steps as long as they shrink and, but for rounding, the squares do not grow."""
    lower, upper = problem.parameters.lower, problem.parameters.upper
    residuals, jacobian = problem.at(x)
    best, last = float(residuals @ residuals), np.inf
    for count in range(_POLISH):
        columns = jacobian[:, free]
        scale = np.linalg.norm(columns, axis=0)
        scale[scale == 0] = 1
        step = np.linalg.lstsq(columns / scale, -residuals, rcond=1e-13)[0]
        size = float(np.linalg.norm(step))
        new = x.copy()
        new[free] += step / scale
        if not size < 0.9 * last or not ((new >= lower) & (new <= upper)).all():
            return x, count
        residuals, jacobian = problem.at(new)
        cost = float(residuals @ residuals)
        if not cost <= best * (1 + _ROUNDING) or not np.isfinite(jacobian).all():
            return x, count + 1
        x, best, last = new, min(best, cost), size
    return x, _POLISH


def _at_bounds(problem: Problem, found: Solution) -> Mask:
    """Say which numbers lie at a bound that they would cross to make the sum of squares smaller."""
    lower, upper = problem.parameters.lower, problem.parameters.upper
    span = np.where(np.isfinite(upper - lower), upper - lower, np.maximum(np.abs(found.x), 1e-8))
    slope = found.jacobian.T @ found.residuals
    low = (found.x - lower <= _NEAR * span) & (slope > 0)
    high = (upper - found.x <= _NEAR * span) & (slope < 0)
    return low | high
