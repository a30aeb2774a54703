"""Central differences.

Enters: a scalar-valued function of named arrays and a point. Leaves: its gradient there, by
difference quotients alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_STENCILS: Mapping[int, tuple[float, ...]] = {
    2: (1 / 2,),
    4: (2 / 3, -1 / 12),
    6: (3 / 4, -3 / 20, 1 / 60),
}
"""For each order, the weights of ``f(x + k*h) - f(x - k*h)`` for k = 1, 2, …, all over h."""


def central_gradient(
    function: Callable[[dict[str, Array]], float],
    at: Mapping[str, Any],
    *,
    wrt: Iterable[str] | None = None,
    order: int = 2,
    entries: Mapping[str, Iterable[int]] | None = None,
) -> dict[str, Array]:
    """Return the gradient of `function` at a point by central differences in float64.

    Args:
        function: maps a dictionary of arrays to a number.
        at: the point; it is not changed.
        wrt: the names to differentiate with respect to; all by default.
        order: 2, 4 or 6. The step is ``eps**(1/(order + 1)) * max(1, |x|)``; where the function is
            smooth, order 2 gives about ten digits of its value, order 6 about thirteen.
        entries: for a name, the flat positions to differentiate with respect to; the others become NaN.

    Returns:
        An array of the value's shape for each name.
    """
    point = {name: np.array(value) for name, value in at.items()}
    gradients = {}
    for name in point if wrt is None else wrt:
        point[name] = point[name].astype(float)
        chosen = None if entries is None else entries.get(name)
        positions = range(point[name].size) if chosen is None else chosen
        gradients[name] = _partials(function, point, name, positions, _STENCILS[order])
    return gradients


def _partials(
    function: Callable[[dict[str, Array]], float],
    point: dict[str, Array],
    name: str,
    positions: Iterable[int],
    stencil: tuple[float, ...],
) -> Array:
    start = point[name]
    gradient = np.full(start.shape, np.nan)
    relative = np.finfo(float).eps ** (1 / (2 * len(stencil) + 1))
    for position in positions:
        where = np.unravel_index(position, start.shape)
        step = relative * max(1.0, abs(float(start[where])))
        total = 0.0
        for distance, weight in enumerate(stencil, start=1):
            values = []
            for side in (distance * step, -distance * step):
                moved = start.copy()
                moved[where] += side
                values.append(float(function({**point, name: moved})))
            total += weight * (values[0] - values[1])
        gradient[where] = total / step
    return gradient
