"""What cannot be differentiated is refused with the expression, the reason and the cure."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.gradients import grad
from symdl.differentiate.tangent import hvp, jvp
from symdl.errors import DerivativeError, ExpressionError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.express.surface import ArgMax, Sum, define
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs

n = Dim("n")
i, j, k = indices("i j k")


def test_an_output_with_axes() -> None:
    x = tensor("x", (n, 3))
    with pytest.raises(DerivativeError, match=r"no scalar") as caught:
        differentiate(x * 2, [x])
    assert "(n, 3)" in str(caught.value) and "reduce it to a scalar" in str(caught.value)


def test_an_output_that_does_not_depend_on_the_tensor() -> None:
    x, y = tensor("x", (n,)), tensor("y", (n,))
    with pytest.raises(DerivativeError, match=r"does not depend on y\(n\)"):
        grad(x.sum(), [x, y])
    with pytest.raises(DerivativeError, match=r"does not depend on y\(n\)"):
        jvp([x * 2], {y: x})


def test_a_dependence_through_integers_only() -> None:
    x, w = tensor("x", (n, 3)), tensor("w", (3,))
    best = define("best", (i,), ArgMax(x[i, j], j))
    loss = define("L", (), Sum(w[best[i]] ** 2, i))
    with pytest.raises(DerivativeError, match=r"only through integers") as caught:
        differentiate(loss, [x])
    assert "best" in str(caught.value) and "softmax" in str(caught.value)
    with pytest.raises(DerivativeError, match=r"only through integers"):
        jvp([loss], {x: tensor("v", (n, 3))})
    assert differentiate(loss, [w]).gradient(w).shape == (3,)


def test_integers_themselves() -> None:
    x, t = tensor("x", (n, 3)), tensor("t", (n,), dtype="int64")
    with pytest.raises(DerivativeError, match=r"holds integers"):
        differentiate(define("L", (), Sum(x[i, t[i]] ** 2, i)), [t])
    with pytest.raises(DerivativeError, match=r"holds integers"):
        differentiate(define("K", (), Sum(x[i, 0] * t[i], i)), [t])


def test_a_function_without_a_known_derivative() -> None:
    x = tensor("x", (n,))
    unknown = sp.Function("f")
    for formula in (lambda v: unknown(v), lambda v: sp.besselj(v, 1), lambda v: sp.zeta(v) * v):
        with pytest.raises((DerivativeError, ExpressionError)) as caught:
            differentiate(elementwise(formula, x).sum(), [x])
        assert "cure" in str(caught.value)


def test_a_direction_of_another_shape() -> None:
    x = tensor("x", (n, 3))
    with pytest.raises(DerivativeError, match=r"another shape") as caught:
        jvp([x * 2], {x: tensor("v", (n,))})
    assert "(n, 3)" in str(caught.value)


def test_a_product_with_a_missing_direction() -> None:
    w, u = parameter("w", (3,)), parameter("u", (3,))
    loss = (w * u).sum()
    v = tensor("v", (3,))
    (product,) = hvp(loss, [w], {u: v})  # the mixed part of the Hessian
    assert isinstance(product, Tensor) and product.shape == (3,)
    with pytest.raises(DerivativeError, match=r"at least one"):
        hvp(loss, [w], {})
    with pytest.raises(DerivativeError, match=r"at least one"):
        differentiate(loss, [])


def test_one_tensor_or_several() -> None:
    w, u = parameter("w", (3,)), parameter("u", (3,))
    v, loss = tensor("v", (3,)), (w**3 * u).sum()
    alone = hvp(loss, w, v)
    assert isinstance(alone, Tensor) and isinstance(jvp(loss, {w: v}), Tensor)
    point = {"w": [1.0, 2, 3], "u": [0.5, 1, -1], "v": [1.0, -1, 2]}
    (found,) = outputs(collect([alone]), point)
    np.testing.assert_allclose(found, [3, -12, -36])
    both = hvp(loss, [w, u], [v, v])
    mapped = hvp(loss, [w, u], {w: v, u: v})
    for ours, theirs in zip(outputs(collect(both), point), outputs(collect(mapped), point), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(DerivativeError, match=r"1 directions for 2 tensors"):
        hvp(loss, [w, u], [v])
    with pytest.raises(DerivativeError, match=r"what moves with its direction"):
        jvp(loss, v)  # type: ignore[call-overload]


def test_a_name_in_place_of_a_tensor() -> None:
    w = parameter("w", (3,))
    with pytest.raises(DerivativeError, match=r"'w' is no tensor(?s:.*)cure"):
        grad((w * w).sum(), "w")  # type: ignore[arg-type]


def test_the_same_tensor_twice() -> None:
    x = tensor("x", (n,))
    first, second = grad((x * x).sum(), [x, x])
    assert first is second


def test_the_output_itself() -> None:
    x = tensor("x", (n,))
    loss = (x * x).sum()
    derivative = differentiate(loss, [loss, x])
    assert derivative.gradient(loss).shape == ()
