"""Pooling: the largest value or the mean of each window, or of a whole image.

Enters: images or sequences, batch and channels first. Leaves: the same layout, smaller. Windows may overlap;
of equal values in a window the first, row by row, gets the gradient.
"""

from __future__ import annotations

from typing import Literal

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.dims import Extent, Index
from symdl.express.equations import Origin
from symdl.express.operators import reduce
from symdl.express.surface import Max, Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.windows import Padding, Sizes, Window, place_names, windows


def max_pool2d(
    x: Tensor,
    window: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    name: str | None = None,
) -> Tensor:
    """``Y[n, c, h, w] = max_{r, s} x[n, c, stride*h + r - padding, stride*w + s - padding]``.

    Args:
        x: shape ``(batch, channels, height, width)``.
        window: its size, one number or one an axis.
        stride: the distance of neighbouring windows; the window's size by default.
        padding: how far windows may reach beyond the image, at most half their size; nothing there counts.
        dilation: the distance of neighbouring elements of a window.
        name: of the result.

    Raises:
        ShapeError: a window that does not fit, or more padding than half of it.
    """
    return _max(x, 2, window, stride, padding, dilation, name)


def max_pool1d(
    x: Tensor,
    window: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    name: str | None = None,
) -> Tensor:
    """`max_pool2d` with one axis: `x` has shape ``(batch, channels, length)``."""
    return _max(x, 1, window, stride, padding, dilation, name)


def avg_pool2d(
    x: Tensor,
    window: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    count_padding: bool = True,
    name: str | None = None,
) -> Tensor:
    """The mean of each window of ``(batch, channels, height, width)``.

    Arguments as `max_pool2d`. Padding counts as zeros; with ``count_padding=False`` it does not count.
    """
    return _mean(x, 2, window, stride, padding, count_padding, name)


def avg_pool1d(
    x: Tensor,
    window: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    count_padding: bool = True,
    name: str | None = None,
) -> Tensor:
    """`avg_pool2d` with one axis: `x` has shape ``(batch, channels, length)``."""
    return _mean(x, 1, window, stride, padding, count_padding, name)


def global_pool(x: Tensor, *, op: Literal["mean", "max", "sum"] = "mean", name: str | None = None) -> Tensor:
    """Reduce all axes after batch and channels: ``(batch, channels, ...)`` to ``(batch, channels)``."""
    if x.rank < 3:
        raise ShapeError("global pooling needs axes after batch and channels", shapes={str(x.name): x.shape})
    return reduce(op, x, tuple(range(2, x.rank)), name=name)


def _frames(
    x: Tensor, axes: int, window: Sizes, stride: Sizes | None, padding: Padding, dilation: Sizes
) -> tuple[Window, ...]:
    if x.rank != axes + 2:
        raise ShapeError(f"pooling needs {axes + 2} axes", shapes={str(x.name): x.shape})
    steps = window if stride is None else stride
    frames = windows(x.shape[2:], window, steps, padding, dilation, what="pooling")
    if any(2 * max(f.before, f.after) > f.span for f in frames):
        raise ShapeError("pooling: the padding is more than half the window, which could then be empty")
    return frames


def _max(
    x: Tensor,
    axes: int,
    window: Sizes,
    stride: Sizes | None,
    padding: Padding,
    dilation: Sizes,
    name: str | None,
) -> Tensor:
    frames = _frames(x, axes, window, stride, padding, dilation)
    return _pooled(x, frames, Max, sp.Integer(1), name, "max pooling")


def _mean(
    x: Tensor,
    axes: int,
    window: Sizes,
    stride: Sizes | None,
    padding: Padding,
    count_padding: bool,
    name: str | None,
) -> Tensor:
    frames = _frames(x, axes, window, stride, padding, 1)
    size = sp.prod(f.kernel for f in frames)
    padded = any(f.before or f.after for f in frames)
    if count_padding or not padded:
        return _pooled(x, frames, Sum, 1 / sp.Integer(size), name, "average pooling")
    total = _pooled(x, frames, Sum, sp.Integer(1), None, "sum pooling")
    places, _ = place_names(axes)
    counts = [_count(frame) for frame in frames]
    where = (Index("n"), Index("c"), *places)
    body = total.at(*where) / sp.Mul(*(t.at(p) for t, p in zip(counts, places, strict=True)))
    return define(name, where, body, shape=total.shape, origin=Origin("average pooling"))


def _count(frame: Window) -> Tensor:
    """The number of elements of each window that lie inside the axis."""
    (place,), (offset,) = place_names(1)
    body = Sum(sp.Integer(1), (offset, frame.kernel))
    guards = frame.guards(place, offset)
    return define(None, (place,), body, shape=(frame.count(),), guards=guards, origin=Origin("count"))


def _pooled(
    x: Tensor, frames: tuple[Window, ...], op: type, scale: sp.Expr, name: str | None, rule: str
) -> Tensor:
    places, offsets = place_names(len(frames))
    triples = list(zip(frames, places, offsets, strict=True))
    n, c = Index("n"), Index("c")
    term = scale * x.at(n, c, *(frame.position(p, r) for frame, p, r in triples))
    guards = [guard for frame, p, r in triples for guard in frame.guards(p, r)]
    body = op(term, *((r, frame.kernel) for frame, _, r in triples))
    shape: tuple[Extent, ...] = (*x.shape[:2], *(frame.count() for frame in frames))
    return define(name, (n, c, *places), body, shape=shape, guards=guards, origin=Origin(rule))
