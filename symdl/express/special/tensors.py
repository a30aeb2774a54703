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
    """Airy's function Ai."""
    return applied(sp.airyai, x)


def airy_bi(x: Any) -> Any:
    """Airy's function Bi."""
    return applied(sp.airybi, x)


def besseli(order: Any, x: Any) -> Any:
    """The modified Bessel function of the first kind, I; of any real order."""
    return applied(sp.besseli, order, x)


def besselj(order: Any, x: Any) -> Any:
    """The Bessel function of the first kind, J; of any real order."""
    return applied(sp.besselj, order, x)


def besselk(order: Any, x: Any) -> Any:
    """The modified Bessel function of the second kind, K; NaN below 0."""
    return applied(sp.besselk, order, x)


def bessely(order: Any, x: Any) -> Any:
    """The Bessel function of the second kind, Y; NaN below 0."""
    return applied(sp.bessely, order, x)


def beta(a: Any, b: Any) -> Any:
    """The beta function ``gamma(a)*gamma(b)/gamma(a + b)``."""
    return applied(sp.beta, a, b)


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularised incomplete beta function, the distribution function of the beta distribution.

    Only `x` has a derivative.
    """
    return applied(_betainc, a, b, x)


def betaln(a: Any, b: Any) -> Any:
    """The logarithm of the beta function, without overflow."""
    return applied(_betaln, a, b)


def cosine_integral(x: Any) -> Any:
    """The cosine integral Ci, for positive `x`."""
    return applied(sp.Ci, x)


def digamma(x: Any) -> Any:
    """The derivative of `gammaln`."""
    return applied(lambda u: sp.polygamma(0, u), x)


def ellipe(m: Any) -> Any:
    """The complete elliptic integral of the second kind, of the parameter ``m = k**2``."""
    return applied(sp.elliptic_e, m)


def ellipk(m: Any) -> Any:
    """The complete elliptic integral of the first kind, of the parameter ``m = k**2``."""
    return applied(sp.elliptic_k, m)


def erfc(x: Any) -> Any:
    """``1 - erf(x)``, also where that is small."""
    return applied(sp.erfc, x)


def erfinv(x: Any) -> Any:
    """The inverse of `erf`, for values between -1 and 1."""
    return applied(sp.erfinv, x)


def expi(x: Any) -> Any:
    """The exponential integral Ei."""
    return applied(sp.Ei, x)


def expint(order: Any, x: Any) -> Any:
    """The exponential integral E of a whole order, for positive `x`."""
    return applied(sp.expint, order, x)


def gamma(x: Any) -> Any:
    """The gamma function, ``factorial(x - 1)`` for whole numbers."""
    return applied(sp.gamma, x)


def gammainc(a: Any, x: Any) -> Any:
    """The regularised lower incomplete gamma function P, the distribution function of the gamma distribution.

    Only `x` has a derivative.
    """
    return applied(_gammainc, a, x)


def gammaincc(a: Any, x: Any) -> Any:
    """The regularised upper incomplete gamma function, ``1 - gammainc(a, x)``; only `x` has a derivative."""
    return applied(_gammaincc, a, x)


def gammaln(x: Any) -> Any:
    """The logarithm of the absolute value of `gamma`, without overflow."""
    return applied(sp.loggamma, x)


def lambertw(x: Any, branch: Any = 0) -> Any:
    """Lambert's W, the solution of ``w*exp(w) = x``: the larger one for the branch 0, the other for -1."""
    return applied(sp.LambertW, x, branch)


def polygamma(order: Any, x: Any) -> Any:
    """The derivative of `digamma` of a whole order, a number."""
    return applied(sp.polygamma, order, x)


def sine_integral(x: Any) -> Any:
    """The sine integral Si."""
    return applied(sp.Si, x)


def zeta(s: Any, a: Any = 1) -> Any:
    """Hurwitz's zeta function, Riemann's for ``a = 1``; only `a` has a derivative."""
    return applied(sp.zeta, s, a)
