"""Functions of symdl in JAX, beside JAX's own. They run where JAX is installed."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError
from tests.interop.counting import counted

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
pytestmark = pytest.mark.jax

N = sd.Dim("n")
X = sd.tensor("x", (N, 3))
POINTS = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
MANY = np.stack([POINTS, 2 * POINTS, POINTS - 1])


def dense() -> sd.Tensor:
    return sd.nn.dense(X, 2, activation=sd.tanh, name="first")


def like(parameters, x):
    return jnp.tanh(x @ parameters["first.W"] + parameters["first.b"])


def close(found, expected, tolerance=1e-4):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert f.dtype == e.dtype
        np.testing.assert_allclose(f, e, rtol=tolerance, atol=tolerance)


def same(f):
    return f


def squares(f):
    return lambda p, x: (f(p, x) ** 2).sum()


def slope(f):
    return jax.grad(squares(f), argnums=(0, 1))


def slope_of_slope(f):
    return jax.grad(lambda p, x: (slope(f)(p, x)[1] ** 2).sum(), argnums=(0, 1))


def hessian(f):
    return jax.jacrev(jax.jacrev(squares(f), argnums=1), argnums=1)


@pytest.mark.parametrize("derivative", [same, slope, slope_of_slope, hessian])
@pytest.mark.parametrize("way", ["called", "jit", "vmap", "jit of vmap", "vmap of jit"])
def test_values_and_derivatives_under_transformations(derivative, way) -> None:
    layer = sd.to_jax(dense())
    ways = {
        "called": same,
        "jit": jax.jit,
        "vmap": lambda f: jax.vmap(f, (None, 0)),
        "jit of vmap": lambda f: jax.jit(jax.vmap(f, (None, 0))),
        "vmap of jit": lambda f: jax.vmap(jax.jit(f), (None, 0)),
    }
    points = MANY if "vmap" in way else POINTS
    found, expected = (ways[way](derivative(f))(layer.parameters, points) for f in (layer, like))
    close(found, expected)


def test_two_mapped_axes_and_one_of_the_parameters() -> None:
    layer = sd.to_jax(dense())
    several = jax.tree.map(lambda a: jnp.stack([a, -a]), layer.parameters)
    twice = [jax.vmap(jax.vmap(f, (None, 0)), (0, None)) for f in (layer, like)]
    close(twice[0](several, MANY), twice[1](several, MANY))


def test_float64() -> None:
    with jax.enable_x64(True):
        layer = sd.to_jax(sd.sin(X) * X)
        x = jnp.asarray(POINTS, "float64")
        close(layer(x), jnp.sin(x) * x, 1e-14)
        own = jax.grad(lambda x: (jnp.sin(x) * x).sum())(x)
        close(jax.grad(lambda x: layer(x).sum())(x), own, 1e-14)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32"])
def test_other_types_are_rounded_once(dtype) -> None:
    x = jnp.asarray(10 * POINTS, dtype)
    close(sd.to_jax(X * X)(x), x * x if dtype != "int32" else (x * x).astype("float32"))


def test_several_outputs_and_integers() -> None:
    ids = sd.tensor("ids", (N,), dtype="int64")
    rows = sd.take(sd.parameter("table", (5, 2)), ids, axis=0)
    layer = sd.to_jax([rows.sum(), sd.argmax(rows, axis=1), 3 * rows])
    places = jnp.array([0, 4, 4])
    total, most, tripled = jax.jit(layer)(layer.parameters, ids=places)
    table = layer.parameters["table"][places]
    close((total, most, tripled), (table.sum(), table.argmax(1), 3 * table))
    gradient = jax.grad(lambda p: layer(p, places)[0])(layer.parameters)["table"]
    np.testing.assert_array_equal(gradient[:, 0], [1, 0, 0, 0, 2])


def test_a_gradient_that_does_not_exist_is_zero() -> None:
    y = sd.tensor("y", (N, 3))
    layer = sd.to_jax([X.sum(), y.sum()])
    close(jax.grad(lambda x, y: layer(x, y)[0], argnums=1)(POINTS, POINTS), jnp.zeros((4, 3)))


def test_a_model_and_large_arrays() -> None:
    t = sd.tensor("t", (N, 2))
    y = sd.nn.batch_norm(dense(), name="norm")
    model = sd.Model(((y - t) ** 2).mean(), output=y)
    layer = sd.to_jax(model)
    x = np.ones((100_000, 3), "float32")
    close(jax.jit(layer)(layer.parameters, x), jnp.asarray(model.predict(x=x)))


def test_errors_are_those_of_symdl() -> None:
    layer = sd.to_jax(dense())
    with pytest.raises(ArgumentError, match="parameters"):
        layer(POINTS)
    with pytest.raises(ArgumentError, match="pass x"):
        layer(layer.parameters)
    with pytest.raises(ArgumentError, match="x"):
        jax.jit(layer)(layer.parameters, np.ones((2, 4)))


def test_a_mapped_axis_is_one_call(monkeypatch) -> None:
    w, x = sd.tensor("w", (5, 3)), sd.tensor("x", (3,))
    ours = sd.to_jax([sd.tanh(w @ x), (w**2).sum()], inputs=["w", "x"])
    rng = np.random.default_rng(2)
    weights, samples = rng.random((5, 3), "float32"), rng.random((3, 7), "float32")

    def plain(w, x):
        return jnp.tanh(w @ x), (w**2).sum()

    calls = counted(monkeypatch)
    close(jax.vmap(ours, (None, 1))(weights, samples), jax.vmap(plain, (None, 1))(weights, samples))
    assert len(calls) == 1

    def each(f):
        return jax.vmap(jax.grad(lambda w, x: f(w, x)[0].sum(), argnums=(0, 1)), (None, 1))(weights, samples)

    close(each(ours), each(plain))
    shared = [jax.vmap(lambda x, f=f: f(weights, x)[1], 1)(samples) for f in (ours, plain)]
    close(*shared)
    several = [
        jax.vmap(jax.vmap(f, (None, 1)), (0, None))(np.stack([weights, 2 * weights]), samples)
        for f in (ours, plain)
    ]
    close(*several)
    one = [jax.vmap(f, (None, 1))(weights, samples[:, :1]) for f in (ours, plain)]
    close(*one)


@pytest.mark.parametrize("entries", [(0,), (0, 2), (2, 0)])
def test_mapped_axes_may_be_empty(entries) -> None:
    w, x = sd.tensor("w", (3,)), sd.tensor("x", (3,))
    ours = sd.to_jax([sd.sin(x) * w, (x * w).sum(), w * 2], inputs=["x", "w"])

    def plain(x, w):
        return jnp.sin(x) * w, (x * w).sum(), w * 2

    def each(f):
        slopes = jax.grad(lambda x, w: f(x, w)[1], (0, 1))
        many = [f, slopes]
        for _ in entries:
            many = [jax.vmap(one, (0, None)) for one in many]
        samples, weights = np.ones((*entries, 3), "float32"), np.ones(3, "float32")
        of_all = jax.grad(lambda x, w: many[0](x, w)[0].sum(), (0, 1))
        return [one(samples, weights) for one in (*many, jax.jit(many[0]), of_all)]

    close(each(ours), each(plain))
