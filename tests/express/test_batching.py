"""`sd.vmap`: one index more. That a batch is a stack, for all operations: tests/totality/test_batched.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DerivativeError, ExpressionError, ShapeError
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

n, m = sd.Dim("n"), sd.Dim("m")


def computed(tensor: Tensor, **values: Any) -> np.ndarray:
    program = collect([tensor])
    assert {t.name for t in program.inputs if t.value is None} == set(values)
    return np.asarray(evaluate(program, values)[tensor])


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).normal(size=shape)


def test_what_does_not_vary_is_shared() -> None:
    """The product of parameters is computed once, and has no axis more."""
    x = sd.tensor("x", (3,))
    A, B = sd.parameter("A", (3, 4)), sd.parameter("B", (4, 5))
    product = sd.tanh(A @ B)
    many = sd.vmap(x @ product, [x], size=n)
    assert many.shape == (n, 5)
    assert product in [e.lhs for e in collect([many]).equations]
    a, b = drawn(3, 4), drawn(4, 5)
    np.testing.assert_allclose(
        computed(many, x=drawn(7, 3), A=a, B=b), drawn(7, 3) @ np.tanh(a @ b), atol=1e-12
    )


def test_jacobians_of_many() -> None:
    """Of reprojection errors: one camera and one point each, as bundle adjustment has them."""
    camera, point = sd.tensor("camera", (6,)), sd.tensor("point", (3,))
    moved = point + sd.tanh(camera[:3]) * point[0] + camera[3:]
    seen = moved[:2] / moved[2]
    cameras, points = sd.tensor("cameras", (n, 6)), sd.tensor("points", (n, 3))
    c, p = drawn(5, 6), drawn(5, 3) + 9
    for by, size in ((camera, 6), (point, 3)):
        J = sd.jacobian(seen, by)
        many = sd.vmap(J, {camera: cameras, point: points})
        assert many.shape == (n, 2, size)
        needed = {t.name for t in collect([many]).inputs}
        values = {k: v for k, v in {"cameras": c, "points": p}.items() if k in needed}
        found = computed(many, **values)
        for k in range(5):
            alone = {"camera": c[k], "point": p[k]}
            used = {str(t.name): alone[str(t.name)] for t in collect([J]).inputs}
            np.testing.assert_allclose(found[k], computed(J, **used), rtol=1e-12)


def test_functions_and_axes() -> None:
    A, b = sd.tensor("A", (2, 3, n)), sd.tensor("b", (3,))
    found = sd.vmap(lambda A, b: (A @ b, b), over=(-1, None))(A, b)
    assert [y.shape for y in found] == [(n, 2), (n, 3)]
    a, v = drawn(2, 3, 4), drawn(3)
    np.testing.assert_allclose(computed(found[0], A=a, b=v), np.einsum("ijn,j->ni", a, v))
    nested = sd.vmap(sd.vmap(lambda u, v: (u * v).sum(), over=(0, None)), over=(None, 0))
    u, w = sd.tensor("u", (n, 3)), sd.tensor("w", (m, 3))
    gram = nested(u, w)
    assert gram.shape == (m, n)
    np.testing.assert_allclose(computed(gram, u=drawn(4, 3), w=drawn(5, 3)), drawn(5, 3) @ drawn(4, 3).T)
    assert sd.vmap(lambda u: {"square": u * u})(u)["square"].shape == (n, 3)


def test_inner_steps_of_meta_learning() -> None:
    """Weights that a step changes for each task, and the gradient through the step (job of MAML)."""
    W = sd.parameter("W", (3,))
    X, t = sd.tensor("X", (m, 4, 3)), sd.tensor("t", (m, 4))

    def task(X: Tensor, t: Tensor) -> Tensor:
        loss = ((X @ W - t) ** 2).mean()
        return sd.replace(loss, {W: W - 0.1 * sd.grad(loss, W)})

    meta = sd.vmap(task)(X, t).mean()
    gradient = sd.grad(meta, W)
    x, y, w = drawn(5, 4, 3), drawn(5, 4), drawn(3)
    expected = np.zeros(3)
    for one, target in zip(x, y, strict=True):
        hessian = one.T @ one * 2 / 4
        adapted = w - 0.1 * (2 / 4) * one.T @ (one @ w - target)
        expected += (np.eye(3) - 0.1 * hessian) @ one.T @ (one @ adapted - target) * (2 / 4) / 5
    np.testing.assert_allclose(computed(gradient, X=x, t=y, W=w), expected, rtol=1e-10)


def test_random_numbers_are_the_same_or_not() -> None:
    x = sd.tensor("x", (50,))
    kept = sd.nn.dropout(x, 0.5, name="drop")
    for randomness, alike in (("same", True), ("different", False)):
        many = sd.vmap(kept, [x], size=n, randomness=randomness)  # type: ignore[call-overload]
        found = computed(many, x=np.ones((3, 50)), **{"drop.step": 0.0})
        np.testing.assert_array_equal(found[0], computed(kept, x=np.ones(50), **{"drop.step": 0.0}))
        assert (found[0] == found[1]).all() == alike
        (still,) = sd.inference(many)
        assert still.shape == (n, 50)
        assert [t.name for t in collect([still]).inputs] == ["x"]
    noise = sd.nn.normal_noise((50,), name="noise")
    other = sd.vmap(x + noise, [x], size=n, randomness="different")
    first, second = computed(other, x=np.zeros((2, 50)), **{"noise.step": 3.0})
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


def test_running_means_get_the_mean_over_entries() -> None:
    x = sd.tensor("x", (4, 2))
    y = sd.nn.batch_norm(x, name="norm")
    ((state, value), *_) = sd.training_updates(y)
    ((same, many), *_) = sd.training_updates(sd.vmap(y, [x], size=n))
    assert same is state and many.shape == state.shape
    data = drawn(3, 4, 2)
    others = {str(t.name): np.ones(2) for t in collect([value]).inputs if t is not x}
    alone = [computed(value, x=one, **others) for one in data]
    np.testing.assert_allclose(computed(many, x=data, **others), np.mean(alone, 0))


def test_per_sample_gradients() -> None:
    X, t, W = sd.tensor("X", (n, 3)), sd.tensor("t", (n,), dtype="int64"), sd.parameter("W", (3, 4))
    loss = sd.nn.cross_entropy(X @ W, t)
    many, whole = sd.per_sample_grad(loss, W), sd.grad(loss, W)
    assert many.shape == (n, 3, 4)
    x, w, labels = drawn(5, 3), drawn(3, 4), np.array([0, 3, 1, 1, 2])
    found = computed(many, X=x, t=labels, W=w)
    for k in range(5):
        alone = computed(whole, X=x[k : k + 1], t=labels[k : k + 1], W=w)
        np.testing.assert_allclose(found[k], alone, atol=1e-12)
    with pytest.raises(DerivativeError, match="has values for each sample"):
        sd.per_sample_grad(loss, X)
    Y = sd.tensor("Y", (m, 3))
    with pytest.raises(DerivativeError, match="which size counts the samples"):
        sd.per_sample_grad(loss + (Y @ W).mean(), W)
    pairs = sd.tensor("P", (n, n))
    with pytest.raises(DerivativeError, match="elsewhere than in front"):
        sd.per_sample_grad(loss * (pairs * pairs).mean(), W)


def test_a_gradient_that_a_tensor_dropped_out_of() -> None:
    """The gradient of what is linear does not change with it; it is there for each nevertheless."""
    x, w = sd.tensor("x", (3,)), sd.tensor("w", (3,))
    many = sd.vmap(sd.grad(x @ w, w), {w: sd.tensor("ws", (n, 3))})
    assert many.shape == (n, 3)
    f = sd.compile(many, target="python")
    assert f(x=drawn(3), ws=np.zeros((2, 3))).shape == (2, 3)


def test_refusals() -> None:
    x, z = sd.tensor("x", (3,)), sd.tensor("z", (3,))
    y = x.sum()
    for over, options, words in (
        ({z: sd.tensor("Z", (n, 3))}, {}, "does not depend on"),
        ([x], {}, "has no size"),
        ([], {"size": n}, "not told what varies"),
        ({x: sd.tensor("X", (n, 3))}, {"size": n}, "leave size out"),
        ([x], {"size": n, "randomness": "other"}, 'use "same"'),
        ({x: sd.tensor("X", (n, 3), dtype="int64")}, {}, "holds int64"),
    ):
        with pytest.raises(ExpressionError, match=words):
            sd.vmap(y, over, **options)
    with pytest.raises(ShapeError, match="one axis more"):
        sd.vmap(y, {x: z})
    with pytest.raises(ShapeError, match="different lengths"):
        sd.vmap(x @ z, {x: sd.tensor("X", (n, 3)), z: sd.tensor("Z", (m, 3))})
    with pytest.raises(ShapeError, match="no axis to vary along"):
        sd.vmap(lambda x: x)(y)
    with pytest.raises(ExpressionError, match="2 arguments"):
        sd.vmap(lambda x, z: x, over=(0,))(x, z)
    with pytest.raises(ExpressionError, match="tensor or a function"):
        sd.vmap(3)  # type: ignore[call-overload]
