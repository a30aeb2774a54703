"""What a row of the totality table says: an operation, its arguments, and the same formula in PyTorch."""

from __future__ import annotations

import inspect
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import sympy as sp

import symdl as sd
from symdl.express.program import collect
from symdl.express.tensors import Tensor

Size = int | str
"""A number, ``"n"``, or another name: a size that is always 2 larger than ``n``."""


@dataclass(frozen=True, slots=True)
class Given:
    """One input: its shape and what is drawn for it."""

    shape: tuple[Size, ...]
    kind: Literal["real", "whole", "definite"] = "real"
    low: float = -1.5
    high: float = 1.5
    checked: bool = True

    @property
    def dtype(self) -> str:
        return "int64" if self.kind == "whole" else "real"

    def draw(self, shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
        """Return values that float32 holds exactly."""
        if self.kind == "whole":
            drawn = rng.integers(int(self.low), int(self.high), size=shape)
            if not self.checked:
                drawn.flat[:1] = 1  # something always counts
            return drawn
        values = rng.uniform(self.low, self.high, size=shape)
        if self.kind == "definite":
            values = values @ np.swapaxes(values, -1, -2) / shape[-1] + np.eye(shape[-1])
        return values.astype("float32").astype("float64")


def real(*shape: Size, low: float = -1.5, high: float = 1.5) -> Given:
    return Given(shape, low=low, high=high)


def positive(*shape: Size) -> Given:
    return Given(shape, low=0.3, high=2.0)


def definite(*shape: Size) -> Given:
    """A symmetric matrix whose eigenvalues are at least 1; its elements vary on their own."""
    return Given(shape, kind="definite")


def positions(*shape: Size, below: int) -> Given:
    """Positions or labels; one that is out of range is refused."""
    return Given(shape, kind="whole", low=0, high=below)


def flags(*shape: Size) -> Given:
    """Zeros and ones, and other numbers do no harm."""
    return Given(shape, kind="whole", low=0, high=2, checked=False)


@dataclass(frozen=True, slots=True)
class Case:
    """One operation with one setting.

    Attributes:
        operation: what is covered, such as ``sd.take`` or ``Tensor.sum``.
        ours: from the inputs, by name, to a tensor or several; a layer also gets its ``name``.
        given: the inputs.
        theirs: the same from PyTorch's module and its tensors, parameters by the end of their path; None
            where PyTorch has no such thing.
        setting: how it differs from other cases of the operation.
        sizes: the values that the size ``n`` takes.
        order: how many derivatives it has: 2 where it is smooth almost everywhere, 0 for positions.
        drawn: parameters and states that need other values than most.
    """

    operation: str
    ours: Callable[..., Any]
    given: Mapping[str, Given]
    theirs: Callable[..., Any] | None
    setting: str = ""
    sizes: tuple[int, ...] = (3, 1, 0)
    order: int = 2
    drawn: Mapping[str, Given] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.operation} {self.setting}".strip()

    @property
    def prefix(self) -> str:
        return re.sub(r"\W+", "_", self.id)

    def build(self, n: Size = "n") -> Built:
        """Make the tensors, for a symbolic size or for a number."""
        inputs = {
            key: sd.tensor(f"{self.prefix}.{key}", [_extent(s, n) for s in given.shape], dtype=given.dtype)
            for key, given in self.given.items()
        }
        options: dict[str, Any] = {}
        accepted = inspect.signature(self.ours).parameters
        if "name" in accepted and accepted["name"].default is inspect.Parameter.empty:
            options["name"] = self.prefix
        result = self.ours(**inputs, **options)
        outputs = (result,) if isinstance(result, Tensor) else tuple(result)
        weights = tuple(
            sd.tensor(f"{self.prefix}.weight{k}", y.shape) for k, y in enumerate(outputs) if y.dtype == "real"
        )
        return Built(self, tuple(inputs.values()), outputs, weights)


def _extent(size: Size, n: Size) -> Any:
    if isinstance(size, int):
        return size
    if isinstance(n, int):
        return n if size == "n" else n + 2
    return sd.Dim(size)


def _number(size: Any, n: int) -> int:
    return int(
        sp.sympify(size).subs({s: n if s.name == "n" else n + 2 for s in sp.sympify(size).free_symbols})
    )


@dataclass(frozen=True, slots=True)
class Built:
    """A case's tensors, and one weight for each real output: the loss is the weighted sum."""

    case: Case
    given: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(
            t for t in dict.fromkeys((*self.given, *collect(self.outputs).inputs)) if t.value is None
        )

    @property
    def moving(self) -> tuple[Tensor, ...]:
        """What is differentiated by."""
        return tuple(t for t in self.inputs if t.dtype == "real" and t.role != "state")

    def loss(self, bend: Callable[[Any], Any] = lambda y: y) -> Tensor:
        """The weighted sum of the outputs; a scalar is its own loss."""
        real_ = [y for y in self.outputs if y.dtype == "real"]
        if len(real_) == 1 and not real_[0].rank and bend(1) == 1:
            return real_[0]
        total: Any = None
        for w, y in zip(self.weights, real_, strict=True):
            part = (w * bend(y)).sum() if y.rank else w * bend(y)
            total = part if total is None else total + part
        assert isinstance(total, Tensor)
        return total

    def directions(self) -> dict[Tensor, Tensor]:
        """A direction for everything that moves."""
        return {t: sd.tensor(f"{t.name}.direction", t.shape) for t in self.moving}

    def values(self, n: int, *tensors: Tensor) -> dict[str, np.ndarray]:
        """Values of the inputs, the weights and of `tensors` by name, always the same ones."""
        found = {}
        for t in {*self.inputs, *self.weights, *tensors}:
            name = str(t.name)
            key = name.removeprefix(f"{self.case.prefix}.")
            shape = [_number(s, n) for s in t.shape]
            given = self.case.given.get(key) or self.case.drawn.get(key) or Given(())
            found[name] = given.draw(shape, np.random.default_rng(zlib.crc32(f"{name} {n}".encode())))
        return found
