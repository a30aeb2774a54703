"""A point to check gradients at, where nobody names one.

Enters: a program, values that are given, sizes. Leaves: an array for each input that has none: reals drawn
at random, labels that choose among what there is, matrices that are what they were declared to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.dims import Dim, Extent, dims_of
from symdl.express.labels import label_ranges
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.run.reference.binding import extent_value

Array = NDArray[Any]
_SIZES = (4, 3, 5, 2)
"""Of axes whose size nobody gave: small, and different where there are few."""


def random_point(
    program: Program,
    *,
    known: Mapping[str, Any],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    between: tuple[float, float] | None = None,
) -> dict[str, Array]:
    """Return an array for every input of a program: ``{"X": ..., "t": ...}``.

    Args:
        program: whose inputs are to be filled.
        known: arrays by name, which stay; a number alone fills an input of any shape.
        sizes: of axes that are called by a letter, by their names; those that are missing are small.
        rng: what is drawn from.
        between: the interval from which reals are drawn evenly; None for a normal distribution.

    Raises:
        ArgumentError: there is no such input, or no such size.
    """
    names = {str(t.name) for t in program.inputs if t.value is None}
    for kind, given, there in (("input", known, names), ("size", sizes, {d.name for d in program.dims})):
        for name in given:
            if name not in there:
                cure = f"there are {', '.join(sorted(there))}" if there else "leave it out"
                raise ArgumentError(f"no {kind} is called {name!r}", cure=cure)
    dims = _dims(program, known, sizes)
    limits: dict[Tensor, int] = {}
    for label in label_ranges(program.equations):
        count = extent_value(label.size, dims) if dims_of(label.size) <= dims.keys() else 1
        limits[label.tensor] = min(count, limits.get(label.tensor, count))
    point: dict[str, Array] = {}
    for tensor in program.inputs:
        name = str(tensor.name)
        shape = tuple(extent_value(size, dims) for size in tensor.shape)
        if tensor.value is not None:
            continue
        if name in known:
            value = np.asarray(known[name])
            point[name] = np.full(shape, value) if value.ndim == 0 else value
        elif tensor.dtype == "int64":
            point[name] = rng.integers(0, limits.get(tensor, 2), shape)
        elif tensor.init is not None:
            point[name] = np.asarray(tensor.init(shape, rng), "float64")
        else:
            drawn = rng.uniform(*between, shape).round(3) if between else rng.normal(size=shape)
            point[name] = _declared(tensor, np.asarray(drawn))
    return point


def _dims(program: Program, known: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[Dim, int]:
    """Return the sizes: those that are given, those of arrays that are there, small ones."""
    shown: dict[Extent, int] = {}
    for tensor in program.inputs:
        array = np.asarray(known.get(str(tensor.name), 0.0))
        if array.ndim == tensor.rank:
            shown.update(zip(tensor.shape, array.shape, strict=True))
    found = {}
    for place, dim in enumerate(program.dims):
        found[dim] = sizes.get(dim.name, shown.get(dim, _SIZES[place % len(_SIZES)]))
    return found


def _declared(tensor: Tensor, array: Array) -> Array:
    """Return an array with the properties that a tensor was declared to have."""
    properties = tensor.properties
    if not properties:
        return array
    turned, unit = np.swapaxes(array, -1, -2), np.eye(array.shape[-1])
    if "orthogonal" in properties:
        return np.broadcast_to(unit, array.shape) if "symmetric" in properties else np.linalg.qr(array)[0]
    if "positive_definite" in properties:
        array = array @ turned + unit
    elif "symmetric" in properties:
        array = (array + turned) / 2
    return array * unit if "diagonal" in properties else array
