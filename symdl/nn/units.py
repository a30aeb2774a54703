"""Activations of the linear-unit family: exact beyond a threshold, bent below it.

Enters: a tensor, or a scalar expression. Leaves: the same kind of thing. The slope at a corner is stated per
function. An exponential of a large number is never taken: each piece is evaluated only where it holds.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.build import parameter
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, normal_axes
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.nn.activations import activate, literal
from symdl.nn.initializers import constant


def elu(z: Any, alpha: float = 1.0, *, name: str | None = None) -> Any:
    """`z` where ``z > 0``, else ``alpha*(exp(z) - 1)``; the slope at 0 is `alpha`."""
    a = literal(alpha)
    return activate(lambda x: sp.Piecewise((x, x > 0), (a * (sp.exp(x) - 1), True)), z, name, "elu")


def selu(z: Any, *, name: str | None = None) -> Any:
    """The self-normalizing unit (Klambauer et al., 2017): an ELU with two fixed constants."""
    scale, alpha = sp.Rational("1.0507009873554804934"), sp.Rational("1.6732632423543772848")

    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((scale * x, x > 0), (scale * alpha * (sp.exp(x) - 1), True))

    return activate(formula, z, name, "selu")


def relu6(z: Any, *, name: str | None = None) -> Any:
    """`z` kept between 0 and 6; the slope at 0 and at 6 is 0."""
    return _between(z, 0, 6, name, "relu6")


def hardtanh(z: Any, low: float = -1.0, high: float = 1.0, *, name: str | None = None) -> Any:
    """`z` kept between `low` and `high`; the slope at the limits is 0."""
    return _between(z, literal(low), literal(high), name, "hardtanh")


def hard_sigmoid(z: Any, *, name: str | None = None) -> Any:
    """``z/6 + 1/2`` kept between 0 and 1; the slope at -3 and at 3 is 0."""

    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((0, x <= -3), (1, x >= 3), (x / 6 + sp.Rational(1, 2), True))

    return activate(formula, z, name, "hard sigmoid")


def prelu(z: Tensor, *, name: str, axis: int | None = None) -> Tensor:
    """A leaky rectifier whose slope below 0 is learned, ``name.a``, at first 0.25 (He et al., 2015).

    Args:
        z: any shape.
        name: the path of the slope, and the name of the result.
        axis: an axis along which each entry has its own slope, such as 1 for channels; None: one for all.

    Returns:
        The shape of `z`; at 0 the slope is the learned one.

    Raises:
        ShapeError: the axis has a symbolic size.
    """
    where = axis_indices(z.rank)
    axes = () if axis is None else normal_axes(axis, z.rank)
    sizes = [z.shape[a] for a in axes]
    if not all(isinstance(size, int) for size in sizes):
        raise ShapeError(f"{name}: {z} has no integer size along axis {axis}")
    a = parameter(f"{name}.a", sizes, init=constant(0.25))
    x = z.at(*where)
    body = sp.Piecewise((x, x > 0), (a.at(*(where[axis] for axis in axes)) * x, True))
    return define(name, where, body, shape=z.shape, origin=Origin("prelu"))


def _between(z: Any, low: Any, high: Any, name: str | None, rule: str) -> Any:
    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((low, x <= low), (high, x >= high), (x, True))

    return activate(formula, z, name, rule)
