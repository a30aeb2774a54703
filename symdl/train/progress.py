"""A progress bar on the terminal.

Enters: how many samples are done and their mean loss. Leaves: lines on standard error, where somebody
watches: by default nothing is written unless standard error is a terminal. With tqdm (extra ``train``)
it is a bar, else one line at the end.
"""

from __future__ import annotations

import importlib
import sys
import time
from types import TracebackType
from typing import Any, Protocol


class Progress(Protocol):
    """Shows how far training has come; a context manager."""

    @property
    def live(self) -> bool:
        """Whether it wants to hear about parts of an epoch."""

    def epoch(self, number: int) -> None:
        """An epoch begins."""

    def advance(self, samples: int, loss: float) -> None:
        """More samples are done; `loss` is the mean of this epoch so far."""

    def note(self, **values: float | None) -> None:
        """Show named values, such as those of an epoch's end."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Quiet:
    """Shows nothing."""

    live = False

    def epoch(self, number: int) -> None:
        """Show nothing."""

    def advance(self, samples: int, loss: float) -> None:
        """Show nothing."""

    def note(self, **values: float | None) -> None:
        """Show nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Summary(Quiet):
    """Shows one line at the end."""

    def __init__(self) -> None:
        self._samples = 0
        self._epochs = 0
        self._loss = float("nan")
        self._start = time.perf_counter()

    def epoch(self, number: int) -> None:
        """Count the epoch."""
        self._epochs = number

    def advance(self, samples: int, loss: float) -> None:
        """Count the samples."""
        self._samples += samples
        self._loss = loss

    def __exit__(self, *_: object) -> None:
        seconds = max(time.perf_counter() - self._start, 1e-9)
        print(
            f"{self._epochs} epochs in {seconds:.1f} s, {self._samples / seconds:,.0f} samples/s, "
            f"loss {self._loss:.4f}",
            file=sys.stderr,
        )


class Bar(Quiet):
    """Shows a bar of tqdm over all samples of all epochs."""

    live = True

    def __init__(self, tqdm: Any, epochs: int, samples: int | None) -> None:
        self._epochs = epochs
        self._values: dict[str, str] = {}
        self._bar = tqdm(
            total=None if samples is None else epochs * samples,
            unit=" samples",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=0.05,
            miniters=1,
            file=sys.stderr,
        )

    def epoch(self, number: int) -> None:
        """Name the epoch in front of the bar."""
        self._bar.set_description(f"epoch {number}/{self._epochs}", refresh=False)

    def advance(self, samples: int, loss: float) -> None:
        """Move the bar and show the loss behind it."""
        self._values["loss"] = f"{loss:.4f}"
        self._bar.set_postfix(self._values, refresh=False)
        self._bar.update(samples)

    def note(self, **values: float | None) -> None:
        """Show named values behind the bar."""
        self._values |= {k: f"{v:.4f}" for k, v in values.items() if v is not None}
        self._bar.set_postfix(self._values, refresh=True)

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def progress_for(shown: bool | None, *, epochs: int, samples: int | None) -> Progress:
    """Return what shows the progress of `epochs` passes over `samples` samples, or over so many as come.

    Args:
        shown: True or False; None means: only if standard error is a terminal.
    """
    if shown is None:
        shown = sys.stderr is not None and sys.stderr.isatty()
    if not shown:
        return Quiet()
    try:
        tqdm = importlib.import_module("tqdm")
    except ModuleNotFoundError:
        return Summary()
    return Bar(tqdm.tqdm, epochs, samples)
