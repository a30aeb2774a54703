"""Contractions against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.einsum import einsum, tensordot
from symdl.express.program import collect
from symdl.lower.pipeline import ready

from .agreement import agrees

RNG = np.random.default_rng(11)

CASES = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("bij,bjk->bik", (2, 3, 1), (2, 1, 4)),
    ("i,j->ij", (3,), (2,)),
    ("i,i", (3,), (3,)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ij,ij->i", (2, 3), (2, 3)),
    ("ji", (2, 3)),
    ("i,ij,j->", (2,), (2, 3), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 1), (1, 4)),
    ("ij,i,i->j", (2, 3), (2,), (2,)),
]


@pytest.mark.parametrize("case", CASES, ids=[str(c[0]) for c in CASES])
def test_einsum(case: tuple[str, *tuple[tuple[int, ...], ...]]) -> None:
    text, *shapes = case
    values: dict[str, Any] = {
        name: RNG.normal(size=shape) for name, shape in zip("xyz", shapes, strict=False)
    }
    agrees(lambda **t: einsum(text, *t.values()), lambda **v: anp.einsum(text, *v.values()), **values)


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("...ij,...jk->...ik", [(5, 2, 3), (5, 3, 4)]),
        ("...j,j", [(2, 3), (3,)]),
        ("...ij->...ji", [(2, 3)]),
    ],
)
def test_diagonals_and_shared_axes(text: str, shapes: list[tuple[int, ...]]) -> None:
    values: dict[str, Any] = {
        name: RNG.normal(size=shape) for name, shape in zip("xyz", shapes, strict=False)
    }
    agrees(
        lambda **t: einsum(text, *t.values()),
        lambda **v: np.einsum(text, *v.values()),
        slopes=False,
        **values,
    )


@given(sizes=st.tuples(*[st.integers(1, 3)] * 4), seed=st.integers(0, 10**6))
def test_contraction_of_any_size(sizes: tuple[int, int, int, int], seed: int) -> None:
    b, i, j, k = sizes
    rng = np.random.default_rng(seed)
    agrees(
        lambda x, y: einsum("bij,kj->bki", x, y),
        lambda x, y: anp.einsum("bij,kj->bki", x, y),
        x=rng.normal(size=(b, i, j)),
        y=rng.normal(size=(k, j)),
    )


def test_many_factors_are_one_sum_which_is_computed_by_products_of_two() -> None:
    tensors = [tensor(name, (Dim("n"), Dim("n"))) for name in "abcd"]
    program = collect([einsum("ij,jk,kl,lm->im", *tensors)])
    assert len(program.equations) == 1
    planned = ready(program)
    assert len(planned.equations) == 3
    assert all(len(e.reads()) == 2 for e in planned.equations)


@pytest.mark.parametrize("axes", [0, 1, 2, (1, 0), ([0, 1], [1, 2]), ((-1,), (0,))])
def test_tensordot(axes: Any) -> None:
    shapes = {0: ((2,), (3,)), 1: ((2, 3), (3, 4)), 2: ((4, 2, 3), (2, 3, 5))}
    left, right = shapes.get(axes if isinstance(axes, int) else -1, ((2, 3), (3, 4)))
    if axes == ([0, 1], [1, 2]):
        left, right = (2, 3, 4), (5, 2, 3)
    agrees(
        lambda x, y: tensordot(x, y, axes),
        lambda x, y: anp.tensordot(x, y, axes),
        x=RNG.normal(size=left),
        y=RNG.normal(size=right),
    )


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda x: einsum("ij,jk", x), ExpressionError),
        (lambda x: einsum("ijk", x), ExpressionError),
        (lambda x: einsum("ij->k", x), ExpressionError),
        (lambda x: einsum("ij->ii", x), ExpressionError),
        (lambda x: einsum("i1->i", x), ExpressionError),
        (lambda x: einsum("ij,ij", x, x.T), ShapeError),
        (lambda x: tensordot(x, x, 1), ShapeError),
        (lambda x: tensordot(x, x, 3), ShapeError),
        (lambda x: tensordot(x, x, ([0], [0, 1])), ShapeError),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[..., object], error: type[Exception]) -> None:
    with pytest.raises(error):
        build(tensor("x", (2, 3)))
