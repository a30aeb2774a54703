"""Means over samples: a random tensor as its mean, plus a factor of its covariance by normal noise.

Enters: a tensor, and what is random in it. Leaves: the mean over samples, a tensor that can be differentiated
with respect to means and covariances.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.differentiate.expectations.normals import Source
from symdl.errors import ExpressionError
from symdl.express.batching import vmap
from symdl.express.equations import Origin
from symdl.express.linalg import cholesky
from symdl.express.operators import axis_indices
from symdl.express.reducing import mean
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.noise import normal_draws


def sampled(f: Any, sources: Sequence[Source], samples: int, seed: int) -> Tensor:
    """Return the mean of `f` over samples of what is random.

    Raises:
        ExpressionError: `f` is no tensor, or the number of samples is none.
    """
    if not isinstance(f, Tensor):
        raise ExpressionError(
            "samples are drawn of tensors, not of symbols",
            cure='declare what is random as a tensor, x = sd.tensor("x", ()), and define f by it',
        )
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise ExpressionError(f"samples={samples!r}", cure="pass a whole number such as 1000")
    return mean(vmap(f, {s.tensor: _draws(s, samples, seed) for s in sources}), axis=0)


def _draws(source: Source, samples: int, seed: int) -> Tensor:
    """Return samples, the new axis in front."""
    shape = (samples, *source.tensor.shape)
    noise = normal_draws(shape, key=source.tensor.name, seed=seed, step=sp.Integer(0))
    where = axis_indices(len(shape))
    here = where[1:]
    if not source.joint:
        spread = source.covariance_at(here, here).value
        moved = sp.sqrt(spread) * noise.at(*where)
    else:
        (along,) = axis_indices(1, skip=where)
        factor = cholesky(source.spread)
        lead = Source(source.tensor, 0, factor, joint=True).covariance_at(here, (*here[:-1], along)).value
        moved = Sum(lead * noise.at(*where[:-1], along), along)
    body = source.mean_at(here) + moved
    return define(None, where, body, shape=shape, origin=Origin("reparametrised samples"))
