"""Learning rates as formulas of the step.

Enters: settings. Leaves: a function from the number of steps done so far (0 at first) to the learning rate,
used as ``Adam(CosineDecay(1e-3, steps=1000))``. Any function from a SymPy expression to one will do.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdl.nn.steps import Rate, Setting, check_setting, check_steps, scalar


@dataclass(frozen=True, slots=True)
class StepDecay:
    """``rate*factor**floor(step/every)``.

    >>> sd.nn.StepDecay(0.1, factor=0.5, every=10)(sp.Symbol("step"))
    1/(10*2**floor(step/10))
    """

    rate: Setting
    every: Setting
    factor: Setting = 0.1

    def __post_init__(self) -> None:
        check_setting("rate", self.rate)
        check_setting("factor", self.factor)
        check_steps("every", self.every)

    def __call__(self, step: sp.Expr) -> sp.Expr:
        """Return the rate after `step` steps."""
        return scalar(self.rate) * scalar(self.factor) ** sp.floor(step / scalar(self.every))


@dataclass(frozen=True, slots=True)
class ExponentialDecay:
    """``rate*factor**(step/every)``.

    >>> sd.nn.ExponentialDecay(0.1, factor=0.9)(sp.Symbol("step"))
    (9/10)**step/10
    """

    rate: Setting
    factor: Setting
    every: Setting = 1

    def __post_init__(self) -> None:
        check_setting("rate", self.rate)
        check_setting("factor", self.factor)
        check_steps("every", self.every)

    def __call__(self, step: sp.Expr) -> sp.Expr:
        """Return the rate after `step` steps."""
        return scalar(self.rate) * scalar(self.factor) ** (step / scalar(self.every))


@dataclass(frozen=True, slots=True)
class CosineDecay:
    """Half a cosine wave from `rate` down to `minimum` in `steps` steps, then `minimum`.

    >>> sd.nn.CosineDecay(0.1, steps=100)(sp.Symbol("step"))
    Piecewise((cos(pi*step/100)/20 + 1/20, step < 100), (0, True))
    """

    rate: Setting
    steps: Setting
    minimum: Setting = 0.0

    def __post_init__(self) -> None:
        check_setting("rate", self.rate)
        check_setting("minimum", self.minimum)
        check_steps("steps", self.steps)

    def __call__(self, step: sp.Expr) -> sp.Expr:
        """Return the rate after `step` steps."""
        low, high = scalar(self.minimum), scalar(self.rate)
        wave = low + (high - low) * (1 + sp.cos(sp.pi * step / scalar(self.steps))) / 2
        return sp.Piecewise((wave, step < scalar(self.steps)), (low, True))


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A straight rise in `steps` steps to the start of `then`, a number or a schedule that follows."""

    then: Rate
    steps: Setting

    def __post_init__(self) -> None:
        if not callable(self.then):
            check_setting("then", self.then)
        check_steps("steps", self.steps)

    def __call__(self, step: sp.Expr) -> sp.Expr:
        """Return the rate after `step` steps: ``(step + 1)/steps`` of its goal during the rise."""
        then = self.then
        start = then(sp.Integer(0)) if callable(then) else scalar(then)
        later = then(step - scalar(self.steps)) if callable(then) else start
        return sp.Piecewise(
            (start * (step + 1) / scalar(self.steps), step < scalar(self.steps)), (later, True)
        )
