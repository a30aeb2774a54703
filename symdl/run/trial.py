"""A call by which a file that stands alone tests itself.

Enters: the inputs of a function, and the function. Leaves: `Trial`: arguments and results. An argument is an
example, or made of numbers that the file can make, too (`templates/njit/trial.jinja`), so that it need not
hold them, for sizes from a few on: the first ones of which all results are finite. Numbers of results that
depend on how arguments are rounded are left out: where a gradient is 0 but for rounding, Adam moves a
parameter as far as elsewhere, this way or that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
Call = Callable[[Mapping[str, Any]], tuple[Sequence[Any], Mapping[str, Any]]]
"""Returns the results, and what else has changed by name."""
_SIZES = (3, 7, 16)
"""What the first symbolic size is; each further one is larger by 1."""
_SHIFTS = (0.0, 0.6)
"""About what reals lie: logarithms want positive ones."""
_PLACES = 8
"""How many numbers of a result are kept."""
_MOST = 10_000
"""How many numbers examples may have together."""
_FAR = (32.0, -57.0)
"""How far arguments are moved to see what depends on rounding, in distances of neighbouring reals."""
_ALIKE = 1e-3
"""By how much numbers that are about the same may differ, relative to each other or the largest."""
_PERIOD = 1009


def trial(
    lowered: Lowered,
    taken: Sequence[TensorInfo],
    call: Call,
    names: Sequence[str],
    *,
    dtype: str,
    example: Mapping[str, Any] | None = None,
) -> Trial:
    """Return a call with its results.

    Args:
        lowered: what tells of which integers are positions.
        taken: the arguments in order.
        call: computes results of arrays by name.
        names: what results are called.
        dtype: of reals.
        example: arrays for all arguments.

    Raises:
        ArgumentError: no numbers fit, or those of the example do not.
    """
    made = _Trials(taken, call, names, float(np.finfo(dtype).eps))
    if example is not None:
        given = [_given(info, example) for info in taken]
        if sum(s.array.size for s in given) > _MOST:
            raise ArgumentError(f"the example has more than {_MOST} numbers", cure="take smaller arrays")
        return made.of(given)
    first: Trial | None = None
    problem: ArgumentError | None = None
    for low, shift in itertools.product(_SIZES, _SHIFTS):
        dims = {name: low + at for at, name in enumerate(lowered.program.sizes)}
        try:
            found = made.of([_sample(lowered, info, dims, shift) for info in taken])
        except ArgumentError as error:
            problem = error
            continue
        first = first or found
        if all(map(math.isfinite, (v for r in (*found.results, *found.changed) for v in r.values))):
            return found
    if first is None:
        raise ArgumentError(
            f"there are no numbers by which the file could test itself: {str(problem).splitlines()[0]}",
            cure="pass example={...}: an array for each argument",
        ) from problem
    return first


@dataclass(frozen=True, slots=True)
class _Trials:
    """Makes trials of a function; `eps` is the distance of 1 from the next real."""

    taken: Sequence[TensorInfo]
    call: Call
    names: Sequence[str]
    eps: float

    def of(self, samples: Sequence[Sample]) -> Trial:
        """Return the trial with these arguments."""
        given = arrays(self.taken, samples)
        results, changed = self.call(given)
        others = [self.call(_shaken(given, far * self.eps)) for far in _FAR]
        each = zip(self.names, results, *(o[0] for o in others), strict=True)
        after = ((name, a, *(o[1][name] for o in others)) for name, a in changed.items())
        return Trial(tuple(samples), *(tuple(_result(*row) for row in rows) for rows in (each, after)))


def _shaken(given: Mapping[str, Array], by: float) -> dict[str, Array]:
    """Return arrays whose reals are changed by so much, this way and that."""
    found = dict(given)
    for name, array in given.items():
        if array.dtype.kind == "f":
            k = np.arange(array.size).reshape(array.shape)
            found[name] = array * (1 + by * (k * (k + 3) % _PERIOD / _PERIOD * 2 - 1))
    return found


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


def _result(name: str, given: Any, *others: Any) -> Result:
    """Return the shape of a result, and some of its numbers that are about the same in others."""
    array = np.asarray(given)
    flat = array.reshape(-1).astype("float64")
    size = float(np.abs(flat[np.isfinite(flat)]).max(initial=0))
    alike = [np.isclose(flat, np.reshape(o, -1), _ALIKE, _ALIKE * size, equal_nan=True) for o in others]
    known = np.flatnonzero(np.logical_and.reduce(alike))
    some = known[np.unique(np.linspace(0, known.size - 1, min(_PLACES, known.size)).astype(int))].tolist()
    return Result(name, array.shape, tuple(some), tuple(float(f"{flat[at]:.12g}") for at in some))
