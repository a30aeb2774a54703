"""At which points a fitted formula is wanted.

Enters: a problem, data by name. Leaves: `Points`: what the formula reads there, and in which shape results go
back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import FittingError, SymdlError
from symdl.express.tensors import Tensor
from symdl.express.values import numbers
from symdl.fitting.model import Matrix
from symdl.fitting.outcome import Outcome
from symdl.fitting.parameters import by_name, choose, name_of
from symdl.fitting.problem import Problem
from symdl.train.layout import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Data of one set, measured or new.

    Attributes:
        which: the number of the set.
        data: what its formula reads.
        shape: that of an expression's values; None for a tensor, whose values have their own.
        measured: whether these are the points that were fitted.
    """

    which: int
    data: Mapping[str, Any]
    shape: tuple[int, ...] | None
    measured: bool

    def at(self, problem: Problem, x: Vector) -> tuple[Any, Matrix]:
        """Return the values of the formula, in their shape, and its Jacobian, one row a value."""
        count = int(np.prod(self.shape)) if self.shape is not None else 0
        values = problem.parameters.values(x)
        try:
            value, jacobian = problem.models[self.which].at(self.data, values, count)
        except SymdlError as problem_found:
            raise FittingError(
                problem_found.message, shapes=problem_found.shapes, cure=problem_found.cure
            ) from None
        return value if self.shape is None else value.reshape(self.shape), jacobian

    def noise(self, fit: Outcome, sigma: Any) -> Any:
        """Return the standard deviation of one measured value.

        Raises:
            FittingError: it is not known.
        """
        one = fit.problem.sets[self.which]
        if sigma is None and one.sigma is not None and not self.measured:
            if not (one.sigma == one.sigma[0]).all():
                cure = "pass sigma=, that of the value to predict"
                raise FittingError("uncertainties differ from point to point", cure=cure)
            sigma = one.sigma[0]
        if sigma is None:
            sigma = one.weighted if self.measured else 1.0
        spread = np.asarray(numbers(sigma, "sigma", error=FittingError), "float64").ravel()
        return (1.0 if fit.absolute_sigma else fit.spread.scale) * spread


def given(problem: Problem, at: Any, data: Mapping[str, Any], of: Any) -> Points:
    """Return where a formula is to be computed.

    Raises:
        FittingError: nothing of that name, or shapes that do not broadcast.
    """
    names = [one.name for one in problem.sets]
    if of is None and len(names) > 1:
        raise FittingError(
            "which of what was measured?", cure=f"of={names[0]!r}, or another of {', '.join(names)}"
        )
    if of is not None and name_of(of) not in names:
        raise FittingError(f"nothing measured is called {name_of(of)!r}", cure=choose(names))
    which = 0 if of is None else names.index(name_of(of))
    one = problem.sets[which]
    new = {**by_name(at, "at"), **data}
    if strangers := [name for name in new if name not in one.data]:
        raise FittingError(f"the formula of {one.name} reads no {strangers[0]!r}", cure=choose(one.data))
    arrays = {n: np.asarray(numbers(v, n, error=FittingError), "float64") for n, v in new.items()}
    if isinstance(one.formula, Tensor):
        shape = None if arrays else one.shape
        return Points(which, {**one.data, **arrays}, shape, not arrays)
    if not arrays:
        return Points(which, one.data, one.shape, True)
    known = {
        n: v[0] if (v == v[0]).all() else v.reshape(one.shape) for n, v in one.data.items() if n not in arrays
    }
    everything = {**known, **arrays}
    try:
        together = np.broadcast_arrays(*everything.values())
    except ValueError:
        shapes = {name: np.shape(value) for name, value in everything.items()}
        raise FittingError(
            "arrays do not broadcast", shapes=shapes, cure=f"pass {', '.join(one.data)}"
        ) from None
    shape = together[0].shape
    flat = {n: np.ascontiguousarray(v).ravel() for n, v in zip(everything, together, strict=True)}
    return Points(which, flat, shape, False)
