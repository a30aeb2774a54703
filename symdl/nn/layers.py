"""Layers: functions from tensors to tensors that make their parameters.

Enters: a tensor, sizes, a name. Leaves: the layer's output. Parameters are named by path, ``"first.W"``.
"""

from __future__ import annotations

from collections.abc import Callable

from symdl.errors import ShapeError
from symdl.express import shaping
from symdl.express.build import parameter
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.activations import activated, leaky_relu, relu
from symdl.nn.initializers import Initializer, glorot, he, zeros


@takes_tensors
def dense(
    x: Tensor,
    units: int,
    *,
    activation: Callable[..., Tensor] | None = None,
    name: str,
    bias: bool = True,
    init: Initializer | None = None,
) -> Tensor:
    """An affine layer and its activation: ``A = f(X W + b)``.

    Args:
        x: shape ``(..., inputs)``; the last size must be an integer.
        units: the number of outputs.
        activation: such as `relu`, any function of a tensor; None leaves the layer affine.
        name: the path of its parameters ``name.W`` (inputs, units) and ``name.b`` (units,).
        bias: whether there is a ``name.b``.
        init: of the weight; by default He for rectifiers and Glorot otherwise. Biases start at zero.

    Returns:
        shape ``(..., units)``.

    Raises:
        ShapeError: `x` has no axis, or its last size is not an integer.
        ExpressionError: an activation that is no function, or a number of units that is no size.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 3))
        >>> y = sd.nn.dense(x, 5, activation=sd.relu, name="first")
        >>> y.shape, [p.name for p in sd.parameters(y)]
        ((n, 5), ['first.W', 'first.b'])
    """
    inputs = x.shape[-1] if x.rank else None
    if not isinstance(inputs, int):
        raise ShapeError(
            f"layer {name}: the last axis of {x} must have an integer size",
            shapes={str(x.name): x.shape},
        )
    rectifies = activation is relu or activation is leaky_relu
    w = parameter(
        f"{name}.W", (inputs, units), init=(he() if rectifies else glorot()) if init is None else init
    )
    where = axis_indices(x.rank + 1)
    *rows, j, k = where
    body = Sum(x.at(*rows, k) * w.at(k, j), (k, inputs))
    if bias:
        b = parameter(f"{name}.b", (units,), init=zeros())
        body = body + b.at(j)
    shape = (*x.shape[:-1], units)
    z = define(f"{name}.Z", (*rows, j), body, shape=shape, origin=Origin("affine"))
    return activated(z, activation, name)


@takes_tensors
def flatten(x: Tensor) -> Tensor:
    """Every sample of a batch as a vector, row-major: ``sd.flatten(x, start=1)``.

    Args:
        x: shape ``(batch, ...)``.

    Returns:
        shape ``(batch, features)``.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 3, 28, 28))
        >>> sd.nn.flatten(x).shape
        (n, 2352)
    """
    return shaping.flatten(x, 1)
