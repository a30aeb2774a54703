"""Values that gradients do not pass through.

Enters: a tensor, or a SymPy expression. Leaves: the same values with derivative 0. One use of a tensor may be
stopped and another not: ``sd.where(i <= j, sd.stop_gradient(X[i, j]), X[i, j])``.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.express.operators import apply
from symdl.express.tensors import Tensor


class StopGradient(sp.Function):
    """``StopGradient(x)``: the value of `x`; its derivative is 0, in reverse and in forward mode."""

    nargs = 1

    @classmethod
    def eval(cls, arg: sp.Expr) -> sp.Expr | None:
        """A number does not move anyway, and stopping twice is stopping."""
        return arg if arg.is_number or isinstance(arg, cls) else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative: nothing passes."""
        return sp.Integer(0)

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_is_real(self) -> bool:
        return True


def stop_gradient(x: Any) -> Any:
    """`x` with derivative 0: what it was computed from does not learn through this use of it.

    Central differences see the values move and do not agree with such a gradient.

    Args:
        x: a tensor of any shape, or an expression such as ``Z[i, j]`` inside `define`.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> print(sd.formula(sd.grad((x*sd.stop_gradient(x)).sum(), x)))
        sg(x)
    """
    return x if isinstance(x, Tensor) and x.dtype == "int64" else apply(StopGradient, x)
