"""Gradients kept within limits before a step.

Enters: an optimizer and limits. Leaves: an optimizer that clips what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.operators import elementwise
from symdl.express.tensors import Tensor
from symdl.nn.protocol import Optimizer, check_optimizer, updates_of
from symdl.nn.steps import Setting, Update, check_setting, scalar, squares


@dataclass(frozen=True, slots=True)
class Clipped:
    """An optimizer whose gradients are clipped: ``Clipped(Adam(1e-3), norm=1.0)``.

    Attributes:
        optimizer: takes the step.
        value: every entry is kept between ``-value`` and ``value``.
        norm: if the Euclidean length of all gradients together exceeds it, all are scaled down to it. With
            both limits, entries are clipped first.

    Example:
        >>> print(sd.update_rules(sd.nn.Clipped(sd.nn.SGD(0.1), value=0.5), [sd.parameter("W", (3, 2))]))
        One step of Clipped
        ═══════════════════
        <BLANKLINE>
        Updates
          W_p+1 = W_p - η·{-c if ∇_W L < -c; c if ∇_W L > c; ∇_W L otherwise}                      (descent)
        <BLANKLINE>
        Settings
          η   0.1
          c   0.5
    """

    optimizer: Optimizer
    value: Setting | None = None
    norm: Setting | None = None

    def __post_init__(self) -> None:
        check_optimizer(self.optimizer)
        if self.value is None and self.norm is None:
            raise ExpressionError("nothing to clip by", cure="give value=..., norm=... or both")
        for name, limit in (("value", self.value), ("norm", self.norm)):
            if limit is not None:
                check_setting(name, limit)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Mapping[Tensor, Tensor],
        loss: Tensor | None = None,
    ) -> tuple[Update, ...]:
        """Return the optimizer's updates for the clipped gradients."""
        slopes = {p: gradients[p] for p in parameters}
        if self.value is not None:
            slopes = clip_by_value(slopes, self.value)
        if self.norm is not None:
            slopes = clip_by_norm(slopes, self.norm)
        return updates_of(self.optimizer, parameters, slopes, loss)


def clip_by_value(gradients: Mapping[Tensor, Tensor], limit: Setting) -> dict[Tensor, Tensor]:
    """Keep every entry between ``-limit`` and ``limit``."""
    c = scalar(limit)

    def formula(g: sp.Expr) -> sp.Expr:
        return sp.Piecewise((-c, g < -c), (c, g > c), (g, True))

    return {p: elementwise(formula, g, rule="clip by value") for p, g in gradients.items()}


def clip_by_norm(gradients: Mapping[Tensor, Tensor], limit: Setting) -> dict[Tensor, Tensor]:
    """Scale all gradients together so that their common Euclidean length is at most `limit`."""
    c = scalar(limit)
    parts = [squares(g) for g in gradients.values()]
    norm = elementwise(lambda *each: sp.sqrt(sp.Add(*each)), *parts, name="gradient_norm", rule="norm")
    scale = elementwise(lambda n: sp.Piecewise((1, n <= c), (c / n, True)), norm, rule="scale")
    return {p: elementwise(lambda g, s: s * g, g, scale, rule="clip by norm") for p, g in gradients.items()}
