"""Convolutions and pools, recognised by their equations.

Enters: an equation. Leaves: a Conv, MaxPool or AveragePool with the strides, dilations and paddings that its
positions ``s*p + d*r - padding`` tell, or None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import sympy as sp

from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation, InRange
from symdl.express.tensors import Access
from symdl.onnx.writing.layout import Grid
from symdl.onnx.writing.nodes import Made


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a window: ``stride*place + dilation*step - low``, with `high` more at the other end."""

    place: Index
    step: Index
    kernel: int
    stride: int
    dilation: int
    low: int
    high: int


def convolved(grid: Grid) -> Made | None:
    """Return a convolution: ``sum x[i, c, s*p + d*r - l, ...]*W[o, c, r, ...]``."""
    equation = grid.equation
    factors: tuple[Any, ...] = equation.body.args if isinstance(equation.body, sp.Mul) else ()
    if len(factors) != 2 or not all(isinstance(f, Access) for f in factors) or equation.lhs.rank < 3:
        return None
    for x, w in (factors, factors[::-1]):
        if x.tensor.rank != equation.lhs.rank or w.tensor.rank != x.tensor.rank:
            continue
        spans = _spans(equation, x, 2)
        sample, channel = x.indices[:2]
        out = equation.indices[1]
        names = (sample, out, *(s.place for s in spans or ()))
        if spans is None or equation.indices != names or not _whole_axes(equation, x, 2):
            continue
        if w.indices != (out, channel, *(s.step for s in spans)) or channel not in equation.bound:
            continue
        if len(equation.bound) != 1 + len(spans) or not _whole_axes(equation, w, w.tensor.rank):
            continue
        return grid.graph.node("Conv", grid.tensor(x.tensor), grid.tensor(w.tensor), **_attributes(spans))
    return None


def pooled(grid: Grid) -> Made | None:
    """Return a pool: the maximum, or the mean if nothing is padded, of ``x[i, c, s*p + d*r - l, ...]``."""
    equation = grid.equation
    assert equation.reduction is not None
    number, x = equation.body.as_coeff_Mul()
    if not isinstance(x, Access) or x.tensor.rank != equation.lhs.rank or x.tensor.rank < 3:
        return None
    spans = _spans(equation, x, 2)
    if spans is None or equation.indices != (*x.indices[:2], *(s.place for s in spans)):
        return None
    if len(equation.bound) != len(spans) or not _whole_axes(equation, x, 2) or x.tensor.dtype != "real":
        return None
    options = _attributes(spans) | {"kernel_shape": [s.kernel for s in spans]}
    if equation.reduction.op == "max" and number == 1:
        return grid.graph.node("MaxPool", grid.tensor(x.tensor), **options)
    plain = all(s.low == s.high == 0 and s.dilation == 1 for s in spans)
    if equation.reduction.op == "sum" and plain and number == sp.Rational(1, prod(s.kernel for s in spans)):
        del options["dilations"]
        return grid.graph.node("AveragePool", grid.tensor(x.tensor), **options)
    return None


def _whole_axes(equation: Equation, access: Access, count: int) -> bool:
    """Say whether the first axes are read from end to end by indices of their own."""
    own = access.indices[:count]
    extents = equation.extents
    pairs = zip(own, access.tensor.shape, strict=False)
    return len(set(own)) == count and all(isinstance(i, Index) and extents[i] == size for i, size in pairs)


def _spans(equation: Equation, access: Access, first: int) -> list[Span] | None:
    guards = {g.expr: g.extent for g in equation.guards if isinstance(g, InRange)}
    if len(guards) != len(equation.guards):
        return None
    found: list[Span] = []
    for expr, size in zip(access.indices[first:], access.tensor.shape[first:], strict=True):
        span = _span(equation, expr, size, guards.pop(expr, None))
        if span is None:
            return None
        found.append(span)
    return None if guards else found


def _span(equation: Equation, expr: sp.Expr, size: Extent, guard: Extent | None) -> Span | None:
    extents = equation.extents
    places = [i for i in expr.free_symbols if i in equation.indices]
    steps = [i for i in expr.free_symbols if i in equation.bound]
    if len(places) != 1 or len(steps) != 1 or len(expr.free_symbols) != 2:
        return None
    place, step = places[0], steps[0]
    stride, dilation = expr.coeff(place), expr.coeff(step)
    low = sp.expand(stride * place + dilation * step - expr)
    numbers = (stride, dilation, low)
    sizes = (size, extents[place], extents[step])
    if not all(n.is_Integer for n in numbers) or not all(isinstance(n, int) for n in sizes):
        return None
    if stride < 1 or dilation < 1 or low < 0 or (guard is not None and guard != size):
        return None
    count, kernel = int(extents[place]), int(extents[step])
    s, d, left = map(int, numbers)
    high = max((count - 1) * s + (kernel - 1) * d + 1 - left - int(size), 0)
    if (guard is None and left + high) or (int(size) + left + high - (kernel - 1) * d - 1) // s + 1 != count:
        return None
    return Span(place, step, kernel, s, d, left, high)


def _attributes(spans: Sequence[Span]) -> dict[str, Any]:
    return {
        "strides": [s.stride for s in spans],
        "dilations": [s.dilation for s in spans],
        "pads": [s.low for s in spans] + [s.high for s in spans],
    }
