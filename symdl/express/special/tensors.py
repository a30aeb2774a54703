"""Special functions of tensors.

Enters: tensors, which broadcast, SymPy expressions or numbers. Leaves: the same kind of thing, elementwise.
Derivatives are derived; where one has no closed form, such as that in the order of a Bessel function, asking
for it is an error. On the processor they are SciPy's C functions, in double precision.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.express.special.kinds import betainc as _betainc
from symdl.express.special.kinds import betaln as _betaln
from symdl.express.special.kinds import gammainc as _gammainc
from symdl.express.special.kinds import gammaincc as _gammaincc
from symdl.express.special.own import applied


def airy_ai(x: Any) -> Any:
    """Airy's function Ai.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.airy_ai(x).sum(), x)))
    airyaiprime(x)
    """
    return applied(sp.airyai, x)


def airy_bi(x: Any) -> Any:
    """Airy's function Bi.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.airy_bi(x).sum(), x)))
    airybiprime(x)
    """
    return applied(sp.airybi, x)


def besseli(order: Any, x: Any) -> Any:
    """The modified Bessel function of the first kind, I; of any real order.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.besseli(0, x).sum(), x)))
    g[i] = I₁(x[i])
    """
    return applied(sp.besseli, order, x)


def besselj(order: Any, x: Any) -> Any:
    """The Bessel function of the first kind, J; of any real order.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.besselj(0, x).sum(), x)))
    g[i] = -J₁(x[i])
    """
    return applied(sp.besselj, order, x)


def besselk(order: Any, x: Any) -> Any:
    """The modified Bessel function of the second kind, K; NaN below 0.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.besselk(0, x).sum(), x)))
    g[i] = -K₁(x[i])
    """
    return applied(sp.besselk, order, x)


def bessely(order: Any, x: Any) -> Any:
    """The Bessel function of the second kind, Y; NaN below 0.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.bessely(0, x).sum(), x)))
    g[i] = -Y₁(x[i])
    """
    return applied(sp.bessely, order, x)


def beta(a: Any, b: Any) -> Any:
    """The beta function ``gamma(a)*gamma(b)/gamma(a + b)``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.beta(x, 2).sum(), x)))
    g[i] = (ψ(x[i]) - ψ(x[i] + 2))·B(x[i], 2)
    """
    return applied(sp.beta, a, b)


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularised incomplete beta function, the distribution function of the beta distribution.

    Only `x` has a derivative.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.betainc(2, 3, x).sum(), x)))
    e^(-log B(2, 3))·x ⊙ (1 - x)∘²
    """
    return applied(_betainc, a, b, x)


def betaln(a: Any, b: Any) -> Any:
    """The logarithm of the beta function, without overflow.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.betaln(x, 2).sum(), x)))
    g[i] = ψ(x[i]) - ψ(x[i] + 2)
    """
    return applied(_betaln, a, b)


def cosine_integral(x: Any) -> Any:
    """The cosine integral Ci, for positive `x`.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.cosine_integral(x).sum(), x)))
    cos(x)/x
    """
    return applied(sp.Ci, x)


def digamma(x: Any) -> Any:
    """The derivative of `gammaln`.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.digamma(x).sum(), x)))
    g[i] = ψ′(x[i])
    """
    return applied(lambda u: sp.polygamma(0, u), x)


def ellipe(m: Any) -> Any:
    """The complete elliptic integral of the second kind, of the parameter ``m = k**2``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.ellipe(x).sum(), x)))
    -1/2·elliptic_d(x)
    """
    return applied(sp.elliptic_e, m)


def ellipk(m: Any) -> Any:
    """The complete elliptic integral of the first kind, of the parameter ``m = k**2``.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.ellipk(x).sum(), x)))
    (elliptic_k(x) - elliptic_d(x))/(2 - 2·x)
    """
    return applied(sp.elliptic_k, m)


def erfc(x: Any) -> Any:
    """``1 - erf(x)``, also where that is small.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.erfc(x).sum(), x)))
    -2·exp(-x∘²)/√π
    """
    return applied(sp.erfc, x)


def erfinv(x: Any) -> Any:
    """The inverse of `erf`, for values between -1 and 1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.erfinv(x).sum(), x)))
    √π/2·exp(erfinv(x)∘²)
    """
    return applied(sp.erfinv, x)


def expi(x: Any) -> Any:
    """The exponential integral Ei.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.expi(x).sum(), x)))
    exp(x)/x
    """
    return applied(sp.Ei, x)


def expint(order: Any, x: Any) -> Any:
    """The exponential integral E of a whole order, for positive `x`.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.expint(2, x).sum(), x)))
    g[i] = -expint(1, x[i])
    """
    return applied(sp.expint, order, x)


def gamma(x: Any) -> Any:
    """The gamma function, ``factorial(x - 1)`` for whole numbers.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.gamma(x).sum(), x)))
    g[i] = Γ(x[i])·ψ(x[i])
    """
    return applied(sp.gamma, x)


def gammainc(a: Any, x: Any) -> Any:
    """The regularised lower incomplete gamma function P, the distribution function of the gamma distribution.

    Only `x` has a derivative.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.gammainc(2, x).sum(), x)))
    x ⊙ exp(-x)
    """
    return applied(_gammainc, a, x)


def gammaincc(a: Any, x: Any) -> Any:
    """The regularised upper incomplete gamma function, ``1 - gammainc(a, x)``; only `x` has a derivative.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.gammaincc(2, x).sum(), x)))
    -x ⊙ exp(-x)
    """
    return applied(_gammaincc, a, x)


def gammaln(x: Any) -> Any:
    """The logarithm of the absolute value of `gamma`, without overflow.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.gammaln(x).sum(), x)))
    g[i] = ψ(x[i])
    """
    return applied(sp.loggamma, x)


def lambertw(x: Any, branch: Any = 0) -> Any:
    """Lambert's W, the solution of ``w*exp(w) = x``: the larger one for the branch 0, the other for -1.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.lambertw(x).sum(), x)))
    exp(-W(x))/(1 + W(x))
    """
    return applied(sp.LambertW, x, branch)


def polygamma(order: Any, x: Any) -> Any:
    """The derivative of `digamma` of a whole order, a number.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.polygamma(1, x).sum(), x)))
    g[i] = ψ⁽²⁾(x[i])
    """
    return applied(sp.polygamma, order, x)


def sine_integral(x: Any) -> Any:
    """The sine integral Si.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.sine_integral(x).sum(), x)))
    sinc(x)
    """
    return applied(sp.Si, x)


def zeta(s: Any, a: Any = 1) -> Any:
    """Hurwitz's zeta function, Riemann's for ``a = 1``; only `a` has a derivative.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.zeta(2, x).sum(), x)))
    g[i] = -2·zeta(3, x[i])
    """
    return applied(sp.zeta, s, a)
