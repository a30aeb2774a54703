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

from symdl.express.program import Fact, collect
from symdl.express.tensors import Tensor
from symdl.run.compiled import Compiled
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
    program = collect(tuple(outputs), facts=facts)
    reads = frozenset(str(t.name) for t in program.inputs)
    return Forward(Compiled(program, dtype=dtype, target=target), reads)


def predict(model: Forward, data: Arrays, weights: Weights, *, whole: bool) -> NDArray[Any]:
    """Return the only output for all samples.

    Args:
        whole: whether the samples must pass at once because the output has no axis over them.
    """
    parts = [model(b, weights)[0] for b, _ in data.batches(data.count if whole else _BATCH)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def score(model: Forward, data: Arrays, weights: Weights, label: Tensor | None) -> Score:
    """Return the mean loss, the first output, and the share of samples put into their class.

    A sample's class is the place of the largest of its logits, which are the second output.
    """
    total, right = 0.0, 0
    for batch, count in data.batches(_BATCH):
        loss, *logits = model(batch, weights)
        total += float(loss) * count
        if label is not None:
            right += int(np.count_nonzero(logits[0].argmax(axis=1) == batch[str(label.name)]))
    return Score(total / data.count, None if label is None else right / data.count)


def label_of(output: Tensor | None, ranges: Sequence[LabelRange]) -> Tensor | None:
    """Return the input that holds the classes of which `output` holds the logits, or None.

    That is the only rank-1 integer input whose values choose among as many classes as the rank-2
    `output` has columns.
    """
    if output is None or output.rank != 2:
        return None
    fitting = [r.tensor for r in ranges if r.size == output.shape[1]]
    labels = [t for t in dict.fromkeys(fitting) if t.role == "input" and t.rank == 1]
    return labels[0] if len(labels) == 1 else None
