"""Learning rates as formulas of the step.

Enters: settings. Leaves: a function from the number of steps done so far (0 at first) to the learning rate,
used as ``Adam(CosineDecay(1e-3, steps=1000))``. Any function from a SymPy expression to one will do.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdl.errors import ExpressionError
from symdl.nn.activations import literal
from symdl.nn.steps import Rate, check_setting


def _check_steps(name: str, value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ExpressionError(f"{name} = {value!r}", cure=f"{name} must be a positive integer")


@dataclass(frozen=True, slots=True)
class StepDecay:
    """``rate*factor**floor(step/every)``."""

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        check_setting("rate", self.rate)
        check_setting("factor", self.factor)
        _check_steps("every", self.every)

    def __call__(self, step: sp.Expr) -> sp.Expr:
        """Return the rate after `step` steps."""
        return literal(self.rate) * literal(self.factor) ** sp.floor(step / self.every)


@dataclass(frozen=True, slots=True)
class ExponentialDecay:
    """``rate*factor**(step/every)``."""

    rate: float
    factor: float
    every: int = 1

    def __post_init__(self) -> None:
        check_setting("rate", self.rate)
        check_setting("factor", self.factor)
        _check_steps("every", self.every)

    def __call__(self, step: sp.Expr) -> sp.Expr:
        """Return the rate after `step` steps."""
        return literal(self.rate) * literal(self.factor) ** (step / self.every)


@dataclass(frozen=True, slots=True)
class CosineDecay:
    """Half a cosine wave from `rate` down to `minimum` in `steps` steps, then `minimum`."""

    rate: float
    steps: int
    minimum: float = 0.0

    def __post_init__(self) -> None:
        check_setting("rate", self.rate)
        check_setting("minimum", self.minimum)
        _check_steps("steps", self.steps)

    def __call__(self, step: sp.Expr) -> sp.Expr:
        """Return the rate after `step` steps."""
        low, high = literal(self.minimum), literal(self.rate)
        wave = low + (high - low) * (1 + sp.cos(sp.pi * step / self.steps)) / 2
        return sp.Piecewise((wave, step < self.steps), (low, True))


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A straight rise in `steps` steps to the start of `then`, a number or a schedule that follows."""

    then: Rate
    steps: int

    def __post_init__(self) -> None:
        if not callable(self.then):
            check_setting("then", self.then)
        _check_steps("steps", self.steps)

    def __call__(self, step: sp.Expr) -> sp.Expr:
        """Return the rate after `step` steps: ``(step + 1)/steps`` of its goal during the rise."""
        then = self.then
        start = then(sp.Integer(0)) if callable(then) else literal(then)
        later = then(step - self.steps) if callable(then) else start
        return sp.Piecewise((start * (step + 1) / self.steps, step < self.steps), (later, True))
