"""Functions that are called after every epoch.

Enters: the epoch's record and the model. Leaves: True to stop training, anything else to go on. Any
function of two arguments is a callback; these are the customary ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from symdl.errors import ArgumentError
from symdl.train.history import Epoch

Callback = Callable[[Epoch, Any], bool | None]
"""A function of the epoch and of the `symdl.Model` that is trained."""


def print_epochs(*, every: int = 1) -> Callback:
    """Return a callback that prints a line after every `every`-th epoch.

    Raises:
        ArgumentError: `every` is less than 1.
    """
    if every < 1:
        raise ArgumentError(f"every={every} is less than 1")

    def callback(epoch: Epoch, model: Any) -> None:
        if epoch.number % every:
            return
        parts = [f"epoch {epoch.number}: loss {epoch.loss:.4f}"]
        parts += [f"{name} {value:.4f}" for name, value in epoch.values.items()]
        if epoch.validation_loss is not None:
            parts.append(f"validation loss {epoch.validation_loss:.4f}")
        if epoch.accuracy is not None:
            parts.append(f"accuracy {epoch.accuracy:.2%}")
        print(", ".join(parts), flush=True)

    return callback


def save_epochs(path: str | os.PathLike[str]) -> Callback:
    """Return a callback that saves the model after every epoch, as `symdl.Model.save` does.

    Args:
        path: the file; ``{}`` in it, if any, becomes the epoch's number.
    """

    def callback(epoch: Epoch, model: Any) -> None:
        model.save(os.fspath(path).replace("{}", str(epoch.number)))

    return callback


def stop_at(*, loss: float | None = None, accuracy: float | None = None) -> Callback:
    """Return a callback that stops when a goal is reached.

    Args:
        loss: stop when the monitored loss (of the validation data where there are any) is not higher.
        accuracy: stop when the validation accuracy is not lower.
    """

    def callback(epoch: Epoch, model: Any) -> bool:
        low = loss is not None and epoch.monitored <= loss
        return low or (accuracy is not None and epoch.accuracy is not None and epoch.accuracy >= accuracy)

    return callback
