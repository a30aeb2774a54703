"""Activation functions.

Enters: a tensor, or a scalar expression such as ``Z[i, j]``. Leaves: the same kind of thing, defined by the
function's formula. Slopes at a corner are stated per function; everywhere else they are derived. One's own
activation is one line: ``activate(lambda x: x/(1 + sp.exp(-x)), z, name, "swish")``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.conditions import as_condition
from symdl.express.dims import Index
from symdl.express.doors import operand, takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, elementwise, number, one_axis, reduce
from symdl.express.options import Mask
from symdl.express.statistics import logsumexp
from symdl.express.surface import define
from symdl.express.tensors import Tensor

Formula = Callable[[sp.Expr], sp.Expr]


def activate(formula: Formula, value: Any, name: str | None, rule: str) -> Any:
    """Apply a scalar formula to what stands for a tensor, elementwise, or to a number or an expression."""
    found = operand(value, rule)
    return elementwise(formula, found, name=name, rule=rule) if isinstance(found, Tensor) else formula(found)


def activated(z: Tensor, activation: Callable[..., Tensor] | None, layer: str) -> Tensor:
    """Return ``f(z)``, called ``layer.A`` if the function takes a name; `z` itself without a function.

    Raises:
        ExpressionError: the activation is no function.
    """
    if activation is None:
        return z
    if not callable(activation):
        raise ExpressionError(
            f"layer {layer}: activation = {activation!r}",
            shapes={str(z.name): z.shape},
            cure="pass a function of a tensor, such as sd.relu",
        )
    named = "name" in inspect.signature(activation).parameters
    return activation(z, name=f"{layer}.A") if named else activation(z)


def literal(value: Any, name: str = "a setting") -> sp.Expr:
    """Return a setting as a scalar; a rank-0 tensor or an expression is one, too, and so can be learned.

    A decimal is the rational it was written as: 0.9 is 9/10, so ``1 - 0.9`` is exactly 1/10.

    Raises:
        ExpressionError: it is no finite number, or has axes.
    """
    found = number(value, name)
    if found.is_number and not (found.is_comparable and math.isfinite(found)):
        raise ExpressionError(f"{name} = {value!r}", cure=f"{name} must be a finite number")
    return sp.Rational(repr(float(found))) if found.is_Number else found


def sigmoid(z: Any, *, name: str | None = None) -> Any:
    """``1/(1 + exp(-z))``, any shape.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.sigmoid(x).sum(), x)))
    σ(x) ⊙ (1 - σ(x))
    """
    return activate(lambda x: 1 / (1 + sp.exp(-x)), z, name, "sigmoid")


def tanh(z: Any, *, name: str | None = None) -> Any:
    """The hyperbolic tangent, any shape.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.tanh(x).sum(), x)))
    1 - tanh(x)∘²
    """
    return activate(sp.tanh, z, name, "tanh")


def relu(z: Any, *, name: str | None = None) -> Any:
    """``max(z, 0)``, any shape; the slope at 0 is 0.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.relu(x).sum(), x)))
    [x > 0]
    """
    return activate(lambda x: sp.Max(x, 0), z, name, "relu")


def leaky_relu(z: Any, slope: float = 0.1, *, name: str | None = None) -> Any:
    """`z` where ``z >= 0``, else ``slope*z``; any shape; the slope at 0 is 1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.leaky_relu(x).sum(), x)))
    {1 if x ≥ 0; 1/10 otherwise}
    """
    below = literal(slope, "slope")
    return activate(lambda x: sp.Piecewise((x, x >= 0), (below * x, True)), z, name, "leaky relu")


def softplus(z: Any, *, name: str | None = None) -> Any:
    """``log(1 + exp(z))``, any shape, without overflow.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.softplus(x).sum(), x)))
    σ(x)
    """
    return activate(lambda x: sp.log(1 + sp.exp(x)), z, name, "softplus")


@takes_tensors
def softmax(z: Tensor, axis: int = -1, *, where: Mask = None, name: str | None = None) -> Tensor:
    """``exp(z - logsumexp(z))`` along `axis`: positive, summing to one.

    Elements where `where` does not hold take no part and are 0; so are all if none takes part.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.softmax(x), target="python")(x=[1, 1, 1])
    array([0.33333333, 0.33333333, 0.33333333])
    """
    if where is None:
        return _normalized(z, axis, sp.exp, name, "softmax")
    along = one_axis(axis, z.rank)
    total = logsumexp(z, along, where=where)
    counts, places = as_condition(where), axis_indices(z.rank)
    whole = total.at(*places[:along], *places[along + 1 :])
    # One equation, so that nothing is evaluated, forward or backward, where the condition does not hold.
    share = sp.Piecewise((sp.exp(z.at(*places) - whole), counts.at(places)), (0, True))
    return define(name, places, share, shape=z.shape, origin=Origin("softmax"))


@takes_tensors
def log_softmax(z: Tensor, axis: int = -1, *, name: str | None = None) -> Tensor:
    """``z - logsumexp(z)`` along `axis`.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.log_softmax(x), target="python")(x=[0, 0, 0])
    array([-1.09861229, -1.09861229, -1.09861229])
    """
    return _normalized(z, axis, lambda x: x, name, "log-softmax")


def _normalized(
    z: Tensor, axis: int, outer: Callable[[sp.Expr], sp.Expr], name: str | None, rule: str
) -> Tensor:
    along = one_axis(axis, z.rank)
    total = reduce("logsumexp", z, along)
    where: tuple[Index, ...] = axis_indices(z.rank)
    rest = where[:along] + where[along + 1 :]
    body = outer(z.at(*where) - total.at(*rest))
    return define(name, where, body, shape=z.shape, origin=Origin(rule))
