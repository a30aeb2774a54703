"""Losses and optimizers by name, as a file describes them.

Enters: a name, or a table such as ``{ adam = 0.001, weight_decay = 0.01 }``. Leaves: a `Loss`, or an
optimizer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from symdl import nn
from symdl.cli.config.settings import COUNT, FLAG, NUMBER, POSITIVE, Kind, named, settings
from symdl.errors import CommandError, SymdlError
from symdl.express.tensors import Tensor
from symdl.nn.described import OPTIMIZERS

Target = Literal["classes", "two classes", "numbers"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss that can be written.

    Attributes:
        function: of the output of the network and the target.
        target: what the target is; of classes there are labels, of two classes one output between them.
        option: the setting that its name may have, if there is one.
    """

    function: Callable[..., Tensor]
    target: Target
    option: str = ""

    def of(self, output: Tensor, target: Tensor, value: float | None) -> Tensor:
        """Return the loss; `value` is that of its setting."""
        return self.function(output, target, **({} if value is None else {self.option: value}))


LOSSES: Mapping[str, Loss] = {
    "cross_entropy": Loss(nn.cross_entropy, "classes", "label_smoothing"),
    "binary_cross_entropy": Loss(nn.binary_cross_entropy, "two classes", "positive_weight"),
    "mean_squared_error": Loss(nn.mean_squared_error, "numbers"),
    "mean_absolute_error": Loss(nn.mean_absolute_error, "numbers"),
    "huber": Loss(nn.huber, "numbers", "delta"),
    "log_cosh": Loss(nn.log_cosh, "numbers"),
}
"""The losses by name."""
_OPTIMIZERS: Mapping[str, Any] = {one.__name__.lower(): one for one in OPTIMIZERS}
_SCHEDULES: Mapping[str, Any] = {
    "cosine": nn.CosineDecay,
    "exponential": nn.ExponentialDecay,
    "steps": nn.StepDecay,
}
_CLIP = "clip_norm"


def loss_of(values: Any) -> tuple[Loss, float | None]:
    """Return a loss and the value of its setting: ``"huber"``, ``{ huber = true, delta = 0.5 }``.

    Raises:
        CommandError: there is no such loss, or it has no such setting.
    """
    where = "[network] loss"
    name, value, rest = named(values, where, LOSSES, what="loss")
    if value not in (None, True):
        raise CommandError(f"{where}: {name} = {value!r} is not true", cure=f'write loss = "{name}"')
    found = LOSSES[name]
    given = settings(rest, where, {found.option: NUMBER} if found.option else {})
    return found, given.get(found.option)


def optimizer_of(values: Any) -> Any:
    """Return an optimizer: ``"adam"``, ``{ adam = 0.001 }``, ``{ sgd = { cosine = 0.1, steps = 500 } }``.

    The value of its name is the learning rate, a number or a schedule; ``clip_norm`` clips gradients.

    Raises:
        CommandError: there is no such optimizer, or a setting does not fit.
    """
    where = "[training] optimizer"
    name, rate, rest = named(values, where, _OPTIMIZERS, what="optimizer")
    kind = _OPTIMIZERS[name]
    given = settings(rest, where, {**_fields(kind, without="learning_rate"), _CLIP: POSITIVE})
    clip = given.pop(_CLIP, None)
    try:
        if rate not in (None, True):
            given["learning_rate"] = _rate(rate, where)
        made = kind(**given)
        return made if clip is None else nn.Clipped(made, norm=clip)
    except TypeError as error:
        raise CommandError(f"{where}: {name} has no learning rate", cure=f"write {name} = true") from error
    except SymdlError as error:
        raise CommandError(f"{where}: {error.message}", cure=error.cure) from error


def _rate(value: Any, where: str) -> Any:
    """Return a learning rate: a number, or a schedule such as ``{ cosine = 0.1, steps = 500 }``."""
    if not isinstance(value, Mapping):
        if not POSITIVE.fits(value):
            raise CommandError(f"{where}: the learning rate {value!r} is not a positive number")
        return value
    name, rate, rest = named(value, where, _SCHEDULES, what="schedule")
    kind = _SCHEDULES[name]
    kinds = {name: POSITIVE, **_fields(kind, without="rate")}
    needed = [f.name for f in dataclasses.fields(kind)[1:] if f.default is dataclasses.MISSING]
    given = settings({name: rate, **rest}, where, kinds, required=needed)
    return kind(rate=given.pop(name), **given)


def _fields(kind: Any, *, without: str) -> dict[str, Kind]:
    """Return the settings of a class, which are numbers and choices."""
    whole = ("steps", "every", "memory", "line_search")
    return {
        field.name: FLAG if isinstance(field.default, bool) else COUNT if field.name in whole else NUMBER
        for field in dataclasses.fields(kind)
        if field.name != without
    }
