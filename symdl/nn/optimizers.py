"""Optimizers as update equations: descent, plain and with momentum.

Enters: parameters and their gradients. Leaves: pairs of a tensor and its next value: for every parameter and
every state the equation of one step. The compiler runs them in the pass that makes the gradient. Others:
`symdl.nn.moments`, `symdl.nn.adaptive`, `symdl.nn.factored`.

A learning rate is a number (then it is a state, ``learning_rate``) or a schedule. A weight decay adds
``decay*p`` to the gradient of each parameter. With ``maximize=True`` the gradient has the other sign, so that
the loss rises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.express.operators import elementwise
from symdl.express.tensors import Tensor
from symdl.nn.steps import (
    Clock,
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
class SGD(Goal):
    """Stochastic gradient descent: ``p = p - learning_rate*g``.

    >>> print(sd.update_rules(sd.nn.SGD(0.1), [sd.parameter("W", (3, 2))]))
    One step of SGD
    ═══════════════
    <BLANKLINE>
    Updates
      W_p+1 = W_p - η·∇_W L                                                                    (descent)
    <BLANKLINE>
    Settings
      η   0.1
    """

    learning_rate: Rate = 0.01
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_rate(self.learning_rate, self.weight_decay, self.maximize)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return ``p - eta*g`` for every parameter."""
        time = clock(self.learning_rate)
        slopes = slopes_of(parameters, gradients, decay=self.weight_decay, maximize=self.maximize)

        def step(p: Tensor, g: Tensor) -> list[Update]:
            return [(p, elementwise(lambda w, g, e: w - e * g, p, g, time.rate, rule="descent"))]

        return for_each(parameters, slopes, step, time.updates)


@dataclass(frozen=True, slots=True)
class _Velocity(Goal):
    """Descent along a velocity, into which gradients are gathered; the subclasses say how far it goes."""

    learning_rate: Rate = 0.01
    momentum: Setting = 0.9
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        check_rate(self.learning_rate, self.weight_decay, self.maximize)
        check_setting("momentum", self.momentum, below=1)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the velocity's and the parameter's equation for every parameter."""
        mu, time = scalar(self.momentum), self._clock()
        slopes = slopes_of(parameters, gradients, decay=self.weight_decay, maximize=self.maximize)
        part = self._part(time)

        def step(p: Tensor, g: Tensor) -> list[Update]:
            velocity = state(f"{p.name}.velocity", p)
            operands = (velocity, g) if part is None else (velocity, g, part)
            new = elementwise(lambda v, g, part=1: mu * v + part * g, *operands, rule="momentum")
            return [(velocity, new), (p, self._moved(p, g, new, time.rate))]

        return for_each(parameters, slopes, step, time.updates)

    def _clock(self) -> Clock:
        return clock(self.learning_rate)

    def _part(self, time: Clock) -> Tensor | None:
        """Return the part of a gradient that goes into the velocity; None if that is all of it."""
        return None

    def _moved(self, p: Tensor, g: Tensor, velocity: Tensor, rate: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Momentum(_Velocity):
    """Heavy-ball momentum: ``v = momentum*v + g`` and ``p = p - learning_rate*v`` (Polyak, 1964).

    With `dampening`, ``v = momentum*v + (1 - dampening)*g``, but for the first velocity, which is ``g``.

    >>> print(sd.update_rules(sd.nn.Momentum(0.1), [sd.parameter("W", (3, 2))]))
    One step of Momentum
    ════════════════════
    <BLANKLINE>
    Updates
      W.v_p+1 = μ·W.v_p + ∇_W L                                                               (momentum)
      W_p+1   = W_p - η·W.v_p+1                                                               (descent)
    <BLANKLINE>
    Settings
      η   0.1
      μ   0.9
    """

    dampening: Setting = 0.0

    def __post_init__(self) -> None:
        self._check()
        check_setting("dampening", self.dampening)

    def _clock(self) -> Clock:
        return clock(self.learning_rate, counted=self._dampened)

    @property
    def _dampened(self) -> bool:
        return isinstance(self.dampening, Tensor) or self.dampening != 0

    def _part(self, time: Clock) -> Tensor | None:
        if not self._dampened:
            return None
        rest = 1 - scalar(self.dampening)
        return elementwise(lambda t: sp.Piecewise((1, t <= 1), (rest, True)), time.count, rule="dampening")

    def _moved(self, p: Tensor, g: Tensor, velocity: Tensor, rate: Tensor) -> Tensor:
        return elementwise(lambda w, v, e: w - e * v, p, velocity, rate, rule="descent")


@dataclass(frozen=True, slots=True)
class Nesterov(_Velocity):
    """Momentum that looks ahead: ``v = momentum*v + g``, ``p = p - learning_rate*(g + momentum*v)``.

    Nesterov (1983) in the form of Sutskever et al. (2013).

    >>> print(sd.update_rules(sd.nn.Nesterov(0.1), [sd.parameter("W", (3, 2))]))
    One step of Nesterov
    ════════════════════
    <BLANKLINE>
    Updates
      W.v_p+1 = μ·W.v_p + ∇_W L                                                          (momentum)
      W_p+1   = W_p - η·(∇_W L + μ·W.v_p+1)                                              (nesterov step)
    <BLANKLINE>
    Settings
      η   0.1
      μ   0.9
    """

    def _moved(self, p: Tensor, g: Tensor, velocity: Tensor, rate: Tensor) -> Tensor:
        mu = scalar(self.momentum)
        return elementwise(
            lambda w, g, v, e: w - e * (g + mu * v), p, g, velocity, rate, rule="nesterov step"
        )
