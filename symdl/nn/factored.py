"""An optimizer whose memory grows with the rows and columns of a matrix, not with its entries.

Enters: parameters and their gradients. Leaves: the update equations of one step, as in `symdl.nn.optimizers`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise, reduce
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.steps import (
    Decay,
    Goal,
    Rate,
    Setting,
    Update,
    check_rate,
    check_setting,
    clock,
    decay_of,
    for_each,
    scalar,
    slopes_of,
    squares,
    state,
)


@dataclass(frozen=True, slots=True)
class Adafactor(Goal):
    """Steps scaled by mean squares of rows and columns (Shazeer and Stern, 2018, algorithms 4 and 5).

    With ``s = t**-power``: of a matrix, or of the last two axes, ``R = (1 - s)*R + s*mean of g**2`` for each
    row and ``C`` likewise for each column, ``V = R C/mean(R)``; of a vector ``V = (1 - s)*V + s*g**2``. Then
    ``U = g/sqrt(V)`` and ``p = p - a*U/max(1, rms(U)/threshold)`` with
    ``a = max(minimum, rms(p))*min(learning_rate, 1/sqrt(t))``. A weight decay is decoupled, as in `AdamW`.

    Attributes:
        power: how fast mean squares become slow to forget.
        epsilon: the least mean of ``R`` and root of ``V``.
        minimum: the least size of a parameter.
        threshold: the most that ``rms(U)`` may be.
    """

    learning_rate: Rate = 0.01
    power: Setting = 0.8
    epsilon: Setting = 1e-7
    minimum: Setting = 1e-3
    threshold: Setting = 1.0
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        for name in ("power", "epsilon", "minimum", "threshold"):
            check_setting(name, getattr(self, name))
        check_rate(self.learning_rate, self.weight_decay, self.maximize)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, mean squares and parameters."""
        eps, least, limit = scalar(self.epsilon), scalar(self.minimum), scalar(self.threshold)
        slopes = slopes_of(parameters, gradients, maximize=self.maximize)
        time = clock(self.learning_rate, counted=True)
        share = elementwise(lambda t: t ** -scalar(self.power), time.count, rule="share")
        rate = elementwise(
            lambda e, t: sp.Min(e, 1 / sp.sqrt(t)), time.rate, time.count, rule="relative rate"
        )

        def step(p: Tensor, g: Tensor) -> list[Update]:
            pairs, v = _mean_squares(p, g, share, eps)
            u = elementwise(lambda g, v: g / sp.sqrt(sp.Max(v, eps**2)), g, v, rule="direction")
            size, decay = math.prod(map(int, p.shape)), decay_of(self.weight_decay, p)

            def length(e: Any, p: Any, u: Any) -> Any:
                return e * sp.Max(least, sp.sqrt(p / size)) / sp.Max(1, sp.sqrt(u / size) / limit)

            a = elementwise(length, rate, squares(p), squares(u), rule="length")
            operands = (p, u, a, time.rate) if decay else (p, u, a)
            new = elementwise(
                lambda w, u, a, e=0: w - e * decay * w - a * u, *operands, rule="adafactor step"
            )
            return [*pairs, (p, new)]

        return for_each(parameters, slopes, step, time.updates)


def _mean_squares(p: Tensor, g: Tensor, share: Tensor, eps: Any) -> tuple[list[Update], Tensor]:
    """Return the updates of what is kept of squares, and the mean squares that follow from it."""

    def mean(old: Any, new: Any, s: Any) -> Any:
        return (1 - s) * old + s * new

    if p.rank < 2:
        kept = state(f"{p.name}.v", p)
        new = elementwise(lambda v, g, s: mean(v, g**2, s), kept, g, share, rule="mean square")
        return [(kept, new)], new
    *lead, i, j = axis_indices(p.rank)
    *batch, rows, columns = p.shape
    found: list[Update] = []
    for name, own, over, size, other in (("R", i, j, rows, columns), ("C", j, i, columns, rows)):
        kept, where = state(f"{p.name}.{name}", (*batch, size)), (*lead, own)
        body = Sum(g.at(*lead, i, j) ** 2, (over, other))
        total = define(None, where, body, shape=kept.shape, origin=Origin("sum"))
        new = elementwise(lambda v, q, s, n=other: mean(v, q / n, s), kept, total, share, rule="mean square")
        found.append((kept, new))
    (_, r), (_, c) = found
    level = reduce("mean", r, -1)
    body = r.at(*lead, i) * c.at(*lead, j) / sp.Max(level.at(*lead), eps)
    return found, define(None, (*lead, i, j), body, shape=p.shape, origin=Origin("mean square"))
