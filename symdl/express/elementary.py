"""The rarer elementary functions, as formulas, elementwise.

Enters: tensors, which broadcast, SymPy expressions or numbers. Leaves: the same kind of thing. Their
derivatives are derived from the formulas.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.doors import as_tensor
from symdl.express.repeating import roll
from symdl.express.special.own import applied
from symdl.express.tensors import Tensor


def atan2(y: Any, x: Any) -> Any:
    """The angle of the point ``(x, y)``, between -pi and pi.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.atan2(x, 2).sum(), x)))
    1/(2·(1/4·x∘² + 1))
    """
    return applied(sp.atan2, y, x)


def cot(x: Any) -> Any:
    """The cotangent.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.cot(x).sum(), x)))
    -1 - cot(x)∘²
    """
    return applied(sp.cot, x)


def coth(x: Any) -> Any:
    """The hyperbolic cotangent.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.coth(x).sum(), x)))
    -1/sinh(x)∘²
    """
    return applied(sp.coth, x)


def csc(x: Any) -> Any:
    """The cosecant, ``1/sin(x)``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.csc(x).sum(), x)))
    -cot(x) ⊙ csc(x)
    """
    return applied(sp.csc, x)


def sec(x: Any) -> Any:
    """The secant, ``1/cos(x)``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.sec(x).sum(), x)))
    tan(x) ⊙ sec(x)
    """
    return applied(sp.sec, x)


def log10(x: Any) -> Any:
    """The logarithm to base 10.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.log10(x).sum(), x)))
    1/x/log(10)
    """
    return applied(lambda u: sp.log(u) / sp.log(10), x)


def log2(x: Any) -> Any:
    """The logarithm to base 2.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.log2(x).sum(), x)))
    1/x/log(2)
    """
    return applied(lambda u: sp.log(u) / sp.log(2), x)


def hypot(x: Any, y: Any) -> Any:
    """``sqrt(x**2 + y**2)``; at the origin it has no slope (NaN).

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.hypot(x, 4).sum(), x)))
    x/√(x∘² + 16)
    """
    return applied(lambda a, b: sp.sqrt(a**2 + b**2), x, y)


def logaddexp(x: Any, y: Any) -> Any:
    """``log(exp(x) + exp(y))``, without overflow.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.logaddexp(x, 0).sum(), x)))
    σ(x)
    """
    return applied(lambda a, b: a + sp.log(1 + sp.exp(b - a)), x, y)


def sinc(x: Any) -> Any:
    """``sin(pi*x)/(pi*x)``, 1 at 0, as in NumPy.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.sinc(x).sum(), x)))
    1/π·(π·x ⊙ cos(π·x) - sin(π·x)) ⊙ [π·x ≠ 0]/x∘²
    """
    return applied(lambda u: sp.sinc(sp.pi * u), x)


def xlogy(x: Any, y: Any) -> Any:
    """``x*log(y)``, and 0 where `x` is 0, whatever `y` is.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.xlogy(x, 2).sum(), x)))
    log(2)·𝟏
    """
    return applied(lambda a, b: sp.Piecewise((sp.S.Zero, sp.Eq(a, 0)), (a * sp.log(b), True)), x, y)


def cross(x: Any, y: Any) -> Tensor:
    """The cross product of vectors of three elements, along the last axis; the other axes broadcast.

    Raises:
        ShapeError: the last axis has not three elements.

    Example:
        >>> a, b = sd.tensor("a", (3,)), sd.tensor("b", (3,))
        >>> sd.compile(sd.cross(a, b), target="python")(a=[1, 0, 0], b=[0, 1, 0])
        array([0., 0., 1.])
    """
    left, right = as_tensor(x), as_tensor(y)
    if left.shape[-1:] != (3,) or right.shape[-1:] != (3,):
        raise ShapeError(
            "the cross product is one of vectors of three elements",
            shapes={"left": left.shape, "right": right.shape},
            cure="let the last axis of both have size 3",
        )
    product: Tensor = _turned(left, -1) * _turned(right, -2) - _turned(left, -2) * _turned(right, -1)
    return product


def _turned(vectors: Tensor, shift: int) -> Tensor:
    return roll(vectors, shift, vectors.rank - 1)
