"""Pooling: the largest value, the mean or the norm of each window, or of a whole image.

Enters: images or sequences, batch and channels first. Leaves: the same layout, smaller. Windows may overlap;
of equal values in a window the first, row by row, gets the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.constants import constant
from symdl.express.dims import Extent, Index, as_extent, is_whole
from symdl.express.doors import takes_tensors
from symdl.express.equations import InRange, Origin
from symdl.express.operators import axis_indices, elementwise, reduce
from symdl.express.surface import Max, Reduce, Sum, define
from symdl.express.tensors import Tensor
from symdl.express.variants import variant
from symdl.nn.activations import literal
from symdl.nn.windows import Padding, Sizes, Window, place_names, windows


def _max_pool(
    axes: int | None,
    x: Tensor,
    kernel_size: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil: bool = False,
    name: str | None = None,
) -> Tensor:
    frames = _frames(axes, x, kernel_size, stride, padding, dilation, ceil)
    return _pooled(x, frames, Max, lambda v: v, name, "max pooling")


@variant(_max_pool, None)
def max_pool() -> None:
    """The largest value of each window, over any number of axes.

    Args:
        x: shape ``(batch, channels, ...)``.
        kernel_size: the size of a window, one number or one an axis.
        stride: the distance of neighbouring windows; the window's size by default.
        padding: how far windows may reach beyond the image, less than their size: one number, one an axis,
            or ``(before, after)`` an axis. Nothing there counts.
        dilation: the distance of neighbouring elements of a window.
        ceil: whether there is one more window where the last one leaves elements over, as long as it begins
            in the image or the padding before it.
        name: of the result.

    Raises:
        ShapeError: a window that does not fit, or could lie in the padding as a whole.
    """


@variant(_max_pool, 1)
def max_pool1d() -> None:
    """`max_pool` of sequences: `x` has shape ``(batch, channels, length)``.

    >>> x = sd.tensor("x", (sd.Dim("n"), 4, 10))
    >>> sd.nn.max_pool1d(x, 2).shape
    (n, 4, 5)
    """


@variant(_max_pool, 2)
def max_pool2d() -> None:
    """``Y[n, c, h, w] = max_{r, s} x[n, c, stride*h + r - padding, stride*w + s - padding]``.

    That is `max_pool` of images.

    >>> x = sd.tensor("x", (sd.Dim("n"), 3, 28, 28))
    >>> sd.nn.max_pool2d(x, 2).shape
    (n, 3, 14, 14)
    """


@variant(_max_pool, 3)
def max_pool3d() -> None:
    """`max_pool` of volumes: `x` has shape ``(batch, channels, depth, height, width)``.

    >>> sd.nn.max_pool3d(sd.tensor("x", (2, 3, 4, 4, 4)), 2).shape
    (2, 3, 2, 2, 2)
    """


def _avg_pool(
    axes: int | None,
    x: Tensor,
    kernel_size: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil: bool = False,
    count_padding: bool = True,
    divisor: float | None = None,
    name: str | None = None,
) -> Tensor:
    if divisor is not None and not count_padding:
        raise ExpressionError(
            "a divisor takes the place of the number of elements that count",
            cure="leave out divisor or count_padding",
        )
    frames = _frames(axes, x, kernel_size, stride, padding, dilation, ceil)
    varies = [f.reaches_beyond or (not count_padding and bool(f.before or f.after)) for f in frames]
    if divisor is not None or not any(varies):
        count = (
            sp.Integer(sp.prod(f.kernel for f in frames)) if divisor is None else literal(divisor, "divisor")
        )
        share = 1 / count
        return _pooled(x, frames, Sum, lambda v: share * v, name, "average pooling")
    total = _pooled(x, frames, Sum, lambda v: v, None, "sum pooling")
    places, _ = place_names(len(frames))
    counts = [
        _count(f, count_padding).at(p) if changes else f.kernel
        for f, p, changes in zip(frames, places, varies, strict=True)
    ]
    where = (Index("i"), Index("c"), *places)
    body = total.at(*where) / sp.Mul(*counts)
    return define(name, where, body, shape=total.shape, origin=Origin("average pooling"))


@variant(_avg_pool, None)
def avg_pool() -> None:
    """The mean of each window, over any number of axes; arguments as `max_pool`.

    Padding counts as zeros; with ``count_padding=False`` it does not count. With a `divisor` the sum of each
    window is divided by that number instead.
    """


@variant(_avg_pool, 1)
def avg_pool1d() -> None:
    """`avg_pool` of sequences: `x` has shape ``(batch, channels, length)``.

    >>> x = sd.tensor("x", (sd.Dim("n"), 4, 10))
    >>> sd.nn.avg_pool1d(x, 2).shape
    (n, 4, 5)
    """


@variant(_avg_pool, 2)
def avg_pool2d() -> None:
    """`avg_pool` of images: `x` has shape ``(batch, channels, height, width)``.

    >>> x = sd.tensor("x", (sd.Dim("n"), 3, 28, 28))
    >>> sd.nn.avg_pool2d(x, 2).shape
    (n, 3, 14, 14)
    """


@variant(_avg_pool, 3)
def avg_pool3d() -> None:
    """`avg_pool` of volumes: `x` has shape ``(batch, channels, depth, height, width)``.

    >>> sd.nn.avg_pool3d(sd.tensor("x", (2, 3, 4, 4, 4)), 2, divisor=4).shape
    (2, 3, 2, 2, 2)
    """


@takes_tensors
def adaptive_pool(
    x: Tensor,
    size: int | Sequence[int | None],
    *,
    op: Literal["mean", "max"] = "mean",
    name: str | None = None,
) -> Tensor:
    """The mean or the maximum of windows that share an image out evenly, so many along each axis.

    Window `i` of `m` along an axis of `n` goes from ``floor(i*n/m)`` to ``ceil((i + 1)*n/m)``, without the
    end; where `m` does not divide `n`, neighbours overlap.

    Args:
        x: shape ``(batch, channels, ...)``; axes that are pooled have integer sizes.
        size: the number of windows, one for all axes after the channels or one an axis; None keeps an axis.
        op: what each window becomes.
        name: of the result, whose axes have these sizes.

    Raises:
        ShapeError: a symbolic or empty axis, or no axes after the channels.
        ExpressionError: another `op`, a size below 1.

    Example:
        >>> sd.nn.adaptive_pool(sd.tensor("x", (2, 3, 5, 7)), (2, None)).shape
        (2, 3, 2, 7)
    """
    if op not in ("mean", "max"):
        raise ExpressionError(f"op = {op!r}", cure="use 'mean' or 'max'")
    count = x.rank - 2
    sizes: list[Any] = [size] * count if is_whole(size) else list(size)  # type: ignore[arg-type]
    if count < 1 or len(sizes) != count:
        raise ShapeError(f"{x} has no {len(sizes)} axes to pool", shapes={str(x.name): x.shape})
    where = axis_indices(x.rank)
    pooled = x
    for axis, wanted in enumerate(sizes, start=2):
        if wanted is not None:
            pooled = _shared_out(pooled, axis, wanted, op)
    origin = Origin("adaptive pooling")
    return define(name, where, pooled.at(*where), shape=pooled.shape, origin=origin)


def _shared_out(x: Tensor, axis: int, count: int, op: Literal["mean", "max"]) -> Tensor:
    """Pool one axis: element k counts in window i where ``i*n < (k + 1)*m`` and ``k*m < (i + 1)*n``."""
    size = x.shape[axis]
    if not is_whole(count) or count < 1:
        raise ExpressionError(f"size = {count!r}", cure="pass a positive number, or None to keep an axis")
    if not isinstance(size, int) or size < 1:
        raise ShapeError("adaptive pooling needs axes of integer size", shapes={str(x.name): x.shape})
    *where, k = axis_indices(x.rank + 1)
    i = where[axis]
    guards = [InRange((k + 1) * count - i * size - 1, size * count), InRange((i + 1) * size - k * count - 1,
              size * count)]  # fmt: skip
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    value = x.at(*where[:axis], k, *where[axis + 1 :])
    body = (Max if op == "max" else Sum)(value, (k, size))
    found = define(None, where, body, shape=shape, guards=guards, origin=Origin(f"{op} of a share"))
    if op == "max":
        return found
    (j,) = axis_indices(1)
    ends = [sp.floor(j * size / count), sp.ceiling((j + 1) * size / count)]
    counts = constant([int((ends[1] - ends[0]).subs(j, n)) for n in range(count)])
    return define(None, where, found.at(*where) / counts.at(i), shape=shape, origin=Origin("mean"))


@takes_tensors
def lp_pool(
    x: Tensor,
    kernel_size: Sizes,
    *,
    order: int = 2,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil: bool = False,
    name: str | None = None,
) -> Tensor:
    """``(sum |x|**order)**(1/order)`` over each window, over any number of axes; arguments as `max_pool`.

    The slope is not finite for a window of zeros, unless the order is 1.

    Raises:
        ShapeError: a window that does not fit.
        ExpressionError: an order that is no positive integer.
    """
    if not isinstance(order, int) or order < 1:
        raise ExpressionError(f"order = {order!r}", cure="the order must be a positive integer")
    frames = _frames(None, x, kernel_size, stride, padding, dilation, ceil)

    def power(v: sp.Expr) -> sp.Expr:
        return v**order if order % 2 == 0 else sp.Abs(v) ** order

    total = _pooled(x, frames, Sum, power, name if order == 1 else None, "sum of powers")
    if order == 1:
        return total
    return elementwise(lambda v: v ** sp.Rational(1, order), total, name=name, rule="lp pooling")


@takes_tensors
def global_pool(x: Tensor, *, op: Literal["mean", "max", "sum"] = "mean", name: str | None = None) -> Tensor:
    """Reduce all axes after batch and channels: ``(batch, channels, ...)`` to ``(batch, channels)``.

    >>> x = sd.tensor("x", (sd.Dim("n"), 3, 28, 28))
    >>> sd.nn.global_pool(x).shape
    (n, 3)
    """
    if x.rank < 3:
        raise ShapeError("global pooling needs axes after batch and channels", shapes={str(x.name): x.shape})
    return reduce(op, x, tuple(range(2, x.rank)), name=name)


def _frames(
    axes: int | None,
    x: Tensor,
    window: Sizes,
    stride: Sizes | None,
    padding: Padding,
    dilation: Sizes,
    ceil: bool,
) -> tuple[Window, ...]:
    """Return the windows over so many axes; over all after batch and channels if that is None."""
    if axes is not None and x.rank != axes + 2:
        raise ShapeError(f"pooling needs {axes + 2} axes", shapes={str(x.name): x.shape})
    if x.rank < 3:
        raise ShapeError("pooling needs axes after batch and channels", shapes={str(x.name): x.shape})
    steps = window if stride is None else stride
    frames = windows(x.shape[2:], window, steps, padding, dilation, what="pooling", ceil=ceil)
    if any(max(f.before, f.after) >= f.span for f in frames):
        raise ShapeError("pooling: a window could lie in the padding as a whole", cure="pad less")
    return frames


def _count(frame: Window, count_padding: bool) -> Tensor:
    """The number of elements of each window that lie inside the axis, or inside the padding too."""
    (place,), (offset,) = place_names(1)
    whole = frame.size + sp.Integer(frame.before + frame.after)
    inside = InRange(sp.expand(frame.position(place, offset) + frame.before), as_extent(whole))
    body = Sum(sp.Integer(1), (offset, frame.kernel))
    guards = [inside] if count_padding else frame.guards(place, offset)
    return define(None, (place,), body, shape=(frame.count(),), guards=guards, origin=Origin("count"))


def _pooled(
    x: Tensor,
    frames: tuple[Window, ...],
    op: type[Reduce],
    formula: Callable[[sp.Expr], sp.Expr],
    name: str | None,
    rule: str,
) -> Tensor:
    places, offsets = place_names(len(frames))
    triples = list(zip(frames, places, offsets, strict=True))
    i, c = Index("i"), Index("c")
    term = formula(x.at(i, c, *(frame.position(p, r) for frame, p, r in triples)))
    guards = [guard for frame, p, r in triples for guard in frame.guards(p, r)]
    body = op(term, *((r, frame.kernel) for frame, _, r in triples))
    shape: tuple[Extent, ...] = (*x.shape[:2], *(frame.count() for frame in frames))
    return define(name, (i, c, *places), body, shape=shape, guards=guards, origin=Origin(rule))
