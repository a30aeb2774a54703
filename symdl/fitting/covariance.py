"""How well the data determine the parameters.

Enters: the weighted Jacobian and residuals at a solution. Leaves: a `Spread`: the covariance, by a QR
factorisation of the Jacobian with columns of length 1, and what the data leave open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as la

from symdl.fitting.losses import Loss
from symdl.fitting.model import Matrix
from symdl.fitting.solve import Mask, Solution
from symdl.train.layout import Vector

_RANK = 100 * np.finfo("float64").eps


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The spread of parameters.

    Attributes:
        covariance: shape ``(p, p)``; zero for what lies at a bound, NaN for what the data leave open.
        open: the numbers that the data leave open.
        directions: combinations of numbers that change no value, a row each, over columns of length 1.
        freedom: points less numbers that were determined.
        scale: the standard deviation of a residual.
    """

    covariance: Matrix
    open: Mask
    directions: Matrix
    freedom: int
    scale: float


def spread(solution: Solution, loss: Loss, *, absolute: bool) -> Spread:
    """Return the spread of parameters at a solution.

    For squares it is ``(J'J)^-1``, times the variance of a residual unless uncertainties are `absolute`. For
    other losses it is ``A^-1 B A^-1``, with ``A`` the second derivatives of the loss and ``B`` the squares of
    its first ones, summed over the points.
    """
    jacobian, residuals = solution.jacobian, solution.residuals
    moving = np.flatnonzero(~solution.bound)
    columns = jacobian[:, moving]
    length = np.linalg.norm(columns, axis=0)
    unit = columns / np.where(length > 0, length, 1)
    inverse, kept, directions = _inverse(unit)
    freedom = residuals.size - int(kept.sum())
    scale = _scale(residuals, freedom, loss)
    if loss.name == "linear":
        squares = inverse * (1.0 if absolute else scale**2)
    else:
        squares = np.zeros_like(inverse)
        squares[np.ix_(kept, kept)] = _sandwich(unit[:, kept], residuals, loss, freedom)
    lengths = np.where(length > 0, length, 1)
    covariance = np.zeros((solution.x.size, solution.x.size))
    covariance[np.ix_(moving, moving)] = squares / np.outer(lengths, lengths)
    open_ = np.zeros(solution.x.size, bool)
    for row in directions:
        open_[moving[np.abs(row) > 1e-4]] = True
    covariance[open_, :] = covariance[:, open_] = np.nan
    wide = np.zeros((len(directions), solution.x.size))
    wide[:, moving] = directions
    return Spread(covariance, open_, wide, freedom, scale)


def _inverse(unit: Matrix) -> tuple[Matrix, Mask, Matrix]:
    """Return ``(J'J)^-1`` over independent columns, which these are, and combinations that vanish."""
    count = unit.shape[1]
    _, triangle, order = la.qr(unit, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(triangle))
    rank = int((diagonal > _RANK * max(unit.shape) * max(diagonal[:1], default=0.0)).sum())
    kept = np.zeros(count, bool)
    kept[order[:rank]] = True
    corner = triangle[:rank, :rank]
    half = la.solve_triangular(corner, np.eye(rank)) if rank else np.zeros((0, 0))
    inverse = np.zeros((count, count))
    inverse[np.ix_(order[:rank], order[:rank])] = half @ half.T
    vanishing = np.zeros((count - rank, count))
    if rank < count:
        vanishing[:, order[rank:]] = np.eye(count - rank)
        if rank:
            vanishing[:, order[:rank]] = -la.solve_triangular(corner, triangle[:rank, rank:]).T
    return inverse, kept, vanishing


def _scale(residuals: Vector, freedom: int, loss: Loss) -> float:
    """Return the standard deviation of a residual; where outliers count less, by the median."""
    if freedom <= 0:
        return float("nan")
    if loss.name != "linear":
        return float(1.4826 * np.median(np.abs(residuals)) * np.sqrt(residuals.size / freedom))
    return float(np.sqrt(residuals @ residuals / freedom))


def _sandwich(unit: Matrix, residuals: Vector, loss: Loss, freedom: int) -> Matrix:
    """Return ``A^-1 B A^-1``."""
    z = (residuals / loss.scale) ** 2
    _, slope, bend = loss.derivatives(residuals)
    curvature = np.maximum(slope + 2 * z * bend, 0)
    second = la.pinvh(unit.T @ (curvature[:, None] * unit))
    pull = (slope * residuals)[:, None] * unit
    factor = residuals.size / freedom if freedom > 0 else np.nan
    found: Matrix = factor * second @ (pull.T @ pull) @ second
    return found
