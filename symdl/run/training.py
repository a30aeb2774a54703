"""Training as one compiled call.

Enters: a loss, its parameters and update equations. Leaves: `TrainingKernel`; bound to weights and data it is
a `BoundEpoch`, whose `run` gathers batches, differentiates and updates, with no Python between two steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.differentiate.turns import Turn, Updates, training_step
from symdl.errors import ArgumentError
from symdl.express.program import Fact, Program
from symdl.express.tensors import Tensor
from symdl.lower.ir.integers import Sizes, constant, evaluate, product
from symdl.lower.kernels import GatherCall, TotalCall
from symdl.run.arguments import (
    Arguments,
    Expected,
    check_gathers,
    constants,
    converted,
    expected,
    outside,
    private,
)
from symdl.run.autotune import Autotuner, chosen
from symdl.run.build import Built, batch_of
from symdl.run.epoch import Job
from symdl.run.memory import address, aligned
from symdl.run.resident import Resident
from symdl.run.runtime import Target
from symdl.run.watching import checking
from symdl.schedule.cost import CallCost
from symdl.schedule.partition import partition
from symdl.schedule.plan import Partition
from symdl.schedule.verify import verify_partition
from symdl.targets import find

Array = NDArray[Any]
Steps = dict[object, Partition]
_MOST_STEPS = 16
"""Schedules that a kernel keeps: one for each length of a batch, and of a data set that something reads."""
LARGEST = -1
"""Stands for a power of the number of samples where batches do not add up: the largest value counts."""


def compile_training(
    loss: Tensor,
    wrt: Sequence[Tensor],
    updates: Updates,
    *,
    metrics: Sequence[Tensor] = (),
    dtype: str = "float32",
    target: str | Target = "cpu",
    facts: Sequence[Fact] = (),
    threads: int | None = None,
) -> TrainingKernel:
    """Compile training steps.

    Args:
        loss: a rank-0 tensor, the mean over a batch.
        wrt: the parameters to differentiate with respect to.
        updates: pairs of a parameter or state and its new value, or a function that makes them from the
            parameters and a mapping from parameter to gradient.
        metrics: further rank-0 tensors to average.
        dtype: of all real arrays.
        target: ``"cpu"``, ``"python"`` or a `symdl.run.runtime.Target`.
        facts: declared knowledge for clean-up.
        threads: how many cores to use; None measures and chooses. ``SYMDL_THREADS`` comes first. Results do
            not depend on it.

    Raises:
        ExpressionError: two updates of one tensor, or of one that is no parameter or state.
    """
    program = training_step([Turn(loss, tuple(wrt), updates)], metrics=metrics, facts=facts)
    return TrainingKernel(program, dtype=dtype, target=target, threads=threads)


class TrainingKernel:
    """A compiled training step.

    Args:
        program: such as `symdl.differentiate.turns.training_step` makes.
        dtype, target, threads: as in `compile_training`.
        weights: for each output the power of its number of samples by which a batch multiplies it before it
            adds it to the totals; 1 by default, for means; `LARGEST` for the largest of the batches' values.

    Attributes:
        program: forward pass, gradients and updates.
        states: the tensors of role ``state`` that it reads or updates.
        updated: the parameters and states that it changes.
    """

    def __init__(
        self,
        program: Program,
        *,
        dtype: str,
        target: str | Target,
        threads: int | None = None,
        weights: Sequence[int] | None = None,
    ) -> None:
        chosen(threads)  # found here if it cannot be
        self.program, self._threads = program, threads
        self._weights = tuple(weights or [1] * len(program.outputs))
        self.updated = frozenset(old for old, _ in program.updates)
        self.states = tuple(t for t in program.inputs if t.role == "state")
        options: dict[str, Any] = {"dtype": dtype, "target": find(target), "schedule": "fused"}
        self._built = Built(program, **options, training=True, batch=batch_of(program))
        self._inputs = expected(self._built.inputs, dtype)
        self._constants = constants(program, self._inputs)
        self._steps: Steps = {}

    @property
    def source(self) -> str:
        """The generated module and the listing of its calls."""
        return self._built.source

    @property
    def structures(self) -> tuple[str, ...]:
        """The loop structure of each call, or ``gemm``."""
        return self._built.lowered.structures

    @property
    def kernels(self) -> int:
        """The number of distinct loop kernels."""
        return len(self._built.lowered.kernels)

    def costs(self, sizes: Mapping[str, int]) -> tuple[CallCost, ...]:
        """Return what a step costs, call by call, for these values of the symbolic sizes.

        All inputs of role ``input`` with the batch in front are gathered, as from a data set. No memory is
        reserved and no device asked for.

        Raises:
            ArgumentError: the inputs have no batch axis in common.
            KeyError: a size has no value.
        """
        batch, lowered = batch_of(self.program), self._built.lowered
        if not batch:
            raise ArgumentError("the inputs have no batch axis in common")
        dims = lowered.sizes(dict(sizes))
        known = zip(self._inputs, self._built.inputs, lowered.program.inputs, strict=True)
        gathered = [
            (want, lowered.plan.places[t])
            for want, info, t in known
            if info.role == "input" and want.dims and want.dims[0] == batch
        ]
        return self._built.costs(dims, _step(self._built, gathered, self._weights, dims, batch))

    def bind(
        self,
        weights: Mapping[str, Any],
        data: Mapping[str, Any],
        batch_size: int,
        *,
        threads: int | None = None,
    ) -> BoundEpoch:
        """Bind weights, which training changes in place, and a data set.

        Args:
            weights: parameters and states by name: writable, C-contiguous, of the kernel's dtype; or
                arrays that the target keeps (`symdl.run.runtime.Runtime.keep`).
            data: the other inputs by name, all samples; those with a batch axis are gathered from it.
            batch_size: samples a step.
            threads: how many cores to use; None for what the kernel was made with.

        Raises:
            ArgumentError: names, shapes, dtypes, numbers of samples or labels that do not fit.
        """
        inputs = {e.name: e for e in self._inputs}
        given = {n: data[n] for n in data if n in inputs} | {n: weights[n] for n in weights if n in inputs}
        unknown = [n for n in data if n not in inputs]
        if unknown or given.keys() != inputs.keys() - self._constants.keys():
            wanted = Arguments(self._inputs, self._constants)
            raise wanted.wrong_names({**given, **dict.fromkeys(unknown)})
        given |= self._constants
        _check_weights({n: weights[n] for n in weights if n in inputs}, inputs)
        if batch_size < 1:
            raise ArgumentError(f"batch_size = {batch_size} is no positive integer")
        options = (batch_size, self._weights, chosen(self._threads if threads is None else threads))
        return BoundEpoch(self._built, self._inputs, given, set(data), self._steps, *options)


def _check_weights(weights: Mapping[str, Any], inputs: Mapping[str, Expected]) -> None:
    for name, array in weights.items():
        want = inputs[name]
        if not isinstance(array, np.ndarray | Resident) or array.dtype != want.dtype:
            raise ArgumentError(f"{name} must be an array of dtype {want.dtype}")
        if array.shape != want.fixed:
            shapes = {name: array.shape, "expected": want.text}
            raise ArgumentError(f"{name} has the wrong shape", shapes=shapes)
        if isinstance(array, Resident):
            continue
        if not (array.flags.c_contiguous and array.flags.writeable and array.flags.aligned):
            raise ArgumentError(
                f"{name} cannot be updated in place", cure="pass a writable C-contiguous array"
            )
    plain = {n: a for n, a in weights.items() if isinstance(a, np.ndarray) and a.nbytes}
    spans = sorted((address(a), a.nbytes, n) for n, a in plain.items())
    for (start, size, one), (after, _, other) in itertools.pairwise(spans):
        if start + size > after:
            raise ArgumentError(f"{one} and {other} share memory", cure="pass separate arrays")


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
                array = private(there) if want.dtype.kind == "i" else there
            arrays[want.name] = array
        self._arrays, self._dims = Arguments(inputs, accept=runtime.accept).take(arrays)
        self._inputs, self._data, self._threads = inputs, data, threads
        self.samples = self._dims[self._batch]
        self._check_labels(inputs, arrays, self._dims)
        known = zip(inputs, self._arrays, strict=True)
        self._arrays = [runtime.there(a) if self._gathered(want) else a for want, a in known]
        self._size = min(batch_size, self.samples)
        outputs = built.lowered.program.outputs
        self._results = [np.zeros(1, built.dtype) for _ in outputs]
        self._batches = {want.name: self._space(want) for want in inputs if self._gathered(want)}
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

    def _gathered(self, want: Expected) -> bool:
        """Say whether an input's first axis is the batch."""
        return want.name in self._data and bool(want.dims) and want.dims[0] == self._batch

    def _space(self, want: Expected) -> Array:
        """Return room for the samples of one batch."""
        shape = [evaluate(size, self._dims) for size in want.shape[1:]]
        return aligned((self._size, *shape), want.dtype)

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
            self._steps[key] = _step(self._built, gathered, self._weights, dims, self._batch)
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

    def _check_labels(
        self, inputs: Sequence[Expected], arrays: Mapping[str, Array], dims: Mapping[str, int]
    ) -> None:
        program = self._built.lowered.program
        check_gathers(program, program.gathers, [arrays[e.name] for e in inputs], dims)


def _step(
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
        takes.append(GatherCall(at, place, want.dtype.kind == "i", 0, count, width, width))
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
