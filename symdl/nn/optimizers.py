"""Optimizers as update equations: descent, plain and with momentum. Adaptive ones: `symdl.nn.adaptive`.

Enters: parameters and their gradients. Leaves: pairs of a tensor and its next value: for every parameter and
every state the equation of one step. The compiler runs them in the pass that makes the gradient.

A learning rate is a number (then it is a state, ``learning_rate``) or a schedule. A weight decay adds
``decay*p`` to the gradient of each parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from symdl.express.operators import elementwise
from symdl.express.tensors import Tensor
from symdl.nn.steps import (
    Decay,
    Rate,
    Setting,
    Update,
    check_rate,
    check_setting,
    clock,
    decayed,
    scalar,
    state,
)


class Optimizer(Protocol):
    """Anything with an `updates` method can train a model."""

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the update equations of one step."""
        ...


@dataclass(frozen=True, slots=True)
class SGD:
    """Stochastic gradient descent: ``p = p - learning_rate*g``."""

    learning_rate: Rate = 0.01
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_rate(self.learning_rate, self.weight_decay)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return ``p - eta*g`` for every parameter."""
        time = clock(self.learning_rate)
        slopes = decayed(self.weight_decay, parameters, gradients)
        steps = tuple(
            (p, elementwise(lambda w, g, e: w - e * g, p, slopes[p], time.rate, rule="descent"))
            for p in parameters
        )
        return (*time.updates, *steps)


@dataclass(frozen=True, slots=True)
class Momentum:
    """Heavy-ball momentum: ``v = momentum*v + g`` and ``p = p - learning_rate*v`` (Polyak, 1964)."""

    learning_rate: Rate = 0.01
    momentum: Setting = 0.9
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_rate(self.learning_rate, self.weight_decay)
        check_setting("momentum", self.momentum, below=1)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the velocity's and the parameter's equation for every parameter."""
        time, mu = clock(self.learning_rate), scalar(self.momentum)
        slopes = decayed(self.weight_decay, parameters, gradients)
        pairs: list[Update] = [*time.updates]
        for p in parameters:
            velocity = state(f"{p.name}.velocity", p)
            new = elementwise(lambda v, g: mu * v + g, velocity, slopes[p], rule="momentum")
            pairs.append((velocity, new))
            pairs.append((p, elementwise(lambda w, v, e: w - e * v, p, new, time.rate, rule="descent")))
        return tuple(pairs)


@dataclass(frozen=True, slots=True)
class Nesterov:
    """Momentum that looks ahead: ``v = momentum*v + g``, ``p = p - learning_rate*(g + momentum*v)``.

    Nesterov (1983) in the form of Sutskever et al. (2013).
    """

    learning_rate: Rate = 0.01
    momentum: Setting = 0.9
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_rate(self.learning_rate, self.weight_decay)
        check_setting("momentum", self.momentum, below=1)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the velocity's and the parameter's equation for every parameter."""
        time, mu = clock(self.learning_rate), scalar(self.momentum)
        slopes = decayed(self.weight_decay, parameters, gradients)
        pairs: list[Update] = [*time.updates]
        for p in parameters:
            velocity, g = state(f"{p.name}.velocity", p), slopes[p]
            new = elementwise(lambda v, g: mu * v + g, velocity, g, rule="momentum")
            step = elementwise(
                lambda w, g, v, e: w - e * (g + mu * v), p, g, new, time.rate, rule="nesterov step"
            )
            pairs += [(velocity, new), (p, step)]
        return tuple(pairs)
