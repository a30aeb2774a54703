"""Dropout: noise while learning, nothing at inference.

Enters: a tensor and a rate. Leaves: a tensor of which a random share of elements is zero. The mask is a
formula of the seed, the number of the step and the position, so the derived backward pass makes the same one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.dims import Extent, Index, is_number
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.modes import with_modes
from symdl.express.operators import axis_indices, normal_axes
from symdl.express.options import Axes
from symdl.express.random import RandomUniform
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.nn.initializers import zeros

SEEDS = STEPS = 1 << 24  # whole numbers up to there are exact in float32


@takes_tensors
def dropout(
    x: Tensor, rate: float = 0.5, *, shared: Axes = (), name: str | None = None, seed: int = 0
) -> Tensor:
    """Inverted dropout (Srivastava et al., 2014): zero with probability `rate`, else ``x/(1 - rate)``.

    Every element has a draw of its own, new in each step; the number of steps is the state ``name.step``.
    At inference the layer is the identity.

    Args:
        x: any shape.
        rate: the share of elements that is dropped, at least 0 and below 1.
        shared: axes along which all elements share one draw: ``(2, 3)`` drops whole channels of images.
        name: the path of the state; layers of different names draw different numbers. By default the name of
            `x` with ``.dropout``; two layers that drop from one tensor, or from tensors without names, need
            names of their own.
        seed: another seed gives other draws.

    Raises:
        ExpressionError: the rate is outside [0, 1).

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 3))
        >>> y = sd.nn.dropout(x, 0.5, name="drop")
        >>> print(sd.formula(sd.inference(y)[0]))
        x
    """
    if not is_number(rate) or not 0 <= rate < 1:
        raise ExpressionError(f"dropout with rate {rate!r}", cure="pass a number, at least 0 and below 1")
    name = name or (f"{x.name}.dropout" if x.name else "dropout")
    step = Tensor(f"{name}.step", (), role="state", init=zeros())
    where = axis_indices(x.rank)
    one = () if shared == () else normal_axes(shared, x.rank)
    own = [(i, size) for a, (i, size) in enumerate(zip(where, x.shape, strict=True)) if a not in one]
    place = position([i for i, _ in own], [size for _, size in own])
    draw = RandomUniform((zlib.crc32(name.encode()) + seed) % SEEDS, step.at(), place)
    share = sp.Rational(repr(float(rate)))
    body = sp.Piecewise((x.at(*where) / (1 - share), draw >= share), (0, True))
    dropped = define(f"{name}.A", where, body, shape=x.shape, origin=Origin("dropout"))
    return with_modes(dropped, updates=[(step, following(step))], inference=x)


def following(step: Tensor) -> Tensor:
    """Return the number of the next step: one more, and 0 after the last one that is exact in float32."""
    number = step.at()
    return define(None, (), sp.Piecewise((number + 1, number < STEPS - 1), (0, True)))


def position(where: Sequence[Index], shape: Sequence[Extent]) -> sp.Expr:
    """Return the number of an element in row-major order."""
    place: sp.Expr = sp.Integer(0)
    for index, size in zip(where, shape, strict=True):
        place = place * size + index
    return sp.expand(place)
