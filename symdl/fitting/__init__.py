"""fitting: formulas fitted to data, with errors.

Enters: a formula, data, start values. Leaves: a `Fit`.
"""

from symdl.fitting.bands import Band
from symdl.fitting.quantities import Estimate
from symdl.fitting.result import Fit

__all__ = ["Band", "Estimate", "Fit"]


def __dir__() -> list[str]:
    return sorted(__all__)
