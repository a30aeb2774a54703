"""Fitting a model: from the user's settings to a plan, and from the run to a history.

Enters: the state of a model, data, settings. Leaves: trained parameters and their `History`. Everything that
can be wrong with the arguments is found before anything is compiled or computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.nn.lbfgs import LBFGS
from symdl.nn.optimizers import Optimizer
from symdl.run.autotune import chosen
from symdl.train.arrays import Arrays
from symdl.train.callbacks import Callback
from symdl.train.choice import Optimizers, Trainable
from symdl.train.finish import sizes_of
from symdl.train.full_batch import FullBatch
from symdl.train.history import Epoch, History
from symdl.train.learner import learner_of, optimizers_of
from symdl.train.loop import BoundEpoch, Diverged, Plan, run
from symdl.train.progress import progress_for
from symdl.train.ranks.communicator import Ranks, Value
from symdl.train.resumable import Resumable
from symdl.train.state import ModelState


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
        if not all(map(callable, self.callbacks)):
            raise ArgumentError("a callback cannot be called", cure="pass functions (epoch, model)")


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def fit(state: ModelState, data: Mapping[str, Any], settings: Settings) -> History:
    """Train; see `Model.fit`."""
    if settings.communicator is None:
        return _trained(state, _ready(state, data, settings), settings)
    ranks = Ranks(settings.communicator)
    ready = ranks.agreed(lambda: _ready(state, data, settings, ranks))
    plan = ready.plan
    ranks.same(
        {**_told_options(settings), "samples": len(plan.positions), "orders": plan.rng.bit_generator.state}
    )
    with ranks.ending_together(Diverged):
        ranks.alike(plan.weights.values())
        return _trained(state, ready, settings, ranks)


def _told_options(settings: Settings) -> dict[str, object]:
    """Return the options that must be the same in all processes."""
    names = ("batch_size", "epochs", "seed", "shuffle", "patience", "watch", "restore_best")
    return {name: getattr(settings, name) for name in names}


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A plan, data to be scored at the end, and the time at which all began."""

    plan: Plan
    test: Arrays | None
    start: float


def _ready(
    state: ModelState, data: Mapping[str, Any], settings: Settings, ranks: Ranks | None = None
) -> _Ready:
    """Find what can be wrong; return the plan."""
    start = time.perf_counter()
    settings.check()
    optimizers = optimizers_of(state, settings.optimizer, resume=settings.resume)
    arrays = state.checked(data)
    positions, validation = _split(state, arrays, settings)
    test = None if settings.test is None else state.checked(settings.test, "test data", scoring=True)
    _check_watch(state, settings, scored=validation is not None)
    there = state.target.runtime.there
    arrays = arrays.moved(there)
    validation = None if validation is None else validation.moved(there)
    scored = _scored(state, data, arrays, settings) if validation is None else None
    plan = _plan(state, arrays, positions, (validation, scored), settings, optimizers, ranks)
    return _Ready(plan, test, start)


def _trained(state: ModelState, ready: _Ready, settings: Settings, ranks: Ranks | None = None) -> History:
    plan = ready.plan
    shown = settings.progress if ranks is None or ranks.first else False
    with progress_for(shown, epochs=settings.epochs, samples=len(plan.positions)) as progress:
        preparing = time.perf_counter() - ready.start
        result = run(plan, progress)
    score = None if ready.test is None else _told(ranks, partial(state.score, ready.test))()
    return History(
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        stopped=result.stopped,
        restored=plan.restore,
        preparing=preparing,
        test_loss=None if score is None else score.loss,
        test_accuracy=None if score is None else score.accuracy,
    )


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


def _split(state: ModelState, data: Arrays, settings: Settings) -> tuple[NDArray[np.int64], Arrays | None]:
    """Return the positions to train on, and the validation data if there are any."""
    everything = np.arange(data.count, dtype=np.int64)
    if isinstance(settings.validation, Mapping):
        return everything, state.checked(settings.validation, "validation data", scoring=True)
    if not settings.validation:
        return everything, None
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
    return np.sort(mixed[count:]), data.take(np.sort(mixed[:count]))


def _scored(state: ModelState, data: Mapping[str, Any], arrays: Arrays, settings: Settings) -> Arrays | None:
    """Return the training data to be scored after every epoch if weights are to be compared by them."""
    if settings.patience is None:
        return None
    if state.scored == state.inputs:
        return arrays
    return state.checked(data, scoring=True).moved(state.target.runtime.there)


def _plan(
    state: ModelState,
    data: Arrays,
    positions: NDArray[np.int64],
    scored: tuple[Arrays | None, Arrays | None],
    settings: Settings,
    optimizers: Mapping[str, Optimizer],
    ranks: Ranks | None,
) -> Plan:
    if any(isinstance(optimizer, LBFGS) for optimizer in optimizers.values()):
        if ranks is not None:
            raise ArgumentError("L-BFGS takes all samples in one process", cure="leave communicator= out")
        trained = _all_samples(state, data, positions, settings, optimizers)
    else:
        trained = _batches(state, data, settings, optimizers, ranks)

    def heard(epoch: Epoch) -> bool:
        wishes = [bool(callback(epoch, state)) for callback in settings.callbacks]  # each hears of it
        return any(wishes)

    def after(epoch: Epoch) -> bool:
        stop = _told(ranks, partial(heard, epoch))()
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
        patience=settings.patience,
        restore=settings.restore_best and any(part is not None for part in scored),
        names=tuple(state.values_by_name),
        watch=settings.watch,
    )


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
        "join": made.step.join,
        "figures": partial(made.step.figures, sizes_of(program.inputs, data.by_name)),
    }


def _all_samples(
    state: ModelState,
    data: Arrays,
    positions: NDArray[np.int64],
    settings: Settings,
    optimizers: Mapping[str, Optimizer],
) -> dict[str, Any]:
    """Return what of a plan belongs to training on all samples at once."""
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
    }
