"""Dropout: noise while learning, nothing at inference.

Enters: a tensor and a rate. Leaves: a tensor of which a random share of elements is zero. The mask is a
formula of the seed, the number of the step and the position, so the derived backward pass makes the same one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

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
from symdl.nn.units import SELU_ALPHA, SELU_SCALE

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
    return _dropped(
        x, rate, shared, name, seed, "dropout", lambda value, share: (value / (1 - share), sp.S(0))
    )


@takes_tensors
def alpha_dropout(
    x: Tensor, rate: float = 0.5, *, shared: Axes = (), name: str | None = None, seed: int = 0
) -> Tensor:
    """Dropout that keeps mean 0 and variance 1, for `selu` (Klambauer et al., 2017).

    A dropped element becomes ``m``, the limit of `selu` at ``-inf``; then ``a*value + b`` restores mean and
    variance: ``a = 1/sqrt((1 - rate)*(1 + rate*m**2))``, ``b = -a*rate*m``. Everything else as in `dropout`.

    Raises:
        ExpressionError: the rate is outside [0, 1).

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 3))
        >>> print(sd.formula(sd.inference(sd.nn.alpha_dropout(x, 0.1, name="drop"))[0]))
        x
    """
    m = -SELU_SCALE * SELU_ALPHA

    def formula(value: sp.Expr, share: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        a = ((1 - share) * (1 + share * m**2)) ** sp.Rational(-1, 2)
        scale, shift, gone = (sp.Rational(str(sp.N(c, 20))) for c in (a, -a * share * m, a * m * (1 - share)))
        return scale * value + shift, gone

    return _dropped(x, rate, shared, name, seed, "alpha dropout", formula)


def _dropped(
    x: Tensor,
    rate: float,
    shared: Axes,
    name: str | None,
    seed: int,
    rule: str,
    formula: Callable[[sp.Expr, sp.Expr], tuple[sp.Expr, sp.Expr]],
) -> Tensor:
    """`formula` gives, of an element and the share that is dropped, what a kept and a dropped one become."""
    if not is_number(rate) or not 0 <= rate < 1:
        raise ExpressionError(f"{rule} with rate {rate!r}", cure="pass a number, at least 0 and below 1")
    name = name or (f"{x.name}.dropout" if x.name else "dropout")
    step = Tensor(f"{name}.step", (), role="state", init=zeros())
    where = axis_indices(x.rank)
    one = () if shared == () else normal_axes(shared, x.rank)
    own = [(i, size) for a, (i, size) in enumerate(zip(where, x.shape, strict=True)) if a not in one]
    place = position([i for i, _ in own], [size for _, size in own])
    draw = RandomUniform((zlib.crc32(name.encode()) + seed) % SEEDS, step.at(), place)
    share = sp.Rational(repr(float(rate)))
    kept, gone = formula(x.at(*where), share)
    body = sp.Piecewise((kept, draw >= share), (gone, True))
    dropped = define(f"{name}.A", where, body, shape=x.shape, origin=Origin(rule))
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
