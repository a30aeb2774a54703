"""Epochs over a stream.

Enters: a trainer, a source of batches, how they are changed. Leaves: `FedEpochs`, of which each pass
trains on the batches of one epoch and yields totals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, TrainingError
from symdl.train.arrays import Arrays
from symdl.train.diverging import Fault, fault_in
from symdl.train.feeds.ahead import ahead
from symdl.train.feeds.source import Batch, Batches, Rows
from symdl.train.state import ModelState
from symdl.train.trainer import Trainer
from symdl.train.weights import Weights

Augment = Callable[[dict[str, Any], np.random.Generator], Mapping[str, Any]]
"""A function of a batch and a random generator that returns another batch."""


@dataclass(slots=True, eq=False)
class FedEpochs:
    """Training on batches that are made in Python.

    Attributes:
        trainer: makes the steps.
        model: what is trained.
        source: gives batches.
        size: samples a batch, where batches are put together here.
        augment: changes each batch before it is trained on, or None.
        prefetch: how many batches a thread prepares ahead.
        latest: the last batch.
    """

    trainer: Trainer
    model: ModelState
    source: Rows | Batches
    size: int
    augment: Augment | None
    prefetch: int
    latest: Arrays | None = None

    def parts(
        self, order: NDArray[np.int64], rng: np.random.Generator, seconds: float
    ) -> Generator[tuple[NDArray[np.float64], int]]:
        """Train on an epoch; yield the totals over batches of about so many seconds, and their samples.

        Args:
            order: of the samples, where they are taken by position.
            rng: one number is drawn from it for an epoch's augmentation, if there is any.
            seconds: 0 for batch by batch.

        Raises:
            TrainingError: the stream is at its end.
            ArgumentError: a batch does not fit.
        """
        total: NDArray[np.float64] | None = None
        count, start, join = 0, time.perf_counter(), self.trainer.learner.made.step.join
        with closing(self._checked(order, rng)) as batches:
            for self.latest in batches:
                part = self.trainer.run(self.latest)
                total = part.copy() if total is None else join(total, part)
                count += self.latest.count
                if time.perf_counter() - start >= seconds:
                    yield total, count
                    total, count, start = None, 0, time.perf_counter()
        if total is not None:
            yield total, count

    def figures(self, totals: NDArray[np.float64], count: int) -> list[float]:
        """Return the loss and what is followed, from the totals over so many samples."""
        assert self.latest is not None
        return list(self.trainer.figures(self.latest, totals, count))

    def fault(self, weights: Weights, positions: NDArray[np.int64]) -> Fault | None:
        """Return what goes wrong in a step on the latest batch from these weights; see `Plan.fault`."""
        assert self.latest is not None
        known = positions if isinstance(self.source, Rows) else None
        programs, batch = self.trainer.learner.programs(), self.latest.by_name
        return fault_in(programs, weights, batch, dtype=self.model.dtype, positions=known)

    def _checked(self, order: NDArray[np.int64], rng: np.random.Generator) -> Generator[Arrays]:
        raw = self._raw(order, rng)
        if self.model.target.runtime.apart:  # its memory is for one thread
            with closing(ahead(raw, self.prefetch)) as batches:
                yield from map(self._check, batches)
        else:
            with closing(ahead(self._each(raw), self.prefetch)) as checked:
                yield from checked

    def _each(self, raw: Iterator[Batch]) -> Generator[Arrays]:
        for batch in raw:
            found = self._check(batch)
            if self.prefetch and isinstance(self.source, Batches):  # whose memory may be used again
                found = Arrays({name: array.copy() for name, array in found.by_name.items()}, found.count)
            yield found

    def _check(self, batch: Batch) -> Arrays:
        return self.model.checked(batch, "batch")

    def _raw(self, order: NDArray[np.int64], rng: np.random.Generator) -> Generator[Batch]:
        own = rng if self.augment is None else np.random.default_rng(rng.integers(1 << 63))
        source = self.source
        batches = source.batches(order, self.size) if isinstance(source, Rows) else source.batches(self.size)
        empty = True
        for batch in batches:
            empty = False
            yield batch if self.augment is None else self._augmented(batch, own)
        if empty:
            raise TrainingError(
                "the stream gave no batch: an iterator can be read once",
                cure="pass a function that returns a new iterator, such as lambda: batches(), or epochs=1",
            )

    def _augmented(self, batch: Batch, rng: np.random.Generator) -> Batch:
        assert self.augment is not None
        changed = self.augment(dict(batch), rng)
        if not isinstance(changed, Mapping):
            raise ArgumentError(
                f"augment returned a {type(changed).__name__}, not a dictionary",
                cure="return the batch: def augment(batch, rng): ...; return batch",
            )
        return changed
