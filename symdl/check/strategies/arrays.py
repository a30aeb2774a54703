"""Random shapes, arrays and tensors, tame ones and hard ones.

Enters: limits, shapes. Leaves: strategies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import require_extra
from symdl.express.build import tensor
from symdl.express.dims import Dim, Extent, as_extent, dims_of
from symdl.express.tensors import Tensor
from symdl.run.reference.binding import extent_value

Array = NDArray[Any]

HARD = (0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300, 1e38, 1e-40, 5e-324, 0.5)
"""Values that show what a formula or a kernel forgets; a third of them is not finite in float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A tensor, and a value for it.

    Attributes:
        tensor: an input.
        values: its array by its name, as ``at=`` of `sd.check_gradients` takes it.
    """

    tensor: Tensor
    values: Mapping[str, Array]

    def __repr__(self) -> str:
        (array,) = self.values.values()
        return f"Drawn({self.tensor!r}, {array!r})"


def shapes(*, ranks: tuple[int, int] = (0, 3), sizes: tuple[int, int] = (1, 4)) -> Any:
    """Return a strategy for small shapes: tuples of `ranks` many sizes, both limits included.

    Args:
        ranks: the least and the largest number of axes.
        sizes: the least and the largest size; from 0 on there are arrays without elements.
    """
    st = require_extra("hypothesis.strategies", "test")
    return st.lists(st.integers(*sizes), min_size=ranks[0], max_size=ranks[1]).map(tuple)


def arrays(shape: Sequence[int], *, largest: float = 2.0) -> Any:
    """Return a strategy for float64 arrays of a shape, drawn evenly from ``-largest..largest``."""
    st = require_extra("hypothesis.strategies", "test")

    def draw(seed: int) -> Any:
        return np.random.default_rng(seed).uniform(-largest, largest, tuple(shape))

    return st.integers(0, 2**32 - 1).map(draw)


def hard_arrays(shape: Sequence[int], *, finite: bool = False) -> Any:
    """Return a strategy for float64 arrays of hard values, in memory as nobody expects them.

    An array holds ties, zeros of both signs, NaN, infinities, huge and tiny numbers, or tame ones with a few
    of them; it lies in the order of C or of Fortran, backwards, with gaps, or read-only.

    Args:
        shape: of the arrays.
        finite: whether NaN and infinities are left out.
    """
    st = require_extra("hypothesis.strategies", "test")
    return st.randoms(use_true_random=False).map(partial(hard_array, shape=tuple(shape), finite=finite))


def hard_array(rng: Random, shape: tuple[int, ...], *, finite: bool = False) -> Array:
    """Return one of `hard_arrays`."""
    tame = np.random.default_rng(rng.randrange(1000))
    special = np.array([v for v in HARD if np.isfinite(v) or not finite])
    kind = rng.choice(["ties", "special", "few", "equal"])
    if kind == "ties":
        found = tame.integers(-1, 2, shape).astype(float)
    elif kind == "special":
        found = tame.choice(special, shape)
    elif kind == "equal":
        found = np.full(shape, rng.choice(list(special)))
    else:
        found = np.where(tame.random(shape) < 0.2, tame.choice(special, shape), tame.normal(size=shape))
    return arranged(rng, np.asarray(found, dtype=float))


def arranged(rng: Random, array: Array) -> Array:
    """Return the same values, arranged in memory in one of several ways."""
    how = rng.choice(["C", "F", "backwards", "gaps", "read-only"])
    if how == "F":
        return np.asfortranarray(array) if array.ndim else array
    if how == "backwards":
        return np.flip(np.flip(array).copy())
    if how == "gaps" and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1] + 1), array.dtype)
        wide[..., 1::2] = array
        return wide[..., 1::2]
    kept = array.copy()
    kept.flags.writeable = how != "read-only"
    return kept


def tensors(
    shape: Sequence[Extent] | None = None,
    *,
    name: str = "X",
    sizes: tuple[int, int] = (1, 4),
    hard: bool = False,
    largest: float = 2.0,
) -> Any:
    """Return a strategy for an input and an array for it, as `Drawn`.

    Args:
        shape: of the tensor; symbolic sizes are drawn. None draws a shape as well.
        name: of the tensor.
        sizes: the limits of sizes that are drawn; without `shape`, those from 0 on may have no elements.
        hard: whether the array is one of `hard_arrays`, otherwise one of `arrays`.
        largest: see `arrays`.
    """
    st = require_extra("hypothesis.strategies", "test")

    def draw(wanted: Sequence[Extent]) -> Any:
        dims = sorted({d for size in wanted for d in dims_of(size)}, key=str)
        bound = st.tuples(*(st.integers(max(sizes[0], 1), sizes[1]) for _ in dims))
        return bound.flatmap(lambda found: value(wanted, dict(zip(dims, found, strict=True))))

    def value(wanted: Sequence[Extent], dims: Mapping[Dim, int]) -> Any:
        numbers = tuple(extent_value(size, dims) for size in wanted)
        made = hard_arrays(numbers) if hard else arrays(numbers, largest=largest)
        return made.map(lambda array: Drawn(tensor(name, tuple(wanted)), {name: array}))

    if shape is not None:
        return draw(tuple(map(as_extent, shape)))
    return shapes(sizes=sizes).flatmap(draw)
