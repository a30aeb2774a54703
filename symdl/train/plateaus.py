"""What optimizers watch in place of the loss.

Enters: optimizers, an epoch's record. Leaves: the values that `symdl.nn.ReduceOnPlateau` watches, in the
states from which the next step reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from symdl.errors import ArgumentError
from symdl.nn.plateau import WATCHED, ReduceOnPlateau
from symdl.nn.protocol import handed_on
from symdl.train.history import Epoch
from symdl.train.weights import Weights


def check_watched(
    optimizers: Mapping[str, Any], names: Iterable[str], *, scored: bool, accuracy: bool
) -> None:
    """Refuse optimizers that watch what no epoch of this training has.

    Args:
        optimizers: of the losses.
        names: of what is followed besides the loss.
        scored, accuracy: whether there are validation data, and an accuracy of them.

    Raises:
        ArgumentError: naming what there is.
    """
    followed = ["loss", *names]
    validation = [f"validation_{name}" for name in followed] + ["accuracy"] * accuracy if scored else []
    for watch in watched_by(optimizers.values()):
        if watch not in (*validation, *followed):
            raise ArgumentError(
                f"ReduceOnPlateau watches {watch!r}, which is nothing that is followed",
                cure=f"choose from {', '.join(map(repr, (*validation, *followed)))}, or pass validation data",
            )


def watched_by(optimizers: Iterable[Any]) -> Iterator[str]:
    """Yield what optimizers, and those that they hand on to, watch in place of the loss."""
    todo = list(optimizers)
    while todo:
        optimizer = todo.pop()
        if isinstance(optimizer, ReduceOnPlateau) and optimizer.watch is not None:
            yield optimizer.watch
        todo += handed_on(optimizer).values()


def tell(weights: Weights, epoch: Epoch) -> None:
    """Put what is watched into the states that hold it; the next step compares it."""
    values = _values(epoch) if any(WATCHED in name for name in weights) else {}
    for name, array in weights.items():
        before, found, watch = name.partition(f"{WATCHED}.")
        if found and (not before or before.endswith(".")):
            array[...] = array.dtype.type(values[watch])


def _values(epoch: Epoch) -> Mapping[str, float]:
    """Return what can be watched, the lower the better."""
    validation = {f"validation_{name}": value for name, value in epoch.validation_values.items()}
    found = {"loss": epoch.loss, **epoch.values, **validation}
    if epoch.validation_loss is not None:
        found["validation_loss"] = epoch.validation_loss
    return found if epoch.accuracy is None else {**found, "accuracy": 1 - epoch.accuracy}
