"""Tensors surrounded by more elements, or by fewer.

Enters: a tensor and widths. Leaves: a tensor with zeros, another number or its own elements around it. Every
part is an equation of its own that is not evaluated outside its place; what is read several times gets the
sum of the gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, as_extent, at_most
from symdl.express.doors import takes_tensors
from symdl.express.equations import Guard, InRange, Origin
from symdl.express.joining import concatenate
from symdl.express.operators import axis_indices, number
from symdl.express.surface import define
from symdl.express.tensors import Tensor

Width: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]

Filling = Literal["constant", "edge", "reflect", "symmetric", "wrap"]


@takes_tensors
def pad(
    x: Tensor, width: Width, *, mode: Filling = "constant", value: Any = None, name: str | None = None
) -> Tensor:
    """Surround a tensor with more elements, as ``numpy.pad`` does.

    Args:
        x: any shape.
        width: one number for every side, ``(before, after)`` for every axis, or one such pair an axis. A
            negative number takes elements away; what other sides get is of the whole tensor.
        mode: with ``"constant"`` a number, with ``"edge"`` the outermost element, with ``"reflect"`` the
            elements mirrored at the outermost one, with ``"symmetric"`` mirrored with it, with ``"wrap"``
            those from the other end.
        value: what ``"constant"`` fills in, 0 by default; no other mode has one.
        name: of the result.

    Raises:
        ExpressionError: widths or a mode that are none, or a value that the mode does not fill in.
        ShapeError: a mirrored or wrapped width that is longer than the axis, or nothing is left of one.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.compile(sd.pad(x, 1), target="python")(x=[1, 2, 3])
        array([0., 1., 2., 3., 0.])
        >>> sd.compile(sd.pad(x, (2, -1)), target="python")(x=[1, 2, 3])
        array([0., 0., 1., 2.])
    """
    pairs = _pairs(width, x.rank)
    if mode not in ("constant", *_REACH):
        raise ExpressionError(f"{mode!r} is no mode of padding", cure=f"use constant, {', '.join(_REACH)}")
    if value is not None and mode != "constant":
        raise ExpressionError(f"the mode {mode!r} fills in elements of the tensor", cure="leave value out")
    fill = number(0 if value is None else value, "value")
    if any(min(pair) < 0 for pair in pairs):
        more = pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], mode=mode, value=value)
        return _cropped(more, [(min(a, 0), min(b, 0)) for a, b in pairs], name)
    if mode == "constant" and fill == 0:
        return _with_zeros(x, pairs, name)
    padded = x
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            padded = _extended(padded, axis, before, after, mode, fill)
    where = axis_indices(x.rank)
    origin = Origin("pad")
    return define(name, where, padded.at(*where), shape=padded.shape, dtype=padded.dtype, origin=origin)


_REACH = {"edge": 0, "reflect": 1, "symmetric": 0, "wrap": 0}
"""How many elements of an axis a mode cannot use."""


def _cropped(x: Tensor, pairs: Sequence[tuple[int, int]], name: str | None) -> Tensor:
    """Take elements away at both ends of every axis; the widths are at most 0."""
    sides = zip(x.shape, pairs, strict=True)
    shape = tuple(as_extent(before + size + after) for size, (before, after) in sides)
    if any(isinstance(size, int) and size < 1 for size in shape):
        raise ShapeError(
            "a negative padding leaves nothing of an axis",
            shapes={str(x.name): x.shape},
            cure="take fewer elements away",
        )
    where = axis_indices(x.rank)
    reads = [i - before for i, (before, _) in zip(where, pairs, strict=True)]
    return define(name, where, x.at(*reads), shape=shape, dtype=x.dtype, origin=Origin("crop"))


def _with_zeros(x: Tensor, pairs: Sequence[tuple[int, int]], name: str | None) -> Tensor:
    where = axis_indices(x.rank)
    shape: list[Extent] = [as_extent(a + s + b) for s, (a, b) in zip(x.shape, pairs, strict=True)]
    reads = [i - before for i, (before, _) in zip(where, pairs, strict=True)]
    guards: list[Guard] = [
        InRange(e, size) for e, size, pair in zip(reads, x.shape, pairs, strict=True) if pair != (0, 0)
    ]
    origin = Origin("pad")
    return define(name, where, x.at(*reads), shape=shape, dtype=x.dtype, origin=origin, guards=guards)


def _extended(x: Tensor, axis: int, before: int, after: int, mode: Filling, fill: sp.Expr) -> Tensor:
    """Put elements before and after those along one axis."""
    size = x.shape[axis]
    if mode != "constant":
        needed = (1 if mode == "edge" else max(before, after)) + _REACH[mode]
        if not at_most(needed, size):
            raise ShapeError(
                f"padding by {mode!r} needs {needed} elements along axis {axis}",
                shapes={str(x.name): x.shape},
                cure="pad less, or by 'constant' or 'edge'",
            )

    def part(start: sp.Expr | int, step: int, count: int) -> Tensor:
        """The elements ``start, start + step, ...`` of the axis, or the number."""
        where = axis_indices(x.rank)
        place = sp.expand(start + step * where[axis])
        body = fill if mode == "constant" else x.at(*where[:axis], place, *where[axis + 1 :])
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        dtype = x.dtype if mode != "constant" or fill.is_Integer else "real"
        return define(None, where, body, shape=shape, dtype=dtype, origin=Origin("margin"))

    left, right, step = {
        "constant": (0, 0, 0),
        "edge": (0, size - 1, 0),
        "reflect": (before, size - 2, -1),
        "symmetric": (before - 1, size - 1, -1),
        "wrap": (size - before, 0, 1),
    }[mode]
    parts = [*([part(left, step, before)] if before else []), x]
    parts += [part(right, step, after)] if after else []
    return concatenate(parts, axis)


def _pairs(width: Width, rank: int) -> list[tuple[int, int]]:
    if isinstance(width, int):
        pairs = [(width, width)] * rank
    elif len(width) == 2 and all(isinstance(w, int) for w in width):
        pairs = [(int(width[0]), int(width[1]))] * rank  # type: ignore[arg-type]
    else:
        pairs = [tuple(pair) for pair in width]  # type: ignore[arg-type, misc]
    if len(pairs) != rank or any(len(p) != 2 for p in pairs):
        raise ExpressionError(f"{width} is no padding of {rank} axes", cure="pass (before, after) per axis")
    return pairs
