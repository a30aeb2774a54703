"""Random programs in index notation, and random losses.

Enters: limits. Leaves: strategies of `Sample`: outputs, and values for all they depend on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import sympy as sp
from numpy.typing import NDArray

from symdl.check.strategies.steps import ANY, WITH_AXES, Growth
from symdl.errors import ExpressionError, require_extra
from symdl.express.dims import Dim, Extent
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.express.tensors import Tensor

Array = NDArray[Any]

SIZES = (1, 2, 3, 4, 6)
_LARGEST = 400


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Tensors, and values for all they depend on.

    Attributes:
        outputs: the tensors.
        values: the arrays of their inputs by name.
    """

    outputs: tuple[Tensor, ...]
    values: Mapping[str, Array]

    @property
    def loss(self) -> Tensor:
        """The first output, the only one of a loss."""
        return self.outputs[0]

    def __repr__(self) -> str:
        equations = "; ".join(map(str, collect(self.outputs).equations))
        return f"Sample({equations}; {dict(self.values)!r})"


def programs(
    *, steps: tuple[int, int] = (2, 8), sizes: Sequence[int] = SIZES, batches: Sequence[int] = SIZES
) -> Any:
    """Return a strategy for programs of up to three outputs, as `Sample`.

    A program has inputs, some with a symbolic size ``n`` in front, and some steps: functions of elements, of
    two tensors, reductions, other shapes, slices, windows, gathers, scatters, matrix products.

    Args:
        steps: the least and the largest number of steps.
        sizes: of axes; with a 0 among them there are tensors without elements.
        batches: values of ``n``, at least 1.
    """
    st = require_extra("hypothesis.strategies", "test")
    made = partial(program, steps=steps, sizes=tuple(sizes), batches=tuple(batches))
    return st.randoms(use_true_random=False).map(made)


def losses(
    *, steps: tuple[int, int] = (2, 6), sizes: Sequence[int] = SIZES, batches: Sequence[int] = SIZES
) -> Any:
    """Return a strategy for tensors of rank 0 that depend on the last tensors of a program, as `Sample`.

    Args:
        steps, sizes, batches: see `programs`.
    """
    st = require_extra("hypothesis.strategies", "test")
    made = partial(loss, steps=steps, sizes=tuple(sizes), batches=tuple(batches))
    return st.randoms(use_true_random=False).map(made)


def program(
    rng: Random, *, steps: tuple[int, int], sizes: Sequence[int] = SIZES, batches: Sequence[int] = SIZES
) -> Sample:
    """Return one of `programs`."""
    g = grown(rng, steps=steps, sizes=sizes, batches=batches)
    defined = [t for t in g.tensors if t.equation is not None] or g.tensors[:1]
    outputs = tuple(dict.fromkeys(rng.choice(defined) for _ in range(rng.randint(1, 3))))
    return _sample(outputs, g)


def loss(
    rng: Random, *, steps: tuple[int, int], sizes: Sequence[int] = SIZES, batches: Sequence[int] = SIZES
) -> Sample:
    """Return one of `losses`."""
    g = grown(rng, steps=steps, sizes=sizes, batches=batches)
    last = [t for t in g.tensors if t.equation is not None][-2:] or g.tensors[:1]
    terms = [(elementwise(sp.sin, t) * (1 + t)).sum() for t in last]
    return _sample((terms[0] + terms[1] if len(terms) > 1 else terms[0],), g)


def grown(rng: Random, *, steps: tuple[int, int], sizes: Sequence[int], batches: Sequence[int]) -> Growth:
    """Return a program that has grown by some steps; those that do not fit are left out."""
    n = Dim("n")
    g = Growth(rng, {n: rng.choice(batches)})
    for place in range(rng.randint(1, 2)):
        inner: list[Extent] = [rng.choice(sizes) for _ in range(rng.randint(0, 3))]
        g.given(*([n, *inner[:2]] if place == 0 and rng.random() < 0.5 else inner))
    for _ in range(rng.randint(*steps)):
        t = rng.choice(g.tensors[-4:] if rng.random() < 0.5 else g.tensors)
        try:
            new = rng.choice(WITH_AXES if t.rank else ANY)(g, t)
        except ExpressionError:  # shapes that do not fit
            continue
        if new is not t and g.count(new) <= _LARGEST:
            g.tensors.append(new)
    return g


def _sample(outputs: tuple[Tensor, ...], g: Growth) -> Sample:
    names = {t.name for t in collect(outputs).inputs}
    return Sample(outputs, {name: array for name, array in g.values.items() if name in names})
