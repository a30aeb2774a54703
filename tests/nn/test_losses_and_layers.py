"""Gradients of every layer, activation and loss against an outside autodiff library and differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import parameters, sums_to_one, tensor
from symdl.express.dims import Dim
from symdl.express.operators import reduce
from symdl.express.program import Fact
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

Arrays = dict[str, Any]
N = Dim("n")


def log_softmax(z: Any) -> Any:
    shifted = z - anp.max(z, axis=-1, keepdims=True)
    return shifted - anp.log(anp.sum(anp.exp(shifted), axis=-1, keepdims=True))


def gradients_agree(
    loss: Tensor,
    outside: Callable[[Arrays], Any],
    values: Arrays,
    wrt: list[Tensor],
    facts: tuple[Fact, ...] = (),
) -> None:
    """The value and all gradients of `loss` equal autograd's to 1e-9."""
    derivative = differentiate(loss, wrt, facts=facts)
    ours = evaluate(derivative.program, values)
    names = [str(t.name) for t in wrt]
    learned = {name: values[name] for name in names}
    value, theirs = autograd.value_and_grad(lambda p: outside({**values, **p}))(learned)
    np.testing.assert_allclose(ours[loss], value, rtol=1e-9, atol=1e-12)
    for t, name in zip(wrt, names, strict=True):
        np.testing.assert_allclose(ours[derivative.gradient(t)], theirs[name], rtol=1e-9, atol=1e-11)


ACTIVATIONS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "sigmoid": (nn.sigmoid, lambda z: 1 / (1 + anp.exp(-z))),
    "tanh": (nn.tanh, anp.tanh),
    "relu": (nn.relu, lambda z: anp.where(z > 0, z, 0.0)),
    "leaky_relu": (nn.leaky_relu, lambda z: anp.where(z >= 0, z, 0.1 * z)),
    "softplus": (nn.softplus, lambda z: anp.logaddexp(0.0, z)),
    "softmax": (nn.softmax, lambda z: anp.exp(log_softmax(z))),
    "log_softmax": (nn.log_softmax, log_softmax),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(rows=st.integers(1, 4), columns=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_activation_in_a_layer(name: str, rows: int, columns: int, seed: int) -> None:
    ours, theirs = ACTIVATIONS[name]
    rng = np.random.default_rng(seed)
    x, y = tensor("x", (N, 3)), tensor("y", (N, columns))
    a = nn.dense(x, columns, activation=ours, name="d")
    values = {
        "x": rng.normal(size=(rows, 3)),
        "y": rng.normal(size=(rows, columns)),
        "d.W": rng.normal(size=(3, columns)),
        "d.b": rng.normal(size=columns),
    }
    gradients_agree(
        nn.mean_squared_error(a, y),
        lambda v: anp.mean((theirs(v["x"] @ v["d.W"] + v["d.b"]) - v["y"]) ** 2),
        values,
        [x, *parameters(a)],
    )


HARD = np.array([-1000.0, -1.0, 0.0, 1.0, 1000.0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sigmoid", [0.0, 0.19661193324148185, 0.25, 0.19661193324148185, 0.0]),
        ("tanh", [0.0, 0.41997434161402614, 1.0, 0.41997434161402614, 0.0]),
        ("relu", [0.0, 0.0, 0.0, 1.0, 1.0]),
        ("leaky_relu", [0.1, 0.1, 1.0, 1.0, 1.0]),
        ("softplus", [0.0, 0.2689414213699951, 0.5, 0.7310585786300049, 1.0]),
    ],
)
def test_slopes_at_hard_points(name: str, expected: list[float]) -> None:
    z = tensor("z", (N,))
    derivative = differentiate(reduce("sum", ACTIVATIONS[name][0](z)), [z])
    slopes = evaluate(derivative.program, {"z": HARD})[derivative.gradient(z)]
    np.testing.assert_allclose(slopes, expected, rtol=1e-12, atol=1e-300)


@given(
    rows=st.integers(1, 4),
    classes=st.integers(1, 5),
    scale=st.sampled_from([1.0, 30.0, 1000.0]),
    seed=st.integers(0, 10**6),
)
def test_cross_entropy_with_labels(rows: int, classes: int, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    z, t = tensor("z", (N, classes)), tensor("t", (N,), dtype="int64")
    labels = rng.integers(0, classes, size=rows)
    gradients_agree(
        nn.cross_entropy(z, t),
        lambda v: -anp.mean(log_softmax(v["z"])[anp.arange(rows), labels]),
        {"z": scale * rng.normal(size=(rows, classes)), "t": labels},
        [z],
    )


@pytest.mark.parametrize("declared", [False, True])
@given(rows=st.integers(1, 4), classes=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_cross_entropy_with_probabilities(declared: bool, rows: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    z, y = tensor("z", (N, classes)), tensor("y", (N, classes))
    weights = rng.random((rows, classes)) + 0.01
    if declared:
        weights /= weights.sum(axis=1, keepdims=True)
    gradients_agree(
        nn.cross_entropy(z, y),
        lambda v: -anp.mean(anp.sum(v["y"] * log_softmax(v["z"]), axis=1)),
        {"z": rng.normal(size=(rows, classes)), "y": weights},
        [z],
        facts=(sums_to_one(y),) if declared else (),
    )


@given(rows=st.integers(1, 6), scale=st.sampled_from([1.0, 1000.0]), seed=st.integers(0, 10**6))
def test_binary_cross_entropy(rows: int, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    z, y = tensor("z", (N,)), tensor("y", (N,), dtype="int64")
    labels = rng.integers(0, 2, size=rows)
    gradients_agree(
        nn.binary_cross_entropy(z, y),
        lambda v: anp.mean(anp.logaddexp(0.0, v["z"]) - labels * v["z"]),
        {"z": scale * rng.normal(size=rows), "y": labels},
        [z],
    )


@given(seed=st.integers(0, 10**6))
def test_penalties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = tensor("x", (N, 2)), tensor("y", (N, 3))
    a = nn.dense(x, 3, activation=nn.tanh, name="d")
    w, b = parameters(a)
    loss = nn.mean_squared_error(a, y) + nn.l2_penalty([w, b], 0.3) + nn.l1_penalty([w], 0.7)
    values = {
        "x": rng.normal(size=(4, 2)),
        "y": rng.normal(size=(4, 3)),
        "d.W": rng.normal(size=(2, 3)),
        "d.b": rng.normal(size=3),
    }
    gradients_agree(
        loss,
        lambda v: (
            anp.mean((anp.tanh(v["x"] @ v["d.W"] + v["d.b"]) - v["y"]) ** 2)
            + 0.3 * (anp.sum(v["d.W"] ** 2) + anp.sum(v["d.b"] ** 2))
            + 0.7 * anp.sum(anp.abs(v["d.W"]))
        ),
        values,
        [w, b],
    )


def test_any_function_of_a_tensor_is_an_activation() -> None:
    x = tensor("x", (N, 3))
    for activation in (sd.sin, lambda z: z**2, sd.relu):
        z = nn.dense(x, 2, activation=activation, name="d")
        assert z.shape == (N, 2)
        assert [t.name for t in sd.parameters(z)] == ["d.W", "d.b"]
    image = tensor("image", (N, 3, 4, 4))
    nn.conv2d(image, 2, kernel_size=3, activation=sd.cos, name="c")
    with pytest.raises(ExpressionError, match=r"layer d: activation = 'relu'(?s:.*)sd\.relu"):
        nn.dense(x, 2, activation="relu", name="d")  # type: ignore[arg-type]


def test_activations_take_scalar_expressions() -> None:
    z = sp.Symbol("z", real=True)
    assert nn.sigmoid(z) == 1 / (1 + sp.exp(-z))
    assert nn.relu(z).subs(z, 0) == 0


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.mean_squared_error(tensor("a", (N, 2)), tensor("y", (N,))),
        lambda: nn.cross_entropy(tensor("z", (N, 2)), tensor("t", (N, 2), dtype="int64")),
        lambda: nn.cross_entropy(tensor("z", (N, 2)), tensor("y", (N,))),
        lambda: nn.dense(tensor("x", (3, N)), 4, name="d"),
        lambda: nn.dense(tensor("x", ()), 4, name="d"),
        lambda: nn.l2_penalty([], 0.1),
    ],
    ids=["mse", "labels", "probabilities", "symbolic inputs", "rank 0", "no parameters"],
)
def test_wrong_shapes_are_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()
