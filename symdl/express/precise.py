"""Functions that keep all digits where the formula that they stand for would lose them.

Enters: what `computed` recognised in an expression. Leaves: SymPy functions that kernels and the reference
interpreter compute in a safe form. They never stand in an equation, so no derivation shows them.
"""

from __future__ import annotations

import sympy as sp


class Precise(sp.Function):
    """A real function of one real variable, not evaluated by SymPy."""

    nargs = 1

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_is_real(self) -> bool:
        return True


class Log1p(Precise):
    """``log(1 + u)``."""


class Expm1(Precise):
    """``exp(u) - 1``."""


class Logistic(Precise):
    """``1/(1 + exp(-u))``."""


class Sech2(Precise):
    """``1/cosh(u)**2``, which is ``1 - tanh(u)**2``."""


class Softplus(Precise):
    """``log(1 + exp(u))``."""


class LogCosh(Precise):
    """``log(cosh(u))``."""


class LogExpm1(Precise):
    """``log(exp(u) - 1)``, for positive `u`."""


class Log1mExp(Precise):
    """``log(1 - exp(u))``, for negative `u`."""


class Erfc(Precise):
    """``erfc(u)``, which SymPy would write as ``2 - erfc(-u)`` for half of all arguments."""


class Erfcx(Precise):
    """``exp(u**2)*erfc(u)``."""


class LogErfc(Precise):
    """``log(erfc(u))``."""


class LogHalfErfc(Precise):
    """``log(erfc(u)/2)``."""
