"""Elements read several times, or at another place.

Enters: a tensor. Leaves: copies of it side by side, copies of its elements, or the tensor turned round. The
gradient of what is read several times is the sum over the copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, as_extent, at_most, is_whole
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.joining import concatenate
from symdl.express.operators import axis_indices, one_axis
from symdl.express.shaping import as_vector
from symdl.express.surface import define
from symdl.express.tensors import Tensor


@takes_tensors
def tile(x: Tensor, times: int | Sequence[int], *, name: str | None = None) -> Tensor:
    """Put copies of a tensor side by side: ``times`` along the last axis, or so many along each axis.

    With more numbers than axes, axes of size 1 are added in front; with fewer, the first axes stay.

    Raises:
        ExpressionError: a number below 1.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.compile(sd.tile(x, 2), target="python")(x=[1, 2, 3])
        array([1., 2., 3., 1., 2., 3.])
    """
    counts = [times] if isinstance(times, int) else list(times)
    if any(count < 1 for count in counts):
        raise ExpressionError(f"a tensor cannot be laid {times} times", cure="use positive numbers")
    rank = max(len(counts), x.rank)
    counts = [1] * (rank - len(counts)) + counts
    sizes = (1,) * (rank - x.rank) + x.shape
    where = axis_indices(rank)
    places = [
        i if count == 1 or n == 0 else sp.Mod(i, n) for i, count, n in zip(where, counts, sizes, strict=True)
    ]
    reads = [sp.Integer(0) if size == 1 else place for place, size in zip(places, sizes, strict=True)]
    shape: list[Extent] = [as_extent(sp.expand(n * c)) for n, c in zip(sizes, counts, strict=True)]
    body = x.at(*reads[rank - x.rank :])
    return define(name, where, body, shape=shape, dtype=x.dtype, origin=Origin("tile"))


@takes_tensors
def repeat(x: Tensor, times: int, axis: int | None = None, *, name: str | None = None) -> Tensor:
    """Write each element along `axis` so many times: ``repeat([a, b], 2) = [a, a, b, b]``.

    Without an axis the tensor is flattened first, as in NumPy.

    Raises:
        ExpressionError: a number below 1.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.compile(sd.repeat(x, 2), target="python")(x=[1, 2, 3])
        array([1., 1., 2., 2., 3., 3.])
    """
    x, axis = (x, axis) if axis is not None else (as_vector(x), 0)
    along = one_axis(axis, x.rank)
    if not is_whole(times) or times < 1:
        raise ExpressionError(f"elements cannot be repeated {times} times", cure="use a positive number")
    where = axis_indices(x.rank)
    place = where[along] if times == 1 else sp.floor(where[along] / times)
    place = sp.Integer(0) if x.shape[along] == 1 else place
    size = as_extent(sp.expand(x.shape[along] * sp.Integer(times)))
    shape = (*x.shape[:along], size, *x.shape[along + 1 :])
    body = x.at(*where[:along], place, *where[along + 1 :])
    return define(name, where, body, shape=shape, dtype=x.dtype, origin=Origin("repeat"))


@takes_tensors
def roll(x: Tensor, shift: int, axis: int | None = None) -> Tensor:
    """Move the elements along `axis` by `shift` places; what leaves at one end comes back at the other.

    Without an axis the elements move in row-major order, as in NumPy.

    Raises:
        ShapeError: a shift that may be larger than a symbolic size.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.compile(sd.roll(x, 1), target="python")(x=[1, 2, 3])
        array([3., 1., 2.])
    """
    if axis is None:
        return roll(as_vector(x), shift, 0).reshape(*x.shape)
    if not is_whole(shift):
        raise ExpressionError(f"shift = {shift!r} is not one integer", cure="roll one axis at a time")
    along = one_axis(axis, x.rank)
    size = x.shape[along]
    if isinstance(size, int):
        shift = shift % size if size else 0
    elif not at_most(abs(shift), size):
        raise ShapeError(f"rolling by {shift} along an axis of the symbolic size {size}")
    key = (slice(None),) * along
    parts = [x[(*key, slice(-shift, None))], x[(*key, slice(None, -shift))]]
    return concatenate(parts, along) if shift else x
