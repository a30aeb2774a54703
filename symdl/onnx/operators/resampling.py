"""Operators: resizing and of affine grids.

Enters: a node. Leaves: tensors. Along each axis the positions are a formula of the index, by the node's
rule, and the weights a formula of the distance.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import sympy as sp

from symdl import nn
from symdl.express.tensors import Tensor
from symdl.nn.resampling import cubic_weight, linear_weight
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node

HALF = sp.Rational(1, 2)
Formula = Callable[[sp.Expr], sp.Expr]


def _shrunk(weight: Formula, shrink: sp.Expr, distance: sp.Expr) -> sp.Expr:
    return weight(shrink * distance)


def resized(node: Node) -> Tensor:
    x = node[0]
    for axis, scale, size in sizes(node):
        if size == x.shape[axis] and scale == 1:
            continue
        place = position(node, axis, scale, x.shape[axis], size)
        weight, reach = weighed(node)
        shrink = min(scale, sp.Integer(1)) if node.get("antialias") else sp.Integer(1)
        old = x.shape[axis]
        x = nn.resample(
            x,
            axis,
            size,
            position=place,
            weight=partial(_shrunk, weight, shrink),
            reach=int(sp.ceiling(reach / shrink)),
            repeat_edges=not node.get("exclude_outside"),
            normalized=bool(node.get("exclude_outside") or node.get("antialias")),
        )
        if node.get("coordinate_transformation_mode") == "tf_crop_and_resize":
            (i,) = sd.indices("i")
            where = sd.define(None, (i,), place(i), shape=(size,))
            where = where.reshape(*(size if a == axis else 1 for a in range(x.rank)))
            x = sd.where((where >= 0) & (where <= old - 1), x, node.get("extrapolation_value"))
    return x + 0


def sizes(node: Node) -> list[tuple[int, sp.Expr, int]]:
    """The axes that get another size, with their scale."""
    x = node[0]
    axes = [a % x.rank for a in node.get("axes") or range(x.rank)]
    if node.has(2) and len(node.array(2)):
        scales = [sp.Rational(str(float(s))) for s in node.array(2)]
        return [(a, s, int(sp.floor(s * x.shape[a]))) for a, s in zip(axes, scales, strict=True)]
    wanted = node.ints(3)
    ratios = [sp.Rational(m, x.shape[a]) for a, m in zip(axes, wanted, strict=True)]
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        one = min(ratios) if policy == "not_larger" else max(ratios)
        ratios = [one] * len(axes)
        wanted = [int(sp.floor(one * x.shape[a] + HALF)) for a in axes]
    return list(zip(axes, ratios, wanted, strict=True))


def position(node: Node, axis: int, scale: sp.Expr, old: int, new: int) -> Formula:
    mode = node.get("coordinate_transformation_mode")
    full = scale * old
    if mode == "align_corners":
        return lambda i: i * (old - 1) / (full - 1) if full != 1 else sp.Integer(0)
    if mode == "asymmetric":
        return lambda i: i / scale
    if mode == "tf_crop_and_resize":
        ends = node.array(1)
        chosen = [a % node[0].rank for a in node.get("axes") or range(node[0].rank)]
        at = chosen.index(axis)
        low, high = (sp.Rational(str(float(e))) for e in (ends[at], ends[at + len(chosen)]))
        return lambda i: low * (old - 1) + i * (high - low) * (old - 1) / (full - 1)
    shift = old * (1 - new / full) / 2 if mode == "half_pixel_symmetric" else 0
    if mode == "pytorch_half_pixel" and full == 1:
        return lambda i: -HALF
    return lambda i: shift + (i + HALF) / scale - HALF


def weighed(node: Node) -> tuple[Formula, int]:
    if node.get("mode") == "linear":
        return linear_weight, 1
    if node.get("mode") == "cubic":
        a = sp.Rational(str(round(node.get("cubic_coeff_a"), 6)))
        return lambda t: cubic_weight(t, a), 2
    ends: dict[str, tuple[Formula, Formula]] = {
        "round_prefer_floor": (lambda t: t > -HALF, lambda t: t <= HALF),
        "round_prefer_ceil": (lambda t: t >= -HALF, lambda t: t < HALF),
        "floor": (lambda t: t >= 0, lambda t: t < 1),
        "ceil": (lambda t: t > -1, lambda t: t <= 0),
    }
    low, high = ends[node.get("nearest_mode")]
    return lambda t: sp.Piecewise((1, sp.And(low(t), high(t))), (0, True)), 1


def affine_grid(node: Node) -> Tensor:
    """Where each element of an image comes from, if the image is turned, stretched and moved."""
    batch, _, *image = node.ints(1)
    names = sd.indices("h w") if len(image) == 2 else sd.indices("d h w")
    n, r = sd.indices("n r")
    theta = node[0]

    def place(index: sp.Expr, size: int) -> sp.Expr:
        if node.get("align_corners"):
            return 2 * index / sp.Integer(size - 1) - 1
        return (2 * index + 1) / sp.Integer(size) - 1

    places = [place(i, size) for i, size in zip(names, image, strict=True)]
    body = theta[n, r, len(image)] + sum(theta[n, r, k] * p for k, p in enumerate(reversed(places)))
    return sd.define(None, (n, *names, r), body, shape=(batch, *image, len(image)))


RESAMPLING: dict[str, Adapter] = {"AffineGrid": affine_grid, "Resize": resized}
