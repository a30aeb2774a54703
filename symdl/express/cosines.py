"""Discrete cosine transforms, by their definition.

Enters: real tensors. Leaves: their transforms, as sums of cosines.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.complexes import real_tensor
from symdl.express.dims import Index
from symdl.express.equations import Origin
from symdl.express.fouriersums import K, N, Norm, axis_names, known_size, normed, size_of
from symdl.express.operators import one_axis
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor


def dct(
    x: Any,
    type: Literal[2, 3] = 2,
    n: int | None = None,
    axis: int = -1,
    norm: Norm | None = None,
    *,
    name: str | None = None,
) -> Tensor:
    """The discrete cosine transform, as ``scipy.fft.dct``.

    Type 2 is ``Y[k] = 2 sum_n x[n] cos(πk(2n + 1)/(2N))``, and type 3 is
    ``Y[k] = x[0] + 2 sum_{n>0} x[n] cos(πn(2k + 1)/(2N))``. ``"ortho"`` makes them orthogonal and
    inverse to each other.

    Args:
        x: real.
        type: 2 or 3.
        n: N; the axis is cut, or continued with zeros.
        axis: along which; its size is an integer.
        norm: ``"backward"``, ``"ortho"`` or ``"forward"``, which divides by 2N.
        name: of the result.

    Raises:
        ShapeError: no such axis, one of symbolic size, or `n` below 1.
        ExpressionError: another `norm` or `type`.

    Example:
        >>> x = sd.tensor("x", (2,))
        >>> sd.compile(sd.dct(x), target="python")(x=[1, 1]).round(12)
        array([4., 0.])
    """
    if type not in (2, 3):
        raise ExpressionError(f"dct of type {type!r}", cure="use type=2 or type=3")
    x = real_tensor(x, "dct")
    size, at = size_of(x, n, axis, "dct"), one_axis(axis, x.rank)
    chosen = normed(norm)
    scales = {
        "backward": sp.Integer(2),
        "forward": sp.Rational(1, size),
        "ortho": sp.sqrt(sp.Rational(2, size)),
    }
    scale = scales[chosen]
    # The constant counts half in type 3, and by the root of a half in both if they are orthogonal.
    half = sp.sqrt(sp.Rational(1, 2)) if chosen == "ortho" else sp.Rational(1, 2)
    over, where = (N, min(known_size(x, at, "dct"), size)), axis_names(x.rank, at, K)
    shape = (*x.shape[:at], size, *x.shape[at + 1 :])
    if type == 2:
        value = x.at(*(N if i == K else i for i in where))
        waves = Sum(value * _cosine(K, N, size), over)
        total = define(None, where, waves, shape=shape, origin=Origin("dct"))
        factor: sp.Expr = scale
        if chosen == "ortho":
            factor = sp.Piecewise((half * scale, sp.Eq(K, 0)), (scale, True))
        return define(name, where, factor * total.at(*where), shape=shape, origin=Origin("dct"))
    inner = axis_names(x.rank, at, N)
    first = sp.Piecewise((half * x.at(*inner), sp.Eq(N, 0)), (x.at(*inner), True))
    sizes = (*x.shape[:at], over[1], *x.shape[at + 1 :])
    halved = define(None, inner, first, shape=sizes, origin=Origin("dct")).at(*inner)
    return define(
        name, where, scale * Sum(halved * _cosine(N, K, size), over), shape=shape, origin=Origin("dct")
    )


def _cosine(whole: Index, middle: Index, size: int) -> sp.Expr:
    return sp.cos(sp.pi * whole * (2 * middle + 1) / (2 * size))


def idct(
    x: Any,
    type: Literal[2, 3] = 2,
    n: int | None = None,
    axis: int = -1,
    norm: Norm | None = None,
    *,
    name: str | None = None,
) -> Tensor:
    """The inverse of `dct` of the same type, with its arguments and errors.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.idct(sd.dct(x)), target="python")(x=[1, 2, 3]).round(12)
    array([1., 2., 3.])
    """
    if type not in (2, 3):
        raise ExpressionError(f"idct of type {type!r}", cure="use type=2 or type=3")
    back: dict[Norm, Norm] = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
    return dct(x, 3 if type == 2 else 2, n, axis, back[normed(norm)], name=name)
