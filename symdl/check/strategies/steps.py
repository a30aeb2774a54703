"""The steps of random programs: each makes a tensor of those that are there.

Enters: a `Growth`, and one of its tensors. Leaves: a new tensor; the same one where the step does not fit it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.errors import ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Extent, Index, indices
from symdl.express.operators import broadcast_shapes, elementwise, maximum, reduce
from symdl.express.surface import Max, Sum, define
from symdl.express.tensors import Tensor

Array = NDArray[Any]
Step = Callable[["Growth", Tensor], Tensor]

_Z = Index("z")
_SMOOTH: Sequence[Callable[[Any], Any]] = (
    sp.tanh,
    sp.sin,
    lambda v: 1 / (1 + sp.exp(-v)),
    lambda v: sp.Max(v, 0),
    lambda v: sp.Piecewise((v, v > 0), (v / 10, True)),
    lambda v: v**2,
    lambda v: sp.sqrt(1 + v**2),
    lambda v: sp.exp(-(v**2)),
    lambda v: sp.log(1 + v**2),
    lambda v: sp.log(1 + sp.exp(v)),
    lambda v: sp.sin(v) / 3 - sp.Rational(1, 7),
)
_COMBINED: Sequence[Callable[[Any, Any], Any]] = (
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a - 2 * b,
    lambda a, b: a / (2 + b * b),
    maximum,
)


@dataclass(slots=True)
class Growth:
    """A program as it grows.

    Attributes:
        rng: makes all choices.
        sizes: the value of each symbolic size.
        tensors: those so far.
        values: the arrays of the inputs by name.
    """

    rng: Random
    sizes: dict[Extent, int] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)
    values: dict[str, Array] = field(default_factory=dict)

    def given(self, *shape: Extent) -> Tensor:
        """Add an input."""
        name = f"x{len(self.values)}"
        numbers = self.numbers(shape)
        self.values[name] = np.random.default_rng(self.rng.randint(0, 999)).normal(size=numbers)
        self.tensors.append(tensor(name, shape))
        return self.tensors[-1]

    def positions(self, count: Extent, low: int, high: int) -> Tensor:
        """Add an input of integers, both limits included."""
        name = f"ids{len(self.values)}"
        (size,) = self.numbers((count,))
        self.values[name] = np.array([self.rng.randint(low, high) for _ in range(size)], dtype="int64")
        return tensor(name, (count,), dtype="int64")

    def numbers(self, shape: Sequence[Extent]) -> tuple[int, ...]:
        """Return a shape as numbers."""
        return tuple(n if isinstance(n, int) else int(n.subs(self.sizes)) for n in shape)

    def count(self, t: Tensor) -> int:
        """Return how many elements a tensor has."""
        return math.prod(self.numbers(t.shape))


def known(t: Tensor, *axes: int) -> bool:
    """Return whether sizes (of all axes, if none is named) are numbers, and not 0."""
    chosen = [t.shape[a] for a in axes] if axes else t.shape
    return all(isinstance(n, int) and n > 0 for n in chosen)


def _names(t: Tensor) -> tuple[Index, ...]:
    return indices("i j k l m p q r s")[: t.rank]


def one(g: Growth, t: Tensor) -> Tensor:
    """A function of each element."""
    return elementwise(g.rng.choice(_SMOOTH), t, name=g.rng.choice([None, f"n{len(g.tensors)}"]))


def two(g: Growth, t: Tensor) -> Tensor:
    """A function of two tensors that broadcast."""
    other = g.rng.choice(g.tensors)
    try:
        broadcast_shapes(t.shape, other.shape)
    except ShapeError:
        other = t
    return g.rng.choice(_COMBINED)(t, other)  # type: ignore[no-any-return]


def reduced(g: Growth, t: Tensor) -> Tensor:
    """A sum, mean, maximum, product or logsumexp over some axes."""
    op = g.rng.choice(["sum", "mean", "max", "prod", "logsumexp"])
    axes = tuple(g.rng.sample(range(t.rank), g.rng.randint(1, t.rank)))
    op = op if g.count(t) else "sum"
    return reduce(op, t, axes, keepdims=g.rng.random() < 0.5)


def reshaped(g: Growth, t: Tensor) -> Tensor:
    """Another shape."""
    if not known(t):
        return t.reshape(sp.Mul(*t.shape)) if g.count(t) else t
    total, shape = g.count(t), []
    for _ in range(g.rng.randint(0, 2)):
        shape.append(g.rng.choice([d for d in range(1, total + 1) if total % d == 0]))
        total //= shape[-1]
    shape.append(total)
    g.rng.shuffle(shape)
    return t.reshape(*shape)


def cut(g: Growth, t: Tensor) -> Tensor:
    """Slices, strides, axes turned round, elements."""
    key: list[Any] = []
    for size in t.shape:
        if not isinstance(size, int) or size == 0:
            key.append(g.rng.choice([slice(None), slice(None, None, -1)]))
            continue
        start = g.rng.randrange(size)
        part = slice(start, g.rng.randint(start + 1, size))
        key.append(g.rng.choice([slice(None), part, slice(None, None, -1), slice(None, None, 2), start]))
    found: Tensor = t[tuple(key)]
    return found


def turned(g: Growth, t: Tensor) -> Tensor:
    """Another order of the axes."""
    order = list(range(t.rank))
    g.rng.shuffle(order)
    return t.transpose(*order)


def padded(g: Growth, t: Tensor) -> Tensor:
    """Zeros around an axis."""
    if not known(t, 0):
        return t
    first, *rest = _names(t)
    before, after, size = g.rng.randint(0, 2), g.rng.randint(0, 2), int(t.shape[0])
    held = sp.And(first - before >= 0, first - before < size)
    body = sp.Piecewise((t.at(first - before, *rest), held), (0, True))
    return define(None, (first, *rest), body, shape=(before + size + after, *t.shape[1:]))


def windowed(g: Growth, t: Tensor) -> Tensor:
    """A convolution or a maximum over windows of an axis, the first or the last."""
    place = g.rng.choice([0, t.rank - 1])
    if not known(t, place):
        return t
    names = list(_names(t))
    width, stride, pad = g.rng.randint(1, 3), g.rng.randint(1, 3), g.rng.randint(0, 1)
    size, moving = int(t.shape[place]), names[place]
    out, at = (size + 2 * pad - width) // stride + 1, stride * moving + _Z - pad
    if out < 1:
        return t
    shape = (*t.shape[:place], out, *t.shape[place + 1 :])
    read = t.at(*names[:place], at, *names[place + 1 :])
    if not pad and g.rng.random() < 0.5:
        return define(None, names, Max(read, (_Z, width)), shape=shape)
    body = read * g.given(width)[_Z]
    if pad:
        body = sp.Piecewise((body, sp.And(at >= 0, at < size)), (0, True))
    return define(None, names, Sum(body, _Z), shape=shape)


def gathered(g: Growth, t: Tensor) -> Tensor:
    """Rows at given positions."""
    if not known(t, 0):
        return t
    first, *rest = _names(t)
    count = g.rng.choice([*g.sizes, g.rng.randint(1, 4)])
    ids = g.positions(count, 0, int(t.shape[0]) - 1)
    return define(None, (first, *rest), t.at(ids[first], *rest), shape=(count, *t.shape[1:]))


def picked(g: Growth, t: Tensor) -> Tensor:
    """One element of each row, as a class of a sample."""
    if t.rank < 2 or not known(t, 1):
        return t
    first, _, *rest = _names(t)
    ids = g.positions(t.shape[0], 0, int(t.shape[1]) - 1)
    return define(None, (first, *rest), t.at(first, ids[first], *rest), shape=(t.shape[0], *t.shape[2:]))


def scattered(g: Growth, t: Tensor) -> Tensor:
    """Rows added up by given positions; some go nowhere."""
    first, *rest = _names(t)
    count = g.rng.randint(1, 4)
    ids = g.positions(t.shape[0], -1, count)
    body = sp.Piecewise((t.at(first, *rest), sp.Eq(ids[first], _Z)), (0, True))
    return define(None, (_Z, *rest), Sum(body, first), shape=(count, *t.shape[1:]))


def multiplied(g: Growth, t: Tensor) -> Tensor:
    """A matrix product, with a new matrix or with what is there."""
    other = g.rng.choice(g.tensors)
    if other.rank and t.rank and other.shape[-1] == t.shape[-1] and g.rng.random() < 0.5:
        return t @ (other.T if other.rank == 2 else other)
    return t @ g.given(t.shape[-1], g.rng.randint(1, 3))


def diagonal(g: Growth, t: Tensor) -> Tensor:
    """The diagonal of the first two axes."""
    where = list(_names(t))
    if t.rank < 2 or t.shape[0] != t.shape[1]:
        return t
    return define(None, where[1:], t.at(where[1], *where[1:]))


def softmax(g: Growth, t: Tensor) -> Tensor:
    """Shares of the last axis."""
    e = elementwise(sp.exp, t)
    return e / e.sum(axis=t.rank - 1, keepdims=True)


ANY: Sequence[Step] = (one, two)
WITH_AXES: Sequence[Step] = (
    *(*ANY, one, two, reduced, reshaped, cut, turned, padded, windowed, gathered, picked, scattered),
    *(multiplied, multiplied, diagonal, softmax, windowed, reshaped),
)
