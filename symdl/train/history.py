"""What happened in training.

Enters: one `Epoch` for each pass over the data, and how it ended. Leaves: `History`: a table, a
dictionary, a plot of the loss.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from symdl.figures import GREY, beside, panels, quiet, write_png
from symdl.files import replacing
from symdl.tables import html_table, text_lines


@dataclass(frozen=True, slots=True)
class Batch:
    """One step of training, or of several losses one turn of each.

    Attributes:
        epoch: the number of the epoch, counted from 1.
        number: of the batch in the epoch, counted from 1.
        samples: in the batch.
        loss: before the update.
        values: the metrics and, where there are several, each loss, taken as `loss` is.
    """

    epoch: int
    number: int
    samples: int
    loss: float
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training data.

    Attributes:
        number: counted from 1.
        loss: over all samples, each taken when its batch was trained on; see "Scores of a data set" in
            docs/numerics.md.
        validation_loss: after the epoch; None without validation data.
        accuracy: share of the validation samples put into their class; None where that is undefined.
        seconds: time spent in training, evaluation not counted.
        samples_per_second: training samples over `seconds`.
        values: the metrics and, where there are several, each loss, taken as `loss` is.
        validation_values: the same of the validation data.
        loss_after: of the training data after the epoch; only with `patience` and without validation data.
        watched: what early stopping watches, if another thing than the loss was chosen; the lower the better.
    """

    number: int
    loss: float
    validation_loss: float | None
    accuracy: float | None
    seconds: float
    samples_per_second: float
    values: Mapping[str, float] = field(default_factory=dict)
    validation_values: Mapping[str, float] = field(default_factory=dict)
    watched: float | None = None
    loss_after: float | None = None

    @property
    def row(self) -> dict[str, float]:
        """All numbers by names as tables have them; what has no value in this training is left out.

        A metric that is called as a number of each epoch is has ``metric_`` before its name.
        """
        own = {
            "loss_after": self.loss_after,
            "validation_loss": self.validation_loss,
            "accuracy": self.accuracy,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
        }
        named = {**self.values, **{f"validation_{name}": v for name, v in self.validation_values.items()}}
        taken = {"epoch", "loss", *own}
        return {
            "epoch": self.number,
            "loss": self.loss,
            **{f"metric_{name}" if name in taken else name: value for name, value in named.items()},
            **{name: value for name, value in own.items() if value is not None},
        }

    @property
    def monitored(self) -> float:
        """What early stopping watches: `watched`, or the loss after the epoch, of validation data if any."""
        known = (self.watched, self.validation_loss, self.loss_after)
        return next((value for value in known if value is not None), self.loss)


@dataclass(frozen=True, slots=True)
class History:
    """The epochs of one training run.

    Attributes:
        epochs: what happened in each, in order.
        best_epoch: number of the epoch with the lowest `Epoch.monitored`.
        stopped: why training ended, in words.
        restored: whether the weights are those of `best_epoch` and not of the last epoch.
        test_loss: mean loss of the test data with the final weights; None without test data.
        test_accuracy: share of the test samples put into their class, likewise.
        preparing: seconds before the first step: checking data, and, unless the model has kept that from an
            earlier fit, deriving, lowering and compiling the step.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    stopped: str
    restored: bool = False
    test_loss: float | None = None
    test_accuracy: float | None = None
    preparing: float = 0.0

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest `Epoch.monitored`."""
        return self.epochs[self.best_epoch - 1]

    def following(self, earlier: History | None) -> History:
        """Return both as one run: the epochs of `earlier`, then these, whose numbers go on.

        The best epoch stays one of these: ``model.history.following(before)`` tells of the weights that are
        there.
        """
        if earlier is None:
            return self
        count = len(earlier.epochs)
        mine = (replace(epoch, number=epoch.number + count) for epoch in self.epochs)
        return replace(self, epochs=(*earlier.epochs, *mine), best_epoch=self.best_epoch + count)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as numbers, texts, lists and dictionaries, ready for JSON."""
        return {**asdict(self), "epochs": [asdict(epoch) for epoch in self.epochs]}

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a table of comma-separated values: a line of names, then one for each epoch.

        Raises:
            DataError: `path` cannot be written.
        """
        rows = [epoch.row for epoch in self.epochs]
        names = list(dict.fromkeys(name for row in rows for name in row))
        with replacing(path) as file:
            file.write(table([dict(zip(names, names, strict=True)), *rows], names))

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the loss over the epochs, and what else was followed.

        Each has a panel, with its legend above, and a vertical line at the best epoch. A loss that falls far
        has an axis in powers of ten.

        Args:
            path: where to write a PNG file; nothing is written if not given.

        Returns:
            The ``matplotlib.figure.Figure``.

        Raises:
            MissingExtraError: matplotlib is not installed.
            DataError: `path` cannot be written.
        """
        figure = drawn(self)
        if path is not None:
            write_png(figure, path)
        return figure

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table of the epochs, its head first; columns that hold nothing are left out."""
        first = self.epochs[0]
        names = (*first.values, *(f"validation {name}" for name in first.validation_values))
        columns = (
            "epoch",
            "loss",
            *names,
            "loss after",
            "validation loss",
            "accuracy",
            "seconds",
            "samples/s",
        )
        rows = [columns, *(_cells(epoch, epoch.number == self.best_epoch) for epoch in self.epochs)]
        kept = [c for c in range(len(columns)) if any(row[c] for row in rows[1:])]
        return [tuple(row[c] for c in kept) for row in rows]

    def notes(self) -> list[str]:
        """Return what is said below the table: how training ended, and the scores of test data."""
        weights = "restored" if self.restored else "not restored"
        lines = [f"best epoch: {self.best_epoch} (*), its weights {weights}", f"stopped: {self.stopped}"]
        if self.preparing:
            lines.append(f"prepared in {self.preparing:.3g} s")
        if self.test_loss is not None:
            accuracy = "" if self.test_accuracy is None else f", accuracy {self.test_accuracy:.2%}"
            lines.append(f"test: loss {self.test_loss:.4f}{accuracy}")
        return lines

    def __str__(self) -> str:
        return "\n".join([*text_lines(self.rows(), ">"), *self.notes()])

    def _repr_html_(self) -> str:
        return html_table(self.rows(), "; ".join(self.notes()))


_FAR = 30.0
"""How many times the smallest loss the largest is, from which on the axis has powers of ten."""


def drawn(history: History) -> Any:
    """Return the figure of a history: a panel for the loss, one for each number that was followed besides."""
    known = set().union(*(epoch.row for epoch in history.epochs))
    shown = {"loss": {"training": "loss", "validation": "validation_loss", "after the epoch": "loss_after"}}
    shown["accuracy"] = {"validation": "accuracy"}
    for name in history.epochs[0].values:
        own = f"metric_{name}" if f"metric_{name}" in known else name
        shown[own] = {"training": own, "validation": f"validation_{name}"}
    kept = {label: {w: n for w, n in names.items() if n in known} for label, names in shown.items()}
    kept = {label: names for label, names in kept.items() if names}
    figure, all_axes = panels(len(kept))
    for axes, (label, names) in zip(all_axes, kept.items(), strict=True):
        _lines(axes, history, names, label)
    return figure


def _lines(axes: Any, history: History, names: Mapping[str, str], label: str) -> None:
    """Draw numbers of each epoch, by the names that a legend has and those of `Epoch.row`."""
    values: list[float] = []
    for words, name in names.items():
        points = [(epoch.number, epoch.row[name]) for epoch in history.epochs if name in epoch.row]
        values += [y for _, y in points if math.isfinite(y)]
        marker = "o" if len(points) <= 40 else ""
        axes.plot(*zip(*points, strict=True), marker=marker, ms=3, lw=1.6, label=words)
    best = f"best epoch: {history.best_epoch}"
    axes.axvline(history.best_epoch, color=GREY, lw=1.2, ls=(0, (4, 3)), label=best, zorder=0)
    if label == "loss" and values and min(values) > 0 and max(values) > _FAR * min(values):
        axes.set_yscale("log")
    quiet(axes, xlabel="epoch", ylabel=label)
    axes.xaxis.get_major_locator().set_params(integer=True)
    beside(axes)


def _cells(epoch: Epoch, best: bool) -> tuple[str, ...]:
    return (
        f"{'*' if best else ''}{epoch.number}",
        f"{epoch.loss:.4f}",
        *(f"{v:.4f}" for v in (*epoch.values.values(), *epoch.validation_values.values())),
        "" if epoch.loss_after is None else f"{epoch.loss_after:.4f}",
        "" if epoch.validation_loss is None else f"{epoch.validation_loss:.4f}",
        "" if epoch.accuracy is None else f"{epoch.accuracy:.2%}",
        f"{epoch.seconds:.3g}",
        f"{epoch.samples_per_second:,.0f}",
    )


def table(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> bytes:
    """Return rows as lines of comma-separated values, in the order of `names`."""
    text = io.StringIO()
    csv.DictWriter(text, names, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
