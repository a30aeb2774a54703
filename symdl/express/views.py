"""Views: slices, transposes, reshapes and gathers as equations that only move indices.

Enters: a tensor and a NumPy-style key, permutation or shape. Leaves: an `Access` where the key holds index
variables, else a tensor whose equation reads the first one at other indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import sympy as sp

from symdl.brief import brief, longer
from symdl.errors import ExpressionError, ShapeError
from symdl.express.constants import constant
from symdl.express.dims import Extent, Index, as_extent, at_most
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, broadcast_shapes, read
from symdl.express.selecting import positions_within
from symdl.express.surface import define
from symdl.express.tensors import Access, Tensor
from symdl.express.values import numbers

_LONGEST = 1000
"""Nodes of an index expression."""


def getitem(tensor: Tensor, key: Any) -> Access | Tensor:
    """Read one element (``X[i, 2*p + r]``, ``E[ids[n], d]``), a view (``X[1:5, ::-1, None, 0]``) or rows.

    Tensors of integers are positions, as arrays are in NumPy: ``X[ids]``, ``X[:, ids]``. Several broadcast
    and are read together, ``X[rows, columns]``; their axes take the place of the entries, or stand in front
    if the entries are not neighbours. Positions count from 0, which is checked when their values are known.

    Raises:
        ShapeError: too many entries, a constant position out of range, positions that do not broadcast.
        ExpressionError: an entry of another kind.
    """
    entries = key if isinstance(key, tuple) else (key,)
    if any(isinstance(e, sp.Expr) and not e.is_Integer for e in entries):
        return tensor.at(*(as_index(e) for e in entries))
    if not entries and not tensor.rank:
        return tensor.at()
    return _view(tensor, entries)


def rows(tensor: Tensor) -> list[Tensor]:
    """Return the views along the first axis.

    Raises:
        ShapeError: there is no first axis of integer size.
    """
    return [_view(tensor, (place,)) for place in range(length(tensor))]


def length(tensor: Tensor) -> int:
    """Return the first size.

    Raises:
        ShapeError: there is no first axis of integer size.
    """
    count = tensor.shape[0] if tensor.rank else None
    if not isinstance(count, int):
        raise ShapeError(
            f"{tensor} has no rows that can be counted",
            shapes={str(tensor.name or "tensor"): tensor.shape},
            cure="only a tensor whose first size is an integer has a length and can be unpacked or iterated"
            " over; x.shape[0] is the symbol",
        )
    return count


def as_index(entry: Any) -> sp.Expr:
    """Return an index expression; a rank-0 integer tensor stands for its value."""
    if isinstance(entry, Tensor) and not entry.rank:
        return entry.at()
    if isinstance(entry, Integral | sp.Expr) and not isinstance(entry, bool):
        if longer(entry, _LONGEST):
            raise ExpressionError(
                f"{brief(entry)} is too long for an index",
                cure="define an int64 tensor by it, and read at that",
            )
        return sp.expand(sp.sympify(entry, strict=True))
    if isinstance(entry, slice):
        raise ExpressionError(
            f"{entry} stands beside index variables", cure="slices and index variables cannot be mixed"
        )
    raise ExpressionError(
        f"{entry!r} is no index expression",
        cure="use integers, slices, None, ..., index variables, or tensors with dtype='int64'; choose by a"
        " condition with sd.where(mask, x, 0), or reduce what it chooses, as x.sum(where=mask) does",
    )


def _view(tensor: Tensor, entries: tuple[Any, ...]) -> Tensor:
    taken = sum(e is not None and e is not Ellipsis for e in entries)
    dots = [place for place, entry in enumerate(entries) if entry is Ellipsis]
    if taken > tensor.rank or len(dots) > 1:
        raise ShapeError(f"{tensor} has {tensor.rank} axes, the key has {taken} entries")
    at = dots[0] if dots else len(entries)
    fill = (slice(None),) * (tensor.rank - taken)
    full = (*entries[:at], *fill, *entries[at + 1 :])
    full = _with_positions(tensor, full)
    if any(isinstance(entry, Tensor) for entry in full):
        return _gathered(tensor, full)
    names = iter(axis_indices(len(full)))
    where: list[Index] = []
    shape: list[Extent] = []
    reads: list[sp.Expr] = []
    sizes = iter(tensor.shape)
    for entry in full:
        if entry is None:
            where.append(next(names))
            shape.append(1)
            continue
        size = next(sizes)
        if isinstance(entry, slice):
            index = next(names)
            start, count, step = slice_range(entry, size)
            where.append(index)
            shape.append(count)
            reads.append(sp.expand(start + step * index))
        else:
            reads.append(_position(entry, size))
    body = tensor.at(*reads)
    return define(None, where, body, shape=shape, dtype=tensor.dtype, origin=Origin("slice"))


def _with_positions(tensor: Tensor, full: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a key whose lists and arrays, of positions or of truth values, are constants.

    Raises:
        ExpressionError: an array of another kind.
        ShapeError: a position out of range, negative ones included, or truth values that do not fit.
    """
    sizes = iter(tensor.shape)
    found: list[Any] = []
    for entry in full:
        size = None if entry is None else next(sizes)
        if _holds_positions(entry):
            array = numbers(entry, "an index", error=ExpressionError)
            entry = constant(_chosen(array, size)) if array.ndim else array[()]
        found.append(entry)
    return tuple(found)


def _holds_positions(entry: Any) -> bool:
    if isinstance(entry, list | tuple | range | memoryview):
        return True
    if isinstance(entry, Tensor) or hasattr(entry, "as_tensor") or not hasattr(entry, "__array__"):
        return False
    import numpy as np

    return not isinstance(entry, np.generic)


def _chosen(array: Any, size: Any) -> Any:
    import numpy as np

    if array.dtype.kind == "b" and array.shape == (size,):
        return np.flatnonzero(array)
    if not array.size:
        return array.astype("int64")
    if array.dtype.kind not in "iu":
        raise ExpressionError(
            f"an array of {array.dtype} and shape {array.shape} chooses nothing of an axis of size {size}",
            cure="pass integers, or one truth value for each element",
        )
    places = np.where(array < 0, array + size, array) if isinstance(size, int) else array
    if array.size and (places.min() < 0 or (isinstance(size, int) and places.max() >= size)):
        raise ShapeError(f"positions from {array.min()} to {array.max()} do not fit an axis of size {size}")
    return places


def _gathered(tensor: Tensor, full: tuple[Any, ...]) -> Tensor:
    """Read at positions that tensors hold, one entry an axis or None."""
    chosen = [place for place, entry in enumerate(full) if not (entry is None or isinstance(entry, slice))]
    given = [positions_within(full[place]) for place in chosen if isinstance(full[place], Tensor)]
    common = broadcast_shapes(*(ids.shape for ids in given))
    together = chosen == list(range(chosen[0], chosen[-1] + 1))
    names = axis_indices(len(full) - len(chosen) + len(common))
    front = chosen[0] if together else 0
    rows, rest = names[front : front + len(common)], iter((*names[:front], *names[front + len(common) :]))
    where: list[tuple[Index, Extent]] = []
    reads: list[sp.Expr] = []
    sizes = iter(tensor.shape)
    for entry in full:
        if entry is None:
            where.append((next(rest), 1))
            continue
        size = next(sizes)
        if isinstance(entry, Tensor):
            reads.append(read(entry, rows))
        elif isinstance(entry, slice):
            index = next(rest)
            start, count, step = slice_range(entry, size)
            where.append((index, count))
            reads.append(sp.expand(start + step * index))
        else:
            reads.append(_position(entry, size))
    where[front:front] = zip(rows, common, strict=True)
    indices, shape = [index for index, _ in where], [size for _, size in where]
    body = tensor.at(*reads)
    return define(None, indices, body, shape=shape, dtype=tensor.dtype, origin=Origin("take"))


def _position(entry: Any, size: Extent) -> sp.Expr:
    position = as_index(entry)
    if position.is_Integer and position < 0:
        position = sp.sympify(size, strict=True) + position
    if not at_most(0, position) or not at_most(position + 1, size):
        raise ShapeError(f"position {entry} is outside 0..{size}-1")
    return position


def slice_range(key: slice, size: Extent) -> tuple[sp.Expr, Extent, int]:
    """Return start, length and step of a slice of an axis of `size`.

    Raises:
        ShapeError: bounds of a symbolic axis that are not provably inside it.
    """
    step = 1 if key.step is None else int(key.step)
    if step == 0:
        raise ShapeError("a slice with step 0")
    if isinstance(size, int) and all(b is None or isinstance(b, int) for b in (key.start, key.stop)):
        numbers = range(*slice(key.start, key.stop, step).indices(size))
        return sp.Integer(numbers.start), len(numbers), step
    ends = [_bound(b, size) for b in (key.start, key.stop)]
    first, last = (0, size) if step > 0 else (sp.sympify(size, strict=True) - 1, sp.Integer(-1))
    start = sp.sympify(first, strict=True) if ends[0] is None else ends[0]
    stop = sp.sympify(last, strict=True) if ends[1] is None else ends[1]
    length = sp.expand((stop - start) * (1 if step > 0 else -1))
    if abs(step) != 1:
        length = sp.floor((length + abs(step) - 1) / abs(step))
        if not length.is_Integer and length.has(sp.floor):
            raise ShapeError(f"a slice with step {step} of the symbolic size {size} is not supported")
    inside = at_most(0, start) and at_most(stop, size) and at_most(0, length)
    if not inside:
        raise ShapeError(f"the slice {key.start}:{key.stop} is not provably inside the size {size}")
    return start, as_extent(length), step


def _bound(value: Any, size: Extent) -> sp.Expr | None:
    if value is None:
        return None
    bound = as_index(value)
    return sp.sympify(size, strict=True) + bound if bound.is_Integer and bound < 0 else bound


@takes_tensors
def transpose(x: Tensor, *axes: int | Sequence[int] | None) -> Tensor:
    """Permute the axes (reverse them if none are named); ``transpose(x, 1, 0)`` or ``transpose(x, (1, 0))``.

    Raises:
        ShapeError: the axes are no permutation.

    Example:
        >>> x = sd.tensor("x", (2, 3))
        >>> sd.transpose(x).shape
        (3, 2)
    """
    tensor, named = x, _unpacked(axes)
    order = tuple(a + tensor.rank if a < 0 else a for a in named) or tuple(reversed(range(tensor.rank)))
    if sorted(order) != list(range(tensor.rank)):
        raise ShapeError(f"{named} is no permutation of the {tensor.rank} axes of {tensor}")
    where = axis_indices(tensor.rank)
    reads = [where[order.index(axis)] for axis in range(tensor.rank)]
    shape = [tensor.shape[axis] for axis in order]
    body = tensor.at(*reads)
    return define(None, where, body, shape=shape, dtype=tensor.dtype, origin=Origin("transpose"))


@takes_tensors
def reshape(x: Tensor, *sizes: Extent | Sequence[Extent], name: str | None = None) -> Tensor:
    """Merge or split neighbouring axes, row-major; one size may be -1: ``reshape(x, (3, -1))``.

    Raises:
        ShapeError: the numbers of elements differ, or axes would have to be cut across each other.

    Example:
        >>> x = sd.tensor("x", (2, 3))
        >>> sd.reshape(x, 3, -1).shape
        (3, 2)
    """
    return _reshaped(x, _unpacked(sizes), name)


def _unpacked(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what was given one by one, or as one sequence, or as None."""
    if len(values) != 1 or isinstance(values[0], int | sp.Expr):
        return values
    return () if values[0] is None else tuple(values[0])


def _reshaped(tensor: Tensor, shape: tuple[Extent, ...], name: str | None) -> Tensor:
    total = sp.Mul(*tensor.shape)
    known = sp.Mul(*(s for s in shape if s != -1))
    if list(shape).count(-1) == 1 and known != 0:
        missing = sp.cancel(total / known)
        if missing.is_integer is False:
            raise ShapeError(
                f"{tensor} cannot take the shape {tuple(shape)}",
                shapes={"old": tensor.shape},
                cure="the sizes given must divide the number of elements",
            )
        shape = tuple(as_extent(missing) if s == -1 else s for s in shape)
    sizes = tuple(as_extent(s) for s in shape)
    if sp.expand(sp.Mul(*sizes) - total) != 0:
        raise ShapeError(
            f"{tensor} cannot take the shape {sizes}",
            shapes={"old": tensor.shape, "new": sizes},
            cure="both shapes need the same number of elements",
        )
    where = axis_indices(len(sizes))
    reads: list[sp.Expr] = []
    if total == 0:  # no element is read: any position that nothing takes will do
        nowhere = where[sizes.index(0)]
        reads = [nowhere if size == 0 else sp.S.Zero for size in tensor.shape]
    for old, new in _groups(tensor.shape, sizes) if total != 0 else ():
        flat = _flat([where[a] for a in new], [sizes[a] for a in new])
        reads += _digits(flat, [tensor.shape[a] for a in old])
    body = tensor.at(*reads)
    return define(name, where, body, shape=sizes, dtype=tensor.dtype, origin=Origin("reshape"))


def _groups(old: tuple[Extent, ...], new: tuple[Extent, ...]) -> list[tuple[list[int], list[int]]]:
    """Pair runs of old and new axes that hold the same elements, as short as possible."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        run_old, run_new = ([i] if i < len(old) else []), ([j] if j < len(new) else [])
        i, j = i + len(run_old), j + len(run_new)
        while True:
            left = sp.expand(sp.Mul(*(old[a] for a in run_old)))
            right = sp.expand(sp.Mul(*(new[a] for a in run_new)))
            if sp.expand(left - right) == 0:
                break
            if j < len(new) and (at_most(right, left) or i == len(old)):
                run_new.append(j)
                j += 1
            elif i < len(old):
                run_old.append(i)
                i += 1
            else:
                raise ShapeError(f"{old} cannot be read as {new}", cure="merge or split whole axes")
        groups.append((run_old, run_new))
    return groups


def _flat(names: list[Index], sizes: list[Extent]) -> sp.Expr:
    flat: sp.Expr = sp.Integer(0)
    for name, size in zip(names, sizes, strict=True):
        flat = flat * size + (0 if size == 1 else name)
    return sp.expand(flat)


def _digits(flat: sp.Expr, sizes: list[Extent]) -> list[sp.Expr]:
    """Write a flat position in the mixed radix of `sizes`."""
    digits: list[sp.Expr] = []
    for axis in range(len(sizes)):
        below = sp.Mul(*sizes[axis + 1 :])
        digit = flat if below == 1 else sp.floor(flat / below)
        if axis and sizes[axis] != 1:
            digit = sp.Mod(digit, sizes[axis])
        digits.append(sp.Integer(0) if sizes[axis] == 1 else digit)
    return digits
