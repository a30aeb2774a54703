"""Derivatives as tensors, to build further mathematics from.

Enters: tensors. Leaves: tensors that are defined by derived equations: use them in a loss, differentiate them
again, compile them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from symdl.differentiate.adjoint import differentiate
from symdl.express.doors import takes_tensors
from symdl.express.program import Fact
from symdl.express.tensors import Tensor


@overload
def grad(output: Tensor, wrt: Tensor, *, facts: Sequence[Fact] = ()) -> Tensor: ...
@overload
def grad(output: Tensor, wrt: Sequence[Tensor], *, facts: Sequence[Fact] = ()) -> tuple[Tensor, ...]: ...
@takes_tensors
def grad(
    output: Tensor, wrt: Tensor | Sequence[Tensor], *, facts: Sequence[Fact] = ()
) -> Tensor | tuple[Tensor, ...]:
    """Return the gradient of a scalar tensor, with the shape of what it is differentiated with respect to.

    A field's derivative along its input, as a physics-informed loss needs it, is
    ``grad(u.sum(), x)`` where ``u[n]`` depends on ``x[n]`` alone.

    Raises:
        DerivativeError: `output` has axes, or does not depend on `wrt`.

    Example:
        >>> X, w = sd.tensor("X", (sd.Dim("n"), 3)), sd.tensor("w", (3,))
        >>> print(sd.formula(sd.grad(((X @ w)**2).sum(), w)))
        2·Xᵀ X w
    """
    several = () if isinstance(wrt, Tensor | str) else tuple(wrt)
    derivative = differentiate(output, several or (wrt,), facts=facts, exact=True)  # type: ignore[arg-type]
    gradients = tuple(derivative.gradient(tensor).derived(output) for tensor in derivative.wrt)
    return gradients if several else gradients[0]
