"""Activations of the linear-unit family: exact beyond a threshold, bent below it.

Enters: a tensor, or a scalar expression. Leaves: the same kind of thing. The slope at a corner is stated per
function. An exponential of a large number is never taken: each piece is evaluated only where it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.build import parameter
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, normal_axes
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.nn.activations import activate, literal
from symdl.nn.initializers import fill


def elu(z: Any, alpha: float = 1.0, *, name: str | None = None) -> Any:
    """`z` where ``z > 0``, else ``alpha*(exp(z) - 1)``; the slope at 0 is `alpha`.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.elu(x).sum(), x)))
    {1 if x > 0; exp(x) otherwise}
    """
    a = literal(alpha, "alpha")
    return activate(lambda x: sp.Piecewise((x, x > 0), (a * (sp.exp(x) - 1), True)), z, name, "elu")


SELU_SCALE, SELU_ALPHA = sp.Rational("1.0507009873554804934"), sp.Rational("1.6732632423543772848")
"""With these, layers of the self-normalizing unit keep mean 0 and variance 1."""


def selu(z: Any, *, name: str | None = None) -> Any:
    """The self-normalizing unit (Klambauer et al., 2017): an ELU with two fixed constants.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.selu(x).sum(), x)))
    {1.05070098736 if x > 0; 1.75809934085·exp(x) otherwise}
    """

    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((SELU_SCALE * x, x > 0), (SELU_SCALE * SELU_ALPHA * (sp.exp(x) - 1), True))

    return activate(formula, z, name, "selu")


def relu6(z: Any, *, name: str | None = None) -> Any:
    """`z` kept between 0 and 6; the slope at 0 and at 6 is 0.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.relu6(x).sum(), x)))
    g[i] = {0 if x[i] ≥ 6 ∨ x[i] ≤ 0; 1 otherwise}
    """
    return _between(z, 0, 6, name, "relu6")


def hardtanh(z: Any, low: float = -1.0, high: float = 1.0, *, name: str | None = None) -> Any:
    """`z` kept between `low` and `high`; the slope at the limits is 0.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.hardtanh(x).sum(), x)))
    g[i] = {0 if x[i] ≥ 1 ∨ x[i] ≤ -1; 1 otherwise}
    """
    return _between(z, literal(low, "low"), literal(high, "high"), name, "hardtanh")


def celu(z: Any, alpha: float = 1.0, *, name: str | None = None) -> Any:
    """`z` where ``z > 0``, else ``alpha*(exp(z/alpha) - 1)``; the slope at 0 is 1 (Barron, 2017).

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.celu(x).sum(), x)))
    {1 if x > 0; exp(x) otherwise}
    """
    a = literal(alpha, "alpha")
    return activate(lambda x: sp.Piecewise((x, x > 0), (a * (sp.exp(x / a) - 1), True)), z, name, "celu")


def hard_sigmoid(z: Any, *, slope: float | None = None, shift: float = 0.5, name: str | None = None) -> Any:
    """``slope*z + shift`` kept between 0 and 1, by default ``z/6 + 1/2``; the slope at the limits is 0.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.hard_sigmoid(x).sum(), x)))
    g[i] = {0 if x[i] ≥ 3 ∨ x[i] ≤ -3; 1/6 otherwise}
    """
    line = _line(slope, shift)

    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((0, line(x) <= 0), (1, line(x) >= 1), (line(x), True))

    return activate(formula, z, name, "hard sigmoid")


def hard_swish(z: Any, *, name: str | None = None) -> Any:
    """`z` times its hard sigmoid (Howard et al., 2019); the slope is 0 at -3 and 1 at 3.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.hard_swish(x).sum(), x)))
    {0 if x ≤ -3; 1 if x ≥ 3; 1/3·x + 1/2 otherwise}
    """
    line = _line(None, 0.5)

    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((0, x <= -3), (x, x >= 3), (x * line(x), True))

    return activate(formula, z, name, "hard swish")


def thresholded_relu(z: Any, threshold: float = 1.0, *, name: str | None = None) -> Any:
    """`z` where ``z > threshold``, else 0; the slope at the threshold is 0.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.thresholded_relu(x).sum(), x)))
    {0 if x ≤ 1; 1 otherwise}
    """
    t = literal(threshold, "threshold")
    return activate(lambda x: sp.Piecewise((0, x <= t), (x, True)), z, name, "thresholded relu")


def shrink(z: Any, threshold: float = 0.5, *, shift: float = 0.0, name: str | None = None) -> Any:
    """0 where ``|z| <= threshold``, beyond it `z` less `shift` towards 0; the slope at the limits is 0.

    With ``shift=0`` this is hard shrinkage, with ``shift=threshold`` soft shrinkage.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.shrink(x).sum(), x)))
    g[i] = {0 if x[i] ≥ -1/2 ∧ x[i] ≤ 1/2; 1 otherwise}
    """
    t, s = literal(threshold, "threshold"), literal(shift, "shift")

    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((0, sp.And(x <= t, x >= -t)), (x + s, x < 0), (x - s, True))

    return activate(formula, z, name, "shrink")


def _line(slope: float | None, shift: float) -> Callable[[sp.Expr], sp.Expr]:
    a, b = sp.Rational(1, 6) if slope is None else literal(slope, "slope"), literal(shift, "shift")
    return lambda x: a * x + b


@takes_tensors
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

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 3))
        >>> [p.name for p in sd.parameters(sd.nn.prelu(x, name="bend"))]
        ['bend.a']
    """
    where = axis_indices(z.rank)
    axes = () if axis is None else normal_axes(axis, z.rank)
    sizes = [z.shape[a] for a in axes]
    if not all(isinstance(size, int) for size in sizes):
        raise ShapeError(f"{name}: {z} has no integer size along axis {axis}")
    a = parameter(f"{name}.a", sizes, init=fill(0.25))
    x = z.at(*where)
    body = sp.Piecewise((x, x > 0), (a.at(*(where[axis] for axis in axes)) * x, True))
    return define(name, where, body, shape=z.shape, origin=Origin("prelu"))


def _between(z: Any, low: Any, high: Any, name: str | None, rule: str) -> Any:
    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((low, x <= low), (high, x >= high), (x, True))

    return activate(formula, z, name, rule)
