"""Learning rates, read and set while training is under way.

Enters: where training is, and rates. Leaves: the rates of the next step: in the state that the compiled step
reads, and in the optimizer, so that a saved model and a resumed fit go on with them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdl.errors import ArgumentError, TrainingError
from symdl.express.dims import is_number
from symdl.train.resumable import Resumable

RATE = "learning_rate"


def rates_of(training: Resumable | None) -> float | dict[str, float]:
    """Return the learning rate of the next step; of several losses each by name.

    Raises:
        TrainingError: nothing has been trained, or an optimizer has no learning rate.
    """
    known = _known(training)
    found = {name: _rate(known, name) for name in known.optimizers}
    return found[""] if found.keys() == {""} else found


def set_rates(training: Resumable | None, value: float | Mapping[str, float]) -> None:
    """Set the learning rate from the next step on: one for all losses, or for some by name.

    Raises:
        TrainingError: nothing has been trained, or a learning rate is a formula of the step.
        ArgumentError: a rate is no number that is at least 0, or no loss has the name.
    """
    known = _known(training)
    rates = value if isinstance(value, Mapping) else dict.fromkeys(known.optimizers, value)
    for name, rate in rates.items():
        if name not in known.optimizers:
            names = ", ".join(map(repr, known.optimizers))
            raise ArgumentError(f"learning_rate: no loss is called {name!r}", cure=f"they are {names}")
        if not is_number(rate) or not 0 <= rate < float("inf"):
            raise ArgumentError(f"learning_rate={rate!r}", cure="give a number that is at least 0")
    changed = {name: _with_rate(known.optimizers[name], float(rate)) for name, rate in rates.items()}
    known.optimizers.update(changed)
    for name, rate in rates.items():
        array = known.fixed.get(_state_name(name))
        if array is not None:
            array[...] = array.dtype.type(rate)


def _known(training: Resumable | None) -> Resumable:
    if training is None:
        raise TrainingError(
            "there is no learning rate before training",
            cure="start model.trainer(optimizer=...) or fit first",
        )
    return training


def _state_name(loss: str) -> str:
    return f"{loss}.{RATE}" if loss else RATE


def _holder(optimizer: Any) -> Any:
    """Return the optimizer that has the learning rate: itself, or the one that it hands on to."""
    while not hasattr(optimizer, RATE) and hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    return optimizer


def _rate(training: Resumable, loss: str) -> float:
    array = training.fixed.get(_state_name(loss))
    if array is not None:
        return float(_number(array))
    rate = getattr(_holder(training.optimizers[loss]), RATE, None)
    if callable(rate):
        step = training.states.get(f"{loss}.step" if loss else "step")
        return float(rate(sp.Integer(0 if step is None else int(_number(step)))))
    if rate is None or not is_number(rate):
        raise TrainingError("the optimizer has no learning rate that can be read")
    return float(rate)


def _number(array: Any) -> Any:
    """Return the number in an array of rank 0, wherever it lies."""
    return array.look()[()] if hasattr(array, "look") else array[()]


def _with_rate(optimizer: Any, rate: float) -> Any:
    """Return the optimizer with another learning rate."""
    if not hasattr(optimizer, RATE) and hasattr(optimizer, "optimizer"):
        return dataclasses.replace(optimizer, optimizer=_with_rate(optimizer.optimizer, rate))
    if callable(getattr(optimizer, RATE, None)):
        raise TrainingError(
            "the learning rate is a schedule, a formula of the step, and cannot be set",
            cure="give the optimizer a number, such as sd.nn.Adam(1e-3), and set it as you go",
        )
    known = hasattr(optimizer, RATE) and dataclasses.is_dataclass(optimizer)
    return dataclasses.replace(optimizer, **{RATE: rate}) if known else optimizer
