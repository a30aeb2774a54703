"""Training with a weight for each sample, or each class.

Enters: a model, data, the weights that a user gave. Leaves: a model of the same parameters whose losses read
the weights as one more input (`symdl.train.weighing`), and its data; what it learns is the model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.tensors import Tensor
from symdl.express.values import fitting, numbers
from symdl.train.callbacks import heard
from symdl.train.copied import CopiedModel
from symdl.train.feeds.tables import by_rows, dense, held
from symdl.train.fit import fit
from symdl.train.history import History
from symdl.train.labels import label_of
from symdl.train.settings import Settings
from symdl.train.weighing import weighted

ClassWeight: TypeAlias = Mapping[int, float] | Literal["balanced"] | None
"""The weight of each class, 1 where none is given; ``"balanced"``: so that all classes count the same."""

NAME = "sample_weight"
"""What the weights are called among the data."""


def fit_weighted(
    model: CopiedModel, data: Mapping[str, Any], settings: Settings, given: Any, classes: ClassWeight
) -> History:
    """Train; `given` is a weight for each sample and `classes` one for each class, or None."""
    if given is None and classes is None:
        return fit(model, data, settings)
    twin = with_weights(model)
    if by_rows(data):  # samples are checked batch by batch
        counts = [np.shape(value)[0] if np.ndim(value) else 0 for value in data.values()]
        weights = checked_weights(given, max(counts))
        if len(set(counts)) == 1:  # else training says what differs
            weights = weights * class_weights(model, data, classes)
        data = {**data, NAME: weights}
    else:
        data = held(data)
        arrays = model.checked(data)
        weights = checked_weights(given, arrays.count) * class_weights(model, arrays.by_name, classes)
        data = {**data, **arrays.by_name, NAME: weights}  # of the kernels' types already
    others = {k: _with_ones(model, getattr(settings, k)) for k in ("validation", "test")}
    callbacks: tuple[Any, ...] = tuple(_told(callback, model) for callback in settings.callbacks)
    twin.history = model.history
    try:
        return fit(twin, data, replace(settings, callbacks=callbacks, **others))
    finally:
        model.resumable, model.history = twin.resumable, twin.history


def _told(callback: Any, model: CopiedModel) -> SimpleNamespace:
    """Return a callback that calls a user's with the user's model."""
    known = {kind: heard([callback], kind) for kind in ("batch", "epoch")}
    return SimpleNamespace(
        **{f"after_{kind}": partial(_heard, method, model) for kind, each in known.items() for method in each}
    )


def _heard(
    callback: Callable[[Any, Any], bool | None], model: CopiedModel, record: Any, twin: CopiedModel
) -> bool | None:
    """Call a user's callback with the user's model."""
    model.resumable = twin.resumable
    return callback(record, model)


def with_weights(model: CopiedModel) -> CopiedModel:
    """Return a model of the same values whose losses read ``sample_weight``; it is described once.

    Raises:
        TrainingError: a loss is no sum or mean over samples.
        ArgumentError: an input has this name already.
    """
    kept = model.prepared
    if kept.weighted is None:
        if any(str(t.name) == NAME for t in model.scored):
            raise ArgumentError(
                f"the model reads an input called {NAME} itself", cure="put it among the data, or rename it"
            )
        weights = Tensor(NAME, (model.samples,), role="input")
        losses = {name: weighted(loss, model.samples, weights) for name, loss in model.losses.items()}
        kept.weighted = model.with_losses(losses)
    return kept.weighted.valued(model)


def checked_weights(given: Any, count: int) -> NDArray[np.float64]:
    """Return a weight for each of `count` samples; None: 1.

    Raises:
        ArgumentError: not one finite number, not negative, for each sample, or all are 0.
    """
    if given is None:
        return np.ones(count)
    weights = numbers(given, NAME).astype(np.float64)
    if weights.shape != (count,):
        raise ArgumentError(
            f"{NAME} does not fit {count} samples",
            shapes={"given": weights.shape, "needed": (count,)},
            cure="pass one number for each sample",
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ArgumentError(
            f"{NAME} holds {weights.min()} to {weights.max()}",
            cure="weights are finite and not negative, and at least one is positive",
        )
    return weights


def class_weights(model: CopiedModel, data: Mapping[str, Any], classes: ClassWeight) -> NDArray[np.float64]:
    """Return the weight of each sample's class; ``"balanced"`` is ``n/(classes*count)``.

    Raises:
        ArgumentError: it is not clear which input holds the classes, or a weight is for none of them.
    """
    if classes is None:
        return np.ones(())
    label, logits = label_of(tuple(model.outputs.values()), model.ranges)
    if label is None or logits is None:
        raise ArgumentError(
            "class_weight: it is not clear which input holds the classes",
            cure="pass output=logits to Model, and labels in an int64 input of rank 1; or use sample_weight=",
        )
    name, size = str(label.name), int(logits.shape[1])
    if name not in data:
        return np.ones(())  # an error of data without it comes later
    labels = fitting(dense(data[name]), name, integer=True, dtype=np.int64)
    inside = (labels >= 0) & (labels < size)
    table = np.ones(size)
    if isinstance(classes, str):
        if classes != "balanced":
            raise ArgumentError(f"class_weight={classes!r}", cure="use 'balanced', or {class: weight}")
        counts = np.bincount(labels[inside], minlength=size)
        table[counts > 0] = inside.sum() / (np.count_nonzero(counts) * counts[counts > 0])
    else:
        unknown = [c for c in classes if isinstance(c, bool) or c not in range(size)]
        if unknown:
            raise ArgumentError(
                f"class_weight: {unknown[0]!r} is no class", cure=f"the classes are 0 to {size - 1}"
            )
        for each, weight in classes.items():
            table[int(each)] = weight
    if not (np.isfinite(table).all() and (table >= 0).all() and table.any()):
        raise ArgumentError(f"class_weight={classes!r}", cure="weights are finite and not negative")
    return np.where(inside, table[np.where(inside, labels, 0)], 1.0)


def _with_ones(model: CopiedModel, data: Any) -> Any:
    """Return further data with weights, 1 if they have none; a share or None as it is."""
    if not isinstance(data, Mapping) or NAME in data:
        return data
    return {**data, NAME: np.ones(model.checked(data, scoring=True).count)}
