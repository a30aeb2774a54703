"""Losses of a residual: squares, and what grows more slowly so that outliers count less.

Enters: a name and a scale. Leaves: a `Loss`, whose derivatives are derived from its formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdl.differentiate.gradients import grad
from symdl.errors import FittingError
from symdl.express.batching import vmap
from symdl.express.dims import Dim
from symdl.express.operations import stable_graph
from symdl.express.program import collect
from symdl.fitting.parameters import choose
from symdl.run.reference.interpreter import outputs
from symdl.train.layout import Vector

_Z = sp.Symbol("z", real=True)
FORMULAS = {
    "linear": _Z,
    "soft_l1": 2 * (sp.sqrt(1 + _Z) - 1),
    "huber": sp.Piecewise((_Z, _Z <= 1), (2 * sp.sqrt(_Z) - 1, True)),
    "cauchy": sp.log(1 + _Z),
    "arctan": sp.atan(_Z),
}
"""``rho(z)`` of a squared residual ``z = (r/scale)**2``, under SciPy's names."""


@dataclass(frozen=True, slots=True)
class Loss:
    """``scale**2 * rho((r/scale)**2)`` of each residual.

    Attributes:
        name: one of `FORMULAS`.
        scale: from which size on a residual counts as an outlier.
    """

    name: str
    scale: float

    def cost(self, residuals: Vector) -> float:
        """Return half the sum over all residuals."""
        rho, _, _ = self.derivatives(residuals)
        return float(0.5 * self.scale**2 * rho.sum())

    def derivatives(self, residuals: Vector) -> tuple[Vector, Vector, Vector]:
        """Return ``rho`` and its first two derivatives at each residual."""
        z = (residuals / self.scale) ** 2
        if self.name == "linear":
            return z, np.ones_like(z), np.zeros_like(z)
        value = stable_graph(FORMULAS[self.name]).outputs[0]
        (variable,) = collect([value]).inputs
        first = grad(value, variable)
        every = vmap([value, first, grad(first, variable)], [variable], size=Dim("n"))
        rho, slope, bend = outputs(collect(every), {"z": z})
        return rho, slope, bend


def read_loss(name: Any, scale: Any) -> Loss:
    """Return a loss.

    Raises:
        FittingError: there is none of that name, or the scale is not positive.
    """
    if name not in FORMULAS:
        raise FittingError(f"loss={name!r}", cure=choose(map(repr, FORMULAS)))
    if isinstance(scale, bool) or not isinstance(scale, int | float | np.number) or not 0 < scale < np.inf:
        raise FittingError(f"loss_scale={scale!r}", cure="pass the size of a residual that is an outlier")
    return Loss(name, float(scale))
