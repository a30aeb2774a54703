"""A model's forward pass over a whole data set.

Enters: output tensors, checked data, weights. Leaves: the outputs for all samples, or their score: mean
loss and accuracy. Samples pass in batches, so that memory does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.differentiate.prepare import prepare
from symdl.express.program import Fact, collect
from symdl.express.tensors import Tensor
from symdl.run.compiled import Compiled
from symdl.run.pace import MOST_LANES, chosen, cores
from symdl.train.arrays import Arrays, LabelRange
from symdl.train.loop import Score
from symdl.train.weights import Weights

_BATCH = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """Compiled outputs and the names of what they read."""

    compiled: Compiled
    reads: frozenset[str]

    def __call__(self, batch: dict[str, Any], weights: Weights) -> tuple[NDArray[Any], ...]:
        """Return the outputs for one batch."""
        given = {k: a for k, a in (weights | batch).items() if k in self.reads}
        outputs: tuple[NDArray[Any], ...] = self.compiled(**given)
        return outputs


def forward(outputs: Sequence[Tensor], *, dtype: str, target: str, facts: Sequence[Fact] = ()) -> Forward:
    """Compile a forward pass."""
    program, _ = prepare(collect(tuple(outputs), facts=facts))
    reads = frozenset(str(t.name) for t in program.inputs)
    lanes = chosen(None) or min(cores(), MOST_LANES)
    return Forward(Compiled(program, dtype=dtype, target=target, threads=lanes), reads)


def predict(model: Forward, data: Arrays, weights: Weights, *, whole: bool) -> tuple[NDArray[Any], ...]:
    """Return the outputs for all samples.

    Args:
        whole: whether the samples must pass at once because an output has no axis over them.
    """
    parts = [model(b, weights) for b, _ in data.batches(data.count if whole else _BATCH)]
    return parts[0] if len(parts) == 1 else tuple(map(np.concatenate, zip(*parts, strict=True)))


def score(
    model: Forward, data: Arrays, weights: Weights, label: Tensor | None, names: Sequence[str] = ()
) -> Score:
    """Return the mean loss, the first output, and those after it by name.

    Then follow the logits if there is a `label`: a sample's class is the place of the largest of them, and
    the accuracy is the share of samples put into their class.
    """
    total, right = np.zeros(1 + len(names)), 0
    for batch, count in data.batches(_BATCH):
        outputs = model(batch, weights)
        total += np.array([float(value) for value in outputs[: len(total)]]) * count
        if label is not None:
            right += int(np.count_nonzero(outputs[-1].argmax(axis=1) == batch[str(label.name)]))
    loss, *values = (total / data.count).tolist()
    accuracy = None if label is None else right / data.count
    return Score(loss, accuracy, dict(zip(names, values, strict=True)))


def label_of(outputs: Sequence[Tensor], ranges: Sequence[LabelRange]) -> tuple[Tensor | None, Tensor | None]:
    """Return the input that holds classes and the output that holds their logits, if that is clear.

    The output is the only one of rank 2 for which there is one input that fits: of rank 1, integer, its
    values choosing among as many classes as the output has columns.
    """
    found = []
    for output in outputs:
        fitting = [r.tensor for r in ranges if output.rank == 2 and r.size == output.shape[1]]
        labels = [t for t in dict.fromkeys(fitting) if t.role == "input" and t.rank == 1]
        if len(labels) == 1:
            found.append((labels[0], output))
    return found[0] if len(found) == 1 else (None, None)
