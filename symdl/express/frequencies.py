"""What goes with Fourier transforms: frequencies, their order, and convolutions.

Enters: tensors, real or complex. Leaves: the same in another order; constants; convolutions by transforms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from symdl.errors import ExpressionError
from symdl.express.complexes import ComplexTensor, real_tensor
from symdl.express.constants import constant
from symdl.express.doors import as_tensor
from symdl.express.equations import Origin
from symdl.express.fourier import irfft, rfft
from symdl.express.fouriersums import known_size, positive
from symdl.express.operators import axis_indices, normal_axes, one_axis
from symdl.express.repeating import roll
from symdl.express.surface import define
from symdl.express.tensors import Tensor


def fftshift(x: Any, axes: int | Sequence[int] | None = None) -> Any:
    """Move the frequency 0 to the middle of each axis, all axes by default.

    Raises:
        ShapeError: no such axis, or one of symbolic size.

    Example:
        >>> x = sd.tensor("x", (4,))
        >>> sd.compile(sd.fftshift(x), target="python")(x=[0, 1, -2, -1])
        array([-2., -1.,  0.,  1.])
    """
    return _shifted(x, axes, lambda size: size // 2)


def ifftshift(x: Any, axes: int | Sequence[int] | None = None) -> Any:
    """The inverse of `fftshift`, with its arguments and errors.

    >>> x = sd.tensor("x", (5,))
    >>> sd.compile(sd.ifftshift(sd.fftshift(x)), target="python")(x=[0, 1, 2, -2, -1])
    array([ 0.,  1.,  2., -2., -1.])
    """
    return _shifted(x, axes, lambda size: -(size // 2))


def fftfreq(n: int, d: float = 1.0) -> Tensor:
    """The frequencies of the results of `fft`, in cycles per unit of the spacing `d`: a constant.

    Raises:
        ShapeError: `n` below 1.

    Example:
        >>> sd.fftfreq(4).value
        array([ 0.  ,  0.25, -0.5 , -0.25])
    """
    import numpy as np  # derivations do without

    return constant(np.fft.fftfreq(positive(n, "fftfreq"), d))


def rfftfreq(n: int, d: float = 1.0) -> Tensor:
    """The frequencies of the results of `rfft`, as `fftfreq`.

    >>> sd.rfftfreq(4).value
    array([0.  , 0.25, 0.5 ])
    """
    import numpy as np  # derivations do without

    return constant(np.fft.rfftfreq(positive(n, "rfftfreq"), d))


def fft_convolve(
    x: Any,
    y: Any,
    axis: int = -1,
    mode: Literal["full", "same", "valid"] = "full",
    *,
    name: str | None = None,
) -> Tensor:
    """The convolution of real sequences along an axis, by transforms: O(N log N) operations for N elements.

    Args:
        x: a sequence, or several; other axes broadcast.
        y: what it is convolved with.
        axis: along which; its sizes are integers.
        mode: all overlaps, those around the middle, of the size of `x`, or those of all of the shorter one.
        name: of the result.

    Raises:
        ShapeError: no such axis, one of symbolic size, or shapes that do not broadcast.
        ExpressionError: another `mode`.

    Example:
        >>> x, y = sd.tensor("x", (3,)), sd.tensor("y", (2,))
        >>> sd.compile(sd.fft_convolve(x, y), target="python")(x=[1, 2, 3], y=[1, 1]).round(12)
        array([1., 3., 5., 3.])
    """
    if mode not in ("full", "same", "valid"):
        raise ExpressionError(f"mode = {mode!r}", cure="use 'full', 'same' or 'valid'")
    x, y = real_tensor(x, "fft_convolve"), real_tensor(y, "fft_convolve")
    if x.rank != y.rank:
        axes = max(x.rank, y.rank)
        x, y = (t.reshape(*(1,) * (axes - t.rank), *t.shape) for t in (x, y))
    at = one_axis(axis, x.rank)
    first, second = known_size(x, at, "fft_convolve"), known_size(y, at, "fft_convolve")
    whole = first + second - 1
    size = _smooth(whole)
    found = irfft(rfft(x, size, at) * rfft(y, size, at), size, at)
    start, count = {
        "full": (0, whole),
        "same": ((whole - first) // 2, first),
        "valid": (min(first, second) - 1, max(first, second) - min(first, second) + 1),
    }[mode]
    where = axis_indices(found.rank)
    places = [i + start if axis == at else i for axis, i in enumerate(where)]
    shape = [count if axis == at else s for axis, s in enumerate(found.shape)]
    return define(name, where, found.at(*places), shape=shape, origin=Origin("convolution"))


def _smooth(size: int) -> int:
    """Return the next size whose prime factors are 2, 3 and 5."""
    while True:
        rest = size
        for p in (2, 3, 5):
            while rest % p == 0:
                rest //= p
        if rest == 1:
            return size
        size += 1


def _shifted(x: Any, axes: int | Sequence[int] | None, by: Callable[[int], int]) -> Any:
    if isinstance(x, ComplexTensor):
        return ComplexTensor(_shifted(x.re, axes, by), _shifted(x.im, axes, by))
    x = as_tensor(x)
    for at in normal_axes(axes, x.rank):
        x = roll(x, by(known_size(x, at, "a shift")), at)
    return x
