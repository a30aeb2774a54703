"""Residuals of all sets, and their Jacobian, as functions of one vector.

Enters: data sets, parameters, compiled formulas. Leaves: a `Problem`, which a solver asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.errors import FittingError
from symdl.fitting.model import Matrix, Model
from symdl.fitting.nonfinite import culprit
from symdl.fitting.parameters import Parameters
from symdl.fitting.sets import DataSet
from symdl.train.layout import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A weighted least-squares problem.

    Attributes:
        sets: what was measured.
        models: the compiled formula of each.
        parameters: what varies.
    """

    sets: tuple[DataSet, ...]
    models: tuple[Model, ...]
    parameters: Parameters
    last: dict[bytes, tuple[Vector, Matrix]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values were measured, in all sets."""
        return sum(one.measured.size for one in self.sets)

    def unweighted(self, x: Vector) -> tuple[list[Vector], list[Matrix]]:
        """Return what each formula is at `x`, and its Jacobian."""
        values = self.parameters.values(x)
        found = [m.at(s.data, values, s.measured.size) for s, m in zip(self.sets, self.models, strict=True)]
        return [value.ravel() for value, _ in found], [jacobian for _, jacobian in found]

    def at(self, x: Vector) -> tuple[Vector, Matrix]:
        """Return the residuals ``(formula - measured)/sigma`` of all sets, and their Jacobian.

        The last point is remembered: a solver asks for one after the other.
        """
        key = np.asarray(x, "float64").tobytes()
        if key not in self.last:
            values, jacobians = self.unweighted(x)
            pairs = zip(self.sets, values, strict=True)
            residuals = np.concatenate([(value - s.measured) / s.weighted for s, value in pairs])
            rows = zip(self.sets, jacobians, strict=True)
            jacobian = np.concatenate([j / s.weighted[:, None] for s, j in rows])
            self.last.clear()
            self.last[key] = residuals, jacobian
        return self.last[key]

    def split(self, values: Vector) -> dict[str, Any]:
        """Return a vector over all points as arrays by what was measured."""
        ends = np.cumsum([one.measured.size for one in self.sets])[:-1]
        parts = zip(self.sets, np.split(values, ends), strict=True)
        return {one.name: part.reshape(one.shape) for one, part in parts}

    def check(self, x: Vector, when: str) -> None:
        """Refuse a point where something is not finite.

        Raises:
            FittingError: naming the row of data, and the part of the formula.
        """
        values, jacobians = self.unweighted(x)
        known = self.parameters.values(x)
        for one, value, jacobian in zip(self.sets, values, jacobians, strict=True):
            if value.size != one.measured.size:
                shapes: Mapping[str, Any] = {one.name: one.shape, "formula": (value.size,)}
                raise FittingError(
                    "the formula has another number of values than were measured", shapes=shapes
                )
            if not np.isfinite(value).all():
                raise culprit(one, known, value, when)
            if not np.isfinite(jacobian).all():
                row, column = np.unravel_index(int(np.argmin(np.isfinite(jacobian))), jacobian.shape)
                name = self.parameters.labels[column]
                raise FittingError(
                    f"the derivative of {one.name} with respect to {name} is {jacobian[row, column]} {when},"
                    f" in row {row}{data_text(one.row(int(row)))}",
                    expression=one.formula,
                    cure=f"start {name} elsewhere, or keep it away from there by bounds (now {known})",
                )


def data_text(row: Mapping[str, float]) -> str:
    """Return the data of a point in words."""
    return f" ({', '.join(f'{name} = {value:g}' for name, value in row.items())})" if row else ""
