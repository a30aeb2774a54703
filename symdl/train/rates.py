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
from symdl.nn.protocol import handed_on
from symdl.train.resumable import Resumable

RATE = "learning_rate"


def rates_of(training: Resumable | None) -> float | dict[str, float]:
    """Return the learning rate of the next step; of several losses or groups of parameters each by name.

    Raises:
        TrainingError: nothing has been trained, or an optimizer has no learning rate.
    """
    known = _known(training)
    found = {name: _rate(known, name, optimizer) for name, optimizer in _rated(known).items()}
    return found[""] if found.keys() == {""} else found


def set_rates(training: Resumable | None, value: float | Mapping[str, float]) -> None:
    """Set the learning rate from the next step on: one for all, or for some losses or groups by name.

    Raises:
        TrainingError: nothing has been trained, or a learning rate is a formula of the step.
        ArgumentError: a rate is no number that is at least 0, or no loss or group has the name.
    """
    known = _known(training)
    rated = _rated(known)
    rates = dict(value) if isinstance(value, Mapping) else dict.fromkeys(rated, value)
    for name, rate in rates.items():
        if name not in rated:
            names = ", ".join(map(repr, rated))
            raise ArgumentError(f"learning_rate: no loss is called {name!r}", cure=f"they are {names}")
        if not is_number(rate) or not 0 <= rate < float("inf"):
            raise ArgumentError(f"learning_rate={rate!r}", cure="give a number that is at least 0")
        if callable(getattr(rated[name], RATE, None)):
            raise TrainingError(
                "the learning rate is a schedule, a formula of the step, and cannot be set",
                cure="give the optimizer a number, such as sd.nn.Adam(1e-3), and set it as you go",
            )
    changed = {name: _with_rates(optimizer, name, rates) for name, optimizer in known.optimizers.items()}
    known.optimizers.update(changed)
    for name, rate in rates.items():
        array = _state(known, name, RATE)
        if array is not None:
            array[...] = array.dtype.type(rate)


def _known(training: Resumable | None) -> Resumable:
    if training is None:
        raise TrainingError(
            "there is no learning rate before training",
            cure="start model.trainer(optimizer=...) or fit first",
        )
    return training


def _joined(*names: str) -> str:
    return ".".join(filter(None, names))


def _rated(training: Resumable) -> dict[str, Any]:
    """Return the optimizers that have learning rates: those of losses and groups, by both names joined."""
    found: dict[str, Any] = {}
    todo = list(reversed(training.optimizers.items()))
    while todo:
        name, optimizer = todo.pop()
        inner = {} if hasattr(optimizer, RATE) else handed_on(optimizer)
        todo += reversed([(_joined(name, group), each) for group, each in inner.items()])
        if not inner:
            found[name] = optimizer
    return found


def _state(training: Resumable, name: str, kind: str) -> Any:
    """Return the array of a state of a loss or group, or None."""
    return {**training.fixed, **training.states}.get(_joined(name, kind))


def _rate(training: Resumable, name: str, optimizer: Any) -> float:
    array = _state(training, name, RATE)
    if array is not None:
        return float(_number(array))
    rate = getattr(optimizer, RATE, None)
    if callable(rate):
        step = _state(training, name, "step")
        return float(rate(sp.Integer(0 if step is None else int(_number(step)))))
    if rate is None or not is_number(rate):
        raise TrainingError("the optimizer has no learning rate that can be read")
    return float(rate)


def _number(array: Any) -> Any:
    """Return the number in an array of rank 0, wherever it lies."""
    return array.look()[()] if hasattr(array, "look") else array[()]


def _with_rates(optimizer: Any, name: str, rates: Mapping[str, float]) -> Any:
    """Return an optimizer of a loss or group with other learning rates, as far as `rates` has its name."""
    if not dataclasses.is_dataclass(optimizer):
        return optimizer
    replaced: Any = dataclasses.replace  # its types forget that this is no class
    if hasattr(optimizer, RATE):
        return replaced(optimizer, **{RATE: float(rates[name])}) if name in rates else optimizer
    inner = {
        group: _with_rates(each, _joined(name, group), rates) for group, each in handed_on(optimizer).items()
    }
    if not inner:
        return optimizer
    change: dict[str, Any] = {"optimizer": inner[""]} if "" in inner else {"groups": inner}
    return replaced(optimizer, **change)
