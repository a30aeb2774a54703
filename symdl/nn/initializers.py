"""First values of parameters.

Enters: the shape and a NumPy generator. Leaves: a float64 array. Each function returns an initializer,
a function ``(shape, rng) -> array``. For a weight of shape ``(inputs, ..., outputs)`` fan-in is the product
of all sizes but the last, fan-out the last size; layers with another layout state their ``fans``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class He:
    """What `he` returns."""

    fans: tuple[int, int] | None = None

    def __call__(self, shape: Sequence[int], rng: np.random.Generator) -> Array:
        """Draw first values."""
        return rng.normal(0.0, math.sqrt(2 / (self.fans or _fans(shape))[0]), tuple(shape))


@dataclass(frozen=True, slots=True)
class Glorot:
    """What `glorot` returns."""

    fans: tuple[int, int] | None = None

    def __call__(self, shape: Sequence[int], rng: np.random.Generator) -> Array:
        """Draw first values."""
        limit = math.sqrt(6 / sum(self.fans or _fans(shape)))
        return rng.uniform(-limit, limit, tuple(shape))


@dataclass(frozen=True, slots=True)
class Uniform:
    """What `uniform` returns."""

    low: float
    high: float

    def __call__(self, shape: Sequence[int], rng: np.random.Generator) -> Array:
        """Draw first values."""
        return rng.uniform(self.low, self.high, tuple(shape))


@dataclass(frozen=True, slots=True)
class Fill:
    """What `fill` returns."""

    value: float

    def __call__(self, shape: Sequence[int], rng: np.random.Generator) -> Array:
        """Return the constant everywhere; nothing is drawn."""
        import numpy as np

        return np.full(tuple(shape), numbers(self.value, "the constant"), dtype=np.float64)


def he(*, fans: tuple[int, int] | None = None) -> Initializer:
    """Normal with variance ``2/fan_in``, for rectifiers (He et al., 2015).

    >>> sd.nn.he()((3, 2), np.random.default_rng(0)).shape
    (3, 2)
    """
    return He(fans)


def glorot(*, fans: tuple[int, int] | None = None) -> Initializer:
    """Uniform in ``±sqrt(6/(fan_in + fan_out))`` (Glorot and Bengio, 2010).

    >>> sd.nn.glorot()((3, 2), np.random.default_rng(0)).shape
    (3, 2)
    """
    return Glorot(fans)


def uniform(low: float = -0.1, high: float = 0.1) -> Initializer:
    """Uniform between `low` and `high`.

    >>> sd.nn.uniform(-0.1, 0.1)((3, 2), np.random.default_rng(0)).shape
    (3, 2)
    """
    return Uniform(low, high)


def fill(value: float) -> Initializer:
    """Every entry equal to `value`.

    >>> sd.nn.fill(1.0)((3, 2), np.random.default_rng(0)).shape
    (3, 2)
    """
    return Fill(value)


def zeros() -> Initializer:
    """Every entry zero.

    >>> sd.nn.zeros()((3, 2), np.random.default_rng(0)).shape
    (3, 2)
    """
    return fill(0.0)
