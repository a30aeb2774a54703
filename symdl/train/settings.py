"""The options of a training.

Enters: what a user passed to `Model.fit`. Leaves: `Settings`, checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import ArgumentError
from symdl.run.autotune import chosen
from symdl.train.callbacks import Callback, is_callback
from symdl.train.choice import Optimizers, Trainable
from symdl.train.feeds.training import Augment


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """The options of `Model.fit`, which explains them."""

    optimizer: Optimizers | None
    batch_size: int
    epochs: int
    validation: float | Mapping[str, Any]
    shuffle: bool
    seed: int
    patience: int | None
    watch: str | None
    restore_best: bool
    progress: bool | None
    callbacks: tuple[Callback, ...]
    test: Mapping[str, Any] | None
    resume: bool
    threads: int | None = None
    trainable: Trainable | Mapping[str, Trainable] = None
    communicator: Any = None
    augment: Augment | None = None

    def check(self) -> None:
        """Raise an `ArgumentError` for an option that is out of range."""
        counts = {"batch_size": self.batch_size, "epochs": self.epochs}
        if self.patience is not None:
            counts["patience"] = self.patience
        for name, value in counts.items():
            if not (_is_count(value) and value >= 1):
                raise ArgumentError(f"{name}={value!r} is no positive integer")
        if not (_is_count(self.seed) and self.seed >= 0):
            raise ArgumentError(f"seed={self.seed!r} is no nonnegative integer")
        share = self.validation
        if not isinstance(share, Mapping) and not (
            isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share < 1
        ):
            raise ArgumentError(
                f"validation={share!r} is neither data nor a share in [0, 1)",
                cure="pass a share such as 0.1, or a dictionary of arrays",
            )
        chosen(self.threads)
        if not all(map(is_callback, self.callbacks)):
            raise ArgumentError("a callback cannot be called", cure="pass functions (epoch, model)")
        if self.augment is not None and not callable(self.augment):
            raise ArgumentError("augment cannot be called", cure="pass a function (batch, rng) -> batch")

    @property
    def common(self) -> dict[str, object]:
        """The options that must be the same in all processes of a job."""
        names = ("batch_size", "epochs", "seed", "shuffle", "patience", "watch", "restore_best")
        return {name: getattr(self, name) for name in names}


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
