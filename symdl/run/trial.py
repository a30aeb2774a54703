"""A call by which a file that stands alone tests itself.

Enters: the inputs of a function, and the function. Leaves: `Trial`: arguments and results. An argument is an
example, or made of numbers that the file can make, too (`templates/njit/trial.jinja`), so that it need not
hold them, for sizes from a few on: the first ones of which all results are finite.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.alone import Result, Sample, Trial
from symdl.errors import ArgumentError
from symdl.express.values import fitting
from symdl.lower.ir.integers import evaluate
from symdl.lower.ir.loops import TensorInfo
from symdl.lower.kernels import CheckCall
from symdl.lower.lowered import Lowered

Array = NDArray[Any]
Call = Callable[[dict[str, Array]], tuple[Sequence[Any], Mapping[str, Any]]]
"""Returns the results, and what else has changed by name."""
_SIZES = (3, 7, 16)
"""What the first symbolic size is; each further one is larger by 1."""
_SHIFTS = (0.0, 0.6)
"""About what reals lie: logarithms want positive ones."""
_PLACES = 8
"""How many numbers of a result are kept."""
_MOST = 10_000
"""How many numbers examples may have together."""
_PERIOD = 1009


def trial(
    lowered: Lowered,
    taken: Sequence[TensorInfo],
    call: Call,
    names: Sequence[str],
    example: Mapping[str, Any] | None = None,
) -> Trial:
    """Return a call with its results.

    Args:
        lowered: what tells of which integers are positions.
        taken: the arguments in order.
        call: computes results of arrays by name.
        names: what results are called.
        example: arrays for all arguments.

    Raises:
        ArgumentError: no numbers fit, or those of the example do not.
    """
    if example is not None:
        given = [_given(info, example) for info in taken]
        if sum(s.array.size for s in given) > _MOST:
            raise ArgumentError(f"the example has more than {_MOST} numbers", cure="take smaller arrays")
        return _trial(given, *call(arrays(taken, given)), names)
    first: Trial | None = None
    for low, shift in itertools.product(_SIZES, _SHIFTS):
        dims = {name: low + at for at, name in enumerate(lowered.program.sizes)}
        samples = [_sample(lowered, info, dims, shift) for info in taken]
        try:
            found = _trial(samples, *call(arrays(taken, samples)), names)
        except ArgumentError:
            continue
        first = first or found
        if all(map(math.isfinite, (v for r in (*found.results, *found.changed) for v in r.values))):
            return found
    if first is None:
        raise ArgumentError(
            "there are no numbers by which the file could test itself",
            cure="pass example={...}: an array for each argument",
        )
    return first


def arrays(taken: Sequence[TensorInfo], samples: Sequence[Sample]) -> dict[str, Array]:
    """Return the arguments of a trial by name."""
    pairs = enumerate(zip(taken, samples, strict=True))
    return {info.name: values(sample, at) for at, (info, sample) in pairs}


def values(sample: Sample, seed: int) -> Array:
    """Return the numbers of an argument in this place."""
    if sample.array is not None:
        return np.asarray(sample.array)
    k = np.arange(math.prod(sample.shape)) + 101 * seed
    whole = (k * (k + 7) % _PERIOD).reshape(sample.shape)
    return whole % sample.below if sample.below else whole / _PERIOD - 0.5 + sample.shift


def _given(info: TensorInfo, example: Mapping[str, Any]) -> Sample:
    if info.name not in example:
        raise ArgumentError(f"the example has no {info.name}", cure="pass an array for each argument")
    kind = np.dtype("int64" if info.integer else "float64")
    array = fitting(example[info.name], info.name, integer=info.integer, dtype=kind)
    return Sample(array.shape, array)


def _sample(lowered: Lowered, info: TensorInfo, dims: Mapping[str, int], shift: float) -> Sample:
    shape = tuple(evaluate(size, dims) for size in info.shape)
    if not info.integer:
        return Sample(shape, shift=shift)
    place = lowered.plan.places[info.number]
    checks = [c for c in lowered.calls if isinstance(c, CheckCall) and c.buffer == place]
    return Sample(shape, below=min((evaluate(c.below, dims) for c in checks), default=2))


def _trial(
    samples: Sequence[Sample], results: Sequence[Any], changed: Mapping[str, Any], names: Sequence[str]
) -> Trial:
    found = tuple(_result(name, result) for name, result in zip(names, results, strict=True))
    return Trial(tuple(samples), found, tuple(_result(name, array) for name, array in changed.items()))


def _result(name: str, given: Any) -> Result:
    """Return the shape of a result, and some of its numbers."""
    array = np.asarray(given)
    places = np.unique(np.linspace(0, array.size - 1, min(_PLACES, array.size)).astype(int)).tolist()
    some = (float(f"{float(array.reshape(-1)[at]):.12g}") for at in places)
    return Result(name, array.shape, tuple(places), tuple(some))
