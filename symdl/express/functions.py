"""Elementary functions, elementwise.

Enters: a tensor, or a SymPy expression such as ``Z[i, j]``. Leaves: the same kind of thing. Derivatives are
derived; the values at a corner are stated per function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.doors import operand
from symdl.express.operators import apply, elementwise, joint, operands
from symdl.express.quotients import FloorDivide, Remainder, real_quotients
from symdl.express.tensors import Tensor

Formula = Callable[[Any, Any], sp.Expr]


def exp(x: Any) -> Any:
    """The exponential.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.exp(x).sum(), x)))
    exp(x)
    """
    return apply(sp.exp, x)


def log(x: Any) -> Any:
    """The natural logarithm.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.log(x).sum(), x)))
    1/x
    """
    return apply(sp.log, x)


def sqrt(x: Any) -> Any:
    """The square root.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.sqrt(x).sum(), x)))
    1/(2·√(x))
    """
    return apply(sp.sqrt, x)


def sin(x: Any) -> Any:
    """The sine.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.sin(x).sum(), x)))
    cos(x)
    """
    return apply(sp.sin, x)


def cos(x: Any) -> Any:
    """The cosine.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.cos(x).sum(), x)))
    -sin(x)
    """
    return apply(sp.cos, x)


def tan(x: Any) -> Any:
    """The tangent.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.tan(x).sum(), x)))
    1 + tan(x)∘²
    """
    return apply(sp.tan, x)


def asin(x: Any) -> Any:
    """The inverse sine, for values from -1 to 1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.asin(x).sum(), x)))
    1/√(1 - x∘²)
    """
    return apply(sp.asin, x)


def acos(x: Any) -> Any:
    """The inverse cosine, for values from -1 to 1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.acos(x).sum(), x)))
    -1/√(1 - x∘²)
    """
    return apply(sp.acos, x)


def atan(x: Any) -> Any:
    """The inverse tangent.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.atan(x).sum(), x)))
    1/(x∘² + 1)
    """
    return apply(sp.atan, x)


def sinh(x: Any) -> Any:
    """The hyperbolic sine.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.sinh(x).sum(), x)))
    cosh(x)
    """
    return apply(sp.sinh, x)


def cosh(x: Any) -> Any:
    """The hyperbolic cosine.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.cosh(x).sum(), x)))
    sinh(x)
    """
    return apply(sp.cosh, x)


def asinh(x: Any) -> Any:
    """The inverse hyperbolic sine.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.asinh(x).sum(), x)))
    1/√(x∘² + 1)
    """
    return apply(sp.asinh, x)


def acosh(x: Any) -> Any:
    """The inverse hyperbolic cosine, for values from 1 on.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.acosh(x).sum(), x)))
    1/(√(x - 1) ⊙ √(x + 1))
    """
    return apply(sp.acosh, x)


def atanh(x: Any) -> Any:
    """The inverse hyperbolic tangent, for values between -1 and 1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.atanh(x).sum(), x)))
    1/(1 - x∘²)
    """
    return apply(sp.atanh, x)


def erf(x: Any) -> Any:
    """The error function.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.erf(x).sum(), x)))
    2·exp(-x∘²)/√π
    """
    return apply(sp.erf, x)


def log1p(x: Any) -> Any:
    """``log(1 + x)``, exact for small `x`.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.log1p(x).sum(), x)))
    1/(x + 1)
    """
    return apply(lambda u: sp.log(1 + u), x)


def expm1(x: Any) -> Any:
    """``exp(x) - 1``, exact for small `x` in a kernel.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.expm1(x).sum(), x)))
    exp(x)
    """
    return apply(lambda u: sp.exp(u) - 1, x)


def absolute(x: Any) -> Any:
    """The absolute value, with slope 0 at 0."""
    return apply(sp.Abs, x, whole=True)


def sign(x: Any) -> Any:
    """-1, 0 or 1; its slope is 0 everywhere, also at the jump.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.sign(x), target="python")(x=[-1.5, 0.5, 2])
    array([-1.,  1.,  1.])
    """
    return apply(sp.sign, x, whole=True)


def square(x: Any) -> Any:
    """``x**2``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.square(x).sum(), x)))
    2·x
    """
    return apply(lambda u: u**2, x, whole=True)


def reciprocal(x: Any) -> Any:
    """``1/x``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.reciprocal(x).sum(), x)))
    -1/x∘²
    """
    return apply(lambda u: 1 / u, x)


def rsqrt(x: Any) -> Any:
    """``1/sqrt(x)``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.rsqrt(x).sum(), x)))
    -1/(2·x^∘(3/2))
    """
    return apply(lambda u: 1 / sp.sqrt(u), x)


def power(base: Any, exponent: Any) -> Any:
    """``base**exponent``, broadcasting; a whole exponent takes any base, another one a positive base.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.power(x, 3).sum(), x)))
    3·x∘²
    """
    base, exponent = operand(base), operand(exponent)
    whole = isinstance(exponent, sp.Integer) and exponent >= 0
    return elementwise(
        lambda a, b: a**b, base, exponent, rule="power", dtype=joint(base) if whole else "real"
    )


def floor(x: Any) -> Any:
    """The next whole number below; its slope is 0 everywhere, also at the jumps.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.floor(x), target="python")(x=[-1.5, 0.5, 2])
    array([-2.,  0.,  2.])
    """
    return apply(sp.floor, x, whole=True)


def ceil(x: Any) -> Any:
    """The next whole number above; its slope is 0 everywhere, also at the jumps.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.ceil(x), target="python")(x=[-1.5, 0.5, 2])
    array([-1.,  1.,  2.])
    """
    return apply(lambda u: -sp.floor(-u), x, whole=True)


def rint(x: Any) -> Any:
    """The nearest whole number, the even one of two; its slope is 0 everywhere, also at the jumps.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.rint(x), target="python")(x=[-1.5, 0.5, 2])
    array([-2.,  0.,  2.])
    """
    return apply(rounded, x, whole=True)


def rounded(u: sp.Expr) -> sp.Expr:
    """Return the nearest whole number of a scalar."""
    low, half = sp.floor(u), sp.Rational(1, 2)
    even = 2 * sp.floor((low + 1) / 2)
    return sp.Piecewise((low, u - low < half), (low + 1, u - low > half), (even, True))


def mod(x: Any, divisor: Any) -> Any:
    """``x - divisor*floor(x/divisor)``: what remains has the sign of the divisor, as Python's ``%``.

    The slope with respect to `x` is 1 everywhere, also at the jumps; with respect to the divisor it is
    ``-floor(x/divisor)``.

    Raises:
        ExpressionError: the divisor is the number 0.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.compile(sd.mod(x, 3), target="python")(x=[-1, 2, 7])
        array([2., 2., 1.])
    """
    return _divided(sp.Mod, Remainder, x, divisor, "mod")


def floor_divide(x: Any, divisor: Any) -> Any:
    """``floor(x/divisor)``, as Python's ``//``; its slope is 0 everywhere, also at the jumps.

    Raises:
        ExpressionError: the divisor is the number 0.
    """
    return _divided(lambda a, b: sp.floor(a / b), FloorDivide, x, divisor, "floor divide")


def _divided(whole: Formula, real: Formula, x: Any, divisor: Any, rule: str) -> Any:
    """Apply one form of a division to whole numbers, which stay whole, and another to reals."""
    x, divisor = operands(x, divisor)
    if not isinstance(divisor, Tensor) and divisor.is_zero:
        raise ExpressionError("nothing can be divided by 0", cure="use another divisor")
    if not isinstance(x, Tensor) and not isinstance(divisor, Tensor):
        return real_quotients(whole(x, divisor))
    if joint(x, divisor) == "int64":
        return elementwise(whole, x, divisor, rule=rule, dtype="int64")
    return elementwise(real, x, divisor, rule=rule)
