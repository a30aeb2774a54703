"""Images of another size: every element a weighted mean of its neighbours.

Enters: images or sequences, batch and channels first. Leaves: the same layout with other sizes. Along each
axis ``y[i] = sum_k w(position(i) - k) x[k]``: a matrix of weights, which is a formula of its indices, times
the axis. Beyond the ends of an axis its outermost elements are repeated, or nothing counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Index, is_number
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, one_axis
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.activations import literal

Formula = Callable[[sp.Expr], sp.Expr]
Interpolation = Literal["nearest", "linear", "cubic"]


@takes_tensors
def resize(
    x: Tensor,
    size: int | Sequence[int] | None = None,
    *,
    scale: float | Sequence[float] | None = None,
    mode: Interpolation = "linear",
    align_corners: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Tensor:
    """Give the axes after batch and channels another size.

    Args:
        x: shape ``(batch, channels, ...)``, the sizes after the channels integers.
        size: the new sizes, one number or one an axis.
        scale: instead of `size`, how many times as large; the new size is rounded down.
        mode: ``"nearest"`` takes the nearest element (the later one of two), ``"linear"`` weighs the two
            neighbours, ``"cubic"`` four by a cubic polynomial (Keys, 1981, with ``a = -0.75``; -0.5 with
            `antialias`).
        align_corners: the outermost elements keep their places; else elements are little squares, and the
            edges of the image keep theirs.
        antialias: where the image becomes smaller, the mean is over as many more neighbours; not of a
            nearest element.
        name: of the result.

    Raises:
        ShapeError: no axes to resize, a symbolic size, not one new size for each axis.
        ExpressionError: an unknown mode, neither `size` nor `scale`, or both; `antialias` with ``"nearest"``.
    """
    axes = x.rank - 2
    old = x.shape[2:]
    if axes < 1 or not all(isinstance(n, int) and n > 0 for n in old):
        raise ShapeError(
            "resize needs axes of integer sizes after the channels", shapes={str(x.name): x.shape}
        )
    _check_mode(mode, antialias)
    for axis, (n, m, ratio) in enumerate(_sizes([int(n) for n in old], size, scale), start=2):
        if align_corners:
            place = _affine(sp.Rational(n - 1, max(m - 1, 1)), sp.Integer(0))
        else:
            place = _affine(1 / ratio, (1 / ratio - 1) / 2)
        shrink = min(ratio, sp.Integer(1)) if antialias else sp.Integer(1)
        weight, reach = WEIGHTS[mode](sp.Rational(-1, 2) if antialias else sp.Rational(-3, 4))
        reach = int(sp.ceiling(reach / shrink))
        x = resample(
            x,
            axis,
            m,
            position=place,
            weight=lambda t, w=weight, s=shrink: w(s * t),  # type: ignore[misc]
            reach=reach,
            repeat_edges=not antialias,
            normalized=antialias,
        )
    where = axis_indices(x.rank)
    return x if name is None else define(name, where, x.at(*where), shape=x.shape, origin=Origin("resize"))


def _check_mode(mode: Interpolation, antialias: bool) -> None:
    if mode not in ("nearest", "linear", "cubic"):
        raise ExpressionError(f"mode = {mode!r}", cure="use 'nearest', 'linear' or 'cubic'")
    if antialias and mode == "nearest":
        raise ExpressionError(
            "the nearest element is no mean that antialias could widen",
            cure="leave antialias out, or use mode='linear' or 'cubic'",
        )


@takes_tensors
def resample(
    x: Tensor,
    axis: int,
    size: int,
    *,
    position: Formula,
    weight: Formula,
    reach: int,
    repeat_edges: bool = True,
    normalized: bool = False,
    name: str | None = None,
) -> Tensor:
    """``y[i] = sum_k weight(position(i) - k) x[k]`` along one axis, for ``i = 0 .. size - 1``.

    Args:
        x: any shape with an integer size along `axis`.
        axis: along which elements are weighed.
        size: the new size.
        position: where element `i` of the result lies among those of `x`, a formula of the index.
        weight: of an element at a distance, a formula that is 0 beyond `reach`.
        reach: the largest distance with a weight.
        repeat_edges: beyond its ends the axis goes on with its outermost element; else nothing is there.
        normalized: the weights of each place are divided by their sum.
        name: of the result.

    Raises:
        ShapeError: a symbolic size along the axis.
    """
    along = one_axis(axis, x.rank)
    count = x.shape[along]
    if not isinstance(count, int) or count < 1:
        raise ShapeError(f"{x} cannot be resampled along an axis of size {count}")
    i, k = Index("i"), Index("k")
    distance = sp.expand(position(i)) - k
    body = weight(distance)
    if repeat_edges:
        for edge, sign in ((sp.Integer(0), 1), (sp.Integer(count - 1), -1)):
            beyond = sp.Add(*(weight(position(i) - edge + sign * step) for step in range(1, reach + 1)))
            body += sp.Piecewise((beyond, sp.Eq(k, edge)), (0, True))
    weights = define(None, (i, k), body, shape=(size, count), origin=Origin("weights"))
    if normalized:
        total = define(None, (i,), Sum(weights.at(i, k), (k, count)), shape=(size,), origin=Origin("total"))
        share = weights.at(i, k) / total.at(i)
        weights = define(None, (i, k), share, shape=(size, count), origin=Origin("weights"))
    where = axis_indices(x.rank)
    (r,) = axis_indices(1, skip=where)
    term = x.at(*where[:along], r, *where[along + 1 :]) * weights.at(where[along], r)
    shape = (*x.shape[:along], size, *x.shape[along + 1 :])
    return define(name, where, Sum(term, (r, count)), shape=shape, origin=Origin("resample"))


def _affine(factor: sp.Expr, start: sp.Expr) -> Formula:
    return lambda i: factor * i + start


def _sizes(
    old: Sequence[int], size: int | Sequence[int] | None, scale: float | Sequence[float] | None
) -> list[tuple[int, int, sp.Rational]]:
    """Old size, new size and their ratio along each axis."""
    given = scale if size is None else size
    if given is None or (size is not None and scale is not None):
        raise ExpressionError("resize needs sizes or scales", cure="pass one of size=... and scale=...")
    values: list[Any] = list(given) if isinstance(given, list | tuple) else [given] * len(old)
    if len(values) != len(old) or any(not is_number(value) or not value > 0 for value in values):
        name = "scale" if size is None else "size"
        raise ShapeError(
            f"resize: {name} = {given!r} for {len(old)} axes", cure=f"{name}: one positive number an axis"
        )
    if size is not None:
        return [(n, int(m), sp.Rational(int(m), n)) for n, m in zip(old, values, strict=True)]
    ratios = [literal(value) for value in values]
    found = [(n, int(sp.floor(n * r)), r) for n, r in zip(old, ratios, strict=True)]
    if any(m < 1 for _, m, _ in found):
        raise ShapeError(f"resize: nothing is left of {tuple(old)} at scale {scale}")
    return found


def linear_weight(t: sp.Expr) -> sp.Expr:
    """``max(0, 1 - |t|)``."""
    return sp.Piecewise((1 - t, sp.And(t >= 0, t < 1)), (1 + t, sp.And(t < 0, t > -1)), (0, True))


def cubic_weight(t: sp.Expr, a: sp.Expr) -> sp.Expr:
    """The cubic convolution kernel of Keys (1981): 1 at 0, 0 at the other whole numbers and beyond 2."""

    def near(d: sp.Expr) -> sp.Expr:
        return ((a + 2) * d - (a + 3)) * d**2 + 1

    def far(d: sp.Expr) -> sp.Expr:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return sp.Piecewise(
        (near(t), sp.And(t >= 0, t <= 1)),
        (near(-t), sp.And(t < 0, t >= -1)),
        (far(t), sp.And(t > 1, t < 2)),
        (far(-t), sp.And(t < -1, t > -2)),
        (0, True),
    )


def nearest_weight(t: sp.Expr) -> sp.Expr:
    """1 where ``-1/2 <= t < 1/2``: of two elements at one distance the later one."""
    half = sp.Rational(1, 2)
    return sp.Piecewise((1, sp.And(t >= -half, t < half)), (0, True))


WEIGHTS: dict[str, Callable[[sp.Rational], tuple[Formula, int]]] = {
    "nearest": lambda a: (nearest_weight, 1),
    "linear": lambda a: (linear_weight, 1),
    "cubic": lambda a: (lambda t: cubic_weight(t, a), 2),
}
"""The weights of each mode, and how far they reach."""
