"""Quantities computed from fitted parameters, with the uncertainty that follows.

Enters: formulas of parameters, their values and covariance. Leaves: values, and ``J C J'`` with the derived
Jacobian
``J``: the propagation of errors. The reference interpreter computes them, so nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from symdl.errors import FittingError
from symdl.express.program import collect
from symdl.fitting.equations import derived, names_of
from symdl.fitting.model import Matrix
from symdl.fitting.numerals import plus_minus
from symdl.fitting.parameters import Parameters, choose
from symdl.run.reference.interpreter import outputs
from symdl.train.layout import Vector


class Estimate(NamedTuple):
    """A value and its standard error: numbers, or arrays of one shape."""

    value: Any
    error: Any

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"{self.value} ± {self.error}"
        return plus_minus(float(self.value), float(self.error))


def propagated(formula: Any, parameters: Parameters, x: Vector, covariance: Matrix) -> Estimate:
    """Return a formula's value and standard error.

    Args:
        formula: an expression or a tensor of free and fixed parameters.
        parameters: what they are.
        x: the free ones.
        covariance: theirs.

    Raises:
        FittingError: the formula reads something else.
    """
    known = parameters.values(x)
    if strangers := [name for name in names_of(formula) if name not in known]:
        raise FittingError(f"no parameter is called {strangers[0]!r}", expression=formula, cure=choose(known))
    found = derived(formula, data=None, free=[*parameters.layout.shapes])
    program = collect(found.all)
    read = {str(t.name): known[str(t.name)] for t in program.inputs if t.value is None}
    value, *columns = outputs(program, read)
    jacobian = _side_by_side(np.shape(value), found.varied, columns, parameters)
    reached = (jacobian != 0).any(axis=0)
    part = jacobian[:, reached] @ covariance[np.ix_(reached, reached)] @ jacobian[:, reached].T
    error = np.sqrt(np.diag(part)).reshape(np.shape(value))
    return Estimate(value, error) if np.ndim(value) else Estimate(float(value), float(error))


def _side_by_side(shape: tuple[int, ...], varied: Any, columns: Any, parameters: Parameters) -> Matrix:
    rows = int(np.prod(shape))
    jacobian, slices = np.zeros((rows, parameters.layout.size)), parameters.layout.slices
    for name, column in zip(varied, columns, strict=True):
        jacobian[:, slices[name]] = np.reshape(column, (rows, -1))
    return jacobian


def tied_estimates(parameters: Parameters, x: Vector, covariance: Matrix) -> Mapping[str, Estimate]:
    """Return the values and errors of tied parameters."""
    return {n: propagated(f, parameters, x, covariance) for n, f in parameters.tied.items()}
