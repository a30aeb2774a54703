"""The numbers of a fit.

Enters: a problem and its solution. Leaves: `Outcome`: values, errors, covariance, residuals, statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symdl.fitting.bands import reach
from symdl.fitting.covariance import Spread, spread
from symdl.fitting.losses import Loss
from symdl.fitting.model import Matrix
from symdl.fitting.problem import Problem
from symdl.fitting.quantities import Estimate, tied_estimates
from symdl.fitting.solve import Solution
from symdl.fitting.statistics import Quality, quality


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """The numbers of a fit.

    Attributes:
        written: the formulas as they were given, by what was measured.
        problem: what was fitted: data sets, compiled formulas, parameters.
        solution: where the search ended.
        loss: of a residual.
        absolute_sigma: whether uncertainties are taken as they are.
        limit: how often residuals may be computed in one search.
        tries: the sum of the losses that each start ended with, the best first.
    """

    written: Mapping[str, Any]
    problem: Problem
    solution: Solution
    loss: Loss
    absolute_sigma: bool
    limit: int
    tries: tuple[float, ...]

    @cached_property
    def spread(self) -> Spread:
        """How well the data determine the parameters."""
        return spread(self.solution, self.loss, absolute=self.absolute_sigma)

    @property
    def covariance(self) -> Matrix:
        """The covariance of the free parameters, ``(p, p)``, in the order of `labels`."""
        return self.spread.covariance

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each free number: ``b``, or ``W[0,1]`` of a tensor."""
        return self.problem.parameters.labels

    @property
    def correlation(self) -> Matrix:
        """The correlations of the free parameters, ``(p, p)``; NaN for one at a bound."""
        with np.errstate(all="ignore"):
            error = np.sqrt(np.diag(self.covariance))
            found: Matrix = self.covariance / np.outer(error, error)
        return found

    @cached_property
    def tied(self) -> Mapping[str, Estimate]:
        """Values and errors of tied parameters."""
        return tied_estimates(self.problem.parameters, self.solution.x, self.covariance)

    @property
    def values(self) -> dict[str, Any]:
        """All parameters by name: free, fixed and tied; numbers, or arrays of tensors."""
        known = self.problem.parameters.values(self.solution.x)
        found = {name: v if np.ndim(v) else float(v) for name, v in known.items()}
        return {**found, **{name: one.value for name, one in self.tied.items()}}

    @property
    def errors(self) -> dict[str, Any]:
        """Standard errors by name; 0 for what is fixed or at a bound, NaN for what the data leave open."""
        parameters = self.problem.parameters
        free = parameters.layout.unflatten(np.sqrt(np.diag(self.covariance)))
        found = {name: v if np.ndim(v) else float(v) for name, v in free.items()}
        found |= {name: np.zeros(np.shape(v)) if np.ndim(v) else 0.0 for name, v in parameters.fixed.items()}
        return {**found, **{name: one.error for name, one in self.tied.items()}}

    @cached_property
    def quality(self) -> Quality:
        """χ², R², likelihood, AIC, BIC."""
        sets, residuals = self.problem.sets, self.solution.residuals
        return quality(sets, residuals, self.spread.freedom, absolute=self.absolute_sigma)

    @property
    def residuals(self) -> Any:
        """Measured less fitted: an array, or of several sets one for each by name."""
        return self._alone(self.problem.split(-self.solution.residuals * self._weights))

    @property
    def fitted(self) -> Any:
        """The formula at the data: an array, or of several sets one for each by name."""
        return self._alone(self.problem.split(np.concatenate(self.problem.unweighted(self.solution.x)[0])))

    @property
    def _weights(self) -> Any:
        return np.concatenate([one.weighted for one in self.problem.sets])

    def _alone(self, found: Mapping[str, Any]) -> Any:
        return dict(found) if len(found) > 1 else next(iter(found.values()))

    def reach(self, level: float) -> float:
        """Return how many standard errors an interval of this level reaches to either side."""
        return reach(level, self.spread.freedom, normal=self.absolute_sigma)
