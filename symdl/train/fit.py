"""Fitting a model: from the user's settings to a plan, and from the run to a history.

Enters: a model, data, settings. Leaves: trained parameters and their `History`. Everything that can be
wrong with the arguments is found before anything is compiled or computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, TrainingError
from symdl.express.build import parameters
from symdl.express.modes import training_updates
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.nn.optimizers import Optimizer
from symdl.nn.steps import Update
from symdl.run.training import compile_training
from symdl.train import weights as files
from symdl.train.arrays import Arrays
from symdl.train.callbacks import Callback
from symdl.train.history import Epoch, History
from symdl.train.loop import Plan, run
from symdl.train.progress import progress_for

if TYPE_CHECKING:
    from symdl.train.model import Model

Trainable: TypeAlias = Sequence[str] | Callable[[str], bool] | None
"""Names or paths of the parameters that learn, or a function that chooses by name; None: all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """The options of `Model.fit`, which explains them."""

    optimizer: Optimizer
    batch_size: int
    epochs: int
    validation: float | Mapping[str, Any]
    shuffle: bool
    seed: int
    patience: int | None
    restore_best: bool
    progress: bool | None
    callbacks: tuple[Callback, ...]
    test: Mapping[str, Any] | None
    resume: bool
    threads: int | None = None
    trainable: Trainable = None

    def check(self) -> None:
        """Raise an `ArgumentError` for an option that is out of range."""
        if isinstance(self.optimizer, type) or not callable(getattr(self.optimizer, "updates", None)):
            raise ArgumentError(
                f"the optimizer is {self.optimizer!r}", cure="pass one, such as sd.nn.Adam(1e-3)"
            )
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
        if not all(map(callable, self.callbacks)):
            raise ArgumentError("a callback cannot be called", cure="pass functions (epoch, model)")


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def fit(model: Model, data: Mapping[str, Any], settings: Settings) -> History:
    """Train `model`; see `Model.fit`."""
    settings.check()
    arrays = model.checked(data)
    positions, validation = _split(model, arrays, settings)
    test = None if settings.test is None else model.checked(settings.test, "test data")
    plan = _plan(model, arrays, positions, validation, settings)
    with progress_for(settings.progress, epochs=settings.epochs, samples=len(positions)) as progress:
        result = run(plan, progress)
    score = None if test is None else model.score(test)
    return History(
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        stopped=result.stopped,
        restored=plan.restore,
        test_loss=None if score is None else score.loss,
        test_accuracy=None if score is None else score.accuracy,
    )


def _split(model: Model, data: Arrays, settings: Settings) -> tuple[NDArray[np.int64], Arrays | None]:
    """Return the positions to train on, and the validation data if there are any."""
    everything = np.arange(data.count, dtype=np.int64)
    if isinstance(settings.validation, Mapping):
        return everything, model.checked(settings.validation, "validation data")
    if not settings.validation:
        return everything, None
    count = max(round(settings.validation * data.count), 1)
    if count >= data.count:
        raise ArgumentError(
            f"validation={settings.validation} of {data.count} samples leaves none to train on",
            cure="pass a smaller share, or more data",
        )
    mixed = np.random.default_rng([settings.seed, 0]).permutation(everything)
    return np.sort(mixed[count:]), data.take(np.sort(mixed[:count]))


def _plan(
    model: Model,
    data: Arrays,
    positions: NDArray[np.int64],
    validation: Arrays | None,
    settings: Settings,
) -> Plan:
    every = parameters(model.loss)
    if not every:
        raise TrainingError("the loss depends on no parameter", cure="use sd.parameter(...)")
    tensors = _learning(every, settings.trainable)

    def updates(learned: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        return (*settings.optimizer.updates(learned, gradients), *training_updates(model.loss))

    kernel = compile_training(
        model.loss,
        tensors,
        updates,
        dtype=model.dtype,
        target=model.target,
        facts=model.facts,
        threads=settings.threads,
    )
    trained = {str(t.name): model.weights()[str(t.name)] for t in every}
    states = [t for t in kernel.states if str(t.name) not in model.running]
    running = {n: a for n, a in model.running.items() if n in {str(t.name) for t in kernel.states}}
    weights = trained | _state_values(model, settings, states) | running
    moving = {str(t.name): weights[str(t.name)] for t in states if t in kernel.updated}
    model.resumable = (type(settings.optimizer), moving)
    reads = [str(t.name) for t in collect([model.loss]).inputs if t.role == "input"]
    bound = kernel.bind(weights, {k: data.by_name[k] for k in reads}, settings.batch_size)

    def heard(callback: Callback, epoch: Epoch) -> bool:
        return bool(callback(epoch, model))

    return Plan(
        kernel=bound,
        weights=weights,
        positions=positions,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        shuffle=settings.shuffle,
        rng=np.random.default_rng([settings.seed, 1]),
        validate=None if validation is None else partial(model.score, validation),
        after_epoch=[partial(heard, callback) for callback in settings.callbacks],
        patience=settings.patience,
        restore=settings.restore_best and (validation is not None or settings.patience is not None),
    )


def _learning(tensors: Sequence[Tensor], trainable: Trainable) -> tuple[Tensor, ...]:
    """Return the parameters that are not frozen."""
    if trainable is None:
        return tuple(tensors)
    names = [str(t.name) for t in tensors]
    cure = f"choose from {', '.join(names)}"
    if callable(trainable):
        chosen = {name for name in names if trainable(name)}
    else:
        paths = [trainable] if isinstance(trainable, str) else list(trainable)
        below = {path: {n for n in names if n == path or n.startswith(f"{path}.")} for path in paths}
        unknown = [path for path, found in below.items() if not found]
        if unknown:
            raise ArgumentError(f"trainable: no parameter is called {unknown[0]!r}", cure=cure)
        chosen = set().union(*below.values())
    if not chosen:
        raise ArgumentError("trainable chooses no parameter", cure=cure)
    return tuple(t for t in tensors if str(t.name) in chosen)


def _state_values(model: Model, settings: Settings, states: Sequence[Tensor]) -> files.Weights:
    """Return the optimizer's state, fresh, or going on from where the previous fit left it.

    States that no step changes, such as the learning rate, are always the optimizer's own.
    """
    fresh = files.initial(states, seed=settings.seed, dtype=model.dtype)
    if not settings.resume:
        return fresh
    kind, kept = model.resumable or (None, {})
    if kind is not type(settings.optimizer):
        last = f"used {kind.__name__}" if kind else "does not exist"
        raise TrainingError(
            f"resume=True goes on with {type(settings.optimizer).__name__}, but the previous fit {last}",
            cure="fit with the same kind of optimizer first, or leave resume out",
        )
    return fresh | kept
