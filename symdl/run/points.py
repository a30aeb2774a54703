"""What a scalar function is called with, at many points.

Enters: numbers and arrays that broadcast. Leaves: `Given`, a flat array for every input, with their common
shape. A number stays one: it is written once into a row that is no longer than a block of points, and every
block reads that row. One kernel thus serves every choice of numbers and arrays, whichever a call makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError

Array = NDArray[Any]
_NUMBERS = frozenset((float, np.float64, np.float32))
"""Types of numbers that need no conversion."""


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of a call.

    Attributes:
        arrays: one an input, flat: of a value for each point, or of a number for the points of a block.
        numbers: which of them hold a number.
        shape: of the points.
        count: how many points there are.
    """

    arrays: list[Any]
    numbers: list[int]
    shape: tuple[int, ...]
    count: int


def given(
    values: Mapping[str, Any],
    inputs: Sequence[str],
    *,
    dtype: np.dtype[Any],
    block: int,
    taken: Callable[[str, Any], Any],
) -> Given:
    """Return the arguments as generated code takes them.

    Args:
        values: one an input, by name, and others that broadcast with them.
        inputs: the names in order.
        dtype: of the arrays.
        block: how many points a block has; 0 if all are one.
        taken: makes an array of an argument's name and value.

    Raises:
        ArgumentError: a value is no array, or they do not broadcast.
    """
    arrays: dict[str, Any] = {}
    shapes: set[tuple[int, ...]] = set()
    for name, value in values.items():
        if type(value) in _NUMBERS:
            continue
        if type(value) is not np.ndarray or value.dtype != dtype:
            value = taken(name, value)
        arrays[name] = value
        shapes.add(value.shape)
    shapes.discard(())
    shape = shapes.pop() if len(shapes) == 1 else _common(arrays) if shapes else ()
    count = math.prod(shape)
    found, places, numbers = [], [], []
    for at, name in enumerate(inputs):
        value = arrays.get(name)
        if value is None or (value.size == 1 and count != 1 and type(value) is np.ndarray):
            places.append(at)
            numbers.append(float(values[name] if value is None else value.item()))
        else:
            value = _flat(value, shape)
        found.append(value)
    if places:
        for at, row in zip(places, _rows(numbers, min(count, block or count), dtype), strict=True):
            found[at] = row
    return Given(found, places, shape, count)


def _rows(numbers: list[float], length: int, dtype: np.dtype[Any]) -> Array:
    """Return a row of so many elements for each number."""
    rows = np.empty((len(numbers), length), dtype)
    column = np.array(numbers)
    if column.dtype != dtype:
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite
            column = column.astype(dtype)
    rows[:] = column[:, None]
    return rows


def _common(arrays: Mapping[str, Any]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(a.shape for a in arrays.values()))
    except ValueError:
        shapes = {name: a.shape for name, a in arrays.items()}
        raise ArgumentError("the arguments do not broadcast", shapes=shapes) from None


def _flat(array: Any, shape: tuple[int, ...]) -> Any:
    """Return an array at all points, C-contiguous if it is one of the host."""
    if not isinstance(array, np.ndarray):
        if array.shape != shape:
            raise ArgumentError(
                "an argument that lies on a device is not broadcast",
                shapes={"argument": array.shape, "all of them": shape},
                cure="broadcast it there, as by cupy.ascontiguousarray(cupy.broadcast_to(x, shape))",
            )
        return array if array.ndim == 1 else array.reshape(-1)
    if array.shape != shape:
        array = np.broadcast_to(array, shape)
    flags = array.flags
    if not (flags.c_contiguous and flags.aligned):
        array = np.require(array, requirements=["C", "A"])
    return array if array.ndim == 1 else array.reshape(-1)
