"""Batch normalization: standardize each channel over the samples of a batch.

Enters: a tensor, batch and channels first. Leaves: the training form. It carries the updates of its running
statistics (`symdl.express.modes.training_updates`) and its inference form, which reads them.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.dims import Index
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.modes import with_modes
from symdl.express.operators import axis_indices
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.nn.activations import literal
from symdl.nn.averages import at_least
from symdl.nn.initializers import fill, zeros
from symdl.nn.norms import affine_form, standardized
from symdl.nn.steps import check_setting


@takes_tensors
def batch_norm(
    x: Tensor, *, affine: bool = True, momentum: float = 0.1, epsilon: float = 1e-5, name: str
) -> Tensor:
    """``gain*(x - mean)/sqrt(variance + epsilon) + shift`` per channel (Ioffe and Szegedy, 2015).

    Mean and variance are over all axes but the channels'. A training step also moves the states
    ``name.running_mean`` and ``name.running_variance`` (with the unbiased variance) by the share `momentum`
    towards those of its batch; at inference they take the place of mean and variance.

    Args:
        x: shape ``(batch, channels, ...)``.
        affine: whether there are ``name.gain`` and ``name.shift`` of shape ``(channels,)``.
        momentum: the share of the newest batch in the running statistics.
        epsilon: added to the variance.
        name: the path of gain, shift and states, and the name of the result.

    Returns:
        The shape of `x`.

    Raises:
        ShapeError: `x` has no axis of channels of integer size.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 3))
        >>> [p.name for p in sd.parameters(sd.nn.batch_norm(x, name="norm"))]
        ['norm.gain', 'norm.shift']
    """
    channels = x.shape[1] if x.rank >= 2 else None
    if not isinstance(channels, int):
        raise ShapeError(f"batch norm {name}: {x} has no axis of channels of integer size")
    check_setting("momentum", momentum)
    eps, share = at_least("epsilon", epsilon, 0), literal(momentum, "momentum")
    i, c = Index("i"), Index("c")
    where = (i, c, *axis_indices(x.rank - 2, skip=(i, c)))
    run = [(index, size) for index, size in zip(where, x.shape, strict=True) if index is not c]
    parts = standardized(x.at(*where), where, x.shape, (c,), run, eps, name)
    unit = parts.unit
    body = affine_form(unit.at(*where), name, (channels,), (c,)) if affine else unit.at(*where)
    y = define(name, where, body, shape=x.shape, origin=Origin("batch norm"))

    mean = Tensor(f"{name}.running_mean", (channels,), role="state", init=zeros())
    variance = Tensor(f"{name}.running_variance", (channels,), role="state", init=fill(1.0))
    stilled = (x.at(*where) - mean.at(c)) / sp.sqrt(variance.at(c) + eps)
    fixed = body.xreplace({unit.at(*where): stilled})
    inference = define(name, where, fixed, shape=x.shape, origin=Origin("batch norm, inference"))

    count = sp.Mul(*(size for _, size in run))
    unbiased = sp.Piecewise((count / (count - 1), count > 1), (1, True))
    updates = [
        (state, define(None, (c,), (1 - share) * state.at(c) + share * value, shape=(channels,)))
        for state, value in ((mean, parts.mean.at(c)), (variance, unbiased * parts.variance.at(c)))
    ]
    return with_modes(y, updates=updates, inference=inference)
