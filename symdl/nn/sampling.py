"""Images read at positions that are computed: warps, rotations, spatial transformers.

Enters: images and a grid of positions, or the affine maps that make one. Leaves: the images at these places.
Slopes reach the images and, but for the nearest elements, the positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.comparisons import negated
from symdl.express.dims import Extent
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise
from symdl.express.selecting import clip
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor

Reaches = Callable[[sp.Expr, sp.Expr], sp.Basic]


@takes_tensors
def grid_sample(
    x: Tensor,
    grid: Tensor,
    *,
    mode: Literal["bilinear", "nearest"] = "bilinear",
    padding: Literal["zeros", "border"] = "zeros",
    align_corners: bool = False,
    name: str | None = None,
) -> Tensor:
    """Images at positions: ``y[n, c, i, j]`` is image `n` at ``grid[n, i, j]`` (Jaderberg et al., 2015).

    Args:
        x: shape ``(batch, channels, height, width)``, with integer height and width.
        grid: shape ``(batch, rows, columns, 2)``: positions ``(across, down)`` from -1 to 1. Infinities are
            outside; a NaN gives NaN, if the other number of the position is not outside.
        mode: the four elements around a position, weighted by how near they are, or the nearest one (of two
            as near the one with the even number).
        padding: what is outside the image: zeros, or its outermost elements.
        align_corners: -1 and 1 are the centres of the outermost elements; else their outer edges.
        name: of the result.

    Returns:
        shape ``(batch, channels, rows, columns)``.

    Raises:
        ShapeError: shapes that do not fit together.
        ExpressionError: another mode or padding.

    Example:
        >>> x, grid = sd.tensor("x", (1, 1, 1, 2)), sd.tensor("grid", (1, 1, 3, 2))
        >>> y = sd.nn.grid_sample(x, grid, align_corners=True)
        >>> sd.compile(y, target="python")(x=[[[[0, 8]]]], grid=[[[[-1, 0], [0, 0], [0.5, 0]]]])
        array([[[[0., 4., 6.]]]])
    """
    if mode not in ("bilinear", "nearest") or padding not in ("zeros", "border"):
        raise ExpressionError(
            f"mode = {mode!r} and padding = {padding!r}",
            cure="use mode 'bilinear' or 'nearest' and padding 'zeros' or 'border'",
        )
    sizes = x.shape[2:] if x.rank == 4 else ()
    if not sizes or not all(isinstance(size, int) for size in sizes):
        raise ShapeError(f"grid_sample: {x} holds no images of integer height and width")
    if grid.rank != 4 or grid.shape[-1] != 2 or grid.shape[0] != x.shape[0]:
        raise ShapeError("grid_sample: the grid does not fit", shapes={"x": x.shape, "grid": grid.shape})
    n, c, i, j = axis_indices(4)
    corners: list[list[tuple[sp.Expr, sp.Expr, sp.Basic]]] = []
    for axis, size in enumerate(sizes):
        place = _place(grid[..., 1 - axis], sp.Integer(size), padding, align_corners)
        corners.append(_corners(place, size, mode, (n, i, j)))
    terms = [
        sp.Piecewise((wy * wx * x.at(n, c, row, column), sp.And(inside, also)), (0, True))
        for wy, row, inside in corners[0]
        for wx, column, also in corners[1]
    ]
    shape = (*x.shape[:2], *grid.shape[1:3])
    return define(name, (n, c, i, j), sp.Add(*terms), shape=shape, origin=Origin("grid sample"))


def _place(g: Tensor, size: sp.Integer, padding: str, aligned: bool) -> Tensor:
    """Return positions in elements: 0 is the centre of the first."""

    def formula(v: sp.Expr) -> sp.Expr:
        return (v + 1) * (size - 1) / 2 if aligned else ((v + 1) * size - 1) / 2

    place = elementwise(formula, g, rule="position")
    return clip(place, 0, size - 1) if padding == "border" else place


def _corners(
    place: Tensor, size: int, mode: str, where: tuple[sp.Expr, ...]
) -> list[tuple[sp.Expr, sp.Expr, sp.Basic]]:
    """Return the elements along one axis that a position reads: weight, number, and where there is one."""
    at = place.at(*where)
    if mode == "nearest":
        half = sp.Rational(1, 2)

        def rounded(p: sp.Expr, k: sp.Expr) -> sp.Basic:
            even = sp.And(sp.Eq(p, k - half), sp.Eq(sp.Mod(k, 2), 0))
            return sp.Or(p > k - half, even)

        beyond = at > size - half if size % 2 else at >= size - half
        inside, known = negated(sp.Or(at < -half, beyond)), sp.Or(at < 0, at > 0, sp.Eq(at, 0))
        weight = sp.Piecewise((1, known), (at, True))
        return [(weight, _number(place, size, rounded).at(*where), inside)]
    first = _number(place, max(size - 1, 1), lambda p, k: p >= k).at(*where)
    pair = (first, first + 1) if size > 1 else (first,)
    return [(weight, k, near) for k in pair for weight, near in (_nearness(at, k),)]


def _nearness(at: sp.Expr, k: sp.Expr) -> tuple[sp.Expr, sp.Basic]:
    """``1 - |t|`` for the distance ``t = at - k`` to an element, or a NaN that it is; and where it is near.

    Slopes are those from the right: at an element that towards the next.
    """
    t = at - k
    weight = sp.Piecewise((1 - t, sp.And(t >= 0, t < 1)), (1 + t, sp.And(t >= -1, t < 0)), (t, True))
    return weight, negated(sp.Or(t >= 1, t < -1))


def _number(place: Tensor, size: int, reaches: Reaches) -> Tensor:
    """Count which of the elements 1 to ``size - 1`` a position reaches: the number of the last of them."""
    *where, k = axis_indices(place.rank + 1)
    steps = Sum(sp.Piecewise((1, reaches(place.at(*where), k + 1)), (0, True)), (k, size - 1))
    count = define(None, where, steps, shape=place.shape, dtype="int64", origin=Origin("element"))
    count.below = size
    return count


@takes_tensors
def affine_grid(
    theta: Tensor, size: tuple[Extent, Extent], *, align_corners: bool = False, name: str | None = None
) -> Tensor:
    """The grid of an affine map: position ``theta @ (across, down, 1)`` for each place of an image.

    Args:
        theta: shape ``(batch, 2, 3)``.
        size: rows and columns of the grid.
        align_corners: as in `grid_sample`.
        name: of the result.

    Returns:
        shape ``(batch, rows, columns, 2)``, for `grid_sample`.

    Raises:
        ShapeError: another shape of `theta`.

    Example:
        >>> theta = sd.tensor("theta", (sd.Dim("n"), 2, 3))
        >>> sd.nn.affine_grid(theta, (4, 5)).shape
        (n, 4, 5, 2)
    """
    if theta.rank != 3 or theta.shape[1:] != (2, 3):
        raise ShapeError("affine_grid: a map has 2 rows and 3 columns", shapes={"theta": theta.shape})
    n, i, j, d = axis_indices(4)

    def spread(index: sp.Expr, count: Extent) -> sp.Expr:
        if align_corners:
            return sp.S.Zero if count == 1 else sp.Integer(2) * index / (count - 1) - 1
        return (2 * index + 1) / count - 1

    rows, columns = size
    body = theta.at(n, d, 0) * spread(j, columns) + theta.at(n, d, 1) * spread(i, rows) + theta.at(n, d, 2)
    shape = (theta.shape[0], rows, columns, 2)
    return define(name, (n, i, j, d), body, shape=shape, origin=Origin("affine grid"))
