"""A curve fitted by SciPy, which asks for residuals and their Jacobian; as large as NIST's problems.

The model is that of Gauss1, two bells on an exponential: 250 points, eight parameters, the certified values
and starting values; the noise is our own. All is float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem
from .formulas import row

CERTIFIED = (
    98.778210871,
    0.010497276517,
    100.48990633,
    67.481111276,
    23.129773360,
    71.994503004,
    178.99805021,
    18.389389025,
)
START = (97.0, 0.009, 100.0, 65.0, 20.0, 70.0, 178.0, 16.5)


def curve(f: Any, b: Any, x: Any) -> Any:
    """An exponential and two bells."""
    first, second = (x - b[3]) / b[4], (x - b[6]) / b[7]
    return b[0] * f.exp(-b[1] * x) + b[2] * f.exp(-first * first) + b[5] * f.exp(-second * second)


def make(tiny: bool) -> Problem:
    """Return the starting values, and points."""
    from types import SimpleNamespace

    rng = np.random.default_rng(71)
    x = np.arange(1.0, 251.0)
    y = curve(SimpleNamespace(exp=np.exp), CERTIFIED, x) + rng.normal(scale=2.5, size=x.shape)
    return Problem({"b": np.array(START)}, {"x": x, "y": y})


def residuals(f: Any, p: Any, batch: Any) -> Any:
    """How far the curve is from the points."""
    return curve(f, p["b"], batch["x"]) - batch["y"]


WORKLOADS = (
    row(
        *("gauss1", "least squares by SciPy: 250 points, 8 parameters (NIST Gauss1)", make, residuals),
        kind="fit",
        tolerance=1e-6,
    ),
)
