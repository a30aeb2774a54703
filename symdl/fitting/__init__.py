"""fitting: formulas fitted to data, with errors.

Enters: a formula, data, start values. Leaves: a `Fit`.
"""

from symdl.fitting.bands import Band
from symdl.fitting.curves import (
    Curve,
    constant,
    decay,
    gaussian,
    line,
    logistic,
    lorentzian,
    oscillation,
    pseudo_voigt,
)
from symdl.fitting.quantities import Estimate
from symdl.fitting.result import Fit

__all__ = [
    "Band",
    "Curve",
    "Estimate",
    "Fit",
    "constant",
    "decay",
    "gaussian",
    "line",
    "logistic",
    "lorentzian",
    "oscillation",
    "pseudo_voigt",
]


def __dir__() -> list[str]:
    return sorted(__all__)
