"""More views: axes added, dropped, exchanged, stretched, reversed.

Enters: a tensor. Leaves: a tensor whose equation reads the first one at other indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, as_extent
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, broadcast_shapes, normal_axes, one_axis, read
from symdl.express.surface import define
from symdl.express.tensors import Tensor


@takes_tensors
def squeeze(x: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """Drop axes of size 1, all of them by default.

    Raises:
        ShapeError: a named axis has another size.

    Example:
        >>> sd.squeeze(sd.tensor("x", (2, 1, 3))).shape
        (2, 3)
    """
    ones = tuple(a for a, size in enumerate(x.shape) if size == 1)
    axes = ones if axis is None else normal_axes(axis, x.rank)
    if not set(axes) <= set(ones):
        raise ShapeError(f"only axes of size 1 can be dropped, {x} has others among {axes}")
    kept = [a for a in range(x.rank) if a not in axes]
    where = axis_indices(len(kept))
    reads = [sp.Integer(0) if a in axes else where[kept.index(a)] for a in range(x.rank)]
    return _view(x, where, reads, [x.shape[a] for a in kept], "squeeze")


@takes_tensors
def expand_dims(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    """Insert axes of size 1; `axis` counts in the result.

    >>> x = sd.tensor("x", (2, 3))
    >>> sd.expand_dims(x, 0).shape
    (1, 2, 3)
    """
    count = 1 if isinstance(axis, int) else len(axis)
    axes = normal_axes(axis, x.rank + count)
    where = axis_indices(x.rank + count)
    reads = [i for a, i in enumerate(where) if a not in axes]
    sizes = iter(x.shape)
    shape = [1 if a in axes else next(sizes) for a in range(x.rank + count)]
    return _view(x, where, reads, shape, "expand dims")


@takes_tensors
def swapaxes(x: Tensor, first: int, second: int) -> Tensor:
    """Exchange two axes.

    >>> x = sd.tensor("x", (2, 3))
    >>> sd.swapaxes(x, 0, 1).shape
    (3, 2)
    """
    order = list(range(x.rank))
    a, b = one_axis(first, x.rank), one_axis(second, x.rank)
    order[a], order[b] = b, a
    return x.transpose(*order)


@takes_tensors
def moveaxis(x: Tensor, source: int, destination: int) -> Tensor:
    """Move one axis to another place; the others keep their order.

    >>> x = sd.tensor("x", (2, 3))
    >>> sd.moveaxis(x, 0, 1).shape
    (3, 2)
    """
    a, b = one_axis(source, x.rank), one_axis(destination, x.rank)
    order = [axis for axis in range(x.rank) if axis != a]
    return x.transpose(*order[:b], a, *order[b:])


@takes_tensors
def broadcast_to(x: Tensor, shape: Sequence[Extent]) -> Tensor:
    """Stretch axes of size 1, and add axes in front, up to `shape`.

    Raises:
        ShapeError: `x` does not broadcast to that shape.

    Example:
        >>> x = sd.tensor("x", (2, 3))
        >>> sd.broadcast_to(x, (4, 2, 3)).shape
        (4, 2, 3)
    """
    sizes = tuple(as_extent(size) for size in shape)
    if len(sizes) < x.rank or broadcast_shapes(x.shape, sizes) != sizes:
        raise ShapeError(f"{x} does not broadcast to {sizes}", shapes={"tensor": x.shape, "new": sizes})
    where = axis_indices(len(sizes))
    return define(None, where, read(x, where), shape=sizes, dtype=x.dtype, origin=Origin("broadcast"))


@takes_tensors
def flip(x: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """Reverse the order along `axis` (along all axes by default).

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.flip(x), target="python")(x=[1, 2, 3])
    array([3., 2., 1.])
    """
    axes = normal_axes(axis, x.rank)
    where = axis_indices(x.rank)
    reads = [sp.expand(x.shape[a] - 1 - i) if a in axes else i for a, i in enumerate(where)]
    return _view(x, where, reads, x.shape, "flip")


@takes_tensors
def flatten(x: Tensor, start: int = 0, end: int = -1) -> Tensor:
    """Merge the axes from `start` to `end` into one, row-major: ``flatten(x, 1)`` keeps a batch axis.

    >>> x = sd.tensor("x", (2, 3))
    >>> sd.flatten(x).shape
    (6,)
    """
    if not x.rank:
        return x.reshape(1)
    first, last = one_axis(start, x.rank), one_axis(end, x.rank)
    if first > last:
        raise ShapeError(f"the axes from {start} to {end} of {x} are none", shapes={str(x.name): x.shape})
    merged = as_extent(sp.Mul(*x.shape[first : last + 1]))
    return x.reshape(*x.shape[:first], merged, *x.shape[last + 1 :])


@takes_tensors
def meshgrid(*vectors: Tensor, indexing: Literal["ij", "xy"] = "xy") -> tuple[Tensor, ...]:
    """Vectors spread over the grid of all their pairs, or triples: one tensor of the grid's shape for each.

    Args:
        vectors: each of shape ``(size,)``.
        indexing: ``"ij"`` lets the first vector run along axis 0, ``"xy"``, as NumPy does, along axis 1.

    Raises:
        ShapeError: one is no vector.
        ExpressionError: another `indexing`.

    Example:
        >>> X, Y = sd.meshgrid(sd.tensor("x", (4,)), sd.tensor("y", (3,)))
        >>> X.shape
        (3, 4)
    """
    if indexing not in ("ij", "xy"):
        raise ExpressionError(f"indexing = {indexing!r}", cure="use 'ij' or 'xy'")
    if any(v.rank != 1 for v in vectors):
        raise ShapeError("a grid is spanned by vectors", shapes=[v.shape for v in vectors])
    places = list(range(len(vectors)))
    if indexing == "xy":
        places[:2] = reversed(places[:2])
    shape = tuple(vectors[places.index(axis)].shape[0] for axis in range(len(vectors)))
    where = axis_indices(len(vectors))
    return tuple(
        define(None, where, v.at(where[place]), shape=shape, dtype=v.dtype, origin=Origin("grid"))
        for v, place in zip(vectors, places, strict=True)
    )


def as_vector(x: Tensor) -> Tensor:
    """Return a vector as it is, and everything else flattened."""
    return x if x.rank == 1 else flatten(x)


def _view(
    x: Tensor, where: Sequence[sp.Symbol], reads: Sequence[sp.Expr], shape: Sequence[Extent], rule: str
) -> Tensor:
    return define(None, where, x.at(*reads), shape=shape, dtype=x.dtype, origin=Origin(rule))
