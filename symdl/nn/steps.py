"""What the optimizers share: states, settings, the learning rate as a formula of the step.

Enters: settings as numbers, schedules, mappings. Leaves: states, exact numbers and the equations of the
learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.dims import is_number
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.activations import literal
from symdl.nn.initializers import fill, zeros

if TYPE_CHECKING:
    import numpy as np

Update: TypeAlias = tuple[Tensor, Tensor]
"""A parameter or state, and the tensor that replaces it after a step."""

Schedule: TypeAlias = Callable[[sp.Expr], sp.Expr]
"""The learning rate as a formula of the number of steps done so far, 0 at first."""

Setting: TypeAlias = "float | np.floating[Any] | Tensor"
"""A number, or a rank-0 tensor in its place: what prints update rules puts symbols there."""

Rate: TypeAlias = "Setting | Schedule"
Decay: TypeAlias = "Setting | Mapping[str, float] | Callable[[Tensor], float]"
"""One weight decay for all parameters, one by name (others have none), or one by a function of the tensor."""


def state(name: str, like: Tensor | Sequence[int] = (), *, value: Setting = 0.0) -> Tensor:
    """Return a state of an optimizer, which the steps of training change: a velocity, a count, a rate.

    Args:
        name: that of `symdl.train.Trainer.states` and of a saved model; ``f"{p.name}.velocity"`` for what
            belongs to a parameter ``p``.
        like: a tensor, or a shape, whose shape it has; a number by default.
        value: its first value, in every entry. (Pages of mathematics put a letter there for a setting, and
            show that letter.)

    Raises:
        ExpressionError: a name that cannot be used, a size that is none, a value that is no number.

    Example:
        >>> p = sd.parameter("W", (3, 2))
        >>> velocity = sd.nn.state(f"{p.name}.velocity", p)
        >>> rate = sd.nn.state("learning_rate", value=0.01)
    """
    shape = like.shape if isinstance(like, Tensor) else tuple(like)
    if isinstance(value, Tensor) and value.role == "constant" and value.shape == shape == ():
        return value
    if isinstance(value, Tensor) or not is_number(value) or not math.isfinite(value):
        raise ExpressionError(f"the state {name!r} starts at {value!r}", cure="give a finite number")
    init = zeros() if value == 0 else fill(float(value))
    return Tensor(name, shape, role="state", init=init)


def scalar(value: Setting) -> sp.Expr:
    """Return a setting as an exact number, or as the element of its tensor."""
    return value.at() if isinstance(value, Tensor) else literal(value)


def check_steps(name: str, value: Setting) -> None:
    """Refuse a number of steps that is no positive integer.

    Raises:
        ExpressionError: naming the setting.
    """
    if not isinstance(value, Tensor) and (type(value) is not int or value < 1):
        raise ExpressionError(f"{name} = {value!r}", cure=f"{name} must be a positive integer")


def check_setting(name: str, value: object, *, below: float | None = None) -> None:
    """Refuse a setting that is no number, negative, or not below a limit.

    Raises:
        ExpressionError: naming the setting.
    """
    if isinstance(value, Tensor) and not value.rank:
        return
    if not is_number(value) or not value >= 0 or not (below is None or value < below):  # type: ignore[operator]
        limit = f" and below {below}" if below is not None else ""
        raise ExpressionError(f"{name} = {value!r}", cure=f"{name} must be a number, at least 0{limit}")


@dataclass(frozen=True, slots=True)
class Goal:
    """What optimizers are for: to lower the loss, or to raise it.

    Attributes:
        maximize: whether the loss is to rise.
    """

    maximize: bool = field(default=False, kw_only=True)


def check_rate(rate: Rate, decay: Decay = 0.0, maximize: object = False) -> None:
    """Refuse a learning rate or a weight decay that is neither a number nor a formula.

    Raises:
        ExpressionError: naming the setting.
    """
    if not callable(rate):
        check_setting("learning_rate", rate)
    values = decay.values() if isinstance(decay, Mapping) else () if callable(decay) else (decay,)
    for value in values:
        check_setting("weight_decay", value)
    if not isinstance(maximize, bool):
        raise ExpressionError(f"maximize = {maximize!r}", cure="maximize must be True or False")


def decay_of(decay: Decay, parameter: Tensor) -> sp.Expr:
    """Return the weight decay of one parameter as an exact number."""
    value: Setting
    if isinstance(decay, Mapping):
        value = decay.get(str(parameter.name), 0.0)
    else:
        value = decay(parameter) if callable(decay) else decay
    check_setting("weight_decay", value)
    return scalar(value)


def slopes_of(
    parameters: Sequence[Tensor],
    gradients: Mapping[Tensor, Tensor],
    *,
    decay: Decay = 0.0,
    maximize: bool = False,
) -> dict[Tensor, Tensor]:
    """Return what to go down along: gradients plus ``decay*p``; to maximize, gradients change their sign."""
    result: dict[Tensor, Tensor] = {}
    for p in parameters:
        share, g = decay_of(decay, p), gradients[p]
        if share:
            sign = -1 if maximize else 1
            result[p] = elementwise(lambda g, w, d=share, s=sign: s * g + d * w, g, p, rule="weight decay")
        else:
            result[p] = elementwise(lambda g: -g, g, rule="ascent") if maximize else g
    return result


def restarted(total: Tensor, count: Tensor, size: Setting, rule: str) -> Tensor:
    """Return a total that is gathered over `size` steps, of which `count` were done before, and then 0."""

    def formula(t: sp.Expr, c: sp.Expr) -> sp.Expr:
        return sp.Piecewise((t, c < scalar(size) - 1), (0, True))

    return elementwise(formula, total, count, rule=rule)


def counted(count: Tensor, size: Setting) -> Update:
    """Return the next value of a count of steps that begins again at 0 after `size` of them."""
    more = elementwise(lambda c: c + 1, count, rule="count")
    return count, restarted(more, count, size, "count")


@dataclass(frozen=True, slots=True)
class Clock:
    """The learning rate of a step, and the count of steps where something needs it.

    Attributes:
        rate: the learning rate, a rank-0 tensor.
        count: the number of the step, 1 at first; None where nothing needs it.
        updates: the update of the count.
    """

    rate: Tensor
    count: Tensor | None
    updates: tuple[Update, ...]


def clock(rate: Rate, *, counted: bool = False) -> Clock:
    """Return the learning rate: a state that may be set from outside, or a formula of the step."""
    fixed: Tensor | None = None
    if isinstance(rate, Tensor):
        fixed = rate
    elif not callable(rate):
        fixed = state("learning_rate", value=float(rate))
    if fixed is not None and not counted:
        return Clock(fixed, None, ())
    step = state("step")
    count = elementwise(lambda s: s + 1, step, rule="count")
    if fixed is None:
        assert callable(rate)
        fixed = elementwise(rate, step, name="learning_rate", rule="schedule")
    return Clock(fixed, count, ((step, count),))


Step: TypeAlias = Callable[[Tensor, Tensor], Sequence[Update]]
"""One parameter's updates, from the parameter and what to go down along."""


def for_each(
    parameters: Sequence[Tensor], slopes: Mapping[Tensor, Tensor], step: Step, first: Sequence[Update] = ()
) -> tuple[Update, ...]:
    """Return the equations of one step: those that come first, then each parameter's."""
    return (*first, *(pair for p in parameters for pair in step(p, slopes[p])))


def squares(tensor: Tensor) -> Tensor:
    """Return the sum of squares, one equation: its root is computed without overflow."""
    names = axis_indices(max(tensor.rank, 1))
    axes = zip(names, tensor.shape or (1,), strict=True)
    return define(None, (), Sum(tensor.at(*names[: tensor.rank]) ** 2, *axes), origin=Origin("sum"))
