"""Operators: convolution, pooling and resizing by whole numbers.

Enters: a node. Leaves: tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdl import nn
from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node, Unsupported

Pairs = list[tuple[int, int]]


def settings(node: Node, kernel: Sequence[int]) -> dict[str, Any]:
    """Strides, dilations and paddings, of which some follow from the size of the result."""
    axes = len(kernel)
    strides, dilations = (list(node.get(n) or [1] * axes) for n in ("strides", "dilations"))
    sizes = node[0].shape[2:]
    flat = node.get("pads") or [0] * 2 * axes
    pads: Pairs = [(flat[a], flat[a + axes]) for a in range(axes)]
    if node.get("auto_pad") in ("SAME_UPPER", "SAME_LOWER"):
        pads = []
        for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
            total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            pads.append(halves(total, upper=node.get("auto_pad") == "SAME_UPPER"))
    return {"stride": strides, "padding": pads, "dilation": dilations}


def halves(total: int, *, upper: bool) -> tuple[int, int]:
    """An odd one more goes to the end, or to the beginning."""
    less, more = total // 2, total - total // 2
    return (less, more) if upper else (more, less)


def kernel_of(node: Node) -> tuple[Any, ...]:
    """The sizes of a window: those of the weights."""
    sizes = node[1].shape[2:]
    said = node.get("kernel_shape")
    if said and tuple(said) != sizes:
        raise Unsupported(f"a window of sizes {tuple(said)} and weights of shape {node[1].shape}")
    return sizes


def convolved(node: Node) -> Tensor:
    bias = node[2] if node.has(2) else None
    options = settings(node, kernel_of(node))
    return nn.convolution(node[0], node[1], bias, groups=node.get("group", 1), **options)


def spread(node: Node) -> Tensor:
    kernel, sizes = kernel_of(node), node[0].shape[2:]
    options = settings(node, kernel)
    more = list(node.get("output_padding") or [0] * len(kernel))
    same = node.get("auto_pad") in ("SAME_UPPER", "SAME_LOWER")
    wanted = node.get("output_shape") or (
        [n * s for n, s in zip(sizes, options["stride"], strict=True)] if same else None
    )
    if wanted is not None:
        for a, size in enumerate(wanted[-len(kernel) :]):
            span = options["dilation"][a] * (kernel[a] - 1) + 1
            total = options["stride"][a] * (sizes[a] - 1) + more[a] + span - size
            more[a] += max(-total, 0)
            options["padding"][a] = halves(max(total, 0), upper=node.get("auto_pad") == "SAME_UPPER")
    bias = node[2] if node.has(2) else None
    options |= {"transposed": True, "output_padding": more, "groups": node.get("group", 1)}
    return nn.convolution(node[0], node[1], bias, **options)


def pooled(node: Node) -> Sequence[Tensor]:
    y = nn.max_pool(node[0], node.get("kernel_shape"), **pooling(node))
    return (y,) if not any(node.asked[1:]) else (y, peaks(node))


def peaks(node: Node) -> Tensor:
    """Where the largest value of each window is, counted over the whole flattened tensor."""
    x, kernel = node[0], node.get("kernel_shape")
    if x.rank != 4 or any(d != 1 for d in pooling(node)["dilation"]):
        raise Unsupported("positions of maxima in other windows")
    (top, _), (left, _) = pooling(node)["padding"]
    down, right = pooling(node)["stride"]
    shape = nn.max_pool(x, kernel, **pooling(node)).shape
    n, c, h, w, r, s = sd.indices("n c h w r s")
    row, column = down * h + r - top, right * w + s - left
    inside = (row >= 0) & (row < x.shape[2]) & (column >= 0) & (column < x.shape[3])
    value = sp.Piecewise((x.at(n, c, row, column), inside), (-sp.oo, True))
    best = sd.define(None, (n, c, h, w), sd.ArgMax(value, (r, kernel[0]), (s, kernel[1])), shape=shape)
    m = best[n, c, h, w]
    y, z = down * h - top + sp.floor(m / kernel[1]), right * w - left + sp.Mod(m, kernel[1])
    if node.get("storage_order"):
        flat = ((n * x.shape[1] + c) * x.shape[3] + z) * x.shape[2] + y
    else:
        flat = ((n * x.shape[1] + c) * x.shape[2] + y) * x.shape[3] + z
    return sd.define(None, (n, c, h, w), flat, shape=shape, dtype="int64")


def unpooled(node: Node) -> Tensor:
    """Each maximum back at its place."""
    x, shape = node[0], node.ints(2)
    node.get("kernel_shape")
    if shape is None:
        options = settings(node, node.get("kernel_shape"))
        triples = zip(
            x.shape[2:], options["stride"], node.get("kernel_shape"), options["padding"], strict=True
        )
        shape = [*x.shape[:2], *((n - 1) * s + k - sum(p) for n, s, k, p in triples)]
        places = node[1]
    else:  # the places count in the smaller image that was pooled
        small = [n * s for n, s in zip(x.shape[2:], node.get("strides"), strict=True)]
        row, column = sp.floor, sp.Mod
        where = sd.indices("n c h w")
        at = node[1].at(*where) % (small[0] * small[1])
        body = shape[3] * row(at / small[1]) + column(at, small[1])
        places = sd.define(None, where, body, shape=node[1].shape, dtype="int64")
    flat = sd.full((int(np.prod(shape)),), 0.0)
    return sd.scatter(flat, places.reshape(-1), x.reshape(-1)).reshape(*shape)


def overlapped(node: Node) -> Tensor:
    """Blocks added where they belong: a transposed convolution whose kernel is the unit matrix."""
    image, block = node.ints(1), node.ints(2)
    x, size = node[0], int(np.prod(block))
    channels, axes = x.shape[1] // size, len(block)
    strides, dilations = (list(node.get(n) or [1] * axes) for n in ("strides", "dilations"))
    flat = node.get("pads") or [0] * 2 * axes
    pads = [(flat[a], flat[a + axes]) for a in range(axes)]
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, block, strict=True)]
    places = [(n + sum(p) - span) // s + 1 for n, p, span, s in zip(image, pads, spans, strides, strict=True)]
    kernel = sd.tile(sd.eye(size), (channels, 1)).reshape(channels * size, 1, *block)
    whole = x.reshape(*x.shape[:2], *places)
    options: dict[str, Any] = {"stride": strides, "dilation": dilations, "padding": pads, "groups": channels}
    return nn.convolution(whole, kernel, transposed=True, **options)


def pooling(node: Node) -> dict[str, Any]:
    return settings(node, node.get("kernel_shape")) | {"ceil": bool(node.get("ceil_mode"))}


def averaged(node: Node) -> Tensor:
    counted = bool(node.get("count_include_pad"))
    return nn.avg_pool(node[0], node.get("kernel_shape"), count_padding=counted, **pooling(node))


def normed(node: Node) -> Tensor:
    return nn.lp_pool(node[0], node.get("kernel_shape"), order=node.get("p"), **pooling(node))


def whole(op: Any) -> Adapter:
    """The pool of a whole image, with its axes kept."""

    def adapter(node: Node) -> Tensor:
        y = nn.global_pool(node[0], op=op)
        return y.reshape(*y.shape, *(1,) * (node[0].rank - 2))

    return adapter


def causal(node: Node) -> Sequence[Tensor]:
    """A convolution of each channel with what came before, and the inputs that the next call needs."""
    x, w = node[0], node[1]
    before = w.shape[-1] - 1
    past = node[3] if node.has(3) else sd.full((*x.shape[:2], before), 0.0)
    whole = sd.concatenate([past, x], 2) if before else x
    y = nn.convolution(whole, w, node[2] if node.has(2) else None, groups=x.shape[1])
    y = nn.silu(y) if node.get("activation") in ("silu", "swish") else y
    return y, whole[:, :, whole.shape[2] - before :]


def enlarged(node: Node) -> Tensor:
    x = node[0]
    for axis, factor in enumerate(np.ravel(node.array(1))):
        if node.get("mode") != "nearest" or factor != int(factor):
            raise Unsupported("enlarging by interpolation")
        x = sd.repeat(x, int(factor), axis)
    return x


WINDOWS: dict[str, Adapter] = {
    "AveragePool": averaged,
    "CausalConvWithState": causal,
    "Col2Im": overlapped,
    "Conv": convolved,
    "ConvTranspose": spread,
    "GlobalAveragePool": whole("mean"),
    "GlobalMaxPool": whole("max"),
    "LpPool": normed,
    "MaxPool": pooled,
    "MaxUnpool": unpooled,
    "Upsample": enlarged,
}
