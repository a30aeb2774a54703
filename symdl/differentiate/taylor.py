"""Taylor polynomials of tensors.

Enters: a tensor, what varies, and the point about which. Leaves: the polynomial, an ordinary tensor: its
terms are directional derivatives, so no Hessian is formed.
"""

from __future__ import annotations

import math
from typing import Any

from symdl.differentiate.tangent import jvp
from symdl.errors import DerivativeError, ShapeError
from symdl.express.doors import in_place_of, takes_tensors
from symdl.express.program import collect
from symdl.express.replacing import replace
from symdl.express.tensors import Tensor


@takes_tensors
def taylor(f: Tensor, x: Tensor, *, about: Any, order: int = 2) -> Tensor:
    """The Taylor polynomial of `f` in `x` about a point: ``f(a) + f'(a) (x - a) + ...``.

    Args:
        f: real, of any shape.
        x: an input or a parameter that `f` depends on.
        about: the point, a tensor or numbers of the shape of `x`.
        order: the highest power of ``x - about``.

    Returns:
        A tensor of the shape of `f`; it is a function of `x` and of `about`.

    Raises:
        DerivativeError: `f` does not depend on `x`, `x` is computed, or the order is no whole number from 0.
        ShapeError: `about` has another shape than `x`.

    Example:
        >>> x, a = sd.tensor("x", (3,)), sd.tensor("a", (3,))
        >>> print(sd.formula(sd.taylor(sd.exp(x), x, about=a, order=1)))
        exp(a) + (x - a) ⊙ exp(a)
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise DerivativeError(f"order={order!r}", cure="pass a whole number from 0, such as 2")
    if x.equation is not None:
        raise DerivativeError(f"{x} is computed", cure="expand in an input or a parameter")
    if x not in collect([f]).inputs:
        raise DerivativeError(f"{f} does not depend on {x}", cure="expand in what it depends on")
    point = in_place_of(x, about, "the point about which is expanded")
    if point.shape != x.shape:
        raise ShapeError(
            f"the point is no {x.name}",
            shapes={str(x.name): x.shape, "about": point.shape},
            cure="expand about a point of the same shape",
        )
    step = Tensor("step", x.shape, role="input")
    whole, term = _at(f, {x: point}), f
    for power in range(1, order + 1):
        if x not in collect([term]).inputs:  # a polynomial of a lower degree ends
            break
        term = jvp(term, {x: step})
        whole = whole + _at(term, {x: point, step: x - point}) / math.factorial(power)
    return whole


def _at(tensor: Tensor, parts: dict[Tensor, Tensor]) -> Tensor:
    """Return a tensor with others in it, where it depends on them."""
    known = collect([tensor]).inputs
    return replace(tensor, {old: new for old, new in parts.items() if old in known})
