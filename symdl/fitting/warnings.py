"""What is to be known before the numbers of a fit are used.

Enters: a fit. Leaves: sentences.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symdl.fitting.outcome import Outcome

_STRONG = 0.999  # a correlation


def found_in(fit: Outcome) -> tuple[str, ...]:
    """Return the warnings of a fit, in the order of their weight."""
    return tuple(_warnings(fit))


def _warnings(fit: Outcome) -> Iterator[str]:
    solution, parameters, spread = fit.solution, fit.problem.parameters, fit.spread
    if not solution.converged:
        yield (
            f"not converged after {solution.evaluations} evaluations: start nearer, or raise max_evaluations"
        )
    for place in np.flatnonzero(solution.bound):
        value, label = solution.x[place], fit.labels[place]
        side = "lower" if value == parameters.lower[place] else "upper"
        yield f"{label} lies at its {side} bound {value:g}: it is taken as fixed there, the other errors too"
    for row in spread.directions:
        names = [fit.labels[at] for at in np.flatnonzero(np.abs(row) > 1e-4)]
        if len(names) == 1:
            yield f"{names[0]} changes no value of the formula: the data do not determine it; fix it"
        else:
            yield f"the data determine only a combination of {', '.join(names)}: fix one of them"
    if spread.freedom == 0:
        yield "there are as many parameters as points: errors cannot be estimated" + (
            "" if not fit.absolute_sigma else " but from sigma"
        )
    with np.errstate(invalid="ignore"):
        pairs = np.argwhere(np.triu(np.abs(fit.correlation) > _STRONG, 1))
    for one, other in pairs:
        r = fit.correlation[one, other]
        yield f"{fit.labels[one]} and {fit.labels[other]} are hard to tell apart: correlation {r:.6f}"
    if len(fit.tries) > 1:
        best = fit.tries[0]
        same = sum(cost <= best * (1 + 1e-6) + 1e-300 for cost in fit.tries)
        if same == 1:
            yield f"only one of {len(fit.tries)} starts ended at the best fit: try more"
