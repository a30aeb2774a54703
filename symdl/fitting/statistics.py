"""How good a fit is.

Enters: measured values, residuals, the number of parameters. Leaves: `Quality`: χ², R², likelihood, AIC, BIC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.fitting.sets import DataSet
from symdl.train.layout import Vector


@dataclass(frozen=True, slots=True)
class Quality:
    """Numbers that say how good a fit is.

    Attributes:
        chi2: the sum of squares of the weighted residuals.
        freedom: points less parameters.
        r2: the share of the (weighted) variance that the formula explains; of several sets, each about its
            own mean.
        log_likelihood: of the data, residuals taken as normal.
        aic: Akaike's criterion, ``2 k - 2 log_likelihood``; a standard deviation that is estimated counts.
        bic: the Bayesian one, ``k log(n) - 2 log_likelihood``.
    """

    chi2: float
    freedom: int
    r2: float
    log_likelihood: float
    aic: float
    bic: float

    @property
    def reduced_chi2(self) -> float:
        """χ² by degrees of freedom."""
        return self.chi2 / self.freedom if self.freedom > 0 else float("nan")


def quality(sets: tuple[DataSet, ...], residuals: Vector, freedom: int, *, absolute: bool) -> Quality:
    """Return the numbers of a fit.

    Args:
        sets: what was measured.
        residuals: weighted, of all sets.
        freedom: degrees of freedom.
        absolute: whether uncertainties are what they say; else one factor of all is estimated.
    """
    count = residuals.size
    chi2 = float(residuals @ residuals)
    total = sum(map(_about_the_mean, sets))
    logs = float(sum(np.log(one.weighted).sum() for one in sets))
    if absolute:
        likelihood, estimated = -0.5 * chi2 - logs - 0.5 * count * np.log(2 * np.pi), 0
    else:
        with np.errstate(divide="ignore"):
            likelihood = -0.5 * count * (np.log(2 * np.pi * chi2 / count) + 1) - logs
        estimated = 1
    k = count - freedom + estimated
    r2 = 1 - chi2 / total if total > 0 else float("nan")
    likelihood = float(likelihood)
    aic, bic = 2 * k - 2 * likelihood, k * float(np.log(count)) - 2 * likelihood
    return Quality(chi2, freedom, float(r2), likelihood, float(aic), float(bic))


def _about_the_mean(one: DataSet) -> Any:
    weights = one.weighted**-2
    mean = (weights @ one.measured) / weights.sum()
    return weights @ (one.measured - mean) ** 2
