"""From what a caller passes to arrays of the declared shapes.

Enters: a program and values by name or tensor. Leaves: one array an input, and the value of every
symbolic size; both agree with the declared shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.dims import Dim, Extent, dims_of
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.express.values import fitting
from symdl.run import misfits

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

    An axis of a polynomial size, such as ``4*n`` or ``n - 1``, binds its only unknown.

    Raises:
        ArgumentError: ranks or sizes do not fit, or a size stays unknown.
    """
    found: dict[Dim, int] = {}
    axes: list[tuple[Tensor, Extent, int]] = []
    for tensor in program.inputs:
        shape = np.shape(arrays[tensor])
        if len(shape) != tensor.rank:
            raise _misfit(tensor, shape)
        empty = [e for e, size in zip(tensor.shape, shape, strict=True) if isinstance(e, Dim) and not size]
        if empty:
            raise misfits.no_elements(str(tensor.name), shape, empty[0])
        axes += [(tensor, e, size) for e, size in zip(tensor.shape, shape, strict=True)]
    progress = True
    while progress:
        progress = False
        for _, extent, size in axes:
            unknown = dims_of(extent) - found.keys()
            if len(unknown) == 1:
                (dim,) = unknown
                solution = _solve(extent, dim, size, found)
                progress |= solution is not None
                found.update({} if solution is None else {dim: solution})
    for tensor, extent, size in axes:
        if not dims_of(extent) <= found.keys() or extent_value(extent, found) != size:
            raise _misfit(tensor, np.shape(arrays[tensor]), found)
    missing = [d for d in program.dims if d not in found]
    if missing:
        raise ArgumentError(f"the size {missing[0]} cannot be read off the inputs")
    return found


def _solve(extent: Extent, dim: Dim, size: int, known: Mapping[Dim, int]) -> int | None:
    """Return the one positive size of `dim` that makes `extent` equal `size`, or None."""
    if isinstance(extent, int | Dim):
        return size if isinstance(extent, Dim) and size > 0 else None
    polynomial = (extent - size).subs(dict(known)).as_poly(dim)
    roots = [] if polynomial is None else polynomial.ground_roots()
    whole = [int(root) for root in roots if root.is_Integer and root > 0]
    return whole[0] if len(whole) == 1 else None


def extent_value(extent: Extent, dims: Mapping[Dim, int]) -> int:
    """Return a size as a number."""
    return int(extent if isinstance(extent, int) else extent.subs(dict(dims)))


def _misfit(tensor: Tensor, shape: tuple[int, ...], dims: Mapping[Dim, int] | None = None) -> ArgumentError:
    return misfits.wrong_shape(str(tensor.name), shape, misfits.shape_text(tensor.shape), dims or {})
