"""Gradients of each sample alone.

Enters: a loss over samples, and what to differentiate with respect to. Leaves: the gradient of the loss of
each sample, as equations: the loss is taken for one sample, derived once, and computed for all by one index
more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from symdl.differentiate.gradients import grad
from symdl.errors import DerivativeError
from symdl.express.batching import vmap
from symdl.express.dims import Dim
from symdl.express.doors import takes_tensors
from symdl.express.operators import axis_indices
from symdl.express.program import collect
from symdl.express.resizing import resized
from symdl.express.surface import define
from symdl.express.tensors import Tensor


@overload
def per_sample_grad(loss: Tensor, wrt: Tensor, *, samples: Dim | None = None) -> Tensor: ...
@overload
def per_sample_grad(
    loss: Tensor, wrt: Sequence[Tensor], *, samples: Dim | None = None
) -> tuple[Tensor, ...]: ...
@takes_tensors
def per_sample_grad(
    loss: Tensor, wrt: Tensor | Sequence[Tensor], *, samples: Dim | None = None
) -> Tensor | tuple[Tensor, ...]:
    """Return the gradient of the loss of each sample: ``sd.per_sample_grad(L, W)`` is ``(n, *W.shape)``.

    It is the gradient of the loss that a batch of this sample alone has. Of a loss that is a mean over
    independent samples, their mean is the gradient. Clipping for differential privacy and influence functions
    start from them.

    Args:
        loss: a rank-0 tensor over a batch of inputs, whose first axis is the samples.
        wrt: what to differentiate with respect to, such as a parameter, or several.
        samples: the size of that axis; found where the inputs have one `Dim` as their first size.

    Returns:
        For each of `wrt` a tensor of shape ``(samples, *shape)``.

    Raises:
        DerivativeError: `loss` has axes or does not depend on `wrt`, which of the sizes counts samples is not
            known, `wrt` has that size, or an input has it elsewhere than in front.

    Example:
        >>> X, w = sd.tensor("X", (sd.Dim("n"), 3)), sd.parameter("w", (3,))
        >>> sd.per_sample_grad(((X @ w)**2).mean(), w).shape
        (n, 3)
    """
    inputs = [t for t in collect([loss]).inputs if t.role == "input"]
    count = _count(inputs, samples)
    several = (wrt,) if isinstance(wrt, Tensor) else tuple(wrt)
    if wrong := [t for t in several if count in t.shape]:
        raise DerivativeError(
            f"{wrong[0]} has values for each sample", cure="differentiate what samples share"
        )
    if wrong := [t for t in inputs if count in t.shape[1:]]:
        raise DerivativeError(
            f"{wrong[0]} has the size {count} elsewhere than in front",
            shapes={str(t.name): t.shape for t in inputs},
            cure="give samples a size of their own",
        )
    (alone,), new = resized([loss], {count: 1})
    gradients = grad(alone, several)
    found = vmap(gradients, {one: _singles(many) for many, one in new.items()})
    found = tuple(gradient.derived(loss) for gradient in found)
    return found[0] if isinstance(wrt, Tensor) else found


def _count(inputs: Sequence[Tensor], samples: Dim | None) -> Dim:
    """Return the number of samples."""
    first = dict.fromkeys(t.shape[0] for t in inputs if t.rank and isinstance(t.shape[0], Dim))
    if samples is not None and samples in first:
        return samples
    if samples is None and len(first) == 1:
        return next(iter(first))
    raise DerivativeError(
        "which size counts the samples is not known"
        if samples is None
        else f"no input has {samples} in front",
        shapes={str(t.name): t.shape for t in inputs},
        cure="declare the inputs with one sd.Dim in front, and pass samples=n",
    )


def _singles(many: Tensor) -> Tensor:
    """Return each sample as a batch of its own."""
    where = axis_indices(many.rank + 1)
    shape = (many.shape[0], 1, *many.shape[1:])
    return define(None, where, many.at(where[0], *where[2:]), shape=shape, dtype=many.dtype)
