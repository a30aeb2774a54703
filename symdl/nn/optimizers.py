"""Optimizers as update equations.

Enters: parameters and their gradients. Leaves: pairs of a tensor and its next value: for every parameter and
every state the equation of one step. The compiler runs them in the pass that makes the gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.operators import elementwise
from symdl.express.tensors import Tensor
from symdl.nn.initializers import constant, zeros

Update = tuple[Tensor, Tensor]
"""A parameter or state, and the tensor that replaces it after a step."""


class Optimizer(Protocol):
    """Anything with an `updates` method can train a model."""

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the update equations of one step."""
        ...


def _state(name: str, like: Tensor | None = None, *, value: float = 0.0) -> Tensor:
    shape = like.shape if like is not None else ()
    init = zeros() if value == 0 else constant(value)
    return Tensor(name, shape, role="state", init=init)


def _checked(name: str, value: float, *, below: float | None = None) -> None:
    ok = isinstance(value, int | float) and value >= 0 and (below is None or value < below)
    if not ok:
        limit = f" and below {below}" if below is not None else ""
        raise ExpressionError(f"{name} = {value!r}", cure=f"{name} must be a number, at least 0{limit}")


@dataclass(frozen=True, slots=True)
class SGD:
    """Stochastic gradient descent: ``p = p - learning_rate*g``."""

    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        _checked("learning_rate", self.learning_rate)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return ``p - eta*g`` for every parameter."""
        eta = _state("learning_rate", value=self.learning_rate)
        return tuple(
            (p, elementwise(lambda w, g, e: w - e * g, p, gradients[p], eta, rule="descent"))
            for p in parameters
        )


@dataclass(frozen=True, slots=True)
class Momentum:
    """Heavy-ball momentum: ``v = momentum*v + g`` and ``p = p - learning_rate*v`` (Polyak, 1964)."""

    learning_rate: float = 0.01
    momentum: float = 0.9

    def __post_init__(self) -> None:
        _checked("learning_rate", self.learning_rate)
        _checked("momentum", self.momentum, below=1)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the velocity's and the parameter's equation for every parameter."""
        eta = _state("learning_rate", value=self.learning_rate)
        mu = _literal(self.momentum)
        pairs: list[Update] = []
        for p in parameters:
            velocity = _state(f"{p.name}.velocity", p)
            new = elementwise(lambda v, g: mu * v + g, velocity, gradients[p], rule="momentum")
            pairs.append((velocity, new))
            pairs.append((p, elementwise(lambda w, v, e: w - e * v, p, new, eta, rule="descent")))
        return tuple(pairs)


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam (Kingma and Ba, 2015, algorithm 1).

    With step ``t`` counted from 1: ``m = b1*m + (1 - b1)*g``, ``v = b2*v + (1 - b2)*g**2``,
    ``p = p - learning_rate * (m/(1 - b1**t)) / (sqrt(v/(1 - b2**t)) + epsilon)``.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _checked("learning_rate", self.learning_rate)
        _checked("beta1", self.beta1, below=1)
        _checked("beta2", self.beta2, below=1)
        _checked("epsilon", self.epsilon)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, moments and parameters."""
        b1, b2, eps = map(_literal, (self.beta1, self.beta2, self.epsilon))
        eta, step = _state("learning_rate", value=self.learning_rate), _state("step")
        t = elementwise(lambda s: s + 1, step, rule="count")
        c1 = elementwise(lambda s: 1 / (1 - b1**s), t, rule="bias correction")
        c2 = elementwise(lambda s: 1 / (1 - b2**s), t, rule="bias correction")
        pairs: list[Update] = [(step, t)]
        for p in parameters:
            first, second = _state(f"{p.name}.m", p), _state(f"{p.name}.v", p)
            g = gradients[p]
            m = elementwise(lambda m, g: b1 * m + (1 - b1) * g, first, g, rule="first moment")
            v = elementwise(lambda v, g: b2 * v + (1 - b2) * g**2, second, g, rule="second moment")
            new = elementwise(
                lambda w, m, v, e, c1, c2: w - e * (m * c1) / (sp.sqrt(v * c2) + eps),
                *(p, m, v, eta, c1, c2),
                rule="adam step",
            )
            pairs += [(first, m), (second, v), (p, new)]
        return tuple(pairs)


def _literal(value: float) -> sp.Expr:
    """Return a decimal as the rational it was written as: 0.9 is 9/10, so ``1 - 0.9`` is exactly 1/10."""
    return sp.Rational(repr(float(value)))
