"""The profile of a call.

Enters: a compiled program and arguments. Leaves: a `Profile` of a call with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.lower.ir.integers import Sizes, evaluate
from symdl.run.build import Built
from symdl.run.epoch import Job
from symdl.run.profiling.profile import profiled
from symdl.run.profiling.result import Profile
from symdl.run.storage import dtype_of
from symdl.schedule.partition import partition

SECONDS = 0.5
"""How long is measured."""


def profiled_call(
    built: Built, arguments: Sequence[Any], dims: Sizes, written: Sequence[tuple[int, int]], *, pieces: bool
) -> Profile:
    """Measure a call.

    Args:
        arguments: checked, an array for each input.
        dims: the sizes.
        written: result and buffer of each output that kernels write.
        pieces: whether such a call is cut into blocks of samples.
    """
    lowered, runtime = built.lowered, built.runtime
    sizes = lowered.sizes(dims)
    job = Job(built, partition(lowered, sizes, (), (), whole=not pieces), sizes, 0)
    given = [runtime.there(array) if runtime.apart else array for array in arguments]
    for tensor, array in zip(lowered.program.inputs, given, strict=True):
        job.put(lowered.plan.places[tensor], array)
    for number, buffer in written:
        job.put(buffer, _room(built, number, sizes))
    job.ready()
    told = ", ".join(f"{name} = {size}" for name, size in dims.items())
    what = f"a call{' with ' + told if told else ''}, {built.dtype}, one thread"
    with np.errstate(all="ignore"), runtime.training(built.module, (), ()):
        return profiled(job, dims, what=what, seconds=SECONDS)


def _room(built: Built, number: int, sizes: Sizes) -> NDArray[Any]:
    """Return an array for an output."""
    info = built.lowered.program.tensors[built.lowered.program.outputs[number]]
    shape = [evaluate(size, sizes) for size in info.shape]
    return np.zeros(shape, dtype_of(info, built.dtype))
