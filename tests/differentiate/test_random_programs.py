"""Random programs, differentiated once and twice, against the tape, which shares nothing with the rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.check.tape import tape_gradient
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.tangent import hvp
from symdl.errors import ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Index, indices
from symdl.express.operators import broadcast_shapes, elementwise, reduce
from symdl.express.program import collect
from symdl.express.surface import Max, Sum, define
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

from .oracles import assert_close
from .oracles import given as given_values

z = Index("z")
LARGEST = 400
SMOOTH = (
    sp.tanh,
    sp.sin,
    lambda v: 1 / (1 + sp.exp(-v)),
    lambda v: sp.Max(v, 0),
    lambda v: v**2,
    lambda v: sp.sqrt(1 + v**2),
    lambda v: sp.exp(-(v**2)),
    lambda v: sp.log(1 + v**2),
)
COMBINED: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a - 2 * b,
    lambda a, b: a / (2 + b * b),
)


@dataclass
class Growth:
    """A program as it grows: its random choices, the tensors so far and the values of its inputs."""

    rng: Random
    tensors: list[Tensor] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)

    def given(self, *shape: int) -> Tensor:
        name = f"x{len(self.values)}"
        self.values[name] = np.random.default_rng(self.rng.randint(0, 999)).normal(size=shape)
        self.tensors.append(tensor(name, shape))
        return self.tensors[-1]

    def positions(self, count: int, low: int, high: int) -> Tensor:
        name = f"ids{len(self.values)}"
        self.values[name] = np.array([self.rng.randint(low, high) for _ in range(count)])
        return tensor(name, (count,), dtype="int64")


def sizes(t: Tensor) -> tuple[int, ...]:
    return tuple(int(size) for size in t.shape)


def names(t: Tensor) -> tuple[Index, ...]:
    return indices("i j k l m p q r s")[: t.rank]


def one(g: Growth, t: Tensor) -> Tensor:
    return elementwise(g.rng.choice(SMOOTH), t, name=g.rng.choice([None, f"n{len(g.tensors)}"]))


def two(g: Growth, t: Tensor) -> Tensor:
    other = g.rng.choice(g.tensors)
    try:
        broadcast_shapes(t.shape, other.shape)
    except ShapeError:
        other = t
    return g.rng.choice(COMBINED)(t, other)


def reduced(g: Growth, t: Tensor) -> Tensor:
    op = g.rng.choice(["sum", "mean", "max", "prod", "logsumexp"])
    axes = tuple(g.rng.sample(range(t.rank), g.rng.randint(1, t.rank)))
    return reduce(op, t, axes, keepdims=g.rng.random() < 0.5)


def reshaped(g: Growth, t: Tensor) -> Tensor:
    total, shape = math.prod(sizes(t)), []
    for _ in range(g.rng.randint(0, 2)):
        shape.append(g.rng.choice([d for d in range(1, total + 1) if total % d == 0]))
        total //= shape[-1]
    shape.append(total)
    g.rng.shuffle(shape)
    return t.reshape(*shape)


def cut(g: Growth, t: Tensor) -> Tensor:
    key: list[Any] = []
    for size in sizes(t):
        start = g.rng.randrange(size)
        part = slice(start, g.rng.randint(start + 1, size))
        key.append(g.rng.choice([slice(None), part, slice(None, None, -1), slice(None, None, 2), start]))
    return t[tuple(key)]


def turned(g: Growth, t: Tensor) -> Tensor:
    order = list(range(t.rank))
    g.rng.shuffle(order)
    return t.transpose(*order)


def padded(g: Growth, t: Tensor) -> Tensor:
    first, *rest = names(t)
    before, after, size = g.rng.randint(0, 2), g.rng.randint(0, 2), sizes(t)[0]
    held = sp.And(first - before >= 0, first - before < size)
    body = sp.Piecewise((t.at(first - before, *rest), held), (0, True))
    return define(None, (first, *rest), body, shape=(before + size + after, *t.shape[1:]))


def windowed(g: Growth, t: Tensor) -> Tensor:
    """A convolution or a maximum over windows of the first axis."""
    first, *rest = names(t)
    width, stride, pad, size = g.rng.randint(1, 3), g.rng.randint(1, 3), g.rng.randint(0, 1), sizes(t)[0]
    out = (size + 2 * pad - width) // stride + 1
    at = stride * first + z - pad
    if out < 1:
        return t
    shape = (out, *t.shape[1:])
    if not pad and g.rng.random() < 0.5:
        return define(None, (first, *rest), Max(t.at(at, *rest), (z, width)), shape=shape)
    body = t.at(at, *rest) * g.given(width)[z]
    if pad:
        body = sp.Piecewise((body, sp.And(at >= 0, at < size)), (0, True))
    return define(None, (first, *rest), Sum(body, z), shape=shape)


def gathered(g: Growth, t: Tensor) -> Tensor:
    first, *rest = names(t)
    count = g.rng.randint(1, 4)
    ids = g.positions(count, 0, sizes(t)[0] - 1)
    return define(None, (first, *rest), t.at(ids[first], *rest), shape=(count, *t.shape[1:]))


def scattered(g: Growth, t: Tensor) -> Tensor:
    first, *rest = names(t)
    count = g.rng.randint(1, 4)
    ids = g.positions(sizes(t)[0], -1, count)
    body = sp.Piecewise((t.at(first, *rest), sp.Eq(ids[first], z)), (0, True))
    return define(None, (z, *rest), Sum(body, first), shape=(count, *t.shape[1:]))


def multiplied(g: Growth, t: Tensor) -> Tensor:
    return t @ g.given(sizes(t)[-1], g.rng.randint(1, 3))


def diagonal(g: Growth, t: Tensor) -> Tensor:
    where = list(names(t))
    if t.rank < 2 or t.shape[0] != t.shape[1]:
        return t
    return define(None, where[1:], t.at(where[1], *where[1:]))


def softmax(g: Growth, t: Tensor) -> Tensor:
    e = elementwise(sp.exp, t)
    return e / e.sum(axis=t.rank - 1, keepdims=True)


ANY = (one, two)
WITH_AXES = (*ANY, reduced, reshaped, cut, turned, padded, windowed, gathered, scattered)
STEPS = (*WITH_AXES, multiplied, diagonal, softmax, windowed, reshaped)


def grown(rng: Random) -> tuple[Tensor, dict[str, np.ndarray]]:
    """A loss of up to six random steps, and values for its inputs."""
    g = Growth(rng)
    for _ in range(rng.randint(1, 2)):
        g.given(*(rng.choice([1, 2, 3, 4, 6]) for _ in range(rng.randint(0, 3))))
    for _ in range(rng.randint(2, 6)):
        t = rng.choice(g.tensors)
        new = rng.choice(STEPS if t.rank else ANY)(g, t)
        if math.prod(sizes(new)) <= LARGEST:
            g.tensors.append(new)
    last = [t for t in g.tensors if t.equation is not None][-2:] or g.tensors[:1]
    terms = [(elementwise(sp.sin, t) * (1 + t)).sum() for t in last]
    return terms[0] + terms[1] if len(terms) > 1 else terms[0], g.values


def assert_gradients(loss: Tensor, values: dict[str, Any]) -> dict[Tensor, Tensor]:
    program = collect([loss])
    wrt = [t for t in program.inputs if t.dtype == "real"]
    derivative = differentiate(loss, wrt)
    found = evaluate(derivative.program, given_values(derivative.program.inputs, values))
    expected = tape_gradient(program, loss, wrt, given_values(program.inputs, values))
    for t in wrt:
        assert_close(found[derivative.gradient(t)], expected[t], what=t)
    return {t: derivative.gradient(t) for t in wrt}


@given(st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_first_derivatives(rng: Random) -> None:
    assert_gradients(*grown(rng))


@given(st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_second_derivatives(rng: Random) -> None:
    loss, values = grown(rng)
    gradients = assert_gradients(loss, values)
    directions = {t: tensor(f"v.{t.name}", t.shape) for t in gradients}
    for t, v in directions.items():
        values[str(v.name)] = np.cos(np.arange(math.prod(sizes(t)), dtype=float)).reshape(sizes(t))
    inner = sum((gradient * directions[t]).sum() for t, gradient in gradients.items())
    assert isinstance(inner, Tensor)
    products = hvp(loss, list(gradients), directions)
    program = collect([inner])
    again = [t for t in gradients if t in program.inputs]
    expected = tape_gradient(program, inner, again, given_values(program.inputs, values)) if again else {}
    if again:
        assert_gradients(inner, values)
    forward = collect(products)
    found = evaluate(forward, given_values(forward.inputs, values))
    for t, product in zip(gradients, products, strict=True):
        zero = np.zeros(sizes(t))
        assert_close(found[product], expected.get(t, zero), what=t)
