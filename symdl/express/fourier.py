"""Discrete Fourier transforms, by their definition.

Enters: tensors, real or complex. Leaves: their transforms, each part one equation:
``Y[k] = sum_n x[n] exp(-2πikn/N)`` in cosines and sines. So they are printed and differentiated; in how few
operations they are computed is decided when everything is derived (`symdl.differentiate.transforms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.complexes import ComplexTensor, as_complex, parts_of, real_tensor
from symdl.express.doors import as_tensor
from symdl.express.equations import Origin
from symdl.express.fouriersums import K, Norm, axis_names, known_size, part_of, scale_of, size_of, transform
from symdl.express.operators import normal_axes, one_axis, read
from symdl.express.surface import define
from symdl.express.tensors import Tensor


def fft(
    x: Any, n: int | None = None, axis: int = -1, norm: Norm | None = None, *, name: str | None = None
) -> ComplexTensor:
    """The discrete Fourier transform along an axis, ``Y[k] = sum_n x[n] exp(-2πikn/N)``.

    It is computed in O(N log N) operations, and so are its derivatives, which are derived.

    Args:
        x: real or complex, of any rank.
        n: N; the axis is cut, or continued with zeros. By default its size.
        axis: along which; its size is an integer.
        norm: what the sum is divided by: 1 (``"backward"``, the default), √N (``"ortho"``) or N
            (``"forward"``).
        name: of the result.

    Raises:
        ShapeError: no such axis, one of symbolic size, or `n` below 1.
        ExpressionError: another `norm`.

    Example:
        >>> x = sd.tensor("x", (8,))
        >>> print(sd.fft(x, name="Y").re.equation)
        Y_re[k] = sum_{n} x[n]*cos(k*n*pi/4)
        >>> sd.compile(sd.fft(x), target="python")(x=[1, 0, 0, 0, 0, 0, 0, 0])[:2]
        array([1.+0.j, 1.+0.j])
    """
    return _along(x, n, axis, norm, -1, name, "fft")


def ifft(
    x: Any, n: int | None = None, axis: int = -1, norm: Norm | None = None, *, name: str | None = None
) -> ComplexTensor:
    """The inverse of `fft`: ``x[n] = 1/N sum_k Y[k] exp(2πikn/N)``. Arguments and errors are those of `fft`.

    >>> z = sd.complex_tensor("z", (4,))
    >>> sd.compile(sd.ifft(sd.fft(z)), target="python")(z=np.array([1, 2j, 3, 4])).round(12)
    array([1.+0.j, 0.+2.j, 3.+0.j, 4.+0.j])
    """
    return _along(x, n, axis, norm, 1, name, "ifft")


def rfft(
    x: Any, n: int | None = None, axis: int = -1, norm: Norm | None = None, *, name: str | None = None
) -> ComplexTensor:
    """The first ``N//2 + 1`` values of the transform of real numbers; the others are their conjugates.

    Arguments and errors are those of `fft`; `x` is real.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("b"), 8))
        >>> sd.rfft(x).shape
        (b, 5)
    """
    x = real_tensor(x, "rfft")
    size = size_of(x, n, axis, "rfft")
    parts = (x, sp.Integer(0))
    return transform(parts, size, size // 2 + 1, axis, -1, scale_of(size, norm, -1), name)


def irfft(
    x: Any, n: int | None = None, axis: int = -1, norm: Norm | None = None, *, name: str | None = None
) -> Tensor:
    """The inverse of `rfft`: N real numbers from ``N//2 + 1`` complex ones.

    Args:
        x: real or complex; imaginary parts of the first value and, for even N, of the last do not count.
        n: N, by default ``2*(m - 1)`` for m values.
        axis: along which; its size is an integer.
        norm: as in `ifft`.
        name: of the result.

    Raises:
        ShapeError: no such axis, one of symbolic size, or `n` below 1.
        ExpressionError: another `norm`.

    Example:
        >>> x = sd.tensor("x", (6,))
        >>> sd.compile(sd.irfft(sd.rfft(x)), target="python")(x=[1, 2, 3, 4, 5, 6]).round(12)
        array([1., 2., 3., 4., 5., 6.])
    """
    real, imaginary = parts_of(x, "irfft")
    real = as_tensor(real)
    at = one_axis(axis, real.rank)
    given = known_size(real, at, "irfft")
    size = size_of(real, 2 * (given - 1) if n is None else n, axis, "irfft")
    count = min(given, size // 2 + 1)
    names = axis_names(real.rank, at, K)
    shape = (*real.shape[:at], count, *real.shape[at + 1 :])
    alone = sp.Or(sp.Eq(K, 0), sp.Eq(K, size // 2)) if size % 2 == 0 else sp.Eq(K, 0)

    def twice(part: Any, once: Any) -> Any:  # each value counts for its conjugate too
        if not isinstance(part, Tensor):
            return part
        value = read(part, names)
        body = sp.Piecewise((once * value, alone), (2 * value, True))
        return define(None, names, body, shape=shape, origin=Origin("irfft"))

    parts = (twice(real, 1), twice(imaginary, 0))
    return part_of(parts, size, size, axis, 1, scale_of(size, norm, 1), 0, name)


def fftn(
    x: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm | None = None,
) -> ComplexTensor:
    """The transform along several axes, all by default. Other arguments and errors are those of `fft`.

    Args:
        x: real or complex.
        s: N for each of the axes.
        axes: along which; with `s` alone the last ones.
        norm: as in `fft`.

    Example:
        >>> sd.fftn(sd.tensor("x", (3, 4))).shape
        (3, 4)
    """
    return _several(x, s, axes, norm, -1, "fftn")


def ifftn(
    x: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm | None = None,
) -> ComplexTensor:
    """The inverse of `fftn`, with its arguments and errors.

    >>> sd.ifftn(sd.complex_tensor("z", (3, 4))).shape
    (3, 4)
    """
    return _several(x, s, axes, norm, 1, "ifftn")


def fft2(
    x: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: Norm | None = None,
) -> ComplexTensor:
    """The transform of images: along the last two axes. Arguments and errors are those of `fftn`.

    >>> sd.fft2(sd.tensor("x", (sd.Dim("b"), 3, 8, 6))).shape
    (b, 3, 8, 6)
    """
    return _several(x, s, axes, norm, -1, "fft2")


def ifft2(
    x: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: Norm | None = None,
) -> ComplexTensor:
    """The inverse of `fft2`, with its arguments and errors.

    >>> sd.ifft2(sd.complex_tensor("z", (3, 4))).shape
    (3, 4)
    """
    return _several(x, s, axes, norm, 1, "ifft2")


def _along(
    x: Any, n: int | None, axis: int, norm: Norm | None, sign: int, name: str | None, what: str
) -> ComplexTensor:
    real, imaginary = parts_of(x, what)
    real = as_tensor(real)
    size = size_of(real, n, axis, what)
    return transform((real, imaginary), size, size, axis, sign, scale_of(size, norm, sign), name)


def _several(
    x: Any, s: Sequence[int] | None, axes: Sequence[int] | None, norm: Norm | None, sign: int, what: str
) -> ComplexTensor:
    rank = as_tensor(parts_of(x, what)[0]).rank
    if axes is None:
        axes = range(rank) if s is None else range(rank - len(s), rank)
    normal_axes(axes, rank)
    if s is not None and len(s) != len(axes):
        raise ShapeError(f"{what}: {len(s)} sizes for {len(axes)} axes", cure="pass one size an axis")
    if not axes:
        return as_complex(x)
    sizes: Sequence[int | None] = s or [None] * len(axes)
    (axis, size), *others = zip(axes, sizes, strict=True)
    found = _along(x, size, axis, norm, sign, None, what)
    for axis, size in others:
        found = _along(found, size, axis, norm, sign, None, what)
    return found
