"""A training step with its weights and a data set.

Enters: what a training step was built into, arrays. Leaves: `BoundEpoch`, whose `run` trains on batches of
them in one compiled call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.lower.ir.integers import Sizes, constant, evaluate, product
from symdl.lower.kernels import GatherCall, TotalCall
from symdl.run.arguments import (
    Arguments,
    Expected,
    check_gathers,
    converted,
    outside,
    private,
)
from symdl.run.autotune import Autotuner
from symdl.run.build import Built
from symdl.run.epoch import Job
from symdl.run.memory import aligned
from symdl.run.resident import Resident
from symdl.run.watching import checking
from symdl.schedule.partition import partition
from symdl.schedule.plan import Partition
from symdl.schedule.verify import verify_partition

Array = NDArray[Any]
Steps = dict[object, Partition]
_MOST_STEPS = 16
"""Schedules that a kernel keeps: one for each length of a batch, and of a data set that something reads."""
LARGEST = -1
"""Stands for a power of the number of samples where batches do not add up: the largest value counts."""


class BoundEpoch:
    """A training kernel with its weights and data.

    Attributes:
        totals: what the latest `run` added up: each output, by default times the samples of its batch.
    """

    def __init__(
        self,
        built: Built,
        inputs: Sequence[Expected],
        given: Mapping[str, Any],
        data: set[str],
        steps: Steps,
        batch_size: int,
        weights: Sequence[int],
        threads: int | None = None,
    ) -> None:
        self._built, self._weights, runtime = built, weights, built.runtime
        self._steps = steps
        self._batch = _batch_size_name(inputs, data)
        arrays: dict[str, Array] = {}
        for want in inputs:
            array = given[want.name]
            if want.name in data:
                there = runtime.accept(array, want.name, want.dtype)
                if there is None:
                    there = np.require(converted(want, array), requirements=["C", "A"])
                array = private(there) if want.integer else there
            arrays[want.name] = array
        self._arrays, self._dims = Arguments(inputs, accept=runtime.accept).take(arrays)
        self._inputs, self._data, self._threads = inputs, data, threads
        self.samples = self._dims[self._batch]
        _check_labels(built, [arrays[want.name] for want in inputs], self._dims)
        known = zip(inputs, self._arrays, strict=True)
        self._arrays = [runtime.there(a) if self._gathered(want) else a for want, a in known]
        self._size = min(batch_size, self.samples)
        outputs = built.lowered.program.outputs
        self._results = [np.zeros(1, built.dtype) for _ in outputs]
        self._batches = {w.name: _space(w, self._size, self._dims) for w in inputs if self._gathered(w)}
        program = built.lowered.program
        updated = {old for old, _ in program.updates}
        whole = [not self._gathered(want) for want in inputs]
        each = list(zip(program.inputs, self._arrays, whole, strict=True))
        self._given = [array for t, array, here in each if here and t not in updated]
        self._changed = [array for t, array, _ in each if t in updated]
        self._none = np.where(np.array(weights) == LARGEST, -np.inf, 0.0)
        self.totals = self._none.copy()
        self._jobs: dict[int, Job] = {}
        threads = threads if runtime.several_workers else 1
        self._autotuner = Autotuner(self._job(self._size).partition, threads)

    @property
    def intermediate(self) -> int:
        """The bytes of a step's intermediate values, with those of the workers that there have been."""
        return self._job(self._size).nbytes

    def refill(self, data: Mapping[str, Any]) -> None:
        """Write other samples over the first of those that are bound: the arrays given to `bind` change.

        Args:
            data: what was bound with `bind`, as many samples or fewer, with its types and other sizes. In a
                target's own memory there must be as many.

        Raises:
            ArgumentError: a label is out of range; nothing has changed then.
        """
        new = [data.get(want.name, array) for want, array in zip(self._inputs, self._arrays, strict=True)]
        count = len(next(iter(data.values())))
        _check_labels(self._built, new, {**self._dims, self._batch: count})
        for want, array in zip(self._inputs, self._arrays, strict=True):
            if want.name in data:
                _write(array, data[want.name], count)

    def _gathered(self, want: Expected) -> bool:
        """Say whether an input's first axis is the batch."""
        return want.name in self._data and bool(want.dims) and want.dims[0] == self._batch

    def run(self, order: NDArray[np.int64], first: int = 0, last: int | None = None) -> float:
        """Train on batches `first` to `last` of `order`; return the first of the totals.

        Args:
            order: positions of samples; consecutive ones form a batch, the last one may be shorter.

        Raises:
            ArgumentError: a position outside the data.
        """
        positions = np.ascontiguousarray(order, "int64")
        if positions.ndim != 1 or not positions.size:
            raise ArgumentError("order must be a vector of positions, not empty")
        if positions.view("uint64").max() >= self.samples:  # one below 0 is very large there
            raise outside("order", positions, self.samples)
        size, count = self._size, len(positions)
        end = count if last is None else min(last * size, count)
        rest = max(end - first * size, 0) % size
        job = self._job(size)
        self.totals[:] = self._none

        def take(begin: int, stop: int, workers: int) -> None:
            span = ((first + begin) * size, (first + stop) * size, size)
            job.run(positions, self.totals, span, workers)

        runtime, module = self._built.runtime, self._built.module
        changed = (*self._changed, self.totals)
        with np.errstate(all="ignore"), runtime.training(module, self._given, changed):
            self._autotuner.run(max(end - rest - first * size, 0) // size, take)
            if rest:
                other = self._job(rest)
                workers = min(self._autotuner.workers, max(map(len, other.partition.tasks)))
                other.run(positions, self.totals, (end - rest, end, rest), workers)
        return float(self.totals[0])

    @contextmanager
    def rehearsal(self) -> Iterator[tuple[Job, Sizes]]:
        """Return the steps on full batches, the first one in place, with their sizes, to be run by hand."""
        job, built = self._job(self._size), self._built
        job.give(np.arange(self.samples, dtype=np.int64), self.totals)
        with np.errstate(all="ignore"), built.runtime.training(built.module, self._given, self._changed):
            yield job, {**self._dims, self._batch: self._size}

    def _job(self, count: int) -> Job:
        """Return the steps for batches of `count` samples."""
        if count not in self._jobs:
            self._jobs[count] = self._new_job(count)
        return self._jobs[count]

    def _new_job(self, count: int) -> Job:
        lowered = self._built.lowered
        dims = lowered.sizes({**self._dims, self._batch: count})
        places = [lowered.plan.places[t] for t in lowered.program.inputs]
        known = list(zip(self._inputs, self._arrays, places, strict=True))
        sources = [(want, array, place) for want, array, place in known if self._gathered(want)]
        gathered = [(want, place) for want, _, place in sources]
        key = (frozenset(dims.items()), tuple(want.name for want, _ in gathered))
        if key not in self._steps:
            if len(self._steps) >= _MOST_STEPS:
                self._steps.clear()
            self._steps[key] = step_of(self._built, gathered, self._weights, dims, self._batch)
        part = self._steps[key]
        if checking():
            verify_partition(lowered, part, dims)
        job = Job(self._built, part, dims, len(sources))
        for want, array, place in known:
            job.put(place, self._batches.get(want.name, array))
        for at, (_, array, _) in enumerate(sources):
            job.put(job.order + 2 + at, array)
        for tensor, result in zip(lowered.program.outputs, self._results, strict=True):
            job.put(lowered.plan.places[tensor], result)
        job.ready()
        return job


def _space(want: Expected, count: int, dims: Sizes) -> Array:
    """Return room for the samples of one batch."""
    shape = [evaluate(size, dims) for size in want.shape[1:]]
    return aligned((count, *shape), want.dtype)


def _check_labels(built: Built, arrays: Sequence[Array], dims: Mapping[str, int]) -> None:
    program = built.lowered.program
    check_gathers(program, program.gathers, arrays, dims)


def _write(array: Any, values: Any, count: int) -> None:
    """Write over the first `count` samples of an array; over all of one that lies in a target's memory."""
    if isinstance(array, np.ndarray):
        array[:count] = values
    else:
        array.put(values.use() if isinstance(values, Resident) else values)


def step_of(
    built: Built,
    gathered: Sequence[tuple[Expected, int]],
    weights: Sequence[int],
    dims: Sizes,
    batch: str,
) -> Partition:
    """Return the schedule of a step: gather samples, compute, add to the totals.

    Args:
        gathered: the inputs of which samples are gathered, and their buffers.
        weights: as in `TrainingKernel`.
        dims: the value of every size; that of `batch` is the number of samples.
    """
    lowered, count = built.lowered, dims[batch]
    takes = []
    for at, (want, place) in enumerate(gathered):
        width = evaluate(product(want.shape[1:]), dims)
        takes.append(GatherCall(at, place, want.integer, 0, count, width, width, storage=want.storage))
    results = [lowered.plan.places[t] for t in lowered.program.outputs]
    factors = [constant(-1 if weight == LARGEST else count**weight) for weight in weights]
    totals = [TotalCall(place, at, f) for at, (place, f) in enumerate(zip(results, factors, strict=True))]
    whole = not lowered.splits or batch != lowered.batch
    return partition(lowered, dims, takes, totals, whole=whole)


def _batch_size_name(inputs: Sequence[Expected], data: set[str]) -> str:
    firsts = {e.dims[0] for e in inputs if e.name in data and e.dims and e.shape[0].atom}
    names = [f for f in firsts if isinstance(f, str)]
    if len(names) != 1:
        raise ArgumentError(
            "the data have no batch axis" if not names else "the data have several batch axes",
            shapes={e.name: e.text for e in inputs if e.name in data},
            cure="give every data input the same symbolic first axis, such as n = sd.Dim('n')",
        )
    return names[0]
