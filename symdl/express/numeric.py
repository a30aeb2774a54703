"""Small functions of numbers that NumPy or PyTorch have by name, elementwise, as formulas.

Enters: tensors, which broadcast, SymPy expressions or numbers. Leaves: the same kind of thing. Their
derivatives are derived from the formulas; at a jump the slope is that beside it.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.express.conditions import Condition, as_condition, equal
from symdl.express.doors import as_tensor
from symdl.express.functions import absolute
from symdl.express.operators import apply
from symdl.express.special.own import applied


def cbrt(x: Any) -> Any:
    """The real cube root, also of negative numbers.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.cbrt(x), target="python")(x=[-8, 0, 1])
    array([-2.,  0.,  1.])
    """
    return applied(lambda u: sp.sign(u) * sp.Abs(u) ** sp.Rational(1, 3), x)


def copysign(x: Any, y: Any) -> Any:
    """The size of `x` with the sign of `y`; a zero has the sign +, whichever it is.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.copysign(x, -1), target="python")(x=[-2, 0.5, 3])
    array([-2. , -0.5, -3. ])
    """
    return applied(lambda a, b: sp.Abs(a) * sp.Piecewise((1, b >= 0), (-1, b < 0)), x, y)


def deg2rad(x: Any) -> Any:
    """An angle in degrees as one in radians.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.deg2rad(x).sum(), x)))
    π/180·𝟏
    """
    return applied(lambda u: u * sp.pi / 180, x)


def entr(x: Any) -> Any:
    """``-x*log(x)``, a term of an entropy: 0 where `x` is 0, and ``-inf`` where it is negative.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.entr(x), target="python")(x=[-1, 0, 0.5])
    array([      -inf, 0.        , 0.34657359])
    """
    return applied(
        lambda u: sp.Piecewise((-u * sp.log(u), u > 0), (sp.S.Zero, sp.Eq(u, 0)), (-sp.oo, u < 0)), x
    )


def exp2(x: Any) -> Any:
    """``2**x``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.exp2(x).sum(), x)))
    g[i] = log(2)·2^x[i]
    """
    return applied(lambda u: 2**u, x)


def fmod(x: Any, divisor: Any) -> Any:
    """What a division that is rounded towards 0 leaves over: it has the sign of `x`; see `mod`.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.fmod(x, 3), target="python")(x=[-1, 2, 7])
    array([-1.,  2.,  1.])
    """
    return applied(sp.Rem, x, divisor)


def frac(x: Any) -> Any:
    """``x - trunc(x)``: what stands behind the decimal point, with the sign of `x`; its slope is 1.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.frac(x), target="python")(x=[-1.5, 0.25, 2])
    array([-0.5 ,  0.25,  0.  ])
    """
    return applied(lambda u: u - _truncated(u), x)


def heaviside(x: Any, there: Any) -> Any:
    """0 for negative numbers, 1 for positive ones, and `there` at 0; its slope is 0, also at the jump.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.heaviside(x, 0.5), target="python")(x=[-1.5, 0, 2])
    array([0. , 0.5, 1. ])
    """
    return applied(sp.Heaviside, x, there)


def isclose(x: Any, y: Any, *, rtol: float = 1e-5, atol: float = 1e-8) -> Condition:
    """Where ``abs(x - y) <= atol + rtol*abs(y)``, or where both are the same infinity.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.isclose(x, 1), target="python")(x=[1, 1 + 1e-6, 1.1])
    array([1., 1., 0.])
    """
    left, right = as_tensor(x), as_tensor(y)
    near = absolute(left - right) <= atol + rtol * absolute(right)
    found: Condition = as_condition(equal(left, right)) | near
    return found


def ldexp(x: Any, exponent: Any) -> Any:
    """``x*2**exponent``.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.ldexp(x, 3), target="python")(x=[-1, 0.5, 2])
    array([-8.,  4., 16.])
    """
    return applied(lambda u, e: u * 2**e, x, exponent)


def lerp(start: Any, end: Any, weight: Any) -> Any:
    """``start + weight*(end - start)``, the point between two: `start` for the weight 0, `end` for 1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.lerp(x, 1, 0.25).sum(), x)))
    3/4·𝟏
    """
    return applied(lambda a, b, w: a + w * (b - a), start, end, weight)


def logit(x: Any) -> Any:
    """``log(x/(1 - x))``, the inverse of `sigmoid`, for values between 0 and 1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.logit(x).sum(), x)))
    1/(1 - x) + 1/x
    """
    return applied(lambda u: sp.log(u) - sp.log(1 - u), x)


def rad2deg(x: Any) -> Any:
    """An angle in radians as one in degrees.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.rad2deg(x).sum(), x)))
    180/π·𝟏
    """
    return applied(lambda u: u * 180 / sp.pi, x)


def trunc(x: Any) -> Any:
    """The next whole number towards 0; its slope is 0 everywhere, also at the jumps.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.trunc(x), target="python")(x=[-1.5, 0.5, 2])
    array([-1.,  0.,  2.])
    """
    return apply(_truncated, x, whole=True)


def xlog1py(x: Any, y: Any) -> Any:
    """``x*log(1 + y)``, and 0 where `x` is 0, whatever `y` is.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.xlog1py(x, 2).sum(), x)))
    log(3)·𝟏
    """
    return applied(lambda a, b: sp.Piecewise((sp.S.Zero, sp.Eq(a, 0)), (a * sp.log(1 + b), True)), x, y)


def _truncated(u: sp.Expr) -> sp.Expr:
    return sp.Piecewise((sp.floor(u), u >= 0), (-sp.floor(-u), True))
