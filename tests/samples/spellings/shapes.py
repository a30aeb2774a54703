"""Shapes: views, joins, cuts, repetitions, padding, diagonals."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import symdl as sd

from ..sample import Absent, Spelling


def sizes(given: Sequence[Any]) -> tuple[int, ...]:
    """Sizes as arguments, or as one list."""
    return tuple(given[0]) if len(given) == 1 and not isinstance(given[0], int) else tuple(given)


def expand(x: Any, *shape: Any) -> Any:
    shape = sizes(shape)
    if 0 in shape:
        raise Absent("an axis of no elements")
    ahead = len(shape) - x.rank
    return sd.broadcast_to(x, tuple(x.shape[a - ahead] if s == -1 else s for a, s in enumerate(shape)))


def reshape(x: Any, *shape: Any) -> Any:
    return sd.reshape(x, sizes(shape))


def view(x: Any, *shape: Any) -> Any:
    if not all(isinstance(s, int) for s in sizes(shape)):
        raise Absent("a view as another type")
    return sd.reshape(x, sizes(shape))


def sum_to_size(x: Any, *shape: Any) -> Any:
    shape = sizes(shape)
    ahead = x.rank - len(shape)
    axes = tuple(range(ahead)) + tuple(
        ahead + a for a, s in enumerate(shape) if s == 1 and x.shape[ahead + a] != 1
    )
    return sd.sum(x, axes, keepdims=True).reshape(shape) if axes else x


def permute(x: Any, *axes: Any) -> Any:
    return sd.transpose(x, tuple(sizes(axes))) if x.rank else x


def movedim(x: Any, source: Any, destination: Any) -> Any:
    if isinstance(source, int):
        return sd.moveaxis(x, source, destination)
    source, destination = [a % x.rank for a in source], [a % x.rank for a in destination]
    order = [a for a in range(x.rank) if a not in source]
    for place, axis in sorted(zip(destination, source, strict=True)):
        order.insert(place, axis)
    return sd.transpose(x, tuple(order))


def squeeze(x: Any, dim: Any = None) -> Any:
    if dim is None:
        return sd.squeeze(x)
    axes = [dim] if isinstance(dim, int) else dim
    axes = [a for a in axes if x.rank and x.shape[a] == 1]
    return sd.squeeze(x, tuple(axes)) if axes else x


def transpose(x: Any, first: int, second: int) -> Any:
    return sd.swapaxes(x, first, second) if x.rank else x


def unflatten(x: Any, dim: int, shape: Any) -> Any:
    dim %= max(x.rank, 1)
    return sd.reshape(x, (*x.shape[:dim], *shape, *x.shape[dim + 1 :]))


def at_least(rank: int) -> Callable[..., Any]:
    def one(x: Any) -> Any:
        if x.rank == 0:
            return x.reshape((1,) * rank)
        if x.rank == 1 and rank == 2:
            return sd.expand_dims(x, 0)
        if x.rank == 1 and rank == 3:
            return x.reshape(1, -1, 1)
        return sd.expand_dims(x, 2) if x.rank == 2 and rank == 3 else x

    def ours(*given: Any) -> Any:
        if len(given) == 1 and not isinstance(given[0], tuple | list):
            return one(given[0])
        return tuple(one(x) for x in (given[0] if len(given) == 1 else given))

    return ours


def stacked(rank: int, axis: int) -> Callable[..., Any]:
    def ours(tensors: Any, *more: Any) -> Any:
        parts = at_least(rank)(tuple(tensors) if isinstance(tensors, tuple | list) else (tensors, *more))
        return sd.concatenate(parts, axis if parts[0].rank > 1 else 0)

    return ours


def column_stack(tensors: Any, *more: Any) -> Any:
    parts = [
        x.reshape(-1, 1) if x.rank < 2 else x for x in (tensors, *more) if not isinstance(x, tuple | list)
    ]
    parts = parts or [x.reshape(-1, 1) if x.rank < 2 else x for x in tensors]
    return sd.concatenate(parts, 1)


def cat(tensors: Any, dim: int = 0) -> Any:
    return sd.concatenate(tensors, dim)


def stack(tensors: Any, dim: int = 0) -> Any:
    return sd.stack(tensors, dim)


def split(x: Any, size: Any, dim: int = 0) -> Any:
    n = x.shape[dim]
    cuts = list(range(size, n, size)) if isinstance(size, int) else list(itertools.accumulate(size))[:-1]
    return sd.split(x, cuts, dim) if cuts else (x,)


def chunk(x: Any, chunks: int, dim: int = 0) -> Any:
    return split(x, -(-x.shape[dim] // chunks), dim)


def tensor_split(x: Any, parts: Any, dim: int = 0) -> Any:
    if isinstance(parts, sd.Tensor):
        raise Absent("sizes that depend on values")
    if isinstance(parts, int):
        less, more = divmod(x.shape[dim], parts)
        parts = list(itertools.accumulate([less + 1] * more + [less] * (parts - more)))[:-1]
        if less == 0:
            raise Absent("an axis of no elements")
    ends = [0, *(min(p, x.shape[dim]) for p in parts), x.shape[dim]]
    if any(a >= b for a, b in itertools.pairwise(ends)):
        raise Absent("an axis of no elements")
    return sd.split(x, list(parts), dim)


def directed_split(axis: int) -> Callable[..., Any]:
    return lambda x, parts: tensor_split(
        x, list(parts) if isinstance(parts, tuple) else parts, 0 if x.rank == 1 else axis
    )


def unbind(x: Any, dim: int = 0) -> Any:
    return tuple(sd.take(x, i, dim) for i in range(x.shape[dim]))


def narrow(x: Any, dim: int, start: Any, length: int) -> Any:
    if length == 0:
        raise Absent("an axis of no elements")
    if isinstance(start, sd.Tensor):
        return sd.take(x, start + sd.arange(length), dim)
    return _part(x, dim, start % x.shape[dim], start % x.shape[dim] + length, 1)


def sliced(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return _part(x, dim, start, end, step)


def _part(x: Any, axis: int, start: Any, end: Any, step: int) -> Any:
    chosen = slice(start, end, step)
    if len(range(*chosen.indices(x.shape[axis]))) == 0:
        raise Absent("an axis of no elements")
    return x[tuple(chosen if a == axis % x.rank else slice(None) for a in range(x.rank))]


def select(x: Any, dim: int, index: Any) -> Any:
    return sd.take(x, index if index >= 0 else index + x.shape[dim], dim)


def _inserted(x: Any, source: Any, axis: int, places: Any) -> Any:
    """Put `source` in the places along an axis."""
    axis %= x.rank
    where = np.full(x.shape[axis], -1)
    where[list(places)] = range(len(places))
    shape = tuple(-1 if a == axis else 1 for a in range(x.rank))
    taken = sd.take(source, sd.constant(np.maximum(where, 0)), axis)
    return sd.where(sd.constant((where >= 0).astype(int)).reshape(shape) > 0, taken, x)


def slice_scatter(x: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return _inserted(x, src, dim, range(x.shape[dim])[slice(start, end, step)])


def select_scatter(x: Any, src: Any, dim: int, index: int) -> Any:
    return _inserted(x, sd.expand_dims(src, dim), dim, [index % x.shape[dim]])


def diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    rows, columns = dim1 % x.rank, dim2 % x.rank
    others = [a for a in range(x.rank) if a not in (rows, columns)]
    size = min(x.shape[rows] + min(offset, 0), x.shape[columns] - max(offset, 0))
    if size <= 0:
        raise Absent("an axis of no elements")
    return sd.diag(sd.transpose(x, (*others, rows, columns)), offset=offset)


def diagonal_scatter(x: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    first, second = dim1 % x.rank, dim2 % x.rank
    others = [a for a in range(x.rank) if a not in (first, second)]
    order = (*others, first, second)
    moved = sd.transpose(x, order)
    rows, columns = moved.shape[-2:]
    on = sd.eye(rows, columns, offset=offset)
    place = sd.arange(rows) + min(offset, 0)
    spread = sd.take(src, sd.clip(place, 0, src.shape[-1] - 1), -1)
    found = sd.where(sd.not_equal(on, 0), sd.expand_dims(spread, -1), moved)
    return sd.transpose(found, tuple(int(a) for a in np.argsort(order)))


def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    found = sd.diag_embed(x, offset=offset)
    rank = found.rank
    first, second = dim1 % rank, dim2 % rank
    order: list[Any] = [None] * rank
    order[first], order[second] = rank - 2, rank - 1
    rest = iter(range(rank - 2))
    return sd.transpose(found, tuple(next(rest) if a is None else a for a in order))


def diag(x: Any, offset: int = 0) -> Any:
    if x.rank == 2:
        return diagonal(x, offset)
    return sd.diag(x, offset=offset)


def block_diag(*blocks: Any) -> Any:
    blocks = tuple(x.reshape(1, -1) if x.rank < 2 else x for x in blocks)
    columns = sum(x.shape[1] for x in blocks)
    rows, before = [], 0
    for x in blocks:
        rows.append(sd.pad(x, ((0, 0), (before, columns - before - x.shape[1]))))
        before += x.shape[1]
    return sd.concatenate(rows, 0)


def flip(x: Any, *axes: Any) -> Any:
    axes = sizes(axes)
    return sd.flip(x, axes) if axes and x.rank else x


def roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    if dims is None or dims == ():
        return sd.roll(x, shifts if isinstance(shifts, int) else shifts[0])
    shifts, dims = ((v,) if isinstance(v, int) else v for v in (shifts, dims))
    for shift, axis in zip(shifts, dims, strict=True):
        x = sd.roll(x, shift, axis)
    return x


def rot90(x: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    first, second = dims
    if k % 4 == 2:
        return sd.flip(x, (first, second))
    if k % 4 == 0:
        return x
    turned = sd.swapaxes(x, first, second)
    return sd.flip(turned, first if k % 4 == 1 else second)


def repeat(x: Any, *times: Any) -> Any:
    times = sizes(times)
    if 0 in times:
        raise Absent("an axis of no elements")
    return sd.tile(x, times) if times else x


def tile(x: Any, *times: Any) -> Any:
    return repeat(x, *times)


def repeat_interleave(x: Any, repeats: Any, dim: Any = None, output_size: Any = None) -> Any:
    if not isinstance(repeats, int):
        raise Absent("sizes that depend on values")
    return sd.repeat(x, repeats, dim)


def pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    width = [(0, 0)] * (x.rank - len(pairs)) + pairs
    if any(a + b + n <= 0 for (a, b), n in zip(width, x.shape, strict=True)):
        raise Absent("an axis of no elements")
    if mode == "circular":  # PyTorch cuts before it goes round
        for axis, (a, b) in enumerate(width):
            x = _part(x, axis, max(-a, 0), x.shape[axis] - max(-b, 0), 1) if min(a, b) < 0 else x
        width = [(max(a, 0), max(b, 0)) for a, b in width]
    named: Any = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    return sd.pad(x, width, mode=named, value=value if mode == "constant" else None)


def meshgrid(*vectors: Any, indexing: Any = "ij") -> Any:
    vectors = tuple(vectors[0]) if len(vectors) == 1 and isinstance(vectors[0], list | tuple) else vectors
    return sd.meshgrid(*(v.reshape(-1) for v in vectors), indexing=indexing)


def cartesian_prod(*vectors: Any) -> Any:
    if len(vectors) == 1:
        return vectors[0]
    return sd.stack([g.reshape(-1) for g in sd.meshgrid(*vectors, indexing="ij")], 1)


def combinations(x: Any, r: int = 2, with_replacement: bool = False) -> Any:
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = list(choose(range(x.shape[0]), r))
    if not places or not r:
        raise Absent("an axis of no elements")
    return sd.take(x, sd.constant(places))


def unfold(x: Any, dim: int, size: int, step: int) -> Any:
    if x.rank == 0:
        x, dim = x.reshape(1), 0
        if size == 1:
            return x
    count = (x.shape[dim] - size) // step + 1
    if size == 0:
        raise Absent("an axis of no elements")
    places = np.add.outer(np.arange(count) * step, np.arange(size))
    found = sd.take(x, sd.constant(places), dim)
    return sd.moveaxis(found, dim % x.rank + 1, -1)


def broadcast_tensors(*tensors: Any) -> Any:
    shape = np.broadcast_shapes(*(t.shape for t in tensors))
    return tuple(sd.broadcast_to(t, shape) for t in tensors)


def as_strided(x: Any, size: Any, stride: Any, storage_offset: int = 0) -> Any:
    places = np.full(tuple(size), storage_offset or 0)
    for axis, s in enumerate(stride):
        places = (
            places + np.arange(size[axis]).reshape([-1 if a == axis else 1 for a in range(len(size))]) * s
        )
    return sd.take(x.reshape(-1), sd.constant(places))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    return sd.flatten(x, start_dim, end_dim) if x.rank else x.reshape(1)


def shift(sign: int) -> Callable[..., Any]:
    def ours(x: Any, dim: Any = None) -> Any:
        axes = range(x.rank) if dim is None else (dim,) if isinstance(dim, int) else dim
        for a in axes:
            half = x.shape[a] // 2
            x = sd.roll(x, half if sign > 0 else -half, a)
        return x

    return ours


def triangle(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, diagonal=0: f(x, diagonal)


VIEWS: dict[str, Callable[..., Any]] = {
    "broadcast_to": expand,
    "expand": expand,
    "expand_copy": expand,
    "expand_as": lambda x, y: expand(x, y.shape),
    "reshape": reshape,
    "view": view,
    "view_copy": view,
    "reshape_as": lambda x, y: sd.reshape(x, y.shape),
    "view_as": lambda x, y: sd.reshape(x, y.shape),
    "ravel": lambda x: x.reshape(-1),
    "flatten": flatten,
    "unflatten": unflatten,
    "sum_to_size": sum_to_size,
    "permute": permute,
    "permute_copy": permute,
    "movedim": movedim,
    "squeeze": squeeze,
    "squeeze.multiple": squeeze,
    "squeeze_copy": squeeze,
    "unsqueeze": lambda x, dim: sd.expand_dims(x, dim),
    "unsqueeze_copy": lambda x, dim: sd.expand_dims(x, dim),
    "transpose": transpose,
    "transpose_copy": transpose,
    "T": lambda x: sd.transpose(x) if x.rank else x,
    "H": lambda x: sd.transpose(x) if x.rank else x,
    "mT": lambda x: sd.swapaxes(x, -1, -2),
    "mH": lambda x: sd.swapaxes(x, -1, -2),
    "t": lambda x: sd.transpose(x) if x.rank == 2 else x,
    "t_copy": lambda x: sd.transpose(x) if x.rank == 2 else x,
    "atleast_1d": at_least(1),
    "atleast_2d": at_least(2),
    "atleast_3d": at_least(3),
    "hstack": stacked(1, 1),
    "vstack": stacked(2, 0),
    "dstack": stacked(3, 2),
    "column_stack": column_stack,
    "cat": cat,
    "stack": stack,
    "split": split,
    "split.list_args": split,
    "unsafe_split": split,
    "split_with_sizes": split,
    "split_with_sizes_copy": split,
    "chunk": chunk,
    "unsafe_chunk": chunk,
    "tensor_split": tensor_split,
    "hsplit": directed_split(1),
    "vsplit": directed_split(0),
    "dsplit": directed_split(2),
    "unbind": unbind,
    "unbind_copy": unbind,
    "narrow": narrow,
    "narrow_copy": narrow,
    "slice": sliced,
    "select": select,
    "slice_scatter": slice_scatter,
    "select_scatter": select_scatter,
    "diagonal": diagonal,
    "diagonal_copy": diagonal,
    "linalg.diagonal": lambda x, offset=0, dim1=-2, dim2=-1: diagonal(x, offset, dim1, dim2),
    "diagonal_scatter": diagonal_scatter,
    "diag_embed": diag_embed,
    "diag": lambda x, diagonal=0: diag(x, diagonal),
    "diagflat": lambda x, offset=0: sd.diag(x.reshape(-1), offset=offset),
    "block_diag": block_diag,
    "flip": lambda x, *a, dims=(): flip(x, *(a or (dims,))),
    "fliplr": lambda x: sd.flip(x, 1),
    "flipud": lambda x: sd.flip(x, 0),
    "roll": roll,
    "rot90": rot90,
    "repeat": repeat,
    "tile": tile,
    "repeat_interleave": repeat_interleave,
    "nn.functional.pad.constant": pad,
    "nn.functional.pad.reflect": pad,
    "nn.functional.pad.replicate": pad,
    "nn.functional.pad.replicate_negative": pad,
    "nn.functional.pad.circular": pad,
    "constant_pad_nd": lambda x, width, value=0: pad(x, width, "constant", value),
    "meshgrid.variadic_tensors": meshgrid,
    "meshgrid.list_of_tensors": meshgrid,
    "cartesian_prod": cartesian_prod,
    "combinations": combinations,
    "unfold": unfold,
    "unfold_copy": unfold,
    "broadcast_tensors": broadcast_tensors,
    "as_strided": as_strided,
    "as_strided_copy": as_strided,
    "fft.fftshift": shift(1),
    "fft.ifftshift": shift(-1),
    "tril": triangle(sd.tril),
    "triu": triangle(sd.triu),
}

SPELLINGS = {name: Spelling(f) for name, f in VIEWS.items()}
