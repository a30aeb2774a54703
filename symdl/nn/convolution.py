"""Convolution and its transpose, over any number of axes.

Enters: images or sequences, batch and channels first: ``(n, c, h, w)`` or ``(n, c, t)``. Leaves: the same
layout. Weights are ``(out, in/groups, kernel...)``, in a transpose ``(in, out/groups, kernel...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import parameter
from symdl.express.dims import Extent, Index, is_whole
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.express.variants import variant
from symdl.nn.activations import activated, leaky_relu, relu
from symdl.nn.initializers import Initializer, glorot, he, zeros
from symdl.nn.windows import Padding, Sizes, Window, as_sequence, extended, place_names, windows

Activation = Callable[..., Tensor] | None


def _conv(
    axes: int,
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
    layer = _Layer(axes, channels, groups, activation, bias, init, name)
    return layer.of(x, _Sliding(kernel_size, stride, padding, dilation))


@variant(_conv, 1)
def conv1d() -> None:
    """A convolution of sequences; `conv2d` with one axis: `x` has shape ``(batch, in, length)``.

    >>> x = sd.tensor("x", (sd.Dim("n"), 4, 10))
    >>> sd.nn.conv1d(x, 16, kernel_size=3, name="conv").shape
    (n, 16, 8)
    """


@variant(_conv, 2)
def conv2d() -> None:
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

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 3, 28, 28))
        >>> sd.nn.conv2d(x, 16, kernel_size=3, padding=1, name="conv").shape
        (n, 16, 28, 28)
    """


@variant(_conv, 3)
def conv3d() -> None:
    """A convolution of volumes; `conv2d` with three axes: `x` is ``(batch, in, depth, height, width)``.

    >>> x = sd.tensor("x", (sd.Dim("n"), 1, 4, 4, 4))
    >>> sd.nn.conv3d(x, 2, kernel_size=3, name="c").shape
    (n, 2, 2, 2, 2)
    """


def _conv_transpose(
    axes: int,
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
    layer = _Layer(axes, channels, groups, activation, bias, init, name, transposed=True)
    return layer.of(x, _Sliding(kernel_size, stride, padding, dilation, output_padding))


@variant(_conv_transpose, 1)
def conv_transpose1d() -> None:
    """The transposed convolution of sequences; `conv_transpose2d` with one axis.

    >>> x = sd.tensor("x", (sd.Dim("n"), 4, 10))
    >>> sd.nn.conv_transpose1d(x, 16, kernel_size=2, stride=2, name="up").shape
    (n, 16, 20)
    """


@variant(_conv_transpose, 2)
def conv_transpose2d() -> None:
    """The transpose of `conv2d`: every element is spread over a window, with distances of `stride`.

    Arguments as `conv2d`; `padding` is what the convolution that it transposes would have, so it cuts the
    result, whose size is ``(size - 1)*stride + dilation*(kernel - 1) + 1 - 2*padding + output_padding``.
    The last is less than stride or dilation and extends the result at its end: several sizes of image have a
    convolution of one size. The weight is ``name.W`` (in, channels/groups, kernel...).

    >>> x = sd.tensor("x", (sd.Dim("n"), 3, 28, 28))
    >>> sd.nn.conv_transpose2d(x, 16, kernel_size=2, stride=2, name="up").shape
    (n, 16, 56, 56)
    """


@variant(_conv_transpose, 3)
def conv_transpose3d() -> None:
    """The transposed convolution of volumes; `conv_transpose2d` with three axes.

    >>> x = sd.tensor("x", (sd.Dim("n"), 1, 2, 2, 2))
    >>> sd.nn.conv_transpose3d(x, 2, kernel_size=2, stride=2, name="c").shape
    (n, 2, 4, 4, 4)
    """


@dataclass(frozen=True, slots=True)
class _Sliding:
    """How windows slide over images, as `conv2d` and `conv_transpose2d` are told."""

    kernel_size: Sizes
    stride: Sizes
    padding: Padding
    dilation: Sizes
    output_padding: Sizes = 0

    def over(self, sizes: Sequence[Extent], what: str) -> tuple[Window, ...]:
        """Return a window for each axis of an image."""
        frames = windows(sizes, self.kernel_size, self.stride, self.padding, self.dilation, what=what)
        return extended(frames, self.output_padding, what)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of so many `axes`: its channels, and what it has besides its windows."""

    axes: int
    channels: int
    groups: int
    activation: Activation
    bias: bool
    init: Initializer | None
    name: str
    transposed: bool = False

    def of(self, x: Tensor, sliding: _Sliding) -> Tensor:
        """Return the layer's output for `x`."""
        inputs = self._checked(x)
        frames = sliding.over(x.shape[2:], f"layer {self.name}")
        channels, groups = int(self.channels), int(self.groups)
        kernel = tuple(frame.kernel for frame in frames)
        size = sp.prod(kernel)
        fans = (int(inputs // groups * size), int(channels // groups * size))
        shape = (inputs, channels // groups) if self.transposed else (channels, inputs // groups)
        rectifier = self.activation is relu or self.activation is leaky_relu
        start = he(fans=fans) if rectifier else glorot(fans=fans)
        w = parameter(f"{self.name}.W", (*shape, *kernel), init=start if self.init is None else self.init)
        b = parameter(f"{self.name}.b", (channels,), init=zeros()) if self.bias else None
        z = _weighed(x, w, b, frames, groups, f"{self.name}.Z", transposed=self.transposed)
        return activated(z, self.activation, self.name)

    def _checked(self, x: Tensor) -> int:
        """Return the number of channels that come in."""
        inputs = x.shape[1] if x.rank == self.axes + 2 else None
        counts = all(is_whole(number) and number >= 1 for number in (self.channels, self.groups))
        if not isinstance(inputs, int) or not counts or inputs % self.groups or self.channels % self.groups:
            raise ShapeError(
                f"layer {self.name}: {x} with {self.channels} channels in {self.groups} groups does not fit",
                shapes={str(x.name): x.shape},
                cure=f"x needs {self.axes + 2} axes, and both numbers of channels must be multiples of the"
                " groups",
            )
        return inputs


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
    sliding = _Sliding(kernel, stride, padding, dilation, output_padding)
    frames = sliding.over(x.shape[2:], name or "convolution")
    first, second = weight.shape[0], sp.expand(weight.shape[1] * groups)
    if x.shape[1] != (first if transposed else second):
        raise ShapeError("the channels do not fit", shapes={"x": x.shape, "weight": weight.shape})
    return _weighed(x, weight, bias, frames, groups, name, transposed=transposed)


def _weighed(
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    frames: Sequence[Window],
    groups: int,
    name: str | None,
    *,
    transposed: bool,
) -> Tensor:
    """Sum what the windows read times the weights, put the groups' channels side by side, add the bias."""
    i, g, o, c = map(Index, "igoc")
    places, offsets = place_names(len(frames))
    triples = list(zip(frames, places, offsets, strict=True))
    found = [frame.source(p, r) if transposed else frame.read(p, r) for frame, p, r in triples]
    sizes = [frame.spread() if transposed else frame.count() for frame in frames]
    first, second = int(w.shape[0]) // groups, int(w.shape[1])
    inputs, outputs = (first, second) if transposed else (second, first)
    channel = _within(g, c, groups, inputs)
    pair = (channel, o) if transposed else (_within(g, o, groups, outputs), c)
    term = x.at(i, channel, *(position for position, _ in found)) * w.at(*pair, *offsets)
    body = Sum(term, (c, inputs), *((r, frame.kernel) for frame, _, r in triples))
    guards = [guard for _, conditions in found for guard in conditions]
    rule = "transposed convolution" if transposed else "convolution"

    middle, shape = ((o,), (outputs,)) if groups == 1 else ((g, o), (groups, outputs))
    where, whole = (i, *middle, *places), (x.shape[0], *shape, *sizes)
    plain = groups == 1 and b is None
    z = define(name if plain else None, where, body, shape=whole, origin=Origin(rule), guards=guards)
    if groups > 1:
        z = z.reshape(x.shape[0], groups * outputs, *sizes)
    if plain:
        return z
    where = (i, o, *places)
    value = z.at(*where) if b is None else z.at(*where) + b.at(o)
    return define(name, where, value, shape=z.shape, origin=Origin("bias" if b is not None else rule))


def _within(group: Index, own: Index, groups: int, size: int) -> sp.Expr:
    """Return the channel that is the `own`-th of a group."""
    if groups == 1:
        return own
    return group if size == 1 else group * size + own
