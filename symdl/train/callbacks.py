"""What is called after every epoch, and after every batch.

Enters: the record of an epoch or a batch, and the model. Leaves: True to stop training, anything else to go
on. Any function of two arguments is a callback; these are the customary ones.

A callback may change the values in ``model.parameters`` and ``model.running``, in place, and set
``model.learning_rate``: the next step goes on from there. It may save the model, predict and evaluate with
it. What it must not do is fit it, or move it to another target.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from symdl.errors import ArgumentError
from symdl.train.history import Batch, Epoch


class Listener(Protocol):
    """Called after every batch, too: an object with a method ``after_batch``, and perhaps ``after_epoch``."""

    def after_batch(self, batch: Batch, model: Any) -> bool | None:
        """Hear of a batch; return True to stop training at once."""
        ...


AfterEpoch = Callable[[Epoch, Any], bool | None]
Callback = AfterEpoch | Listener
"""A function of the epoch and of the `symdl.Model` that is trained, or an object with
``after_batch(batch, model)`` and perhaps ``after_epoch(epoch, model)``. It may change values of the
model, and ``model.learning_rate``."""


def heard(callbacks: Sequence[Any], kind: str) -> list[Callable[[Any, Any], bool | None]]:
    """Return what of callbacks is called after every ``"batch"`` or ``"epoch"``."""
    found = []
    for callback in callbacks:
        method = getattr(callback, f"after_{kind}", None)
        if method is not None:
            found.append(method)
        elif kind == "epoch" and callable(callback):
            found.append(callback)
    return found


def is_callback(value: Any) -> bool:
    """Say whether a value is a callback."""
    return callable(value) or hasattr(value, "after_batch") or hasattr(value, "after_epoch")


def print_epochs(*, every: int = 1) -> AfterEpoch:
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


def save_epochs(path: str | os.PathLike[str]) -> AfterEpoch:
    """Return a callback that saves the model after every epoch, as `symdl.Model.save` does.

    Args:
        path: the file; ``{}`` in it, if any, becomes the epoch's number.
    """

    def callback(epoch: Epoch, model: Any) -> None:
        model.save(os.fspath(path).replace("{}", str(epoch.number)))

    return callback


def stop_at(*, loss: float | None = None, accuracy: float | None = None) -> AfterEpoch:
    """Return a callback that stops when a goal is reached.

    Args:
        loss: stop when the monitored loss (of the validation data where there are any) is not higher.
        accuracy: stop when the validation accuracy is not lower.
    """

    def callback(epoch: Epoch, model: Any) -> bool:
        low = loss is not None and epoch.monitored <= loss
        return low or (accuracy is not None and epoch.accuracy is not None and epoch.accuracy >= accuracy)

    return callback
