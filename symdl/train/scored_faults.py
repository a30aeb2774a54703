"""Where a score stops being finite, although the training did not.

Enters: a model, data that it was scored on. Leaves: the `Fault`: the equation of which an element is the
first that is NaN or infinite. Only scores that went wrong pay for it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.express.modes import inference
from symdl.express.program import collect
from symdl.train.arrays import Arrays
from symdl.train.diverging import Fault, fault_in
from symdl.train.forward import BATCH
from symdl.train.state import ModelState


def fault_of_score(
    state: ModelState, scored: Arrays, positions: NDArray[np.int64], watch: str | None, *, data: str
) -> Fault | None:
    """Return what goes wrong in the loss of some samples, or in what is watched in its place.

    Many samples pass in batches, where what belongs to one of them depends on no other.

    Args:
        state: the model, with the weights that it was scored with.
        scored: the samples.
        positions: theirs, among all.
        watch: the name of a value, or ``"accuracy"``; None for the loss.
        data: what all are called.

    Returns:
        None if all numbers are finite, as the interpreter computes them, or if there are too many.
    """
    known = {"": state.loss, **state.values_by_name, "accuracy": state.accuracy}
    wanted, place = known[watch or ""], [*known].index(watch or "")
    assert wanted is not None  # an accuracy that is watched is defined
    program, weights, forward = collect(inference(wanted)), state.values(), state.forward("loss")
    options: dict[str, Any] = {"dtype": state.dtype, "data": data}
    found = fault_in([program], weights, scored.by_name, positions=positions, **options)
    cut = forward.split
    if found is not None or cut is None or len(cut.passes) > 1:
        return found
    for number, (batch, count) in enumerate(scored.batches(BATCH)):
        if not math.isfinite(float(forward(Arrays(batch, count), weights)[place])):
            mine = positions[number * BATCH :][:count]
            found = fault_in([program], weights, batch, positions=mine, **options)
            # A mean over what happens to be in this batch says nothing about all samples.
            return found if found is not None and found.sample is not None else None
    return None
