"""Rotary position embedding: features turned by angles that grow with the position.

Enters: queries or keys, and the cosines and sines of the angles. Leaves: the same shape. The product of a
turned query and a turned key then depends on how far apart they are.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.dims import Extent
from symdl.express.doors import takes_tensors
from symdl.express.joining import concatenate
from symdl.express.naming import checked_name
from symdl.express.operators import axis_indices, broadcast_shapes, elementwise, number
from symdl.express.surface import define
from symdl.express.tensors import Tensor


def rotary_angles(
    length: Extent, features: int, *, base: float = 10000.0, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of ``position / base**(2*pair/features)``, each ``(length, features/2)``.

    Raises:
        ShapeError: an odd number of features.
    """
    if features < 2 or features % 2:
        raise ShapeError(f"{features} features cannot be turned in pairs", cure="use an even number")
    t, p = axis_indices(2)
    angle = t * number(base, "base") ** (-2 * p / sp.Integer(features))
    shape = (length, features // 2)
    if name is not None:
        checked_name(name, "table")
    parts = ((f"{name}.cos" if name else None, sp.cos), (f"{name}.sin" if name else None, sp.sin))
    cosine, sine = (define(part, (t, p), function(angle), shape=shape) for part, function in parts)
    return cosine, sine


@takes_tensors
def rotary(
    x: Tensor, cosine: Tensor, sine: Tensor, *, interleaved: bool = False, name: str | None = None
) -> Tensor:
    """Turn pairs of features (Su et al., 2021): ``(a, b)`` to ``(a cos - b sin, a sin + b cos)``.

    Args:
        x: shape ``(..., positions, features)``.
        cosine: of the angles, broadcasts to ``(..., positions, pairs)`` with at most ``features/2`` pairs;
            features beyond ``2*pairs`` stay as they are. See `rotary_angles`.
        sine: the shape of `cosine`.
        interleaved: pairs are neighbours (0, 1), (2, 3), …; else the features of the first half belong to
            those of the second half.
        name: of the result.

    Raises:
        ShapeError: shapes that do not fit together.
    """
    pairs = cosine.shape[-1] if cosine.rank else None
    size = x.shape[-1] if x.rank >= 2 else None
    fits = isinstance(pairs, int) and isinstance(size, int) and 2 * pairs <= size
    if not fits or sine.shape != cosine.shape or not isinstance(pairs, int) or not isinstance(size, int):
        raise ShapeError(
            "the angles do not fit the features",
            shapes={"x": x.shape, "cosine": cosine.shape, "sine": sine.shape},
        )
    rows = x.shape[:-1]
    if broadcast_shapes(cosine.shape, (*rows, pairs)) != (*rows, pairs):
        raise ShapeError("the angles do not fit the positions", shapes={"x": x.shape, "cosine": cosine.shape})
    turning = x[..., : 2 * pairs]
    first, second = (
        (turning[..., 0::2], turning[..., 1::2]) if interleaved else (x[..., :pairs], turning[..., pairs:])
    )
    a = elementwise(lambda a, b, c, s: a * c - b * s, first, second, cosine, sine, rule="rotate")
    b = elementwise(lambda a, b, c, s: a * s + b * c, first, second, cosine, sine, rule="rotate")
    if interleaved:
        turned = concatenate([a[..., None], b[..., None]], -1).reshape(*rows, 2 * pairs)
        parts = [turned, x[..., 2 * pairs :]]
    else:
        parts = [a, b, x[..., 2 * pairs :]]
    return concatenate(parts if 2 * pairs < size else parts[:-1], -1, name=name)
