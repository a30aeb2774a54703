"""Operators: operators that move, copy, choose and write elements.

Enters: a node. Leaves: tensors. Shapes, axes and counts are known beforehand: a tensor's shape never depends
on values. Positions may depend on them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdl.express.operators import broadcast_shapes
from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node, Unsupported, count


def reshaped(node: Node) -> Tensor:
    old, new = node[0].shape, node.ints(1)
    kept = bool(node.get("allowzero"))
    return node[0].reshape(*(old[a] if size == 0 and not kept else size for a, size in enumerate(new)))


def flattened(node: Node) -> Tensor:
    axis, shape = node.get("axis", 1), node[0].shape
    at = axis + len(shape) if axis < 0 else axis
    return node[0].reshape(count(shape[:at]), count(shape[at:]))


def axes_of(node: Node) -> list[int] | None:
    return node.get("axes") or node.ints(1)


def unsqueezed(node: Node) -> Tensor:
    return sd.expand_dims(node[0], axes_of(node) or ())


def expanded(node: Node) -> Tensor:
    return sd.broadcast_to(node[0], broadcast_shapes(node[0].shape, tuple(node.ints(1))))


def split(node: Node) -> Sequence[Tensor]:
    axis, size = node.get("axis", 0), node[0].shape[node.get("axis", 0)]
    parts = node.ints(1) or node.get("split")
    if parts is None:
        step = -(-size // (node.get("num_outputs") or len(node.asked)))
        return sd.split(node[0], list(range(step, size, step)), axis)
    return sd.split(node[0], list(itertools.accumulate(parts))[:-1], axis)


def sliced(node: Node) -> Tensor:
    starts, ends = node.ints(1), node.ints(2)
    axes = node.ints(3, range(len(starts)))
    steps = node.ints(4, [1] * len(starts))
    key = [slice(None)] * node[0].rank
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        key[axis] = slice(start, end, step)
    return node[0][tuple(key)]


def padded(node: Node) -> Tensor:
    amounts, axes = node.ints(1), node.ints(3, range(node[0].rank))
    pairs = [(0, 0)] * node[0].rank
    for at, axis in enumerate(axes):
        pairs[axis] = (amounts[at], amounts[at + len(axes)])
    mode = node.get("mode")
    if mode != "constant":  # the value of a node that has another mode means nothing
        return sd.pad(node[0], pairs, mode=mode)
    return sd.pad(node[0], pairs, value=float(node.array(2, np.float32(0)).item()))


def cropped_or_padded(node: Node) -> Tensor:
    x = node[0]
    for axis, size in zip(node.get("axes") or range(x.rank), node.ints(1), strict=True):
        axis %= x.rank
        more = size - x.shape[axis]
        if more >= 0:
            x = sd.pad(x, [(more // 2, more - more // 2) if a == axis else (0, 0) for a in range(x.rank)])
        else:
            start = -more // 2
            x = x[(slice(None),) * axis + (slice(start, start + size),)]
    return x + 0


def eye_like(node: Node) -> Tensor:
    node.get("dtype")  # ones are ones
    ones, k = sd.full(node[0].shape, 1), node.get("k", 0)
    return sd.tril(sd.triu(ones, k), k)


def triangle(node: Node) -> Tensor:
    cut = sd.triu if node.get("upper", 1) else sd.tril
    return cut(node[0], *node.ints(1, ()))


def counted(node: Node) -> Tensor:
    start, limit, step = (node.array(place).item() for place in range(3))
    return sd.arange(max(0, int(np.ceil((limit - start) / step))), start=start, step=step)


def one_hot(node: Node) -> Tensor:
    depth, axis = node.ints(1)[0], node.get("axis", -1)
    if node[0].dtype != "int64":
        raise Unsupported("positions that are no integers")
    shift = node[0] + depth * sd.where(node[0] < 0, 1, 0)
    cold, hot = node[2][0], node[2][1]
    i = sd.moveaxis(sd.expand_dims(shift, -1) - sd.arange(depth), -1, axis)
    return sd.where(sd.equal(i, 0), hot, cold)


def depth_to_space(node: Node) -> Tensor:
    n, c, h, w = node[0].shape
    b = node.get("blocksize")
    if node.get("mode") == "CRD":
        y = node[0].reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    else:
        y = node[0].reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    return y.reshape(n, c // b**2, h * b, w * b)


def space_to_depth(node: Node) -> Tensor:
    n, c, h, w = node[0].shape
    b = node.get("blocksize")
    y = node[0].reshape(n, c, h // b, b, w // b, b)
    order = (0, 1, 3, 5, 2, 4) if node.get("mode") == "CRD" else (0, 3, 5, 1, 2, 4)
    return y.transpose(*order).reshape(n, c * b * b, h // b, w // b)


def gathered(node: Node) -> Tensor:
    return sd.take(node[0], node[1], node.get("axis", 0), mode="wrap")


def gathered_elements(node: Node) -> Tensor:
    return sd.take_along_axis(node[0], node[1], node.get("axis", 0), mode="wrap")


def flat_positions(ids: Tensor, sizes: Sequence[int]) -> Tensor:
    """Rows of coordinates as positions in the flattened axes."""
    flat: Any = 0
    for place, size in enumerate(sizes):
        flat = flat * size + sd.mod(ids[..., place], size)
    return flat


def gathered_nd(node: Node) -> Tensor:
    x, ids, batch = node[0], node[1], node.get("batch_dims", 0)
    width = int(ids.shape[-1])
    flat = x.reshape(count(x.shape[: batch + width]), *x.shape[batch + width :])
    place = flat_positions(ids, x.shape[batch : batch + width])
    for axis in range(batch):  # the batch counts as a coordinate too
        below = count(x.shape[axis + 1 : batch + width])
        own = sd.arange(x.shape[axis], step=below)
        place = place + own[(slice(None),) + (None,) * (place.rank - axis - 1)]
    return sd.take(flat, place)


WRITING: dict[str, Any] = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}


def scattered(node: Node) -> Tensor:
    op, axis = WRITING[node.get("reduction", "none")], node.get("axis", 0)
    return sd.scatter(node[0], node[1], node[2], axis, op=op, mode="wrap")


def scattered_nd(node: Node) -> Tensor:
    x, ids, updates = node[0], node[1], node[2]
    width = int(ids.shape[-1])
    rows, rest = count(x.shape[:width]), count(x.shape[width:])
    place = flat_positions(ids, x.shape[:width]).reshape(-1, 1)
    wide = sd.broadcast_to(place, (place.shape[0], rest))
    op = WRITING[node.get("reduction", "none")]
    return sd.scatter(x.reshape(rows, rest), wide, updates.reshape(-1, rest), op=op).reshape(*x.shape)


def written(node: Node) -> Tensor:
    """New rows of a cache, from a position on that each sample has."""
    x, update = node[0], node[1]
    axis = node.get("axis", -2) % x.rank
    steps = sd.arange(update.shape[axis]).reshape(*(-1 if a == axis else 1 for a in range(x.rank)))
    start = node[2].reshape(*(-1 if a == 0 else 1 for a in range(x.rank))) if node.has(2) else 0
    places = sd.broadcast_to(start + steps, update.shape)
    mode: Any = "wrap" if node.get("mode") == "circular" else "raise"
    return sd.scatter(x, places, update, axis, mode=mode)


def best(node: Node) -> Sequence[Tensor]:
    largest = bool(node.get("largest", 1))
    return sd.top_k(node[0], node.ints(1)[0], node.get("axis", -1), largest=largest)


def reversed_starts(node: Node) -> Tensor:
    """The first elements of each sequence in reverse order, the others where they are."""
    time, batch = node.get("time_axis"), node.get("batch_axis")
    x = node[0] if time == 0 else node[0].swapaxes(time, batch)
    steps, lengths = sd.arange(x.shape[0])[:, None], node[1][None, :]
    shape = (x.shape[0], x.shape[1], *(1,) * (x.rank - 2))
    back = sd.broadcast_to((lengths - 1 - steps).reshape(*shape), x.shape)
    turned = sd.take_along_axis(x, back, 0, mode="wrap")
    first = sd.broadcast_to((lengths - steps).reshape(*shape), x.shape) > 0
    y = sd.where(first, turned, x)
    return y if time == 0 else y.swapaxes(time, batch)


def window(*weights: float) -> Adapter:
    """A sum of cosines over an axis."""

    def adapter(node: Node) -> Tensor:
        size = node.ints(0)[0]
        span = size if node.get("periodic", 1) else size - 1
        (i,) = sd.indices("i")
        terms = [w * sp.cos(2 * sp.pi * k * i / span) for k, w in enumerate(weights)]
        return sd.define(None, (i,), sp.Add(*terms), shape=(size,))

    return adapter


SHAPES: dict[str, Adapter] = {
    "BlackmanWindow": window(0.42, -0.5, 0.08),
    "CenterCropPad": cropped_or_padded,
    "Concat": lambda node: sd.concatenate(node.all(), node.get("axis")),
    "ConstantOfShape": lambda node: sd.full(node.ints(0), constant_value(node)),
    "DepthToSpace": depth_to_space,
    "Expand": expanded,
    "EyeLike": eye_like,
    "Flatten": flattened,
    "Gather": gathered,
    "GatherElements": gathered_elements,
    "GatherND": gathered_nd,
    "HammingWindow": window(25 / 46, -21 / 46),
    "HannWindow": window(0.5, -0.5),
    "OneHot": one_hot,
    "Pad": padded,
    "Range": counted,
    "Reshape": reshaped,
    "ReverseSequence": reversed_starts,
    "Scatter": scattered,
    "ScatterElements": scattered,
    "ScatterND": scattered_nd,
    "Slice": sliced,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": lambda node: sd.squeeze(node[0], axes_of(node)),
    "TensorScatter": written,
    "Tile": lambda node: sd.tile(node[0], node.ints(1)),
    "TopK": best,
    "Transpose": lambda node: node[0].transpose(*(node.get("perm") or ())),
    "Trilu": triangle,
    "Unsqueeze": unsqueezed,
}


def constant_value(node: Node) -> float | int:
    from onnx import numpy_helper

    value = node.get("value")
    return 0.0 if value is None else numpy_helper.to_array(value).item()
