"""Convolution and its transpose, over any number of axes.

Enters: images or sequences, batch and channels first: ``(n, c, h, w)`` or ``(n, c, t)``. Leaves: the same
layout. Weights are ``(out, in/groups, kernel...)``, in a transpose ``(in, out/groups, kernel...)``.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import parameter
from symdl.express.dims import Extent, Index, is_whole
from symdl.express.doors import takes_tensors
from symdl.express.equations import Guard, Origin
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.activations import activated, leaky_relu, relu
from symdl.nn.initializers import Initializer, glorot, he, zeros
from symdl.nn.windows import Padding, Sizes, Window, as_sequence, extended, place_names, windows

Activation = Callable[..., Tensor] | None


@takes_tensors
def conv1d(
    x: Tensor,
    channels: int,
    *,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    activation: Activation = None,
    bias: bool = True,
    init: Initializer | None = None,
    name: str,
) -> Tensor:
    """A convolution of sequences; `conv2d` with one axis: `x` has shape ``(batch, in, length)``."""
    settings = (kernel_size, stride, padding, dilation, groups, 0)
    return _layer(x, 1, channels, settings, activation, bias, init, name, transposed=False)


@takes_tensors
def conv2d(
    x: Tensor,
    channels: int,
    *,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    activation: Activation = None,
    bias: bool = True,
    init: Initializer | None = None,
    name: str,
) -> Tensor:
    """``Z[n, o, h, w] = sum_{c, r, s} x[n, c, stride*h + r - padding, ...] W[o, c, r, s] + b[o]``.

    Args:
        x: shape ``(batch, in, height, width)``; ``in`` is an integer, height and width may be `Dim` for
            stride 1.
        channels: the number of channels of the result, a multiple of `groups`.
        kernel_size: one number, or one an axis.
        stride: the distance of neighbouring windows.
        padding: zeros around the image: one number, one an axis, ``(before, after)`` an axis, or "same".
        dilation: the distance of neighbouring elements of a window.
        groups: into how many parts the channels are divided; each part sees its own input channels.
        activation: such as `relu`.
        bias: whether there is a ``name.b``.
        init: of the weight; He for rectifiers, else Glorot.
        name: the path of ``name.W`` (channels, in/groups, kernel...) and ``name.b`` (channels,).

    Returns:
        shape ``(batch, channels, places, places)``.

    Raises:
        ShapeError: channels that do not divide, a window that does not fit.
        ExpressionError: an activation that is no function.
    """
    settings = (kernel_size, stride, padding, dilation, groups, 0)
    return _layer(x, 2, channels, settings, activation, bias, init, name, transposed=False)


@takes_tensors
def conv_transpose1d(
    x: Tensor,
    channels: int,
    *,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    output_padding: Sizes = 0,
    activation: Activation = None,
    bias: bool = True,
    init: Initializer | None = None,
    name: str,
) -> Tensor:
    """The transposed convolution of sequences; `conv_transpose2d` with one axis."""
    settings = (kernel_size, stride, padding, dilation, groups, output_padding)
    return _layer(x, 1, channels, settings, activation, bias, init, name, transposed=True)


@takes_tensors
def conv_transpose2d(
    x: Tensor,
    channels: int,
    *,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    output_padding: Sizes = 0,
    activation: Activation = None,
    bias: bool = True,
    init: Initializer | None = None,
    name: str,
) -> Tensor:
    """The transpose of `conv2d`: every element is spread over a window, with distances of `stride`.

    Arguments as `conv2d`; `padding` is what the convolution that it transposes would have, so it cuts the
    result, whose size is ``(size - 1)*stride + dilation*(kernel - 1) + 1 - 2*padding + output_padding``.
    The last is less than stride or dilation and extends the result at its end: several sizes of image have a
    convolution of one size. The weight is ``name.W`` (in, channels/groups, kernel...).
    """
    settings = (kernel_size, stride, padding, dilation, groups, output_padding)
    return _layer(x, 2, channels, settings, activation, bias, init, name, transposed=True)


_Settings = tuple[Sizes, Sizes, Padding, Sizes, int, Sizes]


def _layer(
    x: Tensor,
    axes: int,
    channels: int,
    settings: _Settings,
    activation: Activation,
    bias: bool,
    init: Initializer | None,
    name: str,
    *,
    transposed: bool,
) -> Tensor:
    kernel_size, stride, padding, dilation, groups, more = settings
    inputs = x.shape[1] if x.rank == axes + 2 else None
    counts = all(is_whole(number) and number >= 1 for number in (channels, groups))
    if not isinstance(inputs, int) or not counts or inputs % groups or channels % groups:
        raise ShapeError(
            f"layer {name}: {x} with {channels} channels in {groups} groups does not fit",
            shapes={str(x.name): x.shape},
            cure=f"x needs {axes + 2} axes, and both numbers of channels must be multiples of the groups",
        )
    channels, groups = int(channels), int(groups)
    frames = windows(x.shape[2:], kernel_size, stride, padding, dilation, what=f"layer {name}")
    frames = extended(frames, more, f"layer {name}")
    kernel = tuple(frame.kernel for frame in frames)
    size = sp.prod(kernel)
    fans = (int(inputs // groups * size), int(channels // groups * size))
    shape = (inputs, channels // groups) if transposed else (channels, inputs // groups)
    start = he(fans=fans) if activation is relu or activation is leaky_relu else glorot(fans=fans)
    w = parameter(f"{name}.W", (*shape, *kernel), init=start if init is None else init)
    b = parameter(f"{name}.b", (channels,), init=zeros()) if bias else None
    z = (_transposed if transposed else _convolved)(x, w, b, frames, groups, f"{name}.Z")
    return activated(z, activation, name)


@takes_tensors
def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    transposed: bool = False,
    output_padding: Sizes = 0,
    name: str | None = None,
) -> Tensor:
    """The convolution of given tensors, over any number of axes; arguments as in `conv2d`.

    With `transposed` its transpose, with `output_padding` as in `conv_transpose2d`.

    Raises:
        ShapeError: channels or windows that do not fit, or an `output_padding` that is too large.
        ExpressionError: an `output_padding` of a convolution that is not transposed.
    """
    more = (output_padding,) if is_whole(output_padding) else as_sequence(output_padding)
    if any(more) and not transposed:
        raise ExpressionError("only a transposed convolution has an output padding", cure="leave it out")
    if x.rank < 3 or weight.rank != x.rank:
        raise ShapeError("a convolution needs batch, channels and axes of windows")
    kernel = tuple(int(k) for k in weight.shape[2:])
    frames = windows(x.shape[2:], kernel, stride, padding, dilation, what=name or "convolution")
    frames = extended(frames, output_padding, name or "convolution")
    first, second = weight.shape[0], sp.expand(weight.shape[1] * groups)
    if x.shape[1] != (first if transposed else second):
        raise ShapeError("the channels do not fit", shapes={"x": x.shape, "weight": weight.shape})
    return (_transposed if transposed else _convolved)(x, weight, bias, frames, groups, name)


def _convolved(
    x: Tensor, w: Tensor, b: Tensor | None, frames: tuple[Window, ...], groups: int, name: str | None
) -> Tensor:
    i, g, o, c = map(Index, "igoc")
    places, offsets = place_names(len(frames))
    triples = list(zip(frames, places, offsets, strict=True))
    outputs, inputs = int(w.shape[0]) // groups, int(w.shape[1])
    guards = [guard for frame, p, r in triples for guard in frame.guards(p, r)]
    channel, out = _within(g, c, groups, inputs), _within(g, o, groups, outputs)
    reads = [frame.position(p, r) for frame, p, r in triples]
    term = x.at(i, channel, *reads) * w.at(out, c, *offsets)
    summed = [(c, inputs), *((r, frame.kernel) for frame, _, r in triples)]
    sizes = [frame.count() for frame in frames]
    return _finished(x, term, summed, guards, (groups, outputs), (places, sizes), b, name, "convolution")


def _within(group: Index, own: Index, groups: int, size: int) -> sp.Expr:
    """Return the channel that is the `own`-th of a group."""
    if groups == 1:
        return own
    return group if size == 1 else group * size + own


def _transposed(
    x: Tensor, w: Tensor, b: Tensor | None, frames: tuple[Window, ...], groups: int, name: str | None
) -> Tensor:
    i, g, o, c = map(Index, "igoc")
    places, offsets = place_names(len(frames))
    triples = list(zip(frames, places, offsets, strict=True))
    outputs, inputs = int(w.shape[1]), int(w.shape[0]) // groups
    found = [frame.source(p, r) for frame, p, r in triples]
    guards = [guard for _, conditions in found for guard in conditions]
    channel = _within(g, c, groups, inputs)
    term = x.at(i, channel, *(position for position, _ in found)) * w.at(channel, o, *offsets)
    summed = [(c, inputs), *((r, frame.kernel) for frame, _, r in triples)]
    sizes = [frame.spread() for frame in frames]
    rule = "transposed convolution"
    return _finished(x, term, summed, guards, (groups, outputs), (places, sizes), b, name, rule)


def _finished(
    x: Tensor,
    term: sp.Expr,
    summed: list[tuple[Index, Extent]],
    guards: list[Guard],
    split: tuple[int, int],
    grid: tuple[tuple[Index, ...], list[Extent]],
    b: Tensor | None,
    name: str | None,
    rule: str,
) -> Tensor:
    """Sum the terms, put the groups' channels side by side, add the bias."""
    (groups, outputs), (places, sizes) = split, grid
    i, g, o = map(Index, "igo")
    middle, shape = ((o,), (outputs,)) if groups == 1 else ((g, o), (groups, outputs))
    where, whole = (i, *middle, *places), (x.shape[0], *shape, *sizes)
    plain = groups == 1 and b is None
    z = define(
        name if plain else None, where, Sum(term, *summed), shape=whole, origin=Origin(rule), guards=guards
    )
    if groups > 1:
        z = z.reshape(x.shape[0], groups * outputs, *sizes)
    if plain:
        return z
    where = (i, o, *places)
    body = z.at(*where) if b is None else z.at(*where) + b.at(o)
    return define(name, where, body, shape=z.shape, origin=Origin("bias" if b is not None else rule))
