"""Callbacks that write down what happens in training while it happens.

Enters: the records of epochs and batches. Leaves: files: a table of comma-separated values, or events that
TensorBoard shows.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any, Self

from symdl import files
from symdl.errors import DataError, TrainingError, require_extra
from symdl.train.callbacks import AfterEpoch
from symdl.train.history import Batch, Epoch, table


def write_csv(path: str | os.PathLike[str], *, append: bool = False) -> AfterEpoch:
    """Return a callback that writes a line of a table after every epoch, so that a run that ends leaves it.

    The columns are those of `History.to_csv`, after the first epoch that the callback hears of.

    Args:
        path: the file.
        append: whether to go on with a table that is there, as after ``fit(..., resume=True)``; its columns
            must be the same. Else the file begins anew.

    Raises:
        DataError: the file cannot be written, or has other columns.

    Example:
        >>> history = model.fit(data, optimizer=sd.nn.Adam(1e-3), callbacks=[sd.train.write_csv("log.csv")])
    """
    target, names = Path(path), list[str]()

    def callback(epoch: Epoch, model: Any) -> None:
        row = epoch.row
        if not names:
            names.extend(_columns(target) if append else [])
        if not names:
            names.extend(row)
            with files.replacing(target) as file:
                file.write(table([dict(zip(row, row, strict=True))], names))
        if row.keys() != set(names):
            raise DataError(
                f"{target} has the columns {', '.join(names)}, and an epoch has {', '.join(row)}",
                cure="write another file",
            )
        files.append(target, table([row], names))

    return callback


def _columns(path: Path) -> list[str]:
    """Return the names in the first line of a table; none if there is no table."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
    except FileNotFoundError:
        return []
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path} cannot be read: {error}", cure="write another file") from error


class TensorBoard:
    """A callback that writes events for TensorBoard, through the library tensorboardX.

    Every number of an epoch is a curve: ``loss``, ``validation_loss``, ``accuracy``, each metric by its name,
    and ``learning_rate`` where an optimizer has one. A writer may be kept for several fits, whose epochs it
    counts on. It is a context manager, and ends with `close`.

    Args:
        folder: where the events go; ``tensorboard --logdir folder`` shows them.
        batches: whether to write the loss of every batch, too; each is then a call of its own, which makes
            training of small networks slower.

    Raises:
        MissingExtraError: tensorboardX is not installed: ``pip install "symdl[tensorboard]"``.

    Example:
        >>> with sd.train.TensorBoard("runs/first") as board:  # doctest: +SKIP
        ...     history = model.fit(data, optimizer=sd.nn.Adam(1e-3), callbacks=[board])
    """

    def __init__(self, folder: str | os.PathLike[str], *, batches: bool = False) -> None:
        library: Any = require_extra("tensorboardX", "tensorboard")
        self._writer = library.SummaryWriter(os.fspath(folder))
        self._epochs = self._batches = 0
        if batches:
            self.after_batch = self._after_batch

    def after_epoch(self, epoch: Epoch, model: Any) -> None:
        """Write the numbers of an epoch."""
        self._epochs += 1
        for name, value in epoch.row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, self._epochs)
        for name, rate in _rates(model).items():
            self._writer.add_scalar(name, rate, self._epochs)
        self._writer.flush()

    def _after_batch(self, batch: Batch, model: Any) -> None:
        """Write the loss of a batch."""
        self._batches += 1
        self._writer.add_scalar("batch_loss", batch.loss, self._batches)

    def close(self) -> None:
        """Write what is left, and end."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _rates(model: Any) -> dict[str, float]:
    """Return learning rates by the names of their curves; none where an optimizer has none."""
    try:
        found = model.learning_rate
    except TrainingError:
        return {}
    if not isinstance(found, dict):
        return {"learning_rate": found}
    return {f"learning_rate/{name}": rate for name, rate in found.items()}
