"""Other starts for a search.

Enters: parameters. Leaves: vectors, drawn between bounds, or about the start where there are none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symdl.fitting.parameters import Parameters
from symdl.train.layout import Vector

_WIDE = 100  # bounds of which one is that many times the other are drawn from by their logarithm
_FACTOR = 1.0  # the standard deviation of the logarithm of a start


def others(parameters: Parameters, count: int, seed: int) -> Iterator[Vector]:
    """Yield `count` vectors inside of the bounds."""
    rng = np.random.default_rng(seed)
    lower, upper, start = parameters.lower, parameters.upper, parameters.start
    both = np.isfinite(lower) & np.isfinite(upper)
    with np.errstate(all="ignore"):
        logarithmic = both & (lower > 0) & (upper > _WIDE * lower)
        low, high = np.log(lower), np.log(upper)
    for _ in range(count):
        share, bend, shift = rng.random(start.size), rng.normal(size=start.size), rng.normal(size=start.size)
        x = np.where(start == 0, shift, start * np.exp(_FACTOR * bend))
        with np.errstate(all="ignore"):
            x = np.where(both, lower + share * (upper - lower), x)
            x = np.where(logarithmic, np.exp(low + share * (high - low)), x)
        yield np.clip(x, lower, upper)
