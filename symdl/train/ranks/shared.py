"""A training step that several processes share.

Enters: the program of a training step. Leaves: `SharedKernel`; bound to weights, data and processes it is a
`SharedEpoch`, which stands where one process has a `symdl.run.bound.BoundEpoch`. Every process has the same
weights and the same order of samples, computes its share of each batch, and takes the same step: results are
those of one process with the same batches, to rounding, whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.dims import Dim
from symdl.express.program import Program
from symdl.run.autotune import MOST_WORKERS, chosen, cores
from symdl.run.bound import LARGEST
from symdl.run.compiled import Compiled
from symdl.run.runtime import Target
from symdl.train.finish import sizes_of
from symdl.train.ranks.communicator import Ranks
from symdl.train.ranks.phases import Phase, phases

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A compiled program, and the names of what it reads."""

    compiled: Compiled[Any]
    reads: frozenset[str]

    def __call__(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self.compiled(**{n: a for n, a in given.items() if n in self.reads})
        return found


class SharedKernel:
    """A training step in phases, compiled. Arguments and attributes as `symdl.run.training.TrainingKernel`.

    Raises:
        TrainingError: samples meet in a way that processes cannot share.
    """

    def __init__(
        self, program: Program, *, samples: Dim, dtype: str, target: Target, weights: Sequence[int]
    ) -> None:
        self.program, self.samples, self.dtype = program, samples, dtype
        self.weights = tuple(weights)
        self.updated = frozenset(old for old, _ in program.updates)
        self.states = tuple(t for t in program.inputs if t.role == "state")
        self.cut = phases(program, samples)
        workers = chosen(None) or min(cores(), MOST_WORKERS)
        self.parts = [self._compiled(phase.program, target, workers) for phase in self.cut.phases]
        self.end = self._compiled(self.cut.end, target, workers)

    def _compiled(self, program: Program, target: Target, workers: int) -> _Part:
        made: Compiled[Any] = Compiled(program, dtype=self.dtype, target=target, threads=workers)
        return _Part(made, frozenset(str(t.name) for t in program.inputs if t.value is None))

    def bind(
        self, ranks: Ranks, weights: Mapping[str, Any], data: Mapping[str, Any], batch_size: int
    ) -> SharedEpoch:
        """Bind weights, which training changes in place, and all samples of a data set.

        Raises:
            ArgumentError: arrays do not lie in the memory of the host.
        """
        if not all(isinstance(array, np.ndarray) for array in (*weights.values(), *data.values())):
            raise ArgumentError("communicator= takes arrays of the host only", cure="use target='cpu'")
        return SharedEpoch(self, ranks, weights, data, batch_size)


class SharedEpoch:
    """Training batches of one data set in several processes.

    Attributes:
        totals: what the latest `run` added up: the same in every process.
    """

    def __init__(
        self,
        kernel: SharedKernel,
        ranks: Ranks,
        weights: Mapping[str, Any],
        data: Mapping[str, Any],
        batch_size: int,
    ) -> None:
        self._kernel, self._ranks, self._data = kernel, ranks, data
        self._weights = dict(weights)
        self._size = batch_size
        self._none = np.where(np.array(kernel.weights) == LARGEST, -np.inf, 0.0)
        self.totals = self._none.copy()
        dims, sizes = sizes_of(kernel.program.inputs, data), kernel.cut.sizes
        self._shown = {str(t.name): np.zeros(dims[dim], kernel.dtype) for dim, t in sizes.items()}

    def run(self, order: NDArray[np.int64], first: int = 0, last: int | None = None) -> float:
        """Train on batches `first` to `last` of `order`; return the first of the totals."""
        size, count = self._size, len(order)
        end = count if last is None else min(last * size, count)
        self.totals[:] = self._none
        with np.errstate(all="ignore"):
            for start in range(first * size, end, size):
                self._step(np.asarray(order[start : min(start + size, end)]))
        return float(self.totals[0])

    def _step(self, batch: NDArray[np.int64]) -> None:
        kernel, cut = self._kernel, self._kernel.cut
        rows = self._ranks.share(np.arange(len(batch)))
        idle = not len(rows)
        rows = rows if len(rows) else np.zeros(1, "int64")  # shapes come from a sample that does not count
        known: dict[str, Any] = self._weights | {n: a[batch[rows]] for n, a in self._data.items()}
        known[str(cut.count.name)] = np.array(float(len(batch)), kernel.dtype)
        known[str(cut.rows.name)] = rows
        for phase, part in zip(cut.phases, kernel.parts, strict=True):
            known |= self._merged(phase, part(known), len(batch), idle=idle)
        outputs = dict(zip(cut.ends, kernel.end(known | self._shown), strict=True))
        for old, new in kernel.program.updates:
            np.copyto(self._weights[str(old.name)], outputs[new])
        self._add([float(outputs[t]) for t in kernel.program.outputs], len(batch))

    def _merged(self, phase: Phase, values: Sequence[Any], count: int, *, idle: bool) -> dict[str, Any]:
        """Return by name what later phases and the end read: reductions over all processes, what is kept."""
        mine = [np.asarray(value) for value in values[: len(phase.statistics)]]
        if idle:
            mine = [_nothing(s.op, a) for s, a in zip(phase.statistics, mine, strict=True)]
        whole = self._ranks.merged([(s.op, a) for s, a in zip(phase.statistics, mine, strict=True)])
        kept = zip(phase.kept, values[len(phase.statistics) :], strict=True)
        found = {str(tensor.name): value for tensor, value in kept}
        for statistic, array in zip(phase.statistics, whole, strict=True):
            scaled = array if not statistic.power else array * float(count) ** statistic.power
            found[str(statistic.whole.name)] = np.asarray(scaled, array.dtype)
        return found

    def _add(self, values: Sequence[float], count: int) -> None:
        """Add what a batch gives to the totals."""
        for at, (value, weight) in enumerate(zip(values, self._kernel.weights, strict=True)):
            if weight == LARGEST:
                self.totals[at] = np.maximum(self.totals[at], value)
            else:
                self.totals[at] += value * float(count) ** weight


def _nothing(op: str, like: Array) -> Array:
    """Return what a reduction over no sample adds to the others."""
    if op in ("sum", "prod"):
        return np.full_like(like, op == "prod")
    return np.full_like(like, -np.inf if like.dtype.kind == "f" else np.iinfo(like.dtype).min)
