"""Optimizers that divide each entry's step by the root of its gathered squares.

Enters: parameters and their gradients. Leaves: the update equations of one step, as in `symdl.nn.optimizers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.operators import elementwise
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
    for_each,
    scalar,
    slopes_of,
    state,
)


@dataclass(frozen=True, slots=True)
class RMSProp(Goal):
    """``v = decay*v + (1 - decay)*g**2``, ``p = p - learning_rate*g/(sqrt(v) + epsilon)`` (Hinton, 2012).

    Lecture 6e. `centered` divides by the root of the variance ``v - a**2``, where
    ``a = decay*a + (1 - decay)*g`` (Graves, 2013, equations 38-45). With `momentum` the quotients ``q`` are
    gathered: ``b = momentum*b + q``, ``p = p - learning_rate*b``.

    >>> print(sd.update_rules(sd.nn.RMSProp(1e-3), [sd.parameter("W", (3, 2))]))
    One step of RMSProp
    ═══════════════════
    <BLANKLINE>
    Updates
      W.v_p+1    = ρ·W.v_p + (1 - ρ)·(∇_W L)∘²                                            (mean square)
      W_p+1[i,j] = W_p[i,j] - η·∂L/∂W[i,j]/(√(W.v_p+1[i,j]) + ε)                          (rmsprop step)
    <BLANKLINE>
    Settings
      η   0.001
      ρ   0.99
      ε   1e-08
    """

    learning_rate: Rate = 0.01
    decay: Setting = 0.99
    epsilon: Setting = 1e-8
    weight_decay: Decay = 0.0
    momentum: Setting = 0.0
    centered: bool = False

    def __post_init__(self) -> None:
        check_setting("decay", self.decay, below=1)
        check_setting("epsilon", self.epsilon)
        check_setting("momentum", self.momentum, below=1)
        check_rate(self.learning_rate, self.weight_decay, self.maximize)
        if not isinstance(self.centered, bool):
            raise ExpressionError(f"centered = {self.centered!r}", cure="centered must be True or False")

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the mean square's and the parameter's equation for every parameter."""
        rho, eps, mu = scalar(self.decay), scalar(self.epsilon), scalar(self.momentum)
        time = clock(self.learning_rate)
        slopes = slopes_of(parameters, gradients, decay=self.weight_decay, maximize=self.maximize)

        def quotient(g: Any, v: Any, a: Any = 0) -> Any:
            return g / (sp.sqrt(sp.Max(v - a**2, 0) if self.centered else v) + eps)

        def step(p: Tensor, g: Tensor) -> list[Update]:
            square = state(f"{p.name}.v", p)
            v = elementwise(lambda v, g: rho * v + (1 - rho) * g**2, square, g, rule="mean square")
            pairs, known = [(square, v)], [g, v]
            if self.centered:
                mean = state(f"{p.name}.a", p)
                a = elementwise(lambda a, g: rho * a + (1 - rho) * g, mean, g, rule="mean gradient")
                pairs, known = [*pairs, (mean, a)], [*known, a]
            if mu == 0:
                new = elementwise(
                    lambda w, e, *known: w - e * quotient(*known), p, time.rate, *known, rule="rmsprop step"
                )
                return [*pairs, (p, new)]
            kept = state(f"{p.name}.b", p)
            b = elementwise(lambda b, *known: mu * b + quotient(*known), kept, *known, rule="momentum")
            new = elementwise(lambda w, b, e: w - e * b, p, b, time.rate, rule="rmsprop step")
            return [*pairs, (kept, b), (p, new)]

        return for_each(parameters, slopes, step, time.updates)


@dataclass(frozen=True, slots=True)
class Adagrad(Goal):
    """``v = v + g**2``, ``p = p - learning_rate*g/(sqrt(v) + epsilon)`` (Duchi et al., 2011, figure 1).

    >>> print(sd.update_rules(sd.nn.Adagrad(0.1), [sd.parameter("W", (3, 2))]))
    One step of Adagrad
    ═══════════════════
    <BLANKLINE>
    Updates
      W.v_p+1    = W.v_p + (∇_W L)∘²                                                    (sum of squares)
      W_p+1[i,j] = W_p[i,j] - η·∂L/∂W[i,j]/(√(W.v_p+1[i,j]) + ε)                        (adagrad step)
    <BLANKLINE>
    Settings
      η   0.1
      ε   1e-10
    """

    learning_rate: Rate = 0.01
    epsilon: Setting = 1e-10
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_setting("epsilon", self.epsilon)
        check_rate(self.learning_rate, self.weight_decay, self.maximize)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the sum of squares' and the parameter's equation for every parameter."""
        eps, time = scalar(self.epsilon), clock(self.learning_rate)
        slopes = slopes_of(parameters, gradients, decay=self.weight_decay, maximize=self.maximize)

        def step(p: Tensor, g: Tensor) -> list[Update]:
            square = state(f"{p.name}.v", p)
            v = elementwise(lambda v, g: v + g**2, square, g, rule="sum of squares")
            new = elementwise(
                lambda w, g, v, e: w - e * g / (sp.sqrt(v) + eps), p, g, v, time.rate, rule="adagrad step"
            )
            return [(square, v), (p, new)]

        return for_each(parameters, slopes, step, time.updates)


@dataclass(frozen=True, slots=True)
class Adadelta(Goal):
    """Steps as long as earlier ones were, whatever the unit of the loss (Zeiler, 2012, algorithm 1).

    ``v = decay*v + (1 - decay)*g**2``, ``d = sqrt(u + epsilon)/sqrt(v + epsilon)*g``,
    ``u = decay*u + (1 - decay)*d**2``, ``p = p - learning_rate*d``.
    """

    learning_rate: Rate = 1.0
    decay: Setting = 0.9
    epsilon: Setting = 1e-6
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_setting("decay", self.decay, below=1)
        check_setting("epsilon", self.epsilon)
        check_rate(self.learning_rate, self.weight_decay, self.maximize)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of the mean squares and of the parameter, for every parameter."""
        rho, eps, time = scalar(self.decay), scalar(self.epsilon), clock(self.learning_rate)
        slopes = slopes_of(parameters, gradients, decay=self.weight_decay, maximize=self.maximize)

        def step(p: Tensor, g: Tensor) -> list[Update]:
            square, moved = state(f"{p.name}.v", p), state(f"{p.name}.u", p)

            def mean(old: Any, new: Any) -> Any:
                return rho * old + (1 - rho) * new**2

            v = elementwise(mean, square, g, rule="mean square")
            d = elementwise(
                lambda u, v, g: sp.sqrt(u + eps) / sp.sqrt(v + eps) * g, moved, v, g, rule="direction"
            )
            u = elementwise(mean, moved, d, rule="mean square of steps")
            new = elementwise(lambda w, d, e: w - e * d, p, d, time.rate, rule="adadelta step")
            return [(square, v), (moved, u), (p, new)]

        return for_each(parameters, slopes, step, time.updates)
