"""Tensors put together and taken apart.

Enters: tensors. Leaves: their join, in which every part is an equation of its own that is not evaluated
outside its place, or a part of one tensor.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.dims import as_extent
from symdl.express.doors import takes_tensors
from symdl.express.equations import Equal, InRange, Origin
from symdl.express.operators import axis_indices, one_axis
from symdl.express.surface import define
from symdl.express.tensors import DType, Tensor


@takes_tensors
def concatenate(tensors: Sequence[Tensor], axis: int = 0, *, name: str | None = None) -> Tensor:
    """Join tensors along an axis that they have.

    Raises:
        ShapeError: no tensors, or the other sizes differ.

    Example:
        >>> a, b = sd.tensor("a", (2, 3)), sd.tensor("b", (2, 5))
        >>> sd.concatenate([a, b], axis=1).shape
        (2, 8)
    """
    first = _first(tensors)
    along = one_axis(axis, first.rank)
    for other in tensors:
        rest = [t.shape[:along] + t.shape[along + 1 :] for t in (first, other)]
        if other.rank != first.rank or rest[0] != rest[1]:
            raise ShapeError(
                f"tensors can be joined along axis {along} only if their other sizes are equal",
                shapes={f"part {n + 1}": t.shape for n, t in enumerate(tensors)},
            )
    total = as_extent(sp.Add(*(t.shape[along] for t in tensors)))
    shape = (*first.shape[:along], total, *first.shape[along + 1 :])
    where = axis_indices(first.rank)
    parts, offset = [], sp.Integer(0)
    for part in tensors:
        place = sp.expand(where[along] - offset)
        reads = (*where[:along], place, *where[along + 1 :])
        guard = InRange(place, part.shape[along])
        body, dtype = part.at(*reads), part.dtype
        parts.append(
            define(None, where, body, shape=shape, dtype=dtype, origin=Origin("part"), guards=[guard])
        )
        offset = offset + part.shape[along]
    return _added(parts, name, "concatenate")


@takes_tensors
def stack(tensors: Sequence[Tensor], axis: int = 0, *, name: str | None = None) -> Tensor:
    """Join tensors of one shape along a new axis.

    Raises:
        ShapeError: no tensors, or different shapes.

    Example:
        >>> a, b = sd.tensor("a", (3,)), sd.tensor("b", (3,))
        >>> sd.stack([a, b]).shape
        (2, 3)
    """
    first = _first(tensors)
    if any(t.shape != first.shape for t in tensors):
        raise ShapeError(
            "tensors can be stacked only if their shapes are equal",
            shapes={f"part {n + 1}": t.shape for n, t in enumerate(tensors)},
        )
    along = one_axis(axis, first.rank + 1)
    where = axis_indices(first.rank + 1)
    reads = (*where[:along], *where[along + 1 :])
    shape = (*first.shape[:along], len(tensors), *first.shape[along:])
    parts = [
        define(
            None,
            where,
            part.at(*reads),
            shape=shape,
            dtype=part.dtype,
            origin=Origin("part"),
            guards=[Equal(where[along], sp.Integer(place))] if len(tensors) > 1 else (),
        )
        for place, part in enumerate(tensors)
    ]
    return _added(parts, name, "stack")


def _first(tensors: Sequence[Tensor]) -> Tensor:
    if not tensors:
        raise ShapeError("nothing to join", cure="pass at least one tensor")
    return tensors[0]


def _added(parts: Sequence[Tensor], name: str | None, rule: str) -> Tensor:
    where = axis_indices(parts[0].rank)
    dtype: DType = "int64" if all(t.dtype == "int64" for t in parts) else "real"
    body = sp.Add(*(part.at(*where) for part in parts))
    return define(name, where, body, shape=parts[0].shape, dtype=dtype, origin=Origin(rule))


@takes_tensors
def split(x: Tensor, parts: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Cut a tensor along `axis`: into so many equal parts, or before the given positions.

    Raises:
        ShapeError: the size is symbolic, or no multiple of the number of parts.

    Example:
        >>> [part.shape for part in sd.split(sd.tensor("x", (6, 3)), 2)]
        [(3, 3), (3, 3)]
    """
    along = one_axis(axis, x.rank)
    size = x.shape[along]
    if not isinstance(size, int):
        raise ShapeError(f"{x} cannot be split along an axis of symbolic size", cure="use slices: X[:, a:b]")
    if isinstance(parts, int):
        if parts < 1 or size % parts:
            raise ShapeError(f"an axis of size {size} cannot be split into {parts} equal parts")
        parts = range(size // parts, size, size // parts) if size else [0] * (parts - 1)
    cuts = [0, *parts, size]
    key = (slice(None),) * along
    return tuple(x[(*key, slice(a, b))] for a, b in itertools.pairwise(cuts))
