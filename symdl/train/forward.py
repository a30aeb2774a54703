"""A model's forward pass over a whole data set.

Enters: output tensors, checked data, weights. Leaves: the outputs for all samples, or their score: losses,
metrics and accuracy, which are what they are for all samples at once, however these pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.differentiate.prepare import prepare
from symdl.errors import TrainingError
from symdl.express.dims import Dim
from symdl.express.program import Fact, Program, collect
from symdl.express.tensors import Tensor
from symdl.run.autotune import MOST_WORKERS, chosen, cores
from symdl.run.compiled import Compiled
from symdl.run.runtime import Target
from symdl.run.storage import read_by
from symdl.train.arrays import Arrays
from symdl.train.finish import sizes_of
from symdl.train.loop import Score
from symdl.train.merging import Merged
from symdl.train.samples import where_samples_mix
from symdl.train.splitting import Pass, Statistic, split
from symdl.train.weights import Weights

Array = NDArray[Any]
BATCH = 2048
"""Samples that pass at once, so that memory does not grow with the data."""


class Forward:
    """Outputs of a model over a whole data set.

    A reduction over the samples is put together from its values over batches, an output with an axis over
    samples from its parts. Where samples meet in another way, all of them pass at once.

    Args:
        wanted: what is computed.
        samples: the symbolic number of samples.
        dtype, target, facts: as in `symdl.compile`.
        storage: narrow types of data by their names.
    """

    def __init__(
        self,
        wanted: Sequence[Tensor],
        samples: Dim,
        *,
        dtype: str,
        target: str | Target,
        facts: Sequence[Fact] = (),
        storage: Mapping[str, str] | None = None,
    ) -> None:
        self.program, _ = prepare(collect(tuple(wanted), facts=facts))
        self.split = split(self.program, samples)
        self._samples, self._dtype, self._target = samples, dtype, target
        self._storage = dict(storage or {})
        self._compiled: dict[int, _Part] = {}

    def __call__(self, data: Arrays, weights: Weights) -> tuple[Array, ...]:
        """Return the outputs for all samples; those put together from parts are float64."""
        cut = self.split
        if cut is None or (len(cut.passes) > 1 and data.count <= BATCH):
            return self._at_once(data, weights)
        known: dict[Tensor, Array] = {cut.count: np.array(float(data.count))}
        kept: dict[Tensor, Array] = {}
        for number, each in enumerate(cut.passes):
            given = weights | {str(t.name): a for t, a in known.items()}
            totals, pieces = _taken(self._part(number, each.program), each, data, given)
            known |= {s.whole: _whole(s, t, data.count) for s, t in zip(each.statistics, totals, strict=True)}
            kept |= dict(zip(each.kept, pieces, strict=True))
        values = known | kept
        values |= {t: weights[str(t.name)] for t in cut.finish.reads if t not in values}
        dims = sizes_of(self.program.inputs, data.by_name)
        kept |= zip(cut.ends, cut.finish(values, dims), strict=True)
        return tuple(kept[t] for t in self.program.outputs)

    def _at_once(self, data: Arrays, weights: Weights) -> tuple[Array, ...]:
        try:
            return self._part(-1, self.program)(data.by_name, weights)
        except MemoryError as error:
            raise TrainingError(
                f"{data.count} samples that are needed at once do not fit into memory",
                expression=where_samples_mix(self.program, self._samples),
                cure="pass fewer samples, or a formula in which they meet in sums or maxima only",
            ) from error

    def _part(self, number: int, program: Program) -> _Part:
        if number not in self._compiled:
            workers = chosen(None) or min(cores(), MOST_WORKERS)
            compiled: Compiled[Any] = Compiled(
                program,
                dtype=self._dtype,
                target=self._target,
                threads=workers,
                storage=read_by(program, self._storage),
            )
            self._compiled[number] = _Part(compiled, frozenset(str(t.name) for t in program.inputs))
        return self._compiled[number]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A compiled program and the names of what it reads."""

    compiled: Compiled[Any]
    reads: frozenset[str]

    def __call__(self, batch: Mapping[str, Any], weights: Weights) -> tuple[Array, ...]:
        given = {k: a for k, a in (weights | dict(batch)).items() if k in self.reads}
        found: tuple[Array, ...] = self.compiled(**given)
        return found


def _taken(
    part: _Part, each: Pass, data: Arrays, weights: Weights
) -> tuple[tuple[Merged, ...], tuple[Array, ...]]:
    """Take the data through a pass; return its statistics and what it keeps."""
    totals = tuple(Merged(s.op) for s in each.statistics)
    pieces: tuple[list[Array], ...] = tuple([] for _ in each.kept)
    for batch, _ in data.batches(BATCH):
        values = part(batch, weights)
        for total, value in zip(totals, values[: len(totals)], strict=True):
            total.add(value)
        for piece, value in zip(pieces, values[len(totals) :], strict=True):
            piece.append(value)
    kept = zip(pieces, each.kept.values(), strict=True)
    return totals, tuple(_joined(p, a) if a is not None and len(p) > 1 else p[-1] for p, a in kept)


def _joined(pieces: Sequence[Any], axis: int) -> Any:
    """Return pieces put together, where they lie."""
    first = pieces[0]
    return np.concatenate(pieces, axis) if isinstance(first, np.ndarray) else first.joined(pieces, axis)


def _whole(statistic: Statistic, total: Merged, count: int) -> Array:
    scale = float(count) ** abs(statistic.power)
    return total.value * scale if statistic.power > 0 else total.value / scale if scale != 1 else total.value


def score(model: Forward, data: Arrays, weights: Weights, names: Sequence[str], *, accuracy: bool) -> Score:
    """Return the loss, the first output, the values by name, which are the next ones, and the accuracy."""
    loss, *values = (float(value) for value in model(data, weights))
    share = values.pop() if accuracy else None
    return Score(loss, share, dict(zip(names, values, strict=True)))
