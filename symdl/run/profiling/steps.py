"""The profile of a training step.

Enters: a step with weights of its own and data. Leaves: a `Profile` of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl.run.profiling.profile import profiled
from symdl.run.profiling.result import Profile
from symdl.run.training import TrainingKernel


def profiled_step(
    kernel: TrainingKernel,
    weights: Mapping[str, Any],
    data: Mapping[str, Any],
    batch_size: int,
    *,
    seconds: float,
) -> Profile:
    """Measure a training step on the first batch of some data.

    Args:
        weights: parameters and states, which change; nobody else has these arrays.
        data: as of `TrainingKernel.bind`.
        batch_size: samples a step, at most as many as there are.
        seconds: about how long to measure.

    Raises:
        ArgumentError: the arrays do not fit.
    """
    first = {name: array.copy() for name, array in weights.items() if isinstance(array, np.ndarray)}

    def refresh() -> None:
        for name, array in first.items():
            weights[name][...] = array

    bound = kernel.bind(weights, data, batch_size, threads=1)
    with bound.rehearsal() as (job, dims):
        what = f"a training step of {min(batch_size, bound.samples)} samples, {job.built.dtype}, one thread"
        return profiled(job, dims, what=what, seconds=seconds, refresh=refresh)
