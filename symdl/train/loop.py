"""The training loop: epoch after epoch until done.

Enters: a `Plan`: a bound kernel, the positions of the training samples, when to stop. Leaves: the
weights, changed in place, and the epochs' records. Within an epoch nothing runs here: batches are
gathered, differentiated and updated inside one compiled call (a few calls if a bar is to move).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from symdl.train.diverging import Fault, FaultyStep, diverged
from symdl.train.history import Batch, Epoch
from symdl.train.progress import Progress
from symdl.train.weights import Weights, all_finite, copies, put_back

_REDRAW_SECONDS = 0.2


Figures = Callable[[NDArray[np.float64], int], list[float]]


class BoundEpoch(Protocol):
    """Training batches of one data set, compiled.

    Attributes:
        totals: what the latest `run` added up over its batches.
    """

    totals: NDArray[np.float64]

    def run(self, order: NDArray[np.int64], first: int = 0, last: int | None = None) -> float:
        """Train on batches `first` to `last` of `order`; return the first of the totals."""


@runtime_checkable
class FedEpoch(Protocol):
    """Training batches that are made in Python; see `symdl.train.feeds.training.FedEpochs`."""

    def parts(
        self, order: NDArray[np.int64], rng: np.random.Generator, seconds: float
    ) -> Iterator[tuple[NDArray[np.float64], int]]:
        """Train on an epoch; yield totals over batches of about so many seconds, and their samples."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well a model does on a data set: mean loss, accuracy where that is defined, further values."""

    loss: float
    accuracy: float | None
    values: Mapping[str, float] = field(default_factory=dict)


def averages(totals: NDArray[np.float64], count: int) -> list[float]:
    """Return totals that batches added once for each sample as means over the samples."""
    return (totals / count).tolist()  # type: ignore[no-any-return]


def never() -> None:
    """Say that training may go on."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything that a training run needs.

    Attributes:
        kernel: trains on batches of the data bound to it, or on a stream.
        weights: parameters and states, updated by the kernel in place.
        positions: of the training samples in the bound data.
        validate: scores data that are not trained on with the present weights, or None.
        score: scores the training data likewise, or None; not both.
        after_epoch: called with each record; True stops.
        after_batch: the same for every batch; each is then a call of its own.
        patience: epochs without a lower monitored loss after which to stop, or None.
        restore: whether the weights of the best epoch are put back at the end.
        names: of what is followed besides the loss.
        watch: the name among them, or ``"accuracy"``, that is monitored in place of the loss.
        join: from the kernel's totals over some batches and over others to those over both.
        figures: from these totals over so many samples to the loss and what is followed.
        ended: says after an epoch why there is nothing left to do, or None.
        fault: from the weights before a step that goes wrong, and the positions of its samples, to what goes
            wrong in it. Without it nothing is computed again.
        steps: whether an epoch is steps, which can be taken again, and not one search on all samples.
        together: whether other processes do the same: then none may go on alone where one of them fails.
        scored_fault: what goes wrong in a score with the present weights.
    """

    kernel: BoundEpoch | FedEpoch
    weights: Weights
    positions: NDArray[np.int64]
    batch_size: int
    epochs: int
    shuffle: bool
    rng: np.random.Generator
    validate: Callable[[], Score] | None = None
    score: Callable[[], Score] | None = None
    after_epoch: Sequence[Callable[[Epoch], bool]] = field(default=())
    after_batch: Sequence[Callable[[Batch], bool]] = field(default=())
    patience: int | None = None
    restore: bool = False
    names: tuple[str, ...] = ()
    watch: str | None = None
    join: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]] = np.add
    figures: Figures = averages
    ended: Callable[[], str | None] = never
    fault: Callable[[Weights, NDArray[np.int64]], Fault | None] | None = None
    steps: bool = True
    together: bool = False
    scored_fault: Callable[[], Fault | None] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The records of a run, the number of the best epoch, and why it ended."""

    epochs: tuple[Epoch, ...]
    best_epoch: int
    stopped: str


def run(plan: Plan, progress: Progress, records: list[Epoch] | None = None) -> Result:
    """Train as planned.

    Args:
        plan: what is trained on what.
        progress: shows how far it is.
        records: takes the records of the epochs that were completed, for those that want them after an error.

    Raises:
        TrainingError: a loss or a weight is no finite number; the weights are then those of the best
            epoch, if it was kept, or else of the last epoch that was finite.
    """
    records = [] if records is None else records
    best, kept = 0, plan.weights
    stopped = "all epochs are done"
    for number in range(1, plan.epochs + 1):
        before, drawing = copies(plan.weights), plan.rng.bit_generator.state
        record, enough = _epoch(plan, number, progress)
        finite = all_finite(plan.weights)
        if not (math.isfinite(record.loss + record.monitored) and finite):
            trained = finite and math.isfinite(record.loss)
            step = _faulty_score(plan) if trained else _faulty_step(plan, before, drawing)
            put_back(plan.weights, kept if plan.restore and records else before)
            raise diverged(record, best if plan.restore else number - 1, finite=finite, step=step)
        records.append(record)
        progress.note(valid=record.validation_loss, accuracy=record.accuracy)
        if not best or record.monitored < records[best - 1].monitored:
            best = number
            kept = copies(plan.weights) if plan.restore else kept
        wishes = [after(record) for after in plan.after_epoch]  # each hears of every epoch
        if enough:
            stopped = f"a callback asked for it in epoch {number}"
            break
        if any(wishes):
            stopped = f"a callback asked for it after epoch {number}"
            break
        if (reason := plan.ended()) is not None:
            stopped = reason
            break
        if plan.patience is not None and number - best >= plan.patience:
            stopped = f"no {_goal(plan, record)} for {plan.patience} epochs"
            break
    if plan.restore:
        put_back(plan.weights, kept)
    return Result(tuple(records), best, stopped)


def _goal(plan: Plan, record: Epoch) -> str:
    kind = "" if record.validation_loss is None else "validation "
    return "higher accuracy" if plan.watch == "accuracy" else f"lower {kind}{plan.watch or 'loss'}"


def _watched(watch: str | None, values: Mapping[str, float], accuracy: float | None) -> float | None:
    """Return what is watched in place of the loss: a value by name, or the share that is not right."""
    if watch == "accuracy" and accuracy is not None:
        return 1 - accuracy
    return None if watch is None else values[watch]


def _epoch(plan: Plan, number: int, progress: Progress) -> tuple[Epoch, bool]:
    """Train on an epoch; return its record, and whether a callback ended it before its last batch."""
    progress.epoch(number)
    order = _order(plan)
    start = time.perf_counter()
    total, done, enough = None, 0, False
    each = bool(plan.after_batch)
    with closing(_parts(plan, order, live=progress.live, each=each)) as parts:
        for place, (part, samples) in enumerate(parts, 1):
            enough = _heard(plan, (number, place, samples), part)
            total = part.copy() if total is None else plan.join(total, part)
            done += samples
            if progress.live:
                progress.advance(samples, plan.figures(total, done)[0])
            if enough:
                break
    assert total is not None
    loss, *others = plan.figures(total, done)
    if not progress.live:
        progress.advance(done, loss)
    seconds = max(time.perf_counter() - start, 1e-9)
    scored = plan.validate or plan.score
    score = scored() if scored else Score(math.nan, None)
    values = dict(zip(plan.names, others, strict=True))
    validation = score if plan.validate else None
    record = Epoch(
        number=number,
        loss=loss,
        validation_loss=None if validation is None else validation.loss,
        accuracy=None if validation is None else validation.accuracy,
        seconds=seconds,
        samples_per_second=done / seconds,
        values=values,
        validation_values=dict(validation.values) if validation else {},
        loss_after=score.loss if plan.score else None,
        watched=_watched(plan.watch, score.values if scored else values, score.accuracy),
    )
    return record, enough


def _heard(plan: Plan, place: tuple[int, int, int], totals: NDArray[np.float64]) -> bool:
    """Tell callbacks about a batch; say whether one of them wants no more."""
    if not plan.after_batch:
        return False
    loss, *others = plan.figures(totals, place[-1])
    record = Batch(*place, loss, dict(zip(plan.names, others, strict=True)))
    wishes = [after(record) for after in plan.after_batch]  # each hears of every batch
    return any(wishes)


def _order(plan: Plan) -> NDArray[np.int64]:
    return plan.rng.permutation(plan.positions) if plan.shuffle else plan.positions


def _faulty_step(plan: Plan, before: Weights, drawing: Mapping[str, Any]) -> FaultyStep | None:
    """Train on an epoch again, batch by batch, from its first weights and draws, until it goes wrong.

    None if that cannot be found: a stream cannot be read again, or callbacks changed something in between.
    """
    fault = plan.fault
    if fault is None:
        return None
    if not plan.steps:  # it began where the search stood, or where it went
        found = fault(before, plan.positions)
        if found is None and all_finite(plan.weights):
            found = fault(plan.weights, plan.positions)
        return None if found is None else FaultyStep(None, found)
    put_back(plan.weights, before)
    plan = replace(plan, rng=copy.deepcopy(plan.rng))  # who goes on from here has the epoch's own
    plan.rng.bit_generator.state = drawing
    order, done = _order(plan), 0
    latest = before
    failing = nullcontext() if plan.together else suppress(Exception)
    with failing, closing(_parts(plan, order, live=False, each=True)) as parts:
        for number, (totals, samples) in enumerate(parts, 1):
            positions = order[done : done + samples]
            loss, *_ = plan.figures(totals, samples)  # the others may be what they like
            if not (math.isfinite(loss) and all_finite(plan.weights)):
                return FaultyStep(number, fault(latest, positions))
            latest = copies(plan.weights)
            done += samples
    return None


def _faulty_score(plan: Plan) -> FaultyStep | None:
    """Return what goes wrong in a score after an epoch that went well."""
    found = None if plan.scored_fault is None else plan.scored_fault()
    return None if found is None else FaultyStep(None, found)


def _parts(
    plan: Plan, order: NDArray[np.int64], *, live: bool, each: bool
) -> Generator[tuple[NDArray[np.float64], int]]:
    """Train on an epoch, in one call or in calls of about `_REDRAW_SECONDS`; yield totals, lengths.

    With `each` every batch is a call.
    """
    kernel = plan.kernel
    if isinstance(kernel, FedEpoch):
        seconds = 0.0 if each else _REDRAW_SECONDS
        yield from kernel.parts(order, plan.rng, seconds)
        return
    size, count = plan.batch_size, len(order)
    batches = -(-count // size)
    first, step = 0, 1 if live or each else batches
    while first < batches:
        last = min(first + step, batches)
        start = time.perf_counter()
        kernel.run(order, first, last)
        yield kernel.totals, min(last * size, count) - first * size
        faster = _REDRAW_SECONDS / max(time.perf_counter() - start, 1e-6)
        step = 1 if each else max(1, int(step * min(faster, 8.0)))
        first = last
