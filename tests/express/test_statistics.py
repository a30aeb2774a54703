"""Reductions, masks, ties and cumulative sums against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.tangent import hvp
from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.dims import indices
from symdl.express.operators import reduce
from symdl.express.program import collect
from symdl.express.statistics import cumprod, cumsum, logsumexp, reduction, std, var
from symdl.express.surface import ArgMax, Prod, define
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate, outputs

from .agreement import agrees

RNG = np.random.default_rng(9)
X = RNG.normal(size=(2, 3, 4))
AXES: list[Any] = [None, 0, -1, (0, 2)]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("op", ["sum", "mean", "max", "min", "prod", "var", "std"])
def test_reduction(op: str, axis: Any, keepdims: bool) -> None:
    agrees(
        lambda x: getattr(x, op)(axis, keepdims=keepdims),
        lambda x: getattr(anp, op)(x, axis=axis, keepdims=keepdims),
        x=X,
    )


@pytest.mark.parametrize("shape", [(1,), (1, 1), (0, 3)])
def test_small_reductions(shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=shape)
    for op in ("sum", "prod"):
        agrees(lambda x, op=op: getattr(x, op)(0), lambda x, op=op: getattr(anp, op)(x, axis=0), x=x)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_positions(op: str, axis: int | None, keepdims: bool) -> None:
    x = RNG.integers(0, 3, size=(2, 3, 4)).astype(float)  # with ties
    result = agrees(
        lambda x: getattr(x, op)(axis, keepdims=keepdims),
        lambda x: getattr(np, op)(x, axis=axis, keepdims=keepdims),
        slopes=False,
        x=x,
    )
    assert result.dtype == "int64"


def test_reductions_over_no_axis() -> None:
    for op in ("sum", "min", "max", "mean", "prod"):
        agrees(lambda x, op=op: reduction(op, x, ()), lambda x: x, x=X)
    for op in ("argmin", "argmax"):
        agrees(lambda x, op=op: reduction(op, x), lambda x: np.zeros((), int), slopes=False, x=X[0, 0, 0])


def test_correction() -> None:
    for f, g in ((var, anp.var), (std, anp.std)):
        agrees(lambda x, f=f: f(x, 1, correction=1), lambda x, g=g: g(x, axis=1, ddof=1), x=X)


def test_the_product_is_exact_at_zeros_and_differentiates_twice() -> None:
    t, v = tensor("x", (4,)), tensor("v", (4,))
    derivative = differentiate(reduce("prod", t), [t])
    slopes = derivative.gradient(t)
    for x in ([2.0, 0.0, 3.0, -1.0], [2.0, 0.0, 0.0, 5.0], [1.0, 2.0, 3.0, 4.0]):
        expected = [np.prod(np.delete(x, k)) for k in range(4)]
        np.testing.assert_array_equal(evaluate(derivative.program, {"x": x})[slopes], expected)
    (product,) = hvp(reduce("prod", t), [t], {t: v})
    at, direction = np.array([2.0, 0.0, 3.0, -1.0]), RNG.normal(size=4)
    hessian = np.array(
        [[0 if i == j else np.prod(np.delete(at, [i, j])) for j in range(4)] for i in range(4)]
    )
    (found,) = outputs(collect([product]), {"x": at, "v": direction})
    np.testing.assert_allclose(found, hessian @ direction, rtol=1e-12)


MASK = np.array([[1, 0, 1], [0, 1, 1]])


def _masked(op: str) -> Callable[..., Any]:
    if op == "mean":
        return lambda x, m: anp.sum(x * m, axis=1) / np.sum(m, axis=1)
    fill = {"sum": 0.0, "prod": 1.0, "max": -1e300, "min": 1e300, "logsumexp": -1e300}[op]
    name = {"logsumexp": "max"}.get(op, op)
    if op == "logsumexp":
        return lambda x, m: anp.log(anp.sum(anp.where(m == 1, anp.exp(x), 0.0), axis=1))
    return lambda x, m: getattr(anp, name)(anp.where(m == 1, x, fill), axis=1)


@pytest.mark.parametrize("op", ["sum", "prod", "mean", "max", "min", "logsumexp"])
def test_masked_reduction(op: str) -> None:
    x = RNG.normal(size=(2, 3))
    agrees(lambda x, m: reduction(op, x, 1, where=m), _masked(op), x=x, m=MASK)
    below = lambda v: v < v.mean() + 1  # noqa: E731
    agrees(lambda x: reduction(op, x, 1, where=below(x)), lambda x: _masked(op)(x, below(x)), x=x)


def test_a_mask_keeps_out_what_is_not_finite() -> None:
    x = tensor("x", (3,))
    total = x.sum(where=x > -5)
    derivative = differentiate(total, [x])
    found = evaluate(derivative.program, {"x": [1.0, -np.inf, 2.0]})
    assert found[total] == 3
    np.testing.assert_array_equal(found[derivative.gradient(x)], [1, 0, 1])


def test_masked_variance() -> None:
    x = RNG.normal(size=(2, 3))
    m = tensor("m", (2, 3), dtype="int64")
    result = var(tensor("x", (2, 3)), 1, where=m, correction=1)
    (found,) = outputs(collect([result]), {"x": x, "m": MASK})
    expected = [np.var(row[mask == 1], ddof=1) for row, mask in zip(x, MASK, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("ties", "expected"), [("first", [0, 1, 0, 0]), ("split", [0, 0.5, 0, 0.5])])
@pytest.mark.parametrize("op", ["max", "min"])
def test_ties(op: str, ties: Any, expected: list[float]) -> None:
    sign = 1 if op == "max" else -1
    x = tensor("x", (1, 4))
    best = reduction(op, x, 1, ties=ties)
    derivative = differentiate(reduce("sum", best), [x])
    values = {"x": sign * np.array([[1.0, 3.0, -2.0, 3.0]])}
    found = evaluate(derivative.program, values)
    np.testing.assert_array_equal(outputs(collect([best]), values)[0], [3 * sign])
    np.testing.assert_array_equal(found[derivative.gradient(x)], [expected])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_cumulative_sum(axis: int) -> None:
    agrees(lambda x: x.cumsum(axis), lambda x: anp.cumsum(x, axis=axis), x=X)
    backwards = np.flip(np.cumsum(np.flip(X, axis), axis), axis)
    (found,) = outputs(collect([cumsum(tensor("x", X.shape), axis, reverse=True)]), {"x": X})
    np.testing.assert_allclose(found, backwards, rtol=1e-12)


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_cumulative_options(axis: int, reverse: bool, exclusive: bool) -> None:
    # Of row i of the triangle those elements count that sum i takes in.
    size = X.shape[axis]
    triangle = np.tri(size, k=-1 if exclusive else 0)
    triangle = triangle.T if reverse else triangle
    options: dict[str, Any] = {"reverse": reverse, "exclusive": exclusive}

    def moved(x: Any) -> Any:
        return anp.moveaxis(x, axis, -1)[..., None, :]

    def back(y: Any) -> Any:
        return anp.moveaxis(y, -1, axis)

    agrees(lambda x: cumsum(x, axis, **options), lambda x: back(anp.sum(moved(x) * triangle, axis=-1)), x=X)
    agrees(
        lambda x: cumprod(x, axis, **options),
        lambda x: back(anp.prod(moved(x) * triangle + (1 - triangle), axis=-1)),
        x=X,
    )


def test_the_language_itself_has_products_and_positions() -> None:
    i, k = indices("i k")
    x = tensor("x", (2, 3))
    values = RNG.normal(size=(2, 3))
    product = define("p", (i,), 1 + Prod(x[i, k] ** 2, k))
    place = define("a", (i,), ArgMax(x[i, k], k))
    assert place.dtype == "int64"
    found = outputs(collect([product, place]), {"x": values})
    np.testing.assert_allclose(found[0], 1 + np.prod(values**2, axis=1))
    np.testing.assert_array_equal(found[1], values.argmax(1))


def test_a_causal_row_needs_no_values_beyond_it() -> None:
    i, k = indices("i k")
    x = tensor("x", (3, 3))
    y = define("y", (i,), Prod(sp.Piecewise((x[i, k], k <= i), (1, True)), k))
    assert y.equation is not None
    assert y.equation.guards
    values = np.array([[2.0, np.nan, np.nan], [3.0, 4.0, np.nan], [5.0, 6.0, 7.0]])
    np.testing.assert_array_equal(outputs(collect([y]), {"x": values})[0], [2, 12, 210])


def test_masked_logsumexp_of_an_empty_row() -> None:
    x, m = tensor("x", (2, 2)), tensor("m", (2, 2), dtype="int64")
    total = reduction("logsumexp", x, 1, where=m)
    derivative = differentiate(reduce("sum", total), [x])
    found = evaluate(derivative.program, {"x": np.zeros((2, 2)), "m": np.array([[0, 0], [1, 1]])})
    np.testing.assert_allclose(found[derivative.gradient(x)], np.array([[0, 0], [0.5, 0.5]]))
    assert logsumexp(x, 1).shape == (2,)


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda x: x.max(ties="last"), ExpressionError),
        (lambda x: x.sum(where=tensor("m", (3, 2, 3), dtype="int64")), ShapeError),
        (lambda x: x.sum(where=tensor("m", (2, 3))), ExpressionError),
        (lambda x: x.sum(2), ShapeError),
        (lambda x: reduction("average", x), ExpressionError),
        (lambda x: x.cumsum(2), ShapeError),
    ],
    ids=itertools.count(),
)
def test_bad_arguments_are_refused(build: Callable[[Tensor], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        build(tensor("x", (2, 3)))
