"""Array syntax against NumPy: operators, broadcasting, products, reductions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdl.check.strategies import shapes
from symdl.errors import ExpressionError, ShapeError
from symdl.express import functions
from symdl.express import operators as op
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.program import collect
from symdl.express.surface import Sum
from symdl.express.tensors import Access, Tensor
from symdl.run.reference.interpreter import outputs

n, m = Dim("n"), Dim("m")
rng = np.random.default_rng(2)
SMALL = st.integers(1, 3)


def run(result: Tensor, **values: Any) -> np.ndarray:
    program = collect([result])
    names = [t.name for t in program.inputs]
    (array,) = outputs(program, {name: values[name] for name in values if name in names})
    return array


def pair(*shapes: tuple[int, ...]) -> tuple[list[Tensor], dict[str, np.ndarray]]:
    values = {name: rng.uniform(0.5, 2, shape) for name, shape in zip("XYZ", shapes, strict=False)}
    return [tensor(name, array.shape) for name, array in values.items()], values


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("function", BINARY)
def test_binary_operators(function: Callable[[Any, Any], Any]) -> None:
    (X, Y), values = pair((2, 3), (3,))
    x, y = values.values()
    assert np.allclose(run(function(X, Y), **values), function(x, y))
    assert np.allclose(run(function(X, 2), **values), function(x, 2))
    assert np.allclose(run(function(0.5, X), **values), function(0.5, x))
    assert np.allclose(run(function(X, np.float64(1.5)), **values), function(x, 1.5))


def test_sympy_numbers_from_the_left() -> None:
    (X,), values = pair((2, 3))
    x = values["X"]
    assert np.allclose(run(sp.pi * X, **values), np.pi * x)
    assert np.allclose(run(sp.Rational(1, 3) - X, **values), 1 / 3 - x)
    assert np.allclose(run(sp.Integer(2) / X, **values), 2 / x)
    assert np.allclose(run(sp.Integer(2) ** X, **values), 2**x)
    scale, i = tensor("s", ()), indices("i")[0]
    assert (X[i, 0] * scale) == X[i, 0] * scale.at()


def test_unary_operators_and_functions() -> None:
    (X,), values = pair((2, 3))
    x = values["X"]
    assert np.array_equal(run(-X, **values), -x)
    assert +X is X
    assert np.array_equal(run(abs(X - 1), **values), abs(x - 1))
    for name in ("exp", "log", "sqrt", "sin", "cos"):
        assert np.allclose(run(getattr(functions, name)(X), **values), getattr(np, name)(x))
    assert np.allclose(run(op.maximum(X, 1), **values), np.maximum(x, 1))
    assert np.allclose(run(op.minimum(1, X), **values), np.minimum(x, 1))
    assert functions.exp(sp.Integer(0)) == 1


@given(shapes(ranks=(0, 3), sizes=(0, 3)), st.data())
def test_broadcasting_follows_numpy(shape: tuple[int, ...], data: st.DataObject) -> None:
    other = tuple(data.draw(st.sampled_from([s, 1])) for s in shape)
    other = other[data.draw(st.integers(0, len(shape))) :]
    (X, Y), values = pair(shape, other)
    x, y = values.values()
    for function in (lambda a, b: a * b + a, lambda a, b: b - a):
        found, expected = run(function(X, Y), **values), np.asarray(function(x, y))
        assert found.shape == expected.shape
        assert np.allclose(found, expected)


def test_sizes_that_do_not_broadcast() -> None:
    with pytest.raises(ShapeError, match="sizes 3 and 2 do not broadcast"):
        tensor("X", (2, 3)) + tensor("Y", (2,))
    with pytest.raises(ShapeError, match="sizes n and m"):
        tensor("X", (n,)) + tensor("Y", (m,))
    assert op.broadcast_shapes((n, 1), (1, m)) == (n, m)
    assert op.broadcast_shapes() == ()


@given(SMALL, SMALL, SMALL, st.lists(SMALL, max_size=2), st.data())
def test_matmul_follows_numpy(rows: int, inner: int, columns: int, batch: list[int], data: Any) -> None:
    left = data.draw(st.sampled_from([(inner,), (rows, inner), (*batch, rows, inner)]))
    ones = [data.draw(st.sampled_from([size, 1])) for size in batch]
    right = data.draw(st.sampled_from([(inner,), (inner, columns), (*ones, inner, columns)]))
    (X, Y), values = pair(left, right)
    found, expected = run(X @ Y, **values), np.matmul(*values.values())
    assert found.shape == np.shape(expected)
    assert np.allclose(found, expected)


def test_a_product_is_one_two_factor_equation() -> None:
    Z = tensor("X", (n, 4)) @ parameter("W", (4, 3))
    assert len(collect([Z]).equations) == 1
    assert Z.shape == (n, 3)
    assert str(Z.equation).endswith("= sum_{k} X[i, k]*W[k, j]")


def test_products_that_do_not_fit() -> None:
    X = tensor("X", (n, 4))
    for other in (tensor("Y", (n, 4)), tensor("Y", ()), tensor("Y", (5,))):
        with pytest.raises(ShapeError, match="does not fit"):
            X @ other
    with pytest.raises(ShapeError, match="does not fit"):
        op.matmul(X, 2)  # type: ignore[arg-type]


@given(shapes(ranks=(1, 3), sizes=(1, 3)), st.data(), st.booleans())
def test_reductions_follow_numpy(shape: tuple[int, ...], data: Any, keep: bool) -> None:
    (X,), values = pair(shape)
    x = values["X"]
    axes = data.draw(
        st.none()
        | st.integers(-len(shape), len(shape) - 1)
        | st.lists(st.integers(0, len(shape) - 1), unique=True).map(tuple)
    )
    for name in ("sum", "mean", "max"):
        found = run(getattr(X, name)(axes, keepdims=keep), **values)
        expected = getattr(np, name)(x, axis=axes, keepdims=keep)
        assert found.shape == np.shape(expected)
        assert np.allclose(found, expected)
    found = run(op.reduce("logsumexp", X, axes, keepdims=keep), **values)
    assert np.allclose(found, np.log(np.sum(np.exp(x), axis=axes, keepdims=keep)))


def test_reductions_of_symbolic_sizes() -> None:
    X = tensor("X", (n, 4))
    x = rng.normal(size=(5, 4))
    assert X.mean(0).shape == (4,)
    assert np.allclose(run(X.mean(0), X=x), x.mean(0))
    assert np.allclose(run(X.mean(), X=x), x.mean())


def test_empty_axes() -> None:
    X = tensor("X", (2, 0))
    x = np.zeros((2, 0))
    assert np.array_equal(run(X.sum(1), X=x), [0, 0])
    assert np.array_equal(run(X.sum(0), X=x), np.zeros(0))
    assert np.array_equal(run(X.max(1), X=x), [-np.inf, -np.inf])
    Y = tensor("Y", (0, 3))
    assert np.array_equal(run(X @ Y, X=x, Y=np.zeros((0, 3))), np.zeros((2, 3)))


@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, -2)])
def test_axes_that_do_not_exist(axis: Any) -> None:
    with pytest.raises(ShapeError, match="does not fit a tensor with 2 axes"):
        tensor("X", (2, 3)).sum(axis)


def test_what_cannot_be_combined() -> None:
    X = tensor("X", (2,))
    for other in ("1", None, {}):
        with pytest.raises(ExpressionError, match="cannot be combined with a tensor"):
            X + other
    with pytest.raises(ExpressionError, match="constant"):
        np.array(["1", "2"]) * X


def test_a_scalar_tensor_is_an_expression() -> None:
    i = indices("i")[0]
    X, s = tensor("X", (n,)), tensor("s", ())
    for mixed in (X[i] * s, s * X[i], s + sp.exp(X[i]), X[i] / s, Sum(X[i], i) + s):
        assert isinstance(mixed, sp.Expr)
        assert s.at() in mixed.atoms(Access)
    with pytest.raises(ExpressionError, match="is no scalar"):
        X[i] * X


def test_elementwise_names_and_rules() -> None:
    X = tensor("X", (n, 1))
    Y = op.elementwise(lambda a, b: sp.tanh(a) * b, X, tensor("Y", (3,)), name="Y2", rule="gate")
    assert Y.shape == (n, 3)
    assert Y.name == "Y2"
    assert Y.equation is not None
    assert Y.equation.origin.rule == "gate"
    assert str(Y.equation) in ("Y2[i, j] = Y[j]*tanh(X[i, 0])", "Y2[i, j] = tanh(X[i, 0])*Y[j]")


def test_whole_numbers_stay_whole() -> None:
    ids = tensor("ids", (3,), dtype="int64")
    for result, expected in ((ids + 1, [1, 2, 3]), (2 * ids - ids, [0, 1, 2])):
        assert result.dtype == "int64"
        assert list(run(result, ids=np.arange(3))) == expected
    assert (ids / 2).dtype == (ids + 0.5).dtype == (ids * tensor("x", (3,))).dtype == "real"
