"""Random tensors: noise while learning, something quiet or given afterwards.

Enters: a shape. Leaves: a tensor of random numbers that are new in each step. They are formulas of the seed,
the number of the step and the position, as the masks of dropout are: results repeat by seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import sympy as sp

from symdl.express.dims import Extent
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.modes import with_modes
from symdl.express.operators import axis_indices
from symdl.express.random import RandomUniform
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.nn.dropout import SEEDS, following, position
from symdl.nn.initializers import zeros


@takes_tensors
def normal_noise(
    shape: Sequence[Extent], *, name: str, seed: int = 0, inference: Tensor | None = None
) -> Tensor:
    """Independent normal numbers, mean 0 and variance 1, by Box and Muller's (1958) formula.

    Args:
        shape: such as ``(n, 16)``; the sizes of the batch must be known from other inputs.
        name: the path of the state ``name.step``, the number of steps; other names draw other numbers.
        seed: another seed gives other draws.
        inference: what takes the noise's place at inference, of the same shape: an input that a user then
            gives, for instance. By default zeros.

    Raises:
        ShapeError: `inference` has another shape.
    """
    step = Tensor(f"{name}.step", (), role="state", init=zeros())
    noise = normal_draws(shape, key=name, seed=seed, step=step.at(), name=name)
    where = axis_indices(len(shape))
    still = define(None, where, sp.Integer(0), shape=tuple(shape)) if inference is None else inference
    return with_modes(noise, updates=[(step, following(step))], inference=still)


def normal_draws(
    shape: Sequence[Extent], *, key: str, seed: int, step: sp.Expr, name: str | None = None
) -> Tensor:
    """Return independent normal numbers, made of the key, the seed, the number of the step and the place."""
    where = axis_indices(len(shape))
    place = position(where, shape)
    first, second = (
        RandomUniform((zlib.crc32(f"{key}.{part}".encode()) + seed) % SEEDS, step, place)
        for part in ("radius", "angle")
    )
    body = sp.sqrt(-2 * sp.log(1 - first)) * sp.cos(2 * sp.pi * second)
    return define(name, where, body, shape=tuple(shape), origin=Origin("normal noise"))
