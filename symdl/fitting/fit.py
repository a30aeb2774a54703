"""``sd.fit``: a formula fitted to data.

Enters: a formula, data, start values. Leaves: a `Fit`. What can be wrong is found before anything is
compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl.errors import FittingError
from symdl.fitting.formulas import by_response, parameters_of, put_in, without_curves, without_ties
from symdl.fitting.guesses import guessed
from symdl.fitting.losses import Loss, read_loss
from symdl.fitting.model import compiled
from symdl.fitting.parameters import Parameters, read_parameters
from symdl.fitting.problem import Problem
from symdl.fitting.result import Fit
from symdl.fitting.sets import DataSet, read_arrays, read_sets
from symdl.fitting.solve import Solution, solve
from symdl.fitting.starts import others


def fit(
    formula: Any,
    *,
    start: Mapping[Any, Any] | None = None,
    data: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    bounds: Mapping[Any, Any] | None = None,
    fixed: Any = None,
    tied: Mapping[Any, Any] | None = None,
    loss: str = "linear",
    loss_scale: float = 1.0,
    tries: int = 1,
    seed: int = 0,
    max_evaluations: int = 2000,
    **arrays: Any,
) -> Fit:
    """Fit a formula to data by least squares, with its exact Jacobian.

    ``fit = sd.fit(b1*(1 - sp.exp(-b2*x)), x=pressure, y=volume, start={b1: 250, b2: 5e-4}); print(fit)``

    Args:
        formula: a SymPy expression, text, or a tensor, such as a recurrence that solves a differential
            equation; or several by what was measured, ``{y1: f1, y2: f2}``, of any lengths. What has data is
            data; all else is a parameter.
        start: where the search starts, by symbol, tensor or name; of tensors arrays.
        data, arrays: by name, in a dictionary or a table, or as keywords. Of one formula, the array that it
            does not read was measured. All of a set have one shape; a number is the same at all points.
        sigma: standard deviations of what was measured: a number, one for each point, or either by name.
        absolute_sigma: whether they are taken as they are; else only their ratios count, and errors are
            scaled to a reduced χ² of 1, as by ``scipy.optimize.curve_fit``.
        bounds: ``{b: (lowest, highest)}``, None where there is none.
        fixed: ``{b: value}``, or names that stay at their start.
        tied: ``{A2: 2*A1}``: formulas that take the place of parameters.
        loss, loss_scale: of residuals over `sigma`: ``"linear"`` (squares), or ``"soft_l1"``, ``"huber"``,
            ``"cauchy"``, ``"arctan"``, by which those beyond `loss_scale` count less.
        tries, seed: how many starts; all but the first are drawn, between bounds or about the start.
        max_evaluations: of residuals, from each start.

    Raises:
        FittingError: names that nobody reads, lengths that differ, values that are not finite, too few
            points, a start outside of its bounds, a formula that is not finite at the start.
    """
    chosen = read_loss(loss, loss_scale)
    _counts(tries=tries, max_evaluations=max_evaluations)
    if absolute_sigma and sigma is None:
        raise FittingError(
            "absolute_sigma=True, but there is no sigma", cure="pass sigma=, a number or an array"
        )
    several, sets, parameters = _read(formula, data, arrays, sigma, (start, bounds, fixed, tied))
    models = tuple(compiled(one.formula, one.data.keys(), parameters.layout) for one in sets)
    problem = Problem(sets, models, parameters)
    problem.check(parameters.start, "at the start")
    best, costs = _search(problem, chosen, tries, seed, max_evaluations)
    return Fit(several, problem, best, chosen, absolute_sigma, max_evaluations, costs)


def _read(
    formula: Any, data: Any, arrays: Mapping[str, Any], sigma: Any, said: tuple[Any, Any, Any, Any]
) -> tuple[dict[str, Any], tuple[DataSet, ...], Parameters]:
    """Return formulas by what was measured, data sets, and parameters, of which start, bounds, … are said."""
    start, bounds, fixed, tied = said
    every = read_arrays(data, arrays)
    formula, curves = without_curves(formula)
    several = by_response(formula, every)
    ties = without_ties(tied)
    formulas = {name: put_in(one, ties) for name, one in several.items()}
    sets = read_sets(formulas, every, sigma, arrays)
    if curves:
        start, bounds = guessed(curves, sets, (start, bounds, fixed, ties))
    names, shapes = parameters_of(formulas.values(), every)
    parameters = read_parameters(names, shapes, start, bounds, fixed, ties)
    points, count = sum(one.measured.size for one in sets), parameters.layout.size
    if points < count:
        cure = "measure more, or fix some: fixed={...}"
        raise FittingError(f"{points} points cannot determine {count} parameters", cure=cure)
    return several, sets, parameters


def _counts(**counts: Any) -> None:
    for what, count in counts.items():
        if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:
            raise FittingError(f"{what}={count!r}", cure="pass a positive whole number")


def _search(
    problem: Problem, loss: Loss, tries: int, seed: int, limit: int
) -> tuple[Solution, tuple[float, ...]]:
    """Return the best solution from all starts, and what each ended with."""
    found = [solve(problem, problem.parameters.start, loss=loss, limit=limit)]
    for x in others(problem.parameters, tries - 1, seed):
        if np.isfinite(problem.at(x)[0]).all():
            try:
                found.append(solve(problem, x, loss=loss, limit=limit))
            except FittingError:  # somewhere without a derivative: another start
                continue
    found.sort(key=lambda one: one.cost)
    return found[0], tuple(one.cost for one in found)
