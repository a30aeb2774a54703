"""First values of parameters.

Enters: the shape and a NumPy generator. Leaves: a float64 array. Each function returns an initializer,
a function ``(shape, rng) -> array``. For a weight of shape ``(inputs, ..., outputs)`` fan-in is the product
of all sizes but the last, fan-out the last size; layers with another layout state their ``fans``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from symdl.express.values import numbers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[np.float64]"
Initializer: TypeAlias = "Callable[[Sequence[int], np.random.Generator], Array]"


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    if len(shape) < 2:
        size = math.prod(shape)
        return max(size, 1), max(size, 1)
    return max(math.prod(shape[:-1]), 1), max(shape[-1], 1)


def he(*, fans: tuple[int, int] | None = None) -> Initializer:
    """Normal with variance ``2/fan_in``, for rectifiers (He et al., 2015)."""

    def draw(shape: Sequence[int], rng: np.random.Generator) -> Array:
        return rng.normal(0.0, math.sqrt(2 / (fans or _fans(shape))[0]), tuple(shape))

    return draw


def glorot(*, fans: tuple[int, int] | None = None) -> Initializer:
    """Uniform in ``±sqrt(6/(fan_in + fan_out))`` (Glorot and Bengio, 2010)."""

    def draw(shape: Sequence[int], rng: np.random.Generator) -> Array:
        limit = math.sqrt(6 / sum(fans or _fans(shape)))
        return rng.uniform(-limit, limit, tuple(shape))

    return draw


def uniform(low: float = -0.1, high: float = 0.1) -> Initializer:
    """Uniform between `low` and `high`."""

    def draw(shape: Sequence[int], rng: np.random.Generator) -> Array:
        return rng.uniform(low, high, tuple(shape))

    return draw


def fill(value: float) -> Initializer:
    """Every entry equal to `value`."""

    def draw(shape: Sequence[int], rng: np.random.Generator) -> Array:
        import numpy as np

        return np.full(tuple(shape), numbers(value, "the constant"), dtype=np.float64)

    return draw


def zeros() -> Initializer:
    """Every entry zero."""
    return fill(0.0)
