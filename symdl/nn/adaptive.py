"""Optimizers that scale each entry's step by the history of its gradient.

Enters: parameters and their gradients. Leaves: the update equations of one step, as in `symdl.nn.optimizers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

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
    decay_of,
    for_each,
    scalar,
    slopes_of,
    state,
)


@dataclass(frozen=True, slots=True)
class _Moments:
    """The settings of Adam: rates at which the mean of the gradient and of its square forget."""

    learning_rate: Rate = 1e-3
    beta1: Setting = 0.9
    beta2: Setting = 0.999
    epsilon: Setting = 1e-8
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        _check_moments(self.beta1, self.beta2, self.epsilon)
        check_rate(self.learning_rate, self.weight_decay)


@dataclass(frozen=True, slots=True)
class Adam(_Moments):
    """Adam (Kingma and Ba, 2015, algorithm 1).

    With step ``t`` counted from 1: ``m = b1*m + (1 - b1)*g``, ``v = b2*v + (1 - b2)*g**2``,
    ``p = p - learning_rate * (m/(1 - b1**t)) / (sqrt(v/(1 - b2**t)) + epsilon)``. A weight decay is added to
    the gradient; see `AdamW`.
    """

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, moments and parameters."""
        slopes = slopes_of(parameters, gradients, decay=self.weight_decay)
        return _adam(self, 0.0, parameters, slopes)


@dataclass(frozen=True, slots=True)
class AdamW(_Moments):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    ``p = p - learning_rate * (adam step + weight_decay*p)``: the decay is not scaled by the moments.
    """

    weight_decay: Decay = 0.01

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, moments and parameters."""
        return _adam(self, self.weight_decay, parameters, gradients)


def _check_moments(beta1: Setting, beta2: Setting, epsilon: Setting) -> None:
    check_setting("beta1", beta1, below=1)
    check_setting("beta2", beta2, below=1)
    check_setting("epsilon", epsilon)


def _adam(
    settings: _Moments, decay: Decay, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]
) -> tuple[Update, ...]:
    b1, b2, eps = map(scalar, (settings.beta1, settings.beta2, settings.epsilon))
    time = clock(settings.learning_rate, counted=True)
    c1 = elementwise(lambda s: 1 / (1 - b1**s), time.count, rule="bias correction")
    c2 = elementwise(lambda s: 1 / (1 - b2**s), time.count, rule="bias correction")
    pairs: list[Update] = [*time.updates]
    for p in parameters:
        first, second = state(f"{p.name}.m", p), state(f"{p.name}.v", p)
        g, share = gradients[p], decay_of(decay, p)
        m = elementwise(lambda m, g: b1 * m + (1 - b1) * g, first, g, rule="first moment")
        v = elementwise(lambda v, g: b2 * v + (1 - b2) * g**2, second, g, rule="second moment")
        new = elementwise(
            lambda w, m, v, e, c1, c2, d=share: w - e * ((m * c1) / (sp.sqrt(v * c2) + eps) + d * w),
            *(p, m, v, time.rate, c1, c2),
            rule="adam step",
        )
        pairs += [(first, m), (second, v), (p, new)]
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class RMSProp:
    """``v = decay*v + (1 - decay)*g**2``, ``p = p - learning_rate*g/(sqrt(v) + epsilon)`` (Hinton, 2012)."""

    learning_rate: Rate = 0.01
    decay: Setting = 0.99
    epsilon: Setting = 1e-8
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_setting("decay", self.decay, below=1)
        check_setting("epsilon", self.epsilon)
        check_rate(self.learning_rate, self.weight_decay)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the mean square's and the parameter's equation for every parameter."""
        a = scalar(self.decay)
        square = _Squares("mean square", lambda v, g: a * v + (1 - a) * g**2, "rmsprop step", self.epsilon)
        return for_each(parameters, gradients, square.step, rate=self.learning_rate, decay=self.weight_decay)


@dataclass(frozen=True, slots=True)
class Adagrad:
    """``v = v + g**2``, ``p = p - learning_rate*g/(sqrt(v) + epsilon)`` (Duchi et al., 2011)."""

    learning_rate: Rate = 0.01
    epsilon: Setting = 1e-10
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_setting("epsilon", self.epsilon)
        check_rate(self.learning_rate, self.weight_decay)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the sum of squares' and the parameter's equation for every parameter."""
        square = _Squares("sum of squares", lambda v, g: v + g**2, "adagrad step", self.epsilon)
        return for_each(parameters, gradients, square.step, rate=self.learning_rate, decay=self.weight_decay)


@dataclass(frozen=True, slots=True)
class _Squares:
    """Steps divided by the root of gathered squares of gradients.

    Attributes:
        rule: what the gathering is called.
        gathered: its formula, of what there is and a gradient.
        moving: what the step is called.
        epsilon: added to the root.
    """

    rule: str
    gathered: Callable[[sp.Expr, sp.Expr], sp.Expr]
    moving: str
    epsilon: Setting

    def step(self, p: Tensor, g: Tensor, rate: Tensor) -> list[Update]:
        """Return the squares' and the parameter's equation."""
        square, eps = state(f"{p.name}.v", p), scalar(self.epsilon)
        v = elementwise(self.gathered, square, g, rule=self.rule)
        new = elementwise(lambda w, g, v, e: w - e * g / (sp.sqrt(v) + eps), p, g, v, rate, rule=self.moving)
        return [(square, v), (p, new)]


@dataclass(frozen=True, slots=True)
class Lion:
    """Steps of one size by the sign of a smoothed gradient (Chen et al., 2023).

    ``u = sign(b1*m + (1 - b1)*g)``, ``p = p - learning_rate*(u + weight_decay*p)``, then
    ``m = b2*m + (1 - b2)*g``.
    """

    learning_rate: Rate = 1e-4
    beta1: Setting = 0.9
    beta2: Setting = 0.99
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        _check_moments(self.beta1, self.beta2, 0.0)
        check_rate(self.learning_rate, self.weight_decay)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the moment's and the parameter's equation for every parameter."""
        b1, b2 = scalar(self.beta1), scalar(self.beta2)

        def step(p: Tensor, g: Tensor, rate: Tensor) -> list[Update]:
            moment, share = state(f"{p.name}.m", p), decay_of(self.weight_decay, p)
            new = elementwise(
                lambda w, m, g, e: w - e * (sp.sign(b1 * m + (1 - b1) * g) + share * w),
                *(p, moment, g, rate),
                rule="lion step",
            )
            m = elementwise(lambda m, g: b2 * m + (1 - b2) * g, moment, g, rule="first moment")
            return [(p, new), (moment, m)]

        return for_each(parameters, gradients, step, rate=self.learning_rate)
