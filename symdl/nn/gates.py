"""Smooth activations: a value times a gate, and bounded quotients.

Enters: a tensor, or a scalar expression. Leaves: the same kind of thing, finite together with its derived
slope for values of ±1000.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.express.doors import takes_tensors
from symdl.express.joining import split
from symdl.express.operators import elementwise
from symdl.express.tensors import Tensor
from symdl.nn.activations import activate, literal, sigmoid


def silu(z: Any, *, beta: float = 1.0, name: str | None = None) -> Any:
    """``z*sigmoid(beta*z)``, also called swish (Ramachandran et al., 2017).

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.silu(x).sum(), x)))
    σ(x) ⊙ (1 + x ⊙ σ(-x))
    """
    b = literal(beta, "beta")
    return activate(lambda x: x / (1 + sp.exp(-b * x)), z, name, "silu")


@takes_tensors
def glu(
    z: Tensor, axis: int = -1, *, gate: Callable[..., Tensor] = sigmoid, name: str | None = None
) -> Tensor:
    """The first half of `z` along `axis` times `gate` of the second (Dauphin et al., 2017).

    Args:
        z: any shape with an even size along `axis`.
        axis: which is halved.
        gate: such as `sigmoid`; with `silu` this is SwiGLU (Shazeer, 2020).
        name: of the result.

    Raises:
        ShapeError: the size is odd or symbolic.

    Example:
        >>> sd.nn.glu(sd.tensor("x", (2, 6))).shape
        (2, 3)
    """
    value, held = split(z, 2, axis)
    return elementwise(lambda a, b: a * b, value, gate(held), name=name, rule="gated linear unit")


def gelu(z: Any, *, approximate: bool = False, name: str | None = None) -> Any:
    """``z*Phi(z)`` with the normal distribution function, by `erf` (Hendrycks and Gimpel, 2016).

    With ``approximate=True`` by tanh: ``z*(1 + tanh(sqrt(2/pi)*(z + 0.044715*z**3)))/2``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.gelu(x).sum(), x)))
    x ⊙ φ(x) + Φ(x)
    """
    if approximate:
        root, cubic = sp.sqrt(2 / sp.pi), sp.Rational("0.044715")
        return activate(lambda x: x * (1 + sp.tanh(root * (x + cubic * x**3))) / 2, z, name, "gelu (tanh)")
    return activate(lambda x: x * (1 + sp.erf(x / sp.sqrt(2))) / 2, z, name, "gelu")


def mish(z: Any, *, name: str | None = None) -> Any:
    """``z*tanh(softplus(z))`` (Misra, 2019).

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.mish(x).sum(), x)))
    x ⊙ σ(x) ⊙ (1 - tanh(log(1 + exp(x)))∘²) + tanh(log(1 + exp(x)))
    """
    return activate(lambda x: x * sp.tanh(sp.log(1 + sp.exp(x))), z, name, "mish")


def softsign(z: Any, *, name: str | None = None) -> Any:
    """``z/(1 + |z|)``; the slope at 0 is 1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.softsign(x).sum(), x)))
    {1/(x + 1) - x/(x + 1)∘² if x > 0; x/(1 - x)∘² + 1/(1 - x) otherwise}
    """

    def formula(x: sp.Expr) -> sp.Expr:
        return sp.Piecewise((x / (1 + x), x > 0), (x / (1 - x), True))

    return activate(formula, z, name, "softsign")


def log_sigmoid(z: Any, *, name: str | None = None) -> Any:
    """``-log(1 + exp(-z))``, without overflow.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.nn.log_sigmoid(x).sum(), x)))
    σ(-x)
    """
    return activate(lambda x: -sp.log(1 + sp.exp(-x)), z, name, "log sigmoid")
