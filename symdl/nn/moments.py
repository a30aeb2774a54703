"""Optimizers that smooth gradients and scale steps by the size of those: Adam and its relatives.

Enters: parameters and their gradients. Leaves: the update equations of one step, as in `symdl.nn.optimizers`.
In the formulas ``g`` is the gradient, ``t`` the number of the step, 1 at first, ``b1`` and ``b2`` are `beta1`
and `beta2`; moments are 0 at first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

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
    decay_of,
    for_each,
    scalar,
    slopes_of,
    squares,
    state,
)


@dataclass(frozen=True, slots=True)
class _Moments(Goal):
    """The settings of Adam: rates at which the mean of the gradient and of its square forget."""

    learning_rate: Rate = 1e-3
    beta1: Setting = 0.9
    beta2: Setting = 0.999
    epsilon: Setting = 1e-8
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        check_setting("beta1", self.beta1, below=1)
        check_setting("beta2", self.beta2, below=1)
        check_setting("epsilon", self.epsilon)
        check_rate(self.learning_rate, self.weight_decay, self.maximize)

    def _numbers(self) -> tuple[Any, Any, Any]:
        return scalar(self.beta1), scalar(self.beta2), scalar(self.epsilon)

    def _slopes(
        self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor], decay: Decay = 0.0
    ) -> dict[Tensor, Tensor]:
        return slopes_of(parameters, gradients, decay=decay, maximize=self.maximize)


def _moments(p: Tensor, g: Tensor, b1: Any, b2: Any) -> tuple[Update, Update]:
    """Return the means of the gradient and of its square."""
    first, second = state(f"{p.name}.m", p), state(f"{p.name}.v", p)
    m = elementwise(lambda m, g: b1 * m + (1 - b1) * g, first, g, rule="first moment")
    v = elementwise(lambda v, g: b2 * v + (1 - b2) * g**2, second, g, rule="second moment")
    return (first, m), (second, v)


def _correction(beta: Any, count: Tensor | None) -> Tensor:
    """Return ``1/(1 - beta**t)``, which makes a moment a mean."""
    return elementwise(lambda t: 1 / (1 - beta**t), count, rule="bias correction")


@dataclass(frozen=True, slots=True)
class Adam(_Moments):
    """Adam (Kingma and Ba, 2015, algorithm 1).

    With step ``t`` counted from 1: ``m = b1*m + (1 - b1)*g``, ``v = b2*v + (1 - b2)*g**2``,
    ``p = p - learning_rate * (m/(1 - b1**t)) / (sqrt(v/(1 - b2**t)) + epsilon)``. A weight decay is added to
    the gradient; see `AdamW`. With `amsgrad` the largest ``v`` so far takes its place (Reddi et al., 2018,
    algorithm 2).

    >>> print(sd.update_rules(sd.nn.Adam(1e-3), [sd.parameter("W", (3, 2))]))
    One step of Adam
    ════════════════
    <BLANKLINE>
    Updates
      t_p+1      = t_p + 1                                                             (count)
      W.m_p+1    = β₁·W.m_p + (1 - β₁)·∇_W L                                           (first moment)
      W.v_p+1    = β₂·W.v_p + (1 - β₂)·(∇_W L)∘²                                       (second moment)
      c₁         = 1/(1 - β₁^t_p+1)                                                    (bias correction)
      c₂         = 1/(1 - β₂^t_p+1)                                                    (bias correction)
      W_p+1[i,j] = W_p[i,j] - η·c₁·W.m_p+1[i,j]/(√(c₂·W.v_p+1[i,j]) + ε)               (adam step)
    <BLANKLINE>
    Settings
      η    0.001
      β₁   0.9
      β₂   0.999
      ε    1e-08
    """

    amsgrad: bool = False

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, moments and parameters."""
        slopes = self._slopes(parameters, gradients, self.weight_decay)
        return _adam(self, 0.0, parameters, slopes, amsgrad=self.amsgrad)


@dataclass(frozen=True, slots=True)
class AdamW(_Moments):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2).

    ``p = p - learning_rate * (adam step + weight_decay*p)``: the decay is not scaled by the moments.
    `amsgrad` as in `Adam`.
    """

    weight_decay: Decay = 0.01
    amsgrad: bool = False

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, moments and parameters."""
        slopes = self._slopes(parameters, gradients)
        return _adam(self, self.weight_decay, parameters, slopes, amsgrad=self.amsgrad)


def _adam(
    settings: _Moments,
    decay: Decay,
    parameters: Sequence[Tensor],
    slopes: Mapping[Tensor, Tensor],
    *,
    amsgrad: bool,
) -> tuple[Update, ...]:
    b1, b2, eps = settings._numbers()
    time = clock(settings.learning_rate, counted=True)
    c1, c2 = _correction(b1, time.count), _correction(b2, time.count)

    def step(p: Tensor, g: Tensor) -> list[Update]:
        share = decay_of(decay, p)
        first, second = _moments(p, g, b1, b2)
        pairs, size = [first, second], second[1]
        if amsgrad:
            largest = state(f"{p.name}.v_max", p)
            size = elementwise(sp.Max, largest, size, rule="largest second moment")
            pairs.append((largest, size))
        new = elementwise(
            lambda w, m, v, e, c1, c2: w - e * ((m * c1) / (sp.sqrt(v * c2) + eps) + share * w),
            *(p, first[1], size, time.rate, c1, c2),
            rule="adam step",
        )
        return [*pairs, (p, new)]

    return for_each(parameters, slopes, step, time.updates)


@dataclass(frozen=True, slots=True)
class NAdam(_Moments):
    """Adam with Nesterov's momentum (Dozat, 2016, algorithm 2), which looks a step ahead.

    With ``u(t) = b1*(1 - 0.96**(t*momentum_decay)/2)``, their product ``U = u(1)*...*u(t)`` and the moments
    of `Adam`: ``p = p - learning_rate*n/(sqrt(v/(1 - b2**t)) + epsilon)`` with
    ``n = (1 - u(t))/(1 - U)*g + u(t+1)/(1 - U*u(t+1))*m``.
    """

    learning_rate: Rate = 2e-3
    momentum_decay: Setting = 0.004

    def __post_init__(self) -> None:
        self._check()
        check_setting("momentum_decay", self.momentum_decay)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, product of momenta, moments and parameters."""
        b1, b2, eps = self._numbers()
        slopes = self._slopes(parameters, gradients, self.weight_decay)
        time, fade = clock(self.learning_rate, counted=True), scalar(self.momentum_decay)
        product = state("momentum_product", value=1.0)

        def momentum(t: Any) -> Any:
            return b1 * (1 - sp.Rational(96, 100) ** (t * fade) / 2)

        new = elementwise(lambda u, t: u * momentum(t), product, time.count, rule="product of momenta")
        c1 = elementwise(lambda u, t: (1 - momentum(t)) / (1 - u), new, time.count, rule="bias correction")
        c2 = elementwise(
            lambda u, t: momentum(t + 1) / (1 - u * momentum(t + 1)), new, time.count, rule="bias correction"
        )
        c3 = _correction(b2, time.count)

        def step(p: Tensor, g: Tensor) -> list[Update]:
            first, second = _moments(p, g, b1, b2)
            moved = elementwise(
                lambda w, g, m, v, e, c1, c2, c3: w - e * (c1 * g + c2 * m) / (sp.sqrt(v * c3) + eps),
                *(p, g, first[1], second[1], time.rate, c1, c2, c3),
                rule="nadam step",
            )
            return [first, second, (p, moved)]

        return for_each(parameters, slopes, step, (*time.updates, (product, new)))


@dataclass(frozen=True, slots=True)
class RAdam(_Moments):
    """Adam whose first steps, while the mean square is uncertain, are those of momentum (Liu et al., 2020).

    Algorithm 2, with the moments of `Adam`: ``r_inf = 2/(1 - b2) - 1``,
    ``r = r_inf - 2*t*b2**t/(1 - b2**t)``. Where ``r > 5``,
    ``p = p - learning_rate*m/(1 - b1**t)*l*sqrt(1 - b2**t)/(sqrt(v) + epsilon)`` with
    ``l = sqrt((r - 4)*(r - 2)*r_inf/((r_inf - 4)*(r_inf - 2)*r))``; before,
    ``p = p - learning_rate*m/(1 - b1**t)``. The state ``bias`` is ``1 - b2**t``, exact in float32, too.
    """

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, bias, moments and parameters."""
        b1, b2, eps = self._numbers()
        slopes = self._slopes(parameters, gradients, self.weight_decay)
        time, bias, end = clock(self.learning_rate, counted=True), state("bias"), 2 / (1 - b2) - 1
        rest = elementwise(lambda s: b2 * s + (1 - b2), bias, rule="bias")
        c = _correction(b1, time.count)
        steps = elementwise(lambda t, s: end - 2 * t * (1 - s) / s, time.count, rest, rule="averaged steps")

        def rectified(r: Any, s: Any) -> Any:
            factor = s * (r - 4) * (r - 2) * end / ((end - 4) * (end - 2) * r)
            return sp.Piecewise((sp.sqrt(factor), r > 5), (0, True))

        factor = elementwise(rectified, steps, rest, rule="rectification")

        def step(p: Tensor, g: Tensor) -> list[Update]:
            first, second = _moments(p, g, b1, b2)

            def formula(w: Any, m: Any, v: Any, e: Any, c: Any, l: Any) -> Any:
                return w - e * c * m * sp.Piecewise((l / (sp.sqrt(v) + eps), l > 0), (1, True))

            operands = (p, first[1], second[1], time.rate, c, factor)
            return [first, second, (p, elementwise(formula, *operands, rule="radam step"))]

        return for_each(parameters, slopes, step, (*time.updates, (bias, rest)))


@dataclass(frozen=True, slots=True)
class Adamax(_Moments):
    """Adam with the largest gradient in place of the mean square (Kingma and Ba, 2015, algorithm 2).

    ``m = b1*m + (1 - b1)*g``, ``u = max(b2*u, abs(g) + epsilon)``, ``p = p - learning_rate/(1 - b1**t)*m/u``.
    """

    learning_rate: Rate = 2e-3

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, moment, largest gradient and parameters."""
        b1, b2, eps = self._numbers()
        slopes = self._slopes(parameters, gradients, self.weight_decay)
        time = clock(self.learning_rate, counted=True)
        c = _correction(b1, time.count)

        def step(p: Tensor, g: Tensor) -> list[Update]:
            moment, largest = state(f"{p.name}.m", p), state(f"{p.name}.u", p)
            m = elementwise(lambda m, g: b1 * m + (1 - b1) * g, moment, g, rule="first moment")
            u = elementwise(lambda u, g: sp.Max(b2 * u, sp.Abs(g) + eps), largest, g, rule="largest gradient")
            new = elementwise(
                lambda w, m, u, e, c: w - e * c * m / u, p, m, u, time.rate, c, rule="adamax step"
            )
            return [(moment, m), (largest, u), (p, new)]

        return for_each(parameters, slopes, step, time.updates)


@dataclass(frozen=True, slots=True)
class LAMB(_Moments):
    """Adam's direction, and for each parameter a length in proportion to its own (You et al., 2020).

    Algorithm 2, for large batches: ``u = (m/(1 - b1**t))/(sqrt(v/(1 - b2**t)) + epsilon) + weight_decay*p``,
    ``p = p - learning_rate*norm(p)/norm(u)*u``, with the factor 1 where a norm is 0.
    """

    epsilon: Setting = 1e-6

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the equations of step, moments and parameters."""
        b1, b2, eps = self._numbers()
        slopes, time = self._slopes(parameters, gradients), clock(self.learning_rate, counted=True)
        c1, c2 = _correction(b1, time.count), _correction(b2, time.count)

        def ratio(own: Any, other: Any) -> Any:
            return sp.Piecewise((sp.sqrt(own) / sp.sqrt(other), (own > 0) & (other > 0)), (1, True))

        def step(p: Tensor, g: Tensor) -> list[Update]:
            share = decay_of(self.weight_decay, p)
            first, second = _moments(p, g, b1, b2)
            u = elementwise(
                lambda w, m, v, c1, c2: (m * c1) / (sp.sqrt(v * c2) + eps) + share * w,
                *(p, first[1], second[1], c1, c2),
                rule="direction",
            )
            trust = elementwise(ratio, squares(p), squares(u), rule="trust ratio")
            new = elementwise(lambda w, u, e, r: w - e * r * u, p, u, time.rate, trust, rule="lamb step")
            return [first, second, (p, new)]

        return for_each(parameters, slopes, step, time.updates)


@dataclass(frozen=True, slots=True)
class Lion(Goal):
    """Steps of one size by the sign of a smoothed gradient (Chen et al., 2023).

    ``u = sign(b1*m + (1 - b1)*g)``, ``p = p - learning_rate*(u + weight_decay*p)``, then
    ``m = b2*m + (1 - b2)*g``.

    >>> print(sd.update_rules(sd.nn.Lion(1e-4), [sd.parameter("W", (3, 2))]))
    One step of Lion
    ════════════════
    <BLANKLINE>
    Updates
      W_p+1   = W_p - η·sgn((1 - β₁)·∇_W L + β₁·W.m_p)                                    (lion step)
      W.m_p+1 = β₂·W.m_p + (1 - β₂)·∇_W L                                                 (first moment)
    <BLANKLINE>
    Settings
      η    0.0001
      β₁   0.9
      β₂   0.99
    """

    learning_rate: Rate = 1e-4
    beta1: Setting = 0.9
    beta2: Setting = 0.99
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        check_setting("beta1", self.beta1, below=1)
        check_setting("beta2", self.beta2, below=1)
        check_rate(self.learning_rate, self.weight_decay, self.maximize)

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Return the moment's and the parameter's equation for every parameter."""
        b1, b2, time = scalar(self.beta1), scalar(self.beta2), clock(self.learning_rate)
        slopes = slopes_of(parameters, gradients, maximize=self.maximize)

        def step(p: Tensor, g: Tensor) -> list[Update]:
            moment, share = state(f"{p.name}.m", p), decay_of(self.weight_decay, p)
            new = elementwise(
                lambda w, m, g, e: w - e * (sp.sign(b1 * m + (1 - b1) * g) + share * w),
                *(p, moment, g, time.rate),
                rule="lion step",
            )
            m = elementwise(lambda m, g: b2 * m + (1 - b2) * g, moment, g, rule="first moment")
            return [(p, new), (moment, m)]

        return for_each(parameters, slopes, step, time.updates)
