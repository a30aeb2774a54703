"""Optimizers as update equations: descent, plain and with momentum. Adaptive ones: `symdl.nn.adaptive`.

Enters: parameters and their gradients. Leaves: pairs of a tensor and its next value: for every parameter and
every state the equation of one step. The compiler runs them in the pass that makes the gradient.

A learning rate is a number (then it is a state, ``learning_rate``) or a schedule. A weight decay adds
``decay*p`` to the gradient of each parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symdl.express.operators import elementwise
from symdl.express.tensors import Tensor
from symdl.nn.steps import (
    Decay,
    Rate,
    Setting,
    Update,
    check_rate,
    check_setting,
    for_each,
    scalar,
    state,
)


@dataclass(frozen=True, slots=True)
class SGD:
    """Stochastic gradient descent: ``p = p - learning_rate*g``."""

    learning_rate: Rate = 0.01
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_rate(self.learning_rate, self.weight_decay)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return ``p - eta*g`` for every parameter."""

        def step(p: Tensor, g: Tensor, rate: Tensor) -> list[Update]:
            return [(p, elementwise(lambda w, g, e: w - e * g, p, g, rate, rule="descent"))]

        return for_each(parameters, gradients, step, rate=self.learning_rate, decay=self.weight_decay)


@dataclass(frozen=True, slots=True)
class _Velocity:
    """Descent along a velocity, into which gradients are gathered; the subclasses say how far it goes."""

    learning_rate: Rate = 0.01
    momentum: Setting = 0.9
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_rate(self.learning_rate, self.weight_decay)
        check_setting("momentum", self.momentum, below=1)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the velocity's and the parameter's equation for every parameter."""
        mu = scalar(self.momentum)

        def step(p: Tensor, g: Tensor, rate: Tensor) -> list[Update]:
            velocity = state(f"{p.name}.velocity", p)
            new = elementwise(lambda v, g: mu * v + g, velocity, g, rule="momentum")
            return [(velocity, new), (p, self._moved(p, g, new, rate))]

        return for_each(parameters, gradients, step, rate=self.learning_rate, decay=self.weight_decay)

    def _moved(self, p: Tensor, g: Tensor, velocity: Tensor, rate: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Momentum(_Velocity):
    """Heavy-ball momentum: ``v = momentum*v + g`` and ``p = p - learning_rate*v`` (Polyak, 1964)."""

    def _moved(self, p: Tensor, g: Tensor, velocity: Tensor, rate: Tensor) -> Tensor:
        return elementwise(lambda w, v, e: w - e * v, p, velocity, rate, rule="descent")


@dataclass(frozen=True, slots=True)
class Nesterov(_Velocity):
    """Momentum that looks ahead: ``v = momentum*v + g``, ``p = p - learning_rate*(g + momentum*v)``.

    Nesterov (1983) in the form of Sutskever et al. (2013).
    """

    def _moved(self, p: Tensor, g: Tensor, velocity: Tensor, rate: Tensor) -> Tensor:
        mu = scalar(self.momentum)
        return elementwise(
            lambda w, g, v, e: w - e * (g + mu * v), p, g, velocity, rate, rule="nesterov step"
        )
