"""From what a caller passes to arrays of the declared shapes.

Enters: a program and values by name or tensor. Leaves: one array an input, and the value of every
symbolic size; both agree with the declared shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.dims import Dim, Extent, dims_of
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.express.values import fitting
from symdl.run import misfits
from symdl.run.sizes import Axis, solve

Array = NDArray[Any]
Values = Mapping[Any, Any]
"""Arrays, lists or numbers by tensor or by the name of one; what does not fit is refused when it is bound."""


def bind(program: Program, values: Values, *, dtype: str = "float64") -> dict[Tensor, Array]:
    """Return one new array an input, real ones as `dtype`, integer ones as int64.

    Raises:
        ArgumentError: an input is missing or unknown, or holds values of the wrong kind.
    """
    given: dict[Any, Any] = dict(values)
    wanted = {str(t.name): misfits.shape_text(t.shape) for t in program.inputs if t.value is None}
    known = {*program.inputs, *wanted}
    named = [getattr(name, "name", name) if name in known else name for name in given]
    arrays = {}
    for tensor in program.inputs:
        if tensor.value is not None:
            value = tensor.value
        elif tensor in given:
            value = given.pop(tensor)
        elif tensor.name in given:
            value = given.pop(tensor.name)
        else:
            raise misfits.wrong_names(named, wanted)
        arrays[tensor] = _new(tensor, value, dtype)
    if given:
        raise misfits.wrong_names(named, wanted)
    return arrays


def _new(tensor: Tensor, value: Any, dtype: str) -> Array:
    array = fitting(value, str(tensor.name), integer=tensor.dtype == "int64", dtype=dtype)
    return array.copy() if array is value else array


def bind_dims(program: Program, arrays: Mapping[Tensor, Array]) -> dict[Dim, int]:
    """Return the symbolic sizes that make every declared shape fit its array.

    An axis of another size, such as ``4*n`` or ``n - 1``, binds its only unknown.

    Raises:
        ArgumentError: ranks or sizes do not fit, or a size stays unknown.
    """
    sizes: dict[str, int] = {}
    later: list[Axis] = []
    for tensor in program.inputs:
        name, shape, text = str(tensor.name), np.shape(arrays[tensor]), misfits.shape_text(tensor.shape)
        if len(shape) != tensor.rank:
            raise misfits.wrong_shape(name, shape, text, sizes)
        for extent, size in zip(tensor.shape, shape, strict=True):
            if isinstance(extent, Dim) and size == 0:
                raise misfits.no_elements(name, shape, extent)
            if isinstance(extent, int | Dim):
                if (extent if isinstance(extent, int) else sizes.setdefault(extent.name, size)) != size:
                    raise misfits.wrong_shape(name, shape, text, sizes)
            else:
                unknown = frozenset(dim.name for dim in dims_of(extent))
                later.append(Axis(name, shape, text, size, unknown, partial(_by_name, extent)))
    solve(later, sizes)
    missing = [dim for dim in program.dims if dim.name not in sizes]
    if missing:
        raise ArgumentError(f"the size {missing[0]} cannot be read off the inputs")
    return {Dim(name): size for name, size in sizes.items()}


def _by_name(extent: Extent, sizes: Mapping[str, int]) -> int:
    return extent_value(extent, {Dim(name): size for name, size in sizes.items()})


def extent_value(extent: Extent, dims: Mapping[Dim, int]) -> int:
    """Return a size as a number."""
    return int(extent if isinstance(extent, int) else extent.subs(dict(dims)))
