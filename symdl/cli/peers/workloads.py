"""What is timed: the mathematics and the numbers of three workloads, which every library gets.

Enters: nothing. Leaves: `Workload`s; each has its arrays, in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RATE = 0.05
"""The learning rate of gradient descent."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A formula at many points, or one epoch of training a network with ReLU and cross-entropy.

    Attributes:
        name: what it is called between processes.
        title: for people.
        count: points, or samples.
        sizes: of the layers of the network; none of a formula, which is sin(x²y) + e^z.
        batch: samples of a step; taken in order.
    """

    name: str
    title: str
    count: int
    sizes: tuple[int, ...] = ()
    batch: int = 0

    @property
    def steps(self) -> int:
        """How often something is done in a run: once, or in each step of an epoch."""
        return self.count // self.batch if self.batch else 1

    @property
    def small(self) -> bool:
        """Whether a step is done before a second thread has begun."""
        return bool(self.sizes) and max(self.sizes) * self.batch < 10_000

    def columns(self) -> dict[str, Array]:
        """Return the points of a formula: columns of shape ``(count,)``."""
        drawn = np.random.default_rng(0).uniform(-1, 1, (3, self.count)).astype("float32")
        return dict(zip("xyz", drawn, strict=True))

    def weights(self) -> dict[str, Array]:
        """Return first weights: ``l0.W`` of shape ``(inputs, units)``, ``l0.b``, ``l1.W``, ..."""
        rng, found = np.random.default_rng(1), {}
        for at, (inputs, units) in enumerate(pairwise(self.sizes)):
            scale = np.sqrt(2 / (inputs + units))
            found[f"l{at}.W"] = (scale * rng.normal(size=(inputs, units))).astype("float32")
            found[f"l{at}.b"] = np.zeros(units, "float32")
        return found

    def samples(self) -> dict[str, Array]:
        """Return inputs ``X``, shape ``(count, inputs)``, and classes ``t``."""
        rng = np.random.default_rng(2)
        X = rng.random((self.count, self.sizes[0]), dtype="float32")
        return {"X": X, "t": rng.integers(0, self.sizes[-1], self.count)}


WORKLOADS = (
    Workload("formula", "sin(x²y)+e^z and its gradient, 10⁶ points", 1_000_000),
    Workload("network", "a step of 784-100-200-10, batch 64", 9_600, (784, 100, 200, 10), 64),
    Workload("small", "a step of 4-16-3, batch 16", 160, (4, 16, 3), 16),
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of running a workload in a library.

    Attributes:
        name: for people: ``"torch, compiled"``.
        first: does the workload once, compiling what is to be compiled, and returns a number that must be the
            same for all: the mean of the value, or the mean loss of the first epoch.
        run: does it once more; for a network, an epoch.
    """

    name: str
    first: Callable[[], float]
    run: Callable[[], object]
