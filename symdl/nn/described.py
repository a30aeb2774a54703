"""Optimizers, schedules and initializers as plain data, and back.

Enters: a setting: a number, a text, a mapping, or an object of this room that is its settings. Leaves: what
JSON holds. Only classes that are listed here are ever made of data.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import DataError
from symdl.nn.accumulated import Accumulated
from symdl.nn.adaptive import Adadelta, Adagrad, RMSProp
from symdl.nn.averaged import Averaged
from symdl.nn.clipping import Clipped
from symdl.nn.factored import Adafactor
from symdl.nn.grouped import Grouped
from symdl.nn.initializers import Fill, Glorot, He, Uniform
from symdl.nn.lbfgs import LBFGS
from symdl.nn.moments import LAMB, Adam, Adamax, AdamW, Lion, NAdam, RAdam
from symdl.nn.optimizers import SGD, Momentum, Nesterov
from symdl.nn.plateau import ReduceOnPlateau
from symdl.nn.schedules import CosineDecay, ExponentialDecay, StepDecay, WarmUp

OPTIMIZERS: tuple[type[Any], ...] = (
    *(SGD, Momentum, Nesterov),
    *(Adam, AdamW, NAdam, RAdam, Adamax, LAMB, Lion),
    *(RMSProp, Adagrad, Adadelta, Adafactor),
    LBFGS,
)
"""The optimizers that stand around no other."""
_KINDS: Mapping[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *OPTIMIZERS,
        *(Accumulated, Averaged, Clipped, Grouped, ReduceOnPlateau),
        *(StepDecay, ExponentialDecay, CosineDecay, WarmUp),
        *(He, Glorot, Uniform, Fill),
    )
}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Something of a user's own, or with a part that is, of which a file holds the name only.

    Attributes:
        kind: the name of a class of this package; of others' and of functions with the module.
    """

    kind: str


def kind_of(value: Any) -> str:
    """Return the name of an object's class: of this package's the last part, of others with the module."""
    if isinstance(value, Elsewhere):
        return value.kind
    named = value if hasattr(value, "__qualname__") else type(value)
    own = _KINDS.get(getattr(named, "__name__", "")) is named
    return str(named.__name__) if own else f"{named.__module__}.{named.__qualname__}"


def described(value: Any) -> Any:
    """Return a setting as JSON holds it; of what is not of this package its name only."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating | np.integer):
        number = value.item() if isinstance(value, np.generic) else value
        return number if math.isfinite(number) else {"number": str(number)}
    if isinstance(value, tuple | list):
        return [described(each) for each in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: described(each) for key, each in value.items()}}
    if _KINDS.get(type(value).__name__) is type(value):
        fields = {field.name: described(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__, "settings": fields}
    return {"elsewhere": kind_of(value)}


def made(data: Any) -> Any:
    """Return the setting that `described` wrote; an `Elsewhere` for what is not of this package.

    Raises:
        DataError: the data are none that `described` writes.
    """
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        return tuple(made(each) for each in data)
    if isinstance(data, dict) and data.keys() == {"number"}:
        return float(data["number"])
    if isinstance(data, dict) and data.keys() == {"mapping"}:
        return {str(key): made(each) for key, each in data["mapping"].items()}
    if isinstance(data, dict) and data.keys() == {"elsewhere"}:
        return Elsewhere(str(data["elsewhere"]))
    if isinstance(data, dict) and data.keys() == {"kind", "settings"} and data["kind"] in _KINDS:
        settings = {name: made(each) for name, each in data["settings"].items()}
        if not all(map(is_known, settings.values())):
            return Elsewhere(data["kind"])
        try:
            return _KINDS[data["kind"]](**settings)
        except (TypeError, ValueError) as error:
            raise DataError(f"the settings of {data['kind']} are damaged: {error}") from error
    raise DataError(f"{str(data)[:80]} describes no setting")


def is_known(value: Any) -> bool:
    """Say whether a setting, as `made` returns it, is all that it was."""
    if isinstance(value, Mapping):
        return all(map(is_known, value.values()))
    if isinstance(value, tuple | list):
        return all(map(is_known, value))
    return not isinstance(value, Elsewhere)
