"""What a user passes as data, checked against the tensors that will read it.

Enters: a dictionary from input name to anything NumPy takes for an array. Leaves: `Arrays`, contiguous
and of the right type, with equal first axes, no label out of range, and no NaN and no infinity where values
count. Nothing is computed with data that do not pass, and the caller's arrays are never changed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, TrainingError
from symdl.express.dims import Dim, dims_of
from symdl.express.labels import LabelRange
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.express.values import fitting, numbers, place
from symdl.run.reference.binding import bind_dims, extent_value
from symdl.run.storage import narrowed
from symdl.train.counted import counted

Array = NDArray[Any]


Accept = Callable[[Any, str, np.dtype[Any]], Any]


def nothing_there(value: Any, name: str, dtype: np.dtype[Any]) -> None:
    """Nothing lies in another memory than the host's."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Checked data: arrays by input name, all with `count` samples along their first axis.

    They are NumPy's, or lie in the memory of a target.
    """

    by_name: dict[str, Any]
    count: int

    def take(self, positions: NDArray[np.int64]) -> Arrays:
        """Return the samples at `positions`, copied."""
        taken = {
            k: a[positions] if isinstance(a, np.ndarray) else a.take(positions)
            for k, a in self.by_name.items()
        }
        return Arrays(taken, len(positions))

    def moved(self, there: Callable[[Any], Any]) -> Arrays:
        """Return the same in a target's memory, to be read there more than once."""
        return Arrays({name: there(array) for name, array in self.by_name.items()}, self.count)

    def batches(self, size: int) -> Iterable[tuple[dict[str, Array], int]]:
        """Yield runs of at most `size` samples, in order, with their lengths; no copies."""
        for start in range(0, self.count, size):
            part = {k: a[start : start + size] for k, a in self.by_name.items()}
            yield part, min(size, self.count - start)


def batch_size_of(inputs: Sequence[Tensor]) -> Dim:
    """Return the symbolic number of samples: the first axis of every input.

    Raises:
        TrainingError: there are no inputs, or their first axes are not one and the same `Dim`.
    """
    firsts = {t.shape[0] if t.shape else None for t in inputs}
    shapes = {str(t.name): t.shape for t in inputs}
    if not inputs:
        raise TrainingError("the model reads no input", cure="declare data with sd.tensor(...)")
    first = next(iter(firsts))
    if len(firsts) > 1 or not isinstance(first, Dim):
        raise TrainingError(
            "the inputs do not share a first axis over samples",
            shapes=shapes,
            cure="give every input the same sd.Dim('n') as its first size",
        )
    return first


def checked(
    inputs: Sequence[Tensor],
    data: Mapping[str, Any],
    *,
    dtype: str,
    storage: Mapping[str, str] | None = None,
    ranges: Sequence[LabelRange] = (),
    results: Sequence[Tensor] = (),
    ignore: Iterable[str] = (),
    what: str = "data",
    accept: Accept = nothing_there,
) -> Arrays:
    """Return `data` as arrays that fit `inputs`.

    Args:
        inputs: the tensors to be filled, each with samples along its first axis.
        data: arrays by name; real ones are converted to `dtype`, labels to int64, copied if need be.
        dtype: ``"float32"`` or ``"float64"``.
        storage: narrow types of some of them by name.
        ranges: what the values of integer inputs may be.
        results: what is computed from the data: values that have no part in it may be NaN or infinite.
        ignore: names that are allowed and not needed.
        what: what the data are called in an error.
        accept: takes what lies in a target's memory; see `symdl.run.runtime.Runtime.accept`.

    Raises:
        ArgumentError: names, shapes, types or values do not fit; the message says which and how.
    """
    names = [str(t.name) for t in inputs]
    _check_names(data, names, set(ignore), what)
    kinds = [(storage or {}).get(name, "") for name in names]
    arrays = {
        name: _as_array(t, data[name], dtype, accept, kind)
        for name, t, kind in zip(names, inputs, kinds, strict=True)
    }
    count = len(arrays[names[0]])
    if not count:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise ArgumentError(f"the {what} hold no samples", shapes=shapes)
    program = Program(tuple(inputs), (), ())
    sizes = bind_dims(program, {t: arrays[str(t.name)] for t in inputs})
    for tensor in inputs:
        _check_values(tensor, arrays, data[str(tensor.name)], results)
    for limit in ranges:
        if limit.always and str(limit.tensor.name) in arrays and limit.tensor in inputs:
            _check_labels(limit, arrays[str(limit.tensor.name)], sizes)
    return Arrays(arrays, count)


def _check_names(data: Mapping[str, Any], names: list[str], ignore: set[str], what: str) -> None:
    if not isinstance(data, Mapping):
        raise ArgumentError(
            f"the {what} are a {type(data).__name__}, not a dictionary",
            cure="pass {" + ", ".join(f"{name!r}: ..." for name in names) + "}",
        )
    takes = f"the model takes {', '.join(names)}"
    for name in data:
        if name not in names and name not in ignore:
            close = difflib.get_close_matches(str(name), names, n=1)
            hint = f"did you mean {close[0]!r}? {takes}" if close else takes
            raise ArgumentError(f"the {what} hold {name!r}, which is no input", cure=hint)
    missing = [name for name in names if name not in data]
    if missing:
        raise ArgumentError(f"the {what} lack {', '.join(map(repr, missing))}", cure=takes)


def _as_array(tensor: Tensor, value: Any, dtype: str, accept: Accept, storage: str) -> Any:
    name, integer = str(tensor.name), tensor.dtype == "int64"
    if storage:
        array = np.require(narrowed(value, name, storage), requirements=["C", "A"])
    else:
        there = accept(value, name, np.dtype("int64" if integer else dtype))
        array = fitting(value, name, integer=integer, dtype=dtype) if there is None else there
    if array.ndim != tensor.rank:
        raise ArgumentError(
            f"{tensor.name} has {array.ndim} axes instead of {tensor.rank}",
            shapes={"given": array.shape, "declared": tensor.shape},
            cure=_axes_cure(tensor, array),
        )
    return array


def _axes_cure(tensor: Tensor, array: Array) -> str:
    name = str(tensor.name)
    if array.ndim == tensor.rank + 1 and array.shape[-1] == 1:
        return f"drop the last axis: {name}[:, 0], or declare {name} with it"
    if array.ndim == tensor.rank - 1 and tensor.shape[-1] == 1:
        return f"add an axis: {name}[:, None], or declare {name} without it"
    if tensor.dtype == "int64" and array.ndim == tensor.rank + 1 and ((array == 0) | (array == 1)).all():
        return f"labels are the numbers of classes: of rows with a single 1, {name}.argmax(axis=-1)"
    return f"the first axis runs over samples; a single sample is {name}[None]"


def _check_values(tensor: Tensor, arrays: Mapping[str, Any], given: Any, results: Sequence[Tensor]) -> None:
    if tensor.dtype == "int64":
        return
    array = arrays[str(tensor.name)]
    if not isinstance(array, np.ndarray):
        if array.finite():
            return
        arrays = {name: np.asarray(a) for name, a in arrays.items()}
        array = given = arrays[str(tensor.name)]
    if array.dtype.kind in "iu":
        return
    wrong = ~np.isfinite(numbers(array, str(tensor.name)))
    if wrong.any() and results:
        wrong &= counted(tensor, results, arrays)
    if wrong.any():
        was = numbers(given, str(tensor.name))[wrong][0]
        too_large = f" (too large for {array.dtype})" if np.isfinite(was) else ""
        raise ArgumentError(
            f"{tensor.name} holds {was}{too_large} at {place(wrong)}, {np.count_nonzero(wrong)} such in all",
            cure="clean or scale the data first, or leave them out by a mask or lengths",
        )


def _check_labels(limit: LabelRange, array: Array, sizes: Mapping[Dim, int]) -> None:
    if not dims_of(limit.size) <= sizes.keys():
        return
    array, size = np.asarray(array), extent_value(limit.size, sizes)
    wrong = (array < 0) | (array >= size)
    if wrong.any():
        raise ArgumentError(
            f"{limit.tensor.name} holds {array[wrong][0]} at {place(wrong)}, but may hold 0 to {size - 1}",
            cure="number the classes from 0, or give the model as many outputs as there are classes",
        )
