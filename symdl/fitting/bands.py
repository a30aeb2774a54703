"""Bands about a fitted curve.

Enters: a formula's values and Jacobian at some points, the covariance of the parameters. Leaves: a `Band`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import FittingError
from symdl.fitting.model import Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A fitted curve and how far it may be off.

    Attributes:
        value: the curve.
        error: its standard error, ``sqrt(J C J')``; for a prediction that of one more measured value.
        lower: the lower end at the level that was asked for.
        upper: the upper end.
    """

    value: Any
    error: Any
    lower: Any
    upper: Any


def band(value: Any, jacobian: Matrix, covariance: Matrix, wide: float, noise: Any) -> Band:
    """Return a band.

    Args:
        value: the curve.
        jacobian: its derivatives, ``(n, p)``, one row a value.
        covariance: of the parameters, ``(p, p)``.
        wide: how many standard errors it reaches.
        noise: the standard deviation of one measured value; 0 for the curve alone.
    """
    if np.isnan(covariance).any():
        free = ~np.isnan(np.diag(covariance))
        if (jacobian[:, ~free] != 0).any():
            cure = "fix one of the parameters that the data leave open"
            raise FittingError("the data leave parameters open, so the curve has no band", cure=cure)
        jacobian, covariance = jacobian[:, free], covariance[np.ix_(free, free)]
    variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
    error = np.sqrt(np.maximum(variance, 0) + np.square(noise)).reshape(value.shape)
    return Band(*(part[()] for part in (value, error, value - wide * error, value + wide * error)))


def reach(level: float, freedom: int, *, normal: bool) -> float:
    """Return how many standard errors an interval reaches to either side.

    Raises:
        FittingError: `level` is no probability.
    """
    from scipy.special import ndtri, stdtrit

    if not isinstance(level, float | int | np.floating) or not 0 < level < 1:
        raise FittingError(f"level={level!r}", cure="pass a probability, such as 0.95")
    if normal:
        return float(ndtri(0.5 + level / 2))
    return float(stdtrit(freedom, 0.5 + level / 2)) if freedom > 0 else float("nan")
