"""Fitting a model: from the user's settings to a plan, and from the run to a history.

Enters: the state of a model, data, settings. Leaves: trained parameters and their `History`. Everything that
can be wrong with the arguments is found before anything is compiled or computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, TrainingError
from symdl.nn.lbfgs import LBFGS
from symdl.nn.protocol import Optimizer
from symdl.train.arrays import Arrays
from symdl.train.callbacks import heard
from symdl.train.diverging import Diverged, Fault, finding
from symdl.train.feeds.source import Batches, Feed, Rows, source_of
from symdl.train.feeds.tables import columns, held, is_frame
from symdl.train.feeds.training import FedEpochs
from symdl.train.finish import sizes_of
from symdl.train.full_batch import FullBatch
from symdl.train.history import Epoch, History
from symdl.train.learner import learner_of, optimizers_of
from symdl.train.loop import BoundEpoch, Plan, run
from symdl.train.plateaus import check_watched, tell
from symdl.train.progress import progress_for
from symdl.train.ranks.communicator import Ranks, Value
from symdl.train.resumable import Resumable
from symdl.train.scored_faults import fault_of_score
from symdl.train.settings import Settings
from symdl.train.state import ModelState
from symdl.train.trainer import Trainer


def fit(state: ModelState, data: Any, settings: Settings) -> History:
    """Train; see `Model.fit`."""
    if settings.communicator is None:
        return _trained(state, _ready(state, data, settings), settings)
    ranks = Ranks(settings.communicator)
    ready = ranks.agreed(lambda: _ready(state, data, settings, ranks))
    plan = ready.plan
    ranks.same({**settings.common, "samples": len(plan.positions), "orders": plan.rng.bit_generator.state})
    with ranks.ending_together(Diverged):
        ranks.alike(plan.weights.values())
        return _trained(state, ready, settings, ranks)


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A plan, data to be scored at the end, the time at which all began, samples if their number is known."""

    plan: Plan
    test: Arrays | None
    start: float
    samples: int | None


def _ready(state: ModelState, data: Any, settings: Settings, ranks: Ranks | None = None) -> _Ready:
    """Find what can be wrong; return the plan."""
    start = time.perf_counter()
    settings = replace(settings, validation=held(settings.validation), test=held(settings.test))
    settings.check()
    optimizers = optimizers_of(state, settings.optimizer, resume=settings.resume)
    given = _given(state, data, settings, ranks)
    positions, validation = _split(state, given, settings)
    test = None if settings.test is None else state.checked(settings.test, "test data", scoring=True)
    scored = validation is not None
    _check_watch(state, settings, scored=scored)
    check_watched(optimizers, state.values_by_name, scored=scored, accuracy=state.accuracy is not None)
    there = state.target.runtime.there
    given = given if given.arrays is None else replace(given, arrays=given.arrays.moved(there))
    validation = None if validation is None else validation.moved(there)
    again = _scored(state, given, settings) if validation is None else None
    plan = _plan(state, given, positions, (validation, again), settings, optimizers, ranks)
    return _Ready(plan, test, start, len(positions) if given.count else None)


def _trained(state: ModelState, ready: _Ready, settings: Settings, ranks: Ranks | None = None) -> History:
    plan = ready.plan
    shown = settings.progress if ranks is None or ranks.first else False
    with progress_for(shown, epochs=settings.epochs, samples=ready.samples) as progress:
        preparing = time.perf_counter() - ready.start
        records: list[Epoch] = []
        try:
            result = run(plan, progress, records)
        except BaseException as error:
            _keep(state, records, error, preparing)
            raise
    score = None if ready.test is None else _told(ranks, partial(state.score, ready.test))()
    state.history = History(
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        stopped=result.stopped,
        restored=plan.restore,
        preparing=preparing,
        test_loss=None if score is None else score.loss,
        test_accuracy=None if score is None else score.accuracy,
    )
    return state.history


def _keep(state: ModelState, records: list[Epoch], error: BaseException, preparing: float) -> None:
    """Keep the history of a run that did not come to its end; a `TrainingError` carries it, too."""
    if not records:
        return
    best = min(records, key=lambda record: record.monitored).number
    why = str(error).partition("\n")[0] or f"{type(error).__name__} in epoch {len(records) + 1}"
    state.history = History(tuple(records), best, why, preparing=preparing)
    if isinstance(error, TrainingError):
        error.history = state.history


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """The data to train on.

    Attributes:
        data: as they were passed, without tables.
        arrays: checked, where a compiled epoch reads them.
        source: where batches come from otherwise.
        prefetch: how many of them are prepared ahead.
    """

    data: Any
    arrays: Arrays | None
    source: Rows | Batches | None
    prefetch: int

    @property
    def count(self) -> int:
        """The number of samples; 0 if nobody knows."""
        return self.arrays.count if self.arrays else getattr(self.source, "count", 0)

    def take(self, state: ModelState, positions: NDArray[np.int64]) -> Arrays:
        """Return samples by their positions."""
        if self.arrays is not None:
            return self.arrays.take(positions)
        assert isinstance(self.source, Rows)
        return state.checked(self.source.take(positions))


def _given(state: ModelState, data: Any, settings: Settings, ranks: Ranks | None) -> _Given:
    feed = data if isinstance(data, Feed) else Feed(data)
    if is_frame(feed.source):
        feed = replace(feed, source=columns(feed.source))
    shared = ranks is not None and settings.augment is None and isinstance(feed.source, Mapping)
    source = None if shared else source_of(feed, state.inputs, apart=settings.augment is not None)
    if ranks is not None and (source is not None or heard(settings.callbacks, "batch")):
        raise ArgumentError(
            "processes share the batches of arrays, without augment= and callbacks of batches",
            cure="pass a dictionary of arrays, or leave communicator= out",
        )
    arrays = state.checked(feed.source) if source is None else None
    return _Given(feed.source, arrays, source, feed.prefetch)


def _told(ranks: Ranks | None, work: Callable[[], Value]) -> Callable[[], Value]:
    """Return what does some work; of several processes the first does it and tells the others."""
    return work if ranks is None else partial(ranks.told, work)


def _check_watch(state: ModelState, settings: Settings, *, scored: bool) -> None:
    names = list(state.values_by_name)
    if settings.watch is None or settings.watch in names:
        return
    accuracy = [] if state.accuracy is None else ["accuracy"]
    if settings.watch != "accuracy" or not accuracy:
        known = ", ".join(map(repr, (*names, *accuracy))) or "the loss only: leave `watch` out"
        raise ArgumentError(
            f"watch={settings.watch!r} is nothing that is followed", cure=f"choose from {known}"
        )
    if not scored:
        raise ArgumentError("watch='accuracy' without validation data", cure="pass validation=0.1 or data")


def _split(state: ModelState, data: _Given, settings: Settings) -> tuple[NDArray[np.int64], Arrays | None]:
    """Return the positions to train on, and the validation data if there are any."""
    everything = np.arange(data.count, dtype=np.int64)
    if isinstance(settings.validation, Mapping):
        return everything, state.checked(settings.validation, "validation data", scoring=True)
    if not settings.validation:
        return everything, None
    if not data.count:
        raise ArgumentError(
            f"validation={settings.validation}, but nobody knows how many samples the stream has",
            cure="pass validation data: validation={...}",
        )
    count = max(round(settings.validation * data.count), 1)
    late = [str(t.name) for t in state.scored if t not in state.inputs]
    if late:
        raise ArgumentError(
            f"validation={settings.validation}, but only the inference form reads {', '.join(late)}",
            cure="pass validation data with it",
        )
    if count >= data.count:
        raise ArgumentError(
            f"validation={settings.validation} of {data.count} samples leaves none to train on",
            cure="pass a smaller share, or more data",
        )
    mixed = np.random.default_rng([settings.seed, 0]).permutation(everything)
    return np.sort(mixed[count:]), data.take(state, np.sort(mixed[:count]))


def _scored(state: ModelState, given: _Given, settings: Settings) -> Arrays | None:
    """Return the training data to be scored after every epoch if weights are to be compared by them."""
    if settings.patience is None:
        return None
    if given.arrays is None:
        raise ArgumentError(
            "patience without validation data: batches of a stream are not scored again",
            cure="pass validation data: validation={...}, or patience=None",
        )
    if state.scored == state.inputs:
        return given.arrays
    return state.checked(given.data, scoring=True).moved(state.target.runtime.there)


def _plan(
    state: ModelState,
    given: _Given,
    positions: NDArray[np.int64],
    scored: tuple[Arrays | None, Arrays | None],
    settings: Settings,
    optimizers: Mapping[str, Optimizer],
    ranks: Ranks | None,
) -> Plan:
    if any(isinstance(optimizer, LBFGS) for optimizer in optimizers.values()):
        if ranks is not None:
            raise ArgumentError("L-BFGS takes all samples in one process", cure="leave communicator= out")
        trained = _all_samples(state, given, positions, settings, optimizers)
    elif given.arrays is None:
        trained = _fed(state, given, settings, optimizers)
    else:
        trained = _batches(state, given.arrays, settings, optimizers, ranks)

    def wished(kind: str, record: Any) -> bool:
        wishes = [bool(each(record, state)) for each in heard(settings.callbacks, kind)]  # each hears of it
        return any(wishes)

    def after(epoch: Epoch) -> bool:
        tell(trained["weights"], epoch)
        stop = _told(ranks, partial(wished, "epoch", epoch))()
        if ranks is not None:
            ranks.alike(trained["weights"].values())  # callbacks may change them
        return stop

    return Plan(
        **trained,
        positions=positions,
        epochs=settings.epochs,
        rng=state.resumable.rng if state.resumable is not None else np.random.default_rng(settings.seed),
        validate=None if scored[0] is None else _told(ranks, partial(state.score, scored[0])),
        score=None if scored[1] is None else _told(ranks, partial(state.score, scored[1])),
        after_epoch=[after],
        after_batch=[partial(wished, "batch")] if heard(settings.callbacks, "batch") else [],
        patience=settings.patience,
        restore=settings.restore_best and any(part is not None for part in scored),
        names=tuple(state.values_by_name),
        watch=settings.watch,
        scored_fault=_finding_in_score(state, given, positions, scored, settings),
    )


def _finding_in_score(
    state: ModelState,
    given: _Given,
    positions: NDArray[np.int64],
    scored: tuple[Arrays | None, Arrays | None],
    settings: Settings,
) -> Callable[[], Fault | None] | None:
    """Return what finds faults in a score, with the positions of what was scored."""
    arrays = next((part for part in scored if part is not None), None)
    if arrays is None:
        return None
    own = isinstance(settings.validation, Mapping)
    left = np.setdiff1d(np.arange(given.count), positions)
    places = left if scored[0] is not None and not own else np.arange(arrays.count)
    data = "validation data" if own else "data"
    return partial(fault_of_score, state, arrays, places, settings.watch, data=data)


def _fed(
    state: ModelState, given: _Given, settings: Settings, optimizers: Mapping[str, Optimizer]
) -> dict[str, Any]:
    """Return what of a plan belongs to training by batches that are made in Python."""
    assert given.source is not None
    options: dict[str, Any] = {"resume": settings.resume, "seed": settings.seed}
    trainer = Trainer(state, optimizers, settings.trainable, **options, threads=settings.threads)
    size, augment = settings.batch_size, settings.augment
    kernel = FedEpochs(trainer, state, given.source, size, augment, given.prefetch)
    return {
        "kernel": kernel,
        "weights": trainer.learner.weights,
        "batch_size": size,
        "shuffle": settings.shuffle,
        "join": trainer.learner.made.step.join,
        "figures": kernel.figures,
        "fault": kernel.fault,
    }


def _batches(
    state: ModelState,
    data: Arrays,
    settings: Settings,
    optimizers: Mapping[str, Optimizer],
    ranks: Ranks | None,
) -> dict[str, Any]:
    """Return what of a plan belongs to training by batches."""
    learner = learner_of(state, optimizers, settings.trainable, resume=settings.resume, seed=settings.seed)
    state.resumable = learner.resumable
    made, weights, program = learner.made, learner.weights, learner.made.step.program
    given = {name: data.by_name[name] for name in learner.reads}
    kernel: BoundEpoch
    if ranks is None:
        kernel = made.kernel.bind(weights, given, settings.batch_size, threads=settings.threads)
    else:
        kernel = made.kernels.shared.bind(ranks, weights, given, settings.batch_size)
    return {
        "kernel": kernel,
        "weights": weights,
        "batch_size": settings.batch_size,
        "shuffle": settings.shuffle,
        "fault": finding(learner.programs, data, state.dtype),
        "together": ranks is not None,
        "join": made.step.join,
        "figures": partial(made.step.figures, sizes_of(program.inputs, data.by_name)),
    }


def _all_samples(
    state: ModelState,
    given: _Given,
    positions: NDArray[np.int64],
    settings: Settings,
    optimizers: Mapping[str, Optimizer],
) -> dict[str, Any]:
    """Return what of a plan belongs to training on all samples at once."""
    data = given.arrays
    if data is None:
        raise ArgumentError(
            "LBFGS trains on all samples at once, not on batches that come one by one",
            cure="pass arrays and no augment=, or another optimizer, such as sd.nn.Adam(1e-3)",
        )
    chosen_data = data if len(positions) == data.count else data.take(positions)
    kernel = FullBatch(state, chosen_data.by_name, optimizers, settings.trainable, threads=settings.threads)
    if settings.resume:
        (state.resumable or Resumable({}, {})).check(optimizers)
    state.resumable = Resumable(dict(optimizers), {}, settings.seed)
    return {
        "kernel": kernel,
        "weights": kernel.weights,
        "batch_size": len(positions),
        "shuffle": False,
        "figures": kernel.figures,
        "ended": kernel.ended,
        "fault": kernel.fault,
        "steps": False,
    }
