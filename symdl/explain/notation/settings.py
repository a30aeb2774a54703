"""The settings of an optimizer as symbols: beta_1 in place of 0.9.

Enters: an optimizer, which is a dataclass of numbers, schedules and other optimizers. Leaves: the same with a
rank-0 tensor for every number that has a customary letter, and what each of them stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from symdl.express.dims import is_number
from symdl.express.tensors import Tensor
from symdl.nn.plateau import RATE, ReduceOnPlateau

_LETTERS = {
    "beta1": "beta_1",
    "beta2": "beta_2",
    "epsilon": "epsilon",
    "momentum": "mu",
    "decay": "rho",
    "weight_decay": "lambda",
    "rate": "{rate}_max",
    "minimum": "{rate}_min",
    "then": "{rate}_max",
    "factor": "gamma",
    "steps": "T",
    "every": "K",
    "value": "c",
    "norm": "C",
    "batches": "k",
    "threshold": "delta",
    "dampening": "tau",
    "momentum_decay": "psi",
}


def with_symbols(thing: Any, *, rate: str) -> tuple[Any, dict[Tensor, float]]:
    """Return `thing` with tensors of role ``constant`` for its numbers, and the number of each.

    Numbers that are 0, names without a letter, and things that are no dataclasses stay as they are.

    Args:
        thing: an optimizer or a schedule.
        rate: what the learning rate is called.
    """
    values: dict[Tensor, float] = {}
    return _replaced(thing, {**_LETTERS, "learning_rate": rate}, rate, values), values


def _replaced(thing: Any, letters: dict[str, str], rate: str, values: dict[Tensor, float]) -> Any:
    if not is_dataclass(thing) or isinstance(thing, type):
        return thing
    changes: dict[str, Any] = {}
    if isinstance(thing, ReduceOnPlateau):  # whose learning rate is a state, with a letter of its own
        letters = {field: letter for field, letter in letters.items() if field != RATE}
    for part in fields(thing):
        value = getattr(thing, part.name)
        if is_dataclass(value):
            changes[part.name] = _replaced(value, letters, rate, values)
        elif isinstance(value, Mapping) and any(map(is_dataclass, value.values())):
            changes[part.name] = {key: _replaced(each, letters, rate, values) for key, each in value.items()}
        elif part.name in letters and is_number(value) and value:
            changes[part.name] = _symbol(letters[part.name].replace("{rate}", rate), value, values)
        elif part.name in letters and isinstance(value, Mapping):  # numbers by the names of parameters
            kinds = [number for number in dict.fromkeys(value.values()) if is_number(number) and number]
            letter = letters[part.name].replace("{rate}", rate)
            known = {number: _symbol(letter, number, values) for number in kinds}
            changes[part.name] = {key: known.get(number, number) for key, number in value.items()}
    return replace(thing, **changes)


def _symbol(name: str, value: float, values: dict[Tensor, float]) -> Tensor:
    tensor = Tensor(_unused(name, {str(t.name) for t in values}), (), role="constant")
    values[tensor] = value
    return tensor


def _unused(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(f"{name}_{count}" for count in range(2, len(taken) + 3) if f"{name}_{count}" not in taken)
